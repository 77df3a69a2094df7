"""Which tracks exist: identity, state and times of all tracks, as arrays."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements


class TrackState(IntEnum):
    """Where a track is in its life."""

    TENTATIVE = 0
    CONFIRMED = 1
    LOST = 2


# the states as plain numbers: comparing arrays with these is several times as fast
TENTATIVE, CONFIRMED, LOST = (int(state) for state in TrackState)


class Lifecycle:
    """Rows over tracks, in the order of their birth.

    Attributes:
        ids: ``(T,)`` identity, from 1 within the tracker that made it.
        states: ``(T,)`` `TrackState`.
        born: ``(T,)`` seconds at the first detection.
        seen: ``(T,)`` seconds at the last detection.
        hits: ``(T,)`` matched frames since birth, the birth not counted.
        streak: ``(T,)`` matched frames in a row, the birth not counted.
        misses: ``(T,)`` frames in a row without a detection.
        boxes: ``(T, 4)`` last detected box, xyxy.
        scores: ``(T,)`` score of the last detection.
        classes: ``(T,)`` class of the last detection.
        overdue: ``(T,)`` whether it was ever unseen for longer than it is remembered.
        columns: ``(T,)`` which of this frame's detections it took, -1 = none.
    """

    _FIELDS = (
        "ids",
        "states",
        "born",
        "seen",
        "hits",
        "streak",
        "misses",
        "boxes",
        "scores",
        "classes",
        "overdue",
        "columns",
    )

    def __init__(self) -> None:
        self.ids: IntArray = np.zeros(0, np.int64)
        self.states: IntArray = np.zeros(0, np.int64)
        self.born: FloatArray = np.zeros(0)
        self.seen: FloatArray = np.zeros(0)
        self.hits: IntArray = np.zeros(0, np.int64)
        self.streak: IntArray = np.zeros(0, np.int64)
        self.misses: IntArray = np.zeros(0, np.int64)
        self.boxes: FloatArray = np.zeros((0, 4))
        self.scores: FloatArray = np.zeros(0)
        self.classes: IntArray = np.zeros(0, np.int64)
        self.overdue: BoolArray = np.zeros(0, bool)
        self.columns: Indices = np.zeros(0, np.intp)
        self._next_id = 1

    def __len__(self) -> int:
        return len(self.ids)

    def tick(self) -> None:
        """A new frame: nothing has been seen in it yet."""
        self.streak[self.misses > 0] = 0
        self.misses += 1
        self.columns[:] = -1

    def hit(
        self,
        rows: Indices,
        boxes: FloatArray,
        scores: FloatArray,
        classes: IntArray,
        *,
        columns: Indices,
        time: float,
    ) -> None:
        """These tracks took detections with these boxes, scores and classes: those columns of the frame's."""
        self.columns[rows] = columns
        self.seen[rows] = time
        self.misses[rows] = 0
        self.hits[rows] += 1
        self.streak[rows] += 1
        self.boxes[rows] = boxes
        self.scores[rows] = scores
        self.classes[rows] = classes

    def append(self, seen: Measurements, columns: Indices, time: float, state: int) -> None:
        """Start a track at each of these detections."""
        seen, count = seen.take(columns), len(columns)
        fresh = {
            "ids": np.arange(self._next_id, self._next_id + count),
            "states": np.full(count, state),
            "born": np.full(count, time),
            "seen": np.full(count, time),
            "hits": np.zeros(count, np.int64),
            "streak": np.zeros(count, np.int64),
            "misses": np.zeros(count, np.int64),
            "boxes": seen.boxes,
            "scores": seen.scores,
            "classes": seen.classes,
            "overdue": np.zeros(count, bool),
            "columns": columns,
        }
        for name in self._FIELDS:
            setattr(self, name, np.concatenate([getattr(self, name), fresh[name]]))
        self._next_id += count

    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""
        for name in self._FIELDS:
            setattr(self, name, getattr(self, name)[kept])
