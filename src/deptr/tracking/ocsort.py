"""OC-SORT: trust what was observed over what the filter believes (arXiv 2203.14360)."""

from __future__ import annotations

import numpy as np

from deptr.boxes import iou
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.course import CENTRE, Course
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, ObservationCentricMotion
from deptr.tracking.parameters import number, switch
from deptr.tracking.part import Part
from deptr.tracking.sort import Sort


class OCSORT(Sort):
    """OC-SORT with depth fusion: directions of motion (OCM), recovery (OCR) and re-update (ORU).

    Defaults are those of the authors' ``ocsort.py`` for MOT17.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = OCSORT(frame_rate=10, byte=True)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "ocsort"
    directions_of, sum_directions = CENTRE, False

    delta_seconds: float = number(
        default=0.1, low=0, high=10, help="time over which the direction of motion is measured"
    )
    inertia: float = number(
        default=0.2, low=0, high=10, help="weight of the direction of motion in the first association"
    )
    byte: bool = switch(default=False, help="also offer the low-score detections to tracks left over")

    def _new_motion(self) -> BoxMotion:
        return ObservationCentricMotion()

    def _new_parts(self) -> list[Part]:
        slots = max(1, round(self.delta_seconds * self.frame_rate))
        self._course = Course(
            self.directions_of, slots=slots, window_seconds=self.delta_seconds, sum_up=self.sum_directions
        )
        return [self._course]

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        every, last = np.arange(len(boxes)), self._course.last
        similarity = self._similarity(boxes, seen.boxes[high])

        def bonus(rows: Indices, columns: Indices) -> FloatArray:
            return self._bonus_of(rows, high[columns], seen)

        left, free = self._pair(seen, every, high, similarity, bonus, clear_first=True)
        if self.byte:
            left, _ = self._pair(seen, left, low, self._low_similarity(boxes[left], left, seen.take(low)))
        left = left[~np.isnan(last[left, 0])]
        _, free = self._pair(seen, left, free, self._similarity(last[left], seen.boxes[free]))
        return free

    def _similarity(self, boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
        """Similarity of tracks and detections, ``(T, D)``."""
        return iou(boxes_a, boxes_b, period=self._period)

    def _low_similarity(self, boxes: FloatArray, rows: Indices, candidates: Measurements) -> FloatArray:
        """Similarity of these tracks, expected at these boxes, and low-score detections, ``(T, D)``."""
        return self._similarity(boxes, candidates.boxes)

    def _bonus_of(self, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """How well the ways to these detections agree with where the tracks were going; they broadcast."""
        agreement = self._course.agreement(rows, columns, seen.boxes, self._period)
        return np.asarray(agreement * (self.inertia / np.pi * seen.scores[columns]))
