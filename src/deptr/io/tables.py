"""Detections and tracks of a whole sequence as columns of numbers, whatever file they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr.records import DepthKind, FloatArray, IntArray

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class DetectionTable:
    """All detections of a sequence, in the order of its frames.

    Attributes:
        source: Where they come from, for messages.
        frame: ``(N,)`` int64, from 1, ascending.
        xyxy: ``(N, 4)`` float64 pixels.
        score: ``(N,)`` float64 in [0, 1].
        depth: ``(N,)`` float64 of `depth_kind`, NaN where unknown.
        depth_kind: What the depths mean.
        class_id: ``(N,)`` int64, or None when the format knows no classes.
        class_names: Name of each class id.

    Example:
        >>> table = DetectionTable(
        ...     "memory", np.array([1, 3]), np.array([[0, 0, 4, 8.0], [1, 0, 5, 8]]), np.array([0.9, 0.8]),
        ...     np.array([5.0, np.nan]), DepthKind.METRIC)
        >>> table.last_frame, len(table.at(1)), len(table.at(2)), table.at(1).data["depth"]
        (3, 1, 0, array([5.], dtype=float32))
    """

    source: str
    frame: IntArray
    xyxy: FloatArray
    score: FloatArray
    depth: FloatArray
    depth_kind: DepthKind
    class_id: IntArray | None = None
    class_names: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def last_frame(self) -> int:
        """Number of the last frame that has a detection, 0 without any."""
        return int(self.frame[-1]) if len(self) else 0

    @cached_property
    def has_depth(self) -> bool:
        """Whether any detection has a depth."""
        return bool(np.isfinite(self.depth).any())

    def at(self, frame: int) -> sv.Detections:
        """The detections of one frame, in the order of the file; none for a frame without any."""
        import supervision as sv

        start, end = np.searchsorted(self.frame, (frame, frame + 1))
        chosen = slice(int(start), int(end))
        data: dict[str, npt.NDArray[np.generic] | list[Any]]
        data = {"depth": self.depth[chosen].astype(np.float32)} if self.has_depth else {}
        metadata = {"depth_kind": self.depth_kind.value} if self.has_depth else {}
        return sv.Detections(
            xyxy=self.xyxy[chosen].copy(),
            confidence=self.score[chosen].copy(),
            class_id=None if self.class_id is None else self.class_id[chosen].copy(),
            data=data,
            metadata=metadata,
        )


@dataclass(frozen=True)
class TrackTable:
    """Tracks of a sequence, sorted by frame and then identity.

    Attributes:
        source: Where they come from.
        frame: ``(N,)`` int64, from 1.
        track_id: ``(N,)`` int64.
        xyxy: ``(N, 4)`` float64 pixels.
        score: ``(N,)`` float64.
        depth: ``(N,)`` float64, NaN where unknown.
        class_id: ``(N,)`` int64, -1 where it is not said.
    """

    source: str
    frame: IntArray
    track_id: IntArray
    xyxy: FloatArray
    score: FloatArray
    depth: FloatArray
    class_id: IntArray

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def last_frame(self) -> int:
        """Number of the last frame that has a track, 0 without any."""
        return int(self.frame[-1]) if len(self) else 0
