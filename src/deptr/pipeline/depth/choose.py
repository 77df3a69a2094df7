"""From what is asked about depth to the source that gives it."""

from __future__ import annotations

from pathlib import Path

from deptr.cameras import Calibration
from deptr.errors import DataError, UsageError
from deptr.io.camera_files import read_camera, read_transform
from deptr.io.companions import find_companions
from deptr.io.depth_files import parse_unit
from deptr.io.depth_maps import FRAMES_APART, DepthMaps
from deptr.io.frame_source import FrameSource
from deptr.io.open_depth_maps import open_depth_maps
from deptr.io.point_files import READERS
from deptr.pipeline.depth.networks import looking_depth
from deptr.pipeline.depth.source import CarriedDepth, DepthSource, GroundPlaneDepth
from deptr.pipeline.inputs import Input
from deptr.pipeline.request import Request
from deptr.pipeline.spelling import Spelling
from deptr.records import DepthKind


def choose(
    request: Request,
    found: Input,
    frames: FrameSource | None,
    *,
    size: tuple[int, int],
    fps: float,
    calibration: Calibration | None,
) -> DepthSource:
    """The source of a run's depths, opened.

    Args:
        request: What was asked.
        found: Where detections come from.
        frames: Where images come from, None for detections alone.
        size: Width and height of the images, or the extent of all boxes.
        fps: Frames per second.
        calibration: The camera of the images and how a scanner stands to it, None when unknown.

    Raises:
        DataError: A file cannot be read or holds no depth.
        UsageError: A choice cannot be meant.
    """
    asked = request.depth
    if asked.source == "pseudo":
        return GroundPlaneDepth(size)
    if asked.looks:
        return looking_depth(request, None if calibration is None else calibration.camera.focal_px)
    if asked.points is not None:
        return _points(request, frames, fps, calibration)
    if asked.sensor is not None:
        return _maps(request, frames, size, fps, calibration)
    if found.depth_kind is not None:
        name = "detector" if found.table is None else "file"
        return CarriedDepth(name, found.depth_kind, asked.column)
    if asked.source == "file":
        raise _no_depth(found.name, request.spelling)
    return CarriedDepth("none", None, asked.column)


def _maps(
    request: Request,
    frames: FrameSource | None,
    size: tuple[int, int],
    fps: float,
    calibration: Calibration | None,
) -> DepthSource:
    from deptr.depth.registration import Registration
    from deptr.pipeline.depth.sensors import MapDepth

    asked, spelling = request.depth, request.spelling
    registration = disparity = None
    if asked.disparity is not None:
        assert asked.baseline_m is not None  # checked with the request
        disparity = _needed(calibration, "disparity", spelling), asked.baseline_m
    elif asked.depth_camera is not None:
        known = _needed(calibration, "depth_camera", spelling)
        assert asked.extrinsics is not None
        depth_camera = read_camera(asked.depth_camera)
        if depth_camera.size is None:
            expected = "its width and height, which tell whether the maps are its"
            raise DataError(asked.depth_camera, "does not say the size of its images", expected=expected)
        registration = Registration(depth_camera, known.camera, read_transform(asked.extrinsics))
    maps = _open_maps(request, frames, fps)
    try:
        picture = None if frames is None else size
        return MapDepth(maps, picture, registration=registration, disparity=disparity, spelling=spelling)
    except BaseException:
        maps.close()
        raise


def _open_maps(request: Request, frames: FrameSource | None, fps: float) -> DepthMaps:
    asked = request.depth
    step = parse_unit(asked.unit, request.spelling.choice("unit"))
    if asked.disparity is not None:
        # of no unit and unknown where 0, as relative depth
        step = step or 1.0
        return open_depth_maps(
            asked.disparity, frames, fps=fps, step=step, kind=DepthKind.RELATIVE, max_gap=asked.max_gap
        )
    assert asked.maps is not None
    kind = None if asked.kind is None else DepthKind.parse(asked.kind)
    return open_depth_maps(asked.maps, frames, fps=fps, step=step, kind=kind, max_gap=asked.max_gap)


def _points(
    request: Request, frames: FrameSource | None, fps: float, calibration: Calibration | None
) -> DepthSource:
    from deptr.pipeline.depth.sensors import PointDepth

    asked = request.depth
    known = _needed(calibration, "points", request.spelling)
    if asked.extrinsics is not None:
        known = Calibration(known.camera, read_transform(asked.extrinsics))
    gap = FRAMES_APART / fps if asked.max_gap is None else asked.max_gap
    folder = Path(str(asked.points))
    if not folder.is_dir():
        raise DataError(folder, "no such folder", expected="a file of points for each frame")
    return PointDepth(find_companions(folder, READERS, frames, max_gap=gap, what="points"), known)


def _needed(calibration: Calibration | None, name: str, spelling: Spelling) -> Calibration:
    if calibration is None:
        camera = spelling.choice("camera")
        raise UsageError(f"{spelling.choice(name)}: needs the camera of the images, {camera}")
    return calibration


def _no_depth(name: str, spelling: Spelling) -> DataError:
    """The error for a wish to use depths of a file that has none."""
    hint = f"see {spelling.choice('depth_column')}, or take {spelling.choice('depth', 'pseudo')}"
    return DataError(name, "holds no depth", expected="a column with depths", hint=hint)
