"""Which tracks exist: identity, state and times of all tracks, as arrays."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from deptr.boxes import warp
from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part, Step


class TrackState(IntEnum):
    """Where a track is in its life."""

    TENTATIVE = 0
    CONFIRMED = 1
    LOST = 2


# the states as plain numbers: comparing arrays with these is several times as fast
TENTATIVE, CONFIRMED, LOST = (int(state) for state in TrackState)


class Lifecycle(Part):
    """Rows over tracks, in the order of their birth.

    Attributes:
        now: Seconds that have passed since the tracker was made.
        frame_count: Frames taken in.
        ids: ``(T,)`` identity, from 1 within the tracker that made it.
        states: ``(T,)`` `TrackState`.
        born: ``(T,)`` seconds at the first detection.
        last_seen: ``(T,)`` seconds at the last detection.
        matches: ``(T,)`` matched frames since birth, the birth not counted.
        streak: ``(T,)`` matched frames in a row, the birth not counted.
        misses: ``(T,)`` frames in a row without a detection.
        boxes: ``(T, 4)`` last detected box, xyxy.
        scores: ``(T,)`` score of the last detection.
        classes: ``(T,)`` class of the last detection.
        overdue: ``(T,)`` whether it was ever unseen for longer than it is remembered.
        columns: ``(T,)`` which of this frame's detections it took, -1 = none: the frame's association.
    """

    _ROWS = (
        "ids",
        "states",
        "born",
        "last_seen",
        "matches",
        "streak",
        "misses",
        "boxes",
        "scores",
        "classes",
        "overdue",
        "columns",
    )

    def __init__(self) -> None:
        self.now = 0.0
        self.frame_count = 0
        self.ids: IntArray = np.zeros(0, np.int64)
        self.states: IntArray = np.zeros(0, np.int64)
        self.born: FloatArray = np.zeros(0)
        self.last_seen: FloatArray = np.zeros(0)
        self.matches: IntArray = np.zeros(0, np.int64)
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

    def predict(self, step: Step) -> None:
        """A new frame: nothing has been seen in it yet."""
        self.now += step.seconds
        self.frame_count += 1
        self.streak[self.misses > 0] = 0
        self.misses += 1
        self.columns[:] = -1

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """These tracks were seen."""
        self.last_seen[rows] = self.now
        self.misses[rows] = 0
        self.matches[rows] += 1
        self.streak[rows] += 1
        self.boxes[rows] = taken.boxes
        self.scores[rows] = taken.scores
        self.classes[rows] = taken.classes

    def append(self, taken: Measurements) -> None:
        """Start a tentative track at each of these detections."""
        count = len(taken)
        fresh = {
            "ids": np.arange(self._next_id, self._next_id + count),
            "states": np.full(count, TENTATIVE),
            "born": np.full(count, self.now),
            "last_seen": np.full(count, self.now),
            "matches": np.zeros(count, np.int64),
            "streak": np.zeros(count, np.int64),
            "misses": np.zeros(count, np.int64),
            "boxes": taken.boxes,
            "scores": taken.scores,
            "classes": taken.classes,
            "overdue": np.zeros(count, bool),
            "columns": taken.columns,
        }
        for name in self._ROWS:
            setattr(self, name, np.concatenate([getattr(self, name), fresh[name]]))
        self._next_id += count

    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""
        for name in self._ROWS:
            setattr(self, name, getattr(self, name)[kept])

    def warp(self, affine: FloatArray) -> None:
        """Move the last boxes with the image."""
        self.boxes = warp(self.boxes, affine)
