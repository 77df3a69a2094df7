"""ByteTrack: associate every detection box, the sure ones first (arXiv 2110.06864)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices, assign, where, without
from deptr.tracking.base import Tracker
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import TrackerParameters, number

PIXEL = 1.0  # the authors count the last pixel of a box as inside (matching.py, bbox_overlaps)
DUPLICATE_IOU = 0.85
TENTATIVE_COST = 0.7


@dataclass(frozen=True)
class ByteTrackParameters(TrackerParameters):
    """ByteTrack's parameters; defaults as in the authors' ``byte_tracker.py`` for MOT17."""

    match_cost: float = number(0.9, 0, 1, "largest 1 - IoU x score of a pair in the first association")
    second_match_cost: float = number(0.5, 0, 1, "largest 1 - IoU of a pair in the second association")


class ByteTrack(Tracker):
    """ByteTrack with depth fusion in both associations.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = ByteTrack(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = ByteTrackParameters
    tracker_name = "bytetrack"
    parameters: ByteTrackParameters

    def _new_motion(self) -> BoxMotion:
        return HeightScaledMotion(aspect=True)

    def _step(self, seen: Measurements, frames: float) -> None:
        high, low = self._split(seen.scores)
        rows = self._rows
        tentative = rows.states == TENTATIVE
        # a track waits at its first box until a second one tells where it goes
        waits = tentative & (rows.hits == 0)
        boxes = self._predict(np.where(waits, 0.0, frames)[:, None], rows.states == LOST)
        pool, waiting = where(~tentative), where(tentative)

        candidates = seen.take(high)
        similarity = self._iou(boxes[pool], candidates.boxes, pixel=PIXEL)
        costs = self._costs(similarity, pool, candidates)
        costs, allowed = self._fuse(costs, pool, candidates, cost_limit=self.parameters.match_cost)
        first = assign(costs, cost_limit=self.parameters.match_cost, allowed=allowed)
        self._depth.learn(similarity, pool, candidates, first)
        self._hit(pool[first.rows], seen, high[first.columns])
        rows.states[pool[first.rows]] = CONFIRMED

        left = without(pool, pool[first.rows])
        left = left[rows.states[left] == CONFIRMED]
        costs = 1 - self._iou(boxes[left], seen.boxes[low], pixel=PIXEL)
        allowed = self._same_class(left, seen.classes[low])
        second = assign(costs, cost_limit=self.parameters.second_match_cost, allowed=allowed)
        self._hit(left[second.rows], seen, low[second.columns])
        rows.states[without(left, left[second.rows])] = LOST

        free = without(high, high[first.columns])
        similarity = self._iou(boxes[waiting], seen.boxes[free], pixel=PIXEL)
        costs = self._costs(similarity, waiting, seen.take(free))
        allowed = self._same_class(waiting, seen.classes[free])
        third = assign(costs, cost_limit=TENTATIVE_COST, allowed=allowed)
        self._hit(waiting[third.rows], seen, free[third.columns])
        sure = rows.hits[waiting[third.rows]] + 1 >= self.parameters.confirm_frames
        rows.states[waiting[third.rows[sure]]] = CONFIRMED

        again, free = self._recover(seen, without(free, free[third.columns]))
        rows.states[again] = CONFIRMED
        self._take_in(seen)

        self._delete()
        births = free[seen.scores[free] >= self.parameters.new_score]
        at_once = self._frame_count == 1 or self.parameters.confirm_frames == 1
        self._birth(seen, births, CONFIRMED if at_once else TENTATIVE)
        sure = (rows.columns >= 0) & (rows.scores > self.parameters.sure_score)
        rows.states[sure] = CONFIRMED

    def _costs(self, similarity: FloatArray, rows: Indices, candidates: Measurements) -> FloatArray:
        """Costs of these tracks and high-score detections before depth, ``(T, D)``."""
        costs = similarity * candidates.scores
        return np.subtract(1.0, costs, out=costs)

    def _delete(self) -> None:
        rows = self._rows
        lost = rows.states == LOST
        # as in the authors' code, a track is let go one frame after its time and never lost twice after it
        gone = lost & rows.overdue | (rows.states == TENTATIVE) & (rows.columns < 0)
        rows.overdue |= lost & self._expired()
        self._keep(~gone)
        self._drop_duplicates()

    def _drop_duplicates(self) -> None:
        """Of a seen and a lost track at the same place, keep the one that was followed longer."""
        rows = self._rows
        tracked = where(rows.states != LOST)
        lost = where(rows.states == LOST)
        if not len(tracked) or not len(lost):
            return
        boxes = self._motion.boxes()
        same = self._iou(boxes[tracked], boxes[lost], pixel=PIXEL) > DUPLICATE_IOU
        if not self.parameters.class_agnostic:
            same &= rows.classes[tracked][:, None] == rows.classes[lost]
        a, b = np.nonzero(same)
        life = rows.seen - rows.born
        a_older = life[tracked[a]] > life[lost[b]] + 1e-6
        keep = np.ones(len(rows), bool)
        keep[np.where(a_older, lost[b], tracked[a])] = False
        self._keep(keep)
