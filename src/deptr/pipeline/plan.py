"""From a request to the objects that do the work, every choice checked before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deptr.cameras import Calibration, Camera
from deptr.errors import UsageError
from deptr.io.frame_source import FALLBACK_RATE, FrameSource
from deptr.io.pose_files import read_poses
from deptr.io.tables import DetectionTable
from deptr.pipeline.camera import World
from deptr.pipeline.depth.choose import choose
from deptr.pipeline.depth.source import DepthSource
from deptr.pipeline.inputs import Input, detector_input, file_input, sequence_beside
from deptr.pipeline.live.open import open_frames
from deptr.pipeline.live.report import LiveReport
from deptr.pipeline.request import Request
from deptr.pipeline.steps import Step, steps_of_source, steps_without_images, until
from deptr.records import DepthKind
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, parse_parameters, tracker_class

if TYPE_CHECKING:
    from deptr.detector.looks import LooksReader
    from deptr.pipeline.counting.counter import Counter
    from deptr.tracking.base import Tracker
    from deptr.viz.overlay import Overlay


@dataclass(frozen=True)
class Plan:
    """What a run is made of.

    Attributes:
        request: What was asked.
        name: Of the sequence.
        frames: Where images come from, None for detections alone.
        total: Number of moments, None when unknown.
        fps: Frames per second that times and the tracker follow.
        size: Width and height of the images, or the extent of all boxes.
        input: Where detections come from.
        tracker: The tracker.
        depth: Puts depth into the detections.
        looks: Puts looks into them, None where none are asked for.
        world: Camera and poses for places in metres, None without them.
        notes: What the user should know before it begins.
        live: How late its results are; None for a run that takes every frame.
    """

    request: Request
    name: str
    frames: FrameSource | None
    total: int | None
    fps: float
    size: tuple[int, int]
    input: Input
    tracker: Tracker
    depth: DepthSource
    looks: LooksReader | None
    world: World | None
    notes: tuple[str, ...]
    live: LiveReport | None

    def steps(self) -> Iterator[Step]:
        """The moments of the sequence, once."""
        if self.frames is None:
            steps = steps_without_images(self.total or 0, self.fps)
        else:
            known = self.input.table is not None and self.live is None
            steps = steps_of_source(self.frames, fill_gaps=known)
        limit = self.request.live.max_seconds
        return steps if limit is None or self.live is not None else until(limit, steps)

    @cached_property
    def overlay(self) -> Overlay:
        """Draws the tracks of this run, frame after frame."""
        from deptr.viz.birdseye import quietest_corner
        from deptr.viz.overlay import Overlay

        table, mode = self.input.table, self.tracker.fusion.mode
        corner = None if table is None else quietest_corner(self.size, table.xyxy)
        fusion = "" if mode == "none" else f" · {mode} depth fusion"
        caption = f"{type(self.tracker).__name__}{fusion}"
        return Overlay(self.size, depth_kind=self.depth.kind, corner=corner, caption=caption)

    @cached_property
    def counter(self) -> Counter | None:
        """Counts who crosses lines and zones, None where none are asked for."""
        lines, zones = self.request.counts.shapes(self.request.spelling)
        if not lines and not zones:
            return None
        from deptr.pipeline.counting.counter import Counter

        return Counter(lines, zones)

    def close(self) -> None:
        """Let go of files and devices."""
        self.depth.close()
        if self.frames is not None:
            self.frames.close()


def plan(request: Request) -> Plan:
    """Check a request and open what it names.

    Raises:
        UsageError: A choice cannot be meant.
        DataError: A file or source cannot be read.
    """
    request.check()
    if isinstance(request.tracker, str):
        parse_parameters(request.tracker, request.parameters)  # before anything is opened
    frames, live = open_frames(request)
    try:
        return _plan(request, frames, live=live)
    except BaseException:
        if frames is not None:
            frames.close()
        raise


def _plan(request: Request, frames: FrameSource | None, *, live: bool) -> Plan:
    calibration = request.camera.calibration(_size_of_images(request, frames), request.spelling)
    if calibration is not None:  # what a file says of the camera counts as if it had been said
        request = replace(request, camera=replace(request.camera, focal_px=calibration.camera.focal_px))
    elif frames is not None and frames.camera is not None:
        calibration = Calibration(frames.camera)
    found = _input(request, frames)
    table = found.table
    fps, size = _rate_and_size(request, frames, table)
    depth = choose(request, found, frames, size=size, fps=fps, calibration=calibration)
    try:
        world = _world(request, frames, calibration, depth.kind)
        camera = None if world is None else world.camera
        tracker = _tracker(_starting_from(request, found.start_score), depth.kind, fps, camera)
        if tracker.camera_motion and frames is None:
            source = request.spelling.choice("source")
            raise UsageError(f"camera_motion: needs images, got detections alone; name the video as {source}")
        looks = _looks(request, tracker)
    except BaseException:
        depth.close()
        raise
    if frames is not None:
        total = frames.frame_count
    else:
        total = table.last_frame if table is not None else 0
    return Plan(
        request=request,
        name=frames.name if frames is not None else Path(found.name).stem,
        frames=frames,
        total=total,
        fps=fps,
        size=size,
        input=found,
        tracker=tracker,
        depth=depth,
        looks=looks,
        world=world,
        notes=_surplus(frames, table),
        live=LiveReport(frames) if live and frames is not None else None,
    )


def _size_of_images(request: Request, frames: FrameSource | None) -> tuple[int, int] | None:
    if frames is not None:
        return frames.size
    beside = None if request.detections is None else sequence_beside(Path(request.detections))
    return beside.size if beside else None


def _input(request: Request, frames: FrameSource | None) -> Input:
    path = request.detections
    if path is None and request.detector.given is None and frames is not None:
        path = frames.detections
    if path is not None:
        return file_input(path, request)
    return detector_input(request, known_focal_px=None if frames is None else frames.focal_px)


def _surplus(frames: FrameSource | None, table: DetectionTable | None) -> tuple[str, ...]:
    if frames is None or table is None or not frames.frame_count or table.last_frame <= frames.frame_count:
        return ()
    ends = f"{frames.name} ends at {frames.frame_count}"
    return (
        f"{table.source}: has detections up to frame {table.last_frame}, {ends}; later ones are not tracked",
    )


def _rate_and_size(
    request: Request, frames: FrameSource | None, table: DetectionTable | None
) -> tuple[float, tuple[int, int]]:
    if frames is not None:
        rate, size, what = frames.fps or (FALLBACK_RATE if frames.live else None), frames.size, frames.name
    else:
        beside = sequence_beside(Path(table.source)) if table is not None else None
        rate, what = request.fps or (beside.frame_rate if beside else None), "the detections file"
        size = (beside.size if beside else None) or _extent(table)
    if not rate:
        name = request.spelling.choice("fps")
        raise UsageError(f"{name}: {what} does not say the number of frames per second; times depend on it")
    return rate, size


def _extent(table: DetectionTable | None) -> tuple[int, int]:
    if table is None or not len(table):
        return 1, 1
    width, height = np.ceil(np.maximum(table.xyxy[:, 2:].max(axis=0), 1)).astype(int).tolist()
    return width, height


def _world(
    request: Request, frames: FrameSource | None, calibration: Calibration | None, kind: DepthKind | None
) -> World | None:
    """Camera and poses, where depths are in metres."""
    if calibration is None:
        return None
    if kind is not DepthKind.METRIC:
        if request.focal_px is None:  # the source says it of itself
            return None
        given = "camera" if request.camera.file is not None else "focal_px"
        has = "they have none" if kind is None else f"theirs is {kind.value}"
        wants = "places in metres need detections with depth in metres"
        raise UsageError(f"{request.spelling.choice(given)}: has no effect: {wants}, and {has}")
    poses = None if request.camera.poses is None else read_poses(request.camera.poses, frames)
    return World(calibration.camera, poses)


def _looks(request: Request, tracker: Tracker) -> LooksReader | None:
    """Reads how people look, where that is asked for and the tracker makes something of it."""
    if request.looks is None:
        return None
    if not tracker.reads_looks:
        able = ", ".join(name for name in TRACKER_NAMES if tracker_class(name).reads_looks)
        wanted = request.spelling.choice("looks", str(request.looks))
        raise UsageError(f"{wanted}: has no effect on {tracker.tracker_name}; take one of {able}")
    from deptr.detector.looks import LooksReader

    return LooksReader(request.looks)


def _starting_from(request: Request, start_score: float) -> Request:
    """The request with the detector's own score for new tracks, unless the user chose one."""
    if not start_score or not isinstance(request.tracker, str):
        return request
    return replace(request, parameters={"new_score": start_score, **request.parameters})


def _tracker(request: Request, kind: DepthKind | None, fps: float, camera: Camera | None) -> Tracker:
    if not isinstance(request.tracker, str):
        request.tracker.camera = request.tracker.camera or camera
        request.tracker.reset()
        return request.tracker
    fusion = request.fusion or ("none" if kind is None else "adaptive")
    fusion = DepthFusion.parse(fusion)
    if fusion.mode != "none" and kind is None:
        name = request.spelling.choice
        take = f"take {name('depth', 'pseudo')} or {name('fusion', 'none')}"
        wanted = name("fusion", fusion.mode)
        raise UsageError(f"{wanted}: the detections carry no depth; {take}")
    return create_tracker(
        request.tracker, depth=fusion, frame_rate=fps, camera=camera, **dict(request.parameters)
    )
