"""Detections and tracks of a whole sequence as columns of numbers, whatever file they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr.errors import MissingExtraError
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
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
        depth_std: ``(N,)`` float64 standard deviation of the depth in its unit, NaN where unknown.
        visibility: ``(N,)`` float64 share that can be seen in [0, 1], NaN where unknown.

    Example:
        >>> boxes = np.array([[0, 0, 4, 8.0], [1, 0, 5, 8], [9, 0, 12, 7]])
        >>> ids, depth = [3, 3, 8], [5, 5.5, 9]
        >>> table = TrackTable.of("memory", frame=[1, 2, 2], track_id=ids, xyxy=boxes, depth=depth)
        >>> table.of_identities([8]).depth, table.renumbered().track_id
        (array([9.]), array([1, 1, 2]))
    """

    source: str
    frame: IntArray
    track_id: IntArray
    xyxy: FloatArray
    score: FloatArray
    depth: FloatArray
    class_id: IntArray
    depth_std: FloatArray
    visibility: FloatArray

    @classmethod
    def of(
        cls,
        source: str,
        *,
        frame: npt.ArrayLike,
        track_id: npt.ArrayLike,
        xyxy: npt.ArrayLike,
        score: npt.ArrayLike | None = None,
        depth: npt.ArrayLike | None = None,
        class_id: npt.ArrayLike | None = None,
        depth_std: npt.ArrayLike | None = None,
        visibility: npt.ArrayLike | None = None,
    ) -> TrackTable:
        """A table of columns in any order of rows; scores are 1 and the rest unknown where not given."""
        frames = np.asarray(frame, np.int64).reshape(-1)
        count = len(frames)

        def column(values: npt.ArrayLike | None, default: float) -> FloatArray:
            return np.full(count, default) if values is None else np.asarray(values, np.float64).reshape(-1)

        classes = np.full(count, -1, np.int64) if class_id is None else np.asarray(class_id, np.int64)
        table = cls(
            source,
            frames,
            np.asarray(track_id, np.int64).reshape(-1),
            np.asarray(xyxy, np.float64).reshape(-1, 4),
            column(score, 1.0),
            column(depth, np.nan),
            classes.reshape(-1),
            column(depth_std, np.nan),
            column(visibility, np.nan),
        )
        return table.rows(np.lexsort((table.track_id, table.frame)))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def last_frame(self) -> int:
        """Number of the last frame that has a track, 0 without any."""
        return int(self.frame[-1]) if len(self) else 0

    @property
    def identities(self) -> IntArray:
        """The identities, ``(K,)``, in ascending order."""
        return np.unique(self.track_id)

    def at(self, frame: int, depth_kind: DepthKind | None = None) -> sv.Detections:
        """The boxes of one frame with their ``tracker_id``; none for a frame without any.

        Args:
            frame: Its number.
            depth_kind: What the depths mean; without a kind they are left out.
        """
        import supervision as sv

        start, end = np.searchsorted(self.frame, (frame, frame + 1))
        chosen = slice(int(start), int(end))
        found = sv.Detections(
            xyxy=self.xyxy[chosen].copy(),
            confidence=self.score[chosen].copy(),
            class_id=self.class_id[chosen].copy(),
            tracker_id=self.track_id[chosen].copy(),
        )
        if depth_kind is not None:
            found.data = {"depth": self.depth[chosen].copy(), "depth_std": self.depth_std[chosen].copy()}
            found.metadata = {"depth_kind": depth_kind.value}
        return found

    def rows(self, chosen: BoolArray | IntArray) -> TrackTable:
        """These rows, in this order."""
        columns = {name: values[chosen] for name, values in vars(self).items() if name != "source"}
        return replace(self, **columns)

    def of_identities(self, wanted: Iterable[int]) -> TrackTable:
        """The rows of these identities."""
        return self.rows(np.isin(self.track_id, np.fromiter(wanted, np.int64)))

    def renumbered(self) -> TrackTable:
        """The same tracks with identities 1, 2, 3, ... in the order of their first frame."""
        known, first, position = np.unique(self.track_id, return_index=True, return_inverse=True)
        numbers = np.empty(len(known), np.int64)
        numbers[np.argsort(first, kind="stable")] = np.arange(1, len(known) + 1)
        renamed = replace(self, track_id=numbers[position])
        return renamed.rows(np.lexsort((renamed.track_id, renamed.frame)))

    def to_arrow(self) -> pa.Table:
        """The columns as a `pyarrow.Table`, a row for each box: ``frame``, ``track_id``, ``left``, ...

        What is unknown is null.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingExtraError("Arrow and Parquet", "tables") from None
        return pa.table({name: pa.array(values, from_pandas=True) for name, values in self.columns().items()})

    def to_pandas(self) -> pd.DataFrame:
        """The columns as a `pandas.DataFrame`, a row for each box; what is unknown is NaN.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "tables") from None
        return pd.DataFrame(self.columns())

    def columns(self) -> dict[str, FloatArray | IntArray]:
        """The columns by name, ``(N,)`` each, the box as four of them; what tables and csv files hold."""
        left, top, right, bottom = self.xyxy.T
        return {
            "frame": self.frame,
            "track_id": self.track_id,
            "class_id": self.class_id,
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "score": self.score,
            "depth": self.depth,
            "depth_std": self.depth_std,
            "visibility": self.visibility,
        }
