"""The tracks of one sequence with what is known about it: what every exporter, summary and report reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deptr.io.columns import NOT_SAID
from deptr.io.tables import TrackTable
from deptr.records import DepthKind, FloatArray, IntArray

UNNAMED = "object"  # a class that nobody named


@dataclass(frozen=True)
class SequenceTracks:
    """Tracks of one sequence.

    Attributes:
        name: Of the sequence.
        tracks: The tracks.
        fps: Frames per second, None when nothing says it.
        size: Width and height of the images, None when nothing says it.
        frame_count: Number of frames, None when nothing says it.
        depth_kind: What the depths mean, None without any.
        focal_px: Focal length in pixels, None when unknown.
        class_names: Name of each class number that has one.
        video: The images that were tracked, None where they are not found.
        seconds: Time of frames that do not follow `fps`, by number.
        run: What ``run.json`` says, empty without one.

    Example:
        >>> boxes = np.array([[0, 0, 4, 8.0], [1, 0, 5, 8]])
        >>> table = TrackTable.of("memory", frame=[1, 3], track_id=[7, 7], xyxy=boxes, class_id=[0, 4])
        >>> walk = SequenceTracks("walk", table, fps=10.0, class_names={0: "person"})
        >>> walk.length, walk.seconds_of(table.frame), walk.class_name(0), walk.class_name(4)
        (3, array([0. , 0.2]), 'person', '4')
    """

    name: str
    tracks: TrackTable
    fps: float | None = None
    size: tuple[int, int] | None = None
    frame_count: int | None = None
    depth_kind: DepthKind | None = None
    focal_px: float | None = None
    class_names: Mapping[int, str] = field(default_factory=dict)
    video: Path | None = None
    seconds: Mapping[int, float] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of frames; that of the last one with a track where nothing says more."""
        return max(self.frame_count or 0, self.tracks.last_frame)

    def with_tracks(self, tracks: TrackTable) -> SequenceTracks:
        """The same sequence with other tracks."""
        return replace(self, tracks=tracks)

    def seconds_of(self, frames: IntArray) -> FloatArray:
        """Seconds since the first frame, ``(N,)``, NaN where neither times nor a frame rate are known."""
        steady = (np.asarray(frames) - 1) / (self.fps or np.nan)
        if not self.seconds:
            return np.asarray(steady)
        return np.array([self.seconds.get(int(k), s) for k, s in zip(frames, steady, strict=True)])

    def class_name(self, class_id: int) -> str:
        """Name of a class: its number where it has none, ``object`` where no class is said."""
        if class_id == NOT_SAID:
            return UNNAMED
        return self.class_names.get(class_id, str(class_id))

    def extent(self) -> tuple[int, int]:
        """Width and height of the images, or else of all boxes."""
        if self.size is not None:
            return self.size
        if not len(self.tracks):
            return 1, 1
        width, height = np.ceil(np.maximum(self.tracks.xyxy[:, 2:].max(axis=0), 1)).astype(int).tolist()
        return width, height


def class_numbers(names: list[str], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """Numbers for the class names of a file: those it says, a number that is the name, or free ones from 1.

    Args:
        names: In the order in which the file lists them.
        known: Numbers that the file itself gives.

    Example:
        >>> class_numbers(["person", "7", "object", "car"], {"car": 1})
        {'person': 2, '7': 7, 'object': -1, 'car': 1}
    """
    fixed = {UNNAMED: NOT_SAID, **{name: int(name) for name in names if name.isdecimal()}, **(known or {})}
    taken = set(fixed.values())
    free = (number for number in range(1, len(names) + len(taken) + 2) if number not in taken)
    return {name: fixed[name] if name in fixed else next(free) for name in dict.fromkeys(names)}


def names_of(numbers: Mapping[str, int]) -> dict[int, str]:
    """Class names by number, without those that only repeat it."""
    return {number: name for name, number in numbers.items() if name not in (UNNAMED, str(number))}
