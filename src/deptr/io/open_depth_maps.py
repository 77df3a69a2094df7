"""Depth maps from wherever they come: files, a video, or a topic of the recording that is followed."""

from __future__ import annotations

from pathlib import Path

from deptr.errors import DataError
from deptr.io.depth_files import DepthScale, described_scale
from deptr.io.depth_maps import FRAMES_APART, DepthFolder, DepthMaps, DepthVideo
from deptr.io.frame_source import FrameSource
from deptr.io.recordings.bag_depth import BagDepthMaps
from deptr.io.recordings.bag_source import BagSource
from deptr.records import DepthKind


def open_depth_maps(
    path: str | Path,
    frames: FrameSource | None,
    *,
    fps: float,
    step: float | None = None,
    kind: DepthKind | None = None,
    max_gap: float | None = None,
) -> DepthMaps:
    """Depth maps of the frames of a source.

    Args:
        path: A folder of files, a video, or the topic of depth images in the recording that is the source.
        frames: The source, None for detections alone.
        fps: Its frames per second.
        step: Depth of one step of a number; None takes what ``depth.json`` beside the files says, else
            millimetres for whole numbers and metres for broken ones.
        kind: Meaning of the depths; None takes what ``depth.json`` says, else metric.
        max_gap: Seconds between a frame and its map, where they are matched by time; None: half of the time
            between two frames.

    Raises:
        DataError: There is no such folder or video, or its maps do not belong to the frames.
    """
    place = Path(path)
    gap = FRAMES_APART / fps if max_gap is None else max_gap
    if isinstance(frames, BagSource) and not place.exists():
        return BagDepthMaps(frames.path, str(path), start=frames.start, max_gap=gap)
    if not place.exists():
        raise DataError(place, "no such folder or video", expected="depth maps of the frames")
    said = (described_scale(place) if place.is_dir() else None) or DepthScale(kind or DepthKind.METRIC)
    scale = DepthScale(kind or said.kind, said.step if step is None else step)
    if place.is_dir():
        return DepthFolder(place, scale, frames, max_gap=gap)
    return DepthVideo(place, scale, max_gap=gap)
