"""ByteTrack: associate every detection box, the sure ones first (arXiv 2110.06864)."""

from __future__ import annotations

import numpy as np

from deptr.boxes import iou
from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices, Listed, overlap_costs
from deptr.tracking.base import Tracker
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, HeightScaledMotion
from deptr.tracking.parameters import number
from deptr.tracking.part import Step

PIXEL = 1.0  # the authors count the last pixel of a box as inside (matching.py, bbox_overlaps)
DUPLICATE_IOU = 0.85
TENTATIVE_COST = 0.7


class ByteTrack(Tracker):
    """ByteTrack with depth fusion in the first association; defaults as in the authors' ``byte_tracker.py``.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = ByteTrack(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "bytetrack"
    new_tracks_wait = True

    match_cost: float = number(
        default=0.9, low=0, high=1, help="largest 1 - IoU x score of a pair in the first association"
    )
    second_match_cost: float = number(
        default=0.5, low=0, high=1, help="largest 1 - IoU of a pair in the second association"
    )

    def _new_motion(self) -> BoxMotion:
        return HeightScaledMotion(aspect=True)

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        states = self._rows.states
        known, waiting = (states != TENTATIVE).nonzero()[0], (states == TENTATIVE).nonzero()[0]
        overlap = iou(boxes.take(known, 0), seen.boxes.take(high, 0), pixel=PIXEL, period=self._period)
        costs = self._costs(overlap, known, high, seen)
        left, free = self._match(seen, known, high, costs, overlap, cost_limit=self.match_cost)

        if len(low):
            left = left[states[left] == CONFIRMED]
            overlap = iou(boxes.take(left, 0), seen.boxes.take(low, 0), pixel=PIXEL, period=self._period)
            self._match(seen, left, low, overlap_costs(overlap), cost_limit=self.second_match_cost)
        if len(waiting) and len(free):
            overlap = iou(boxes[waiting], seen.boxes[free], pixel=PIXEL, period=self._period)
            costs = self._costs(overlap, waiting, free, seen)
            _, free = self._match(seen, waiting, free, costs, cost_limit=TENTATIVE_COST)
        return free

    def _costs(
        self, similarity: FloatArray, rows: Indices, columns: Indices, seen: Measurements
    ) -> FloatArray | Listed:
        """Costs of these tracks and high-score detections before depth, ``(T, D)``."""
        return overlap_costs(similarity, seen.scores[columns])

    def _revise(self, step: Step) -> None:
        rows = self._rows
        here, tentative = rows.columns >= 0, rows.states == TENTATIVE
        proven = (rows.matches + 1 >= self.confirm_frames) | (rows.scores > self.sure_score)
        rows.states[here & (~tentative | proven)] = CONFIRMED
        rows.states[~here & ~tentative] = LOST

    def _reported_at_once(self) -> bool:
        return self._rows.frame_count == 1 or self.confirm_frames == 1

    def _kept(self, expired: BoolArray) -> BoolArray:
        """All but unconfirmed tracks that were not seen, lost ones past their time, and duplicates.

        As in the authors' code, a track is let go one frame after its time and never lost twice after it; of
        a seen and a lost track at the same place, the one that was followed longer stays.
        """
        rows = self._rows
        lost = rows.states == LOST
        kept = ~(lost & rows.overdue | (rows.states == TENTATIVE) & (rows.columns < 0))
        rows.overdue |= lost & expired
        tracked, hidden = (kept & ~lost).nonzero()[0], (kept & lost).nonzero()[0]
        if len(tracked) and len(hidden):
            boxes = self._motion.boxes()
            overlap = iou(boxes.take(tracked, 0), boxes.take(hidden, 0), pixel=PIXEL, period=self._period)
            same = np.asarray(overlap > DUPLICATE_IOU)
            if not self.class_agnostic:
                same &= rows.classes[tracked][:, None] == rows.classes[hidden]
            a, b = same.nonzero()
            life = rows.last_seen - rows.born
            older = life[tracked[a]] > life[hidden[b]] + 1e-6
            kept[np.where(older, hidden[b], tracked[a])] = False
        return np.asarray(kept)
