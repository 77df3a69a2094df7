"""OC-SORT: trust what was observed over what the filter believes (arXiv 2203.14360)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices, without
from deptr.tracking.lifecycle import TrackState
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion, ObservationCentricMotion
from deptr.tracking.observations import Observations
from deptr.tracking.parameters import number, switch
from deptr.tracking.sort import Sort, SortParameters


@dataclass(frozen=True)
class OCSORTParameters(SortParameters):
    """OC-SORT's parameters; defaults as in the authors' ``ocsort.py`` for MOT17."""

    delta_seconds: float = number(0.1, 0, 10, "time over which the direction of motion is measured")
    inertia: float = number(0.2, 0, 10, "weight of the direction of motion in the first association")
    byte: bool = switch(False, "also offer the low-score detections to tracks left over")


class OCSORT(Sort):
    """OC-SORT with depth fusion: directions of motion (OCM), recovery (OCR) and re-update (ORU).

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = OCSORT(frame_rate=10, byte=True)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = OCSORTParameters
    tracker_name = "ocsort"
    parameters: OCSORTParameters

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._observed = Observations(max(1, round(self.parameters.delta_seconds * self.frame_rate)))
        self._directions = np.zeros((0, 2))

    def _new_motion(self) -> BoxMotion:
        return ObservationCentricMotion()

    def _step(self, seen: Measurements, frames: float) -> None:
        boxes = self._predict(frames)
        rows, (high, low) = np.arange(len(boxes)), self._split(seen.scores)
        last = self._observed.last.copy()

        agreement = self._direction_bonus(seen.boxes[high]) * seen.scores[high]
        first = self._pair(self._iou(boxes, seen.boxes[high]), rows, seen, high, agreement)
        self._hit(rows[first.rows], seen, high[first.columns])
        left, free = without(rows, first.rows), without(high, high[first.columns])

        if self.parameters.byte:
            second = self._pair(self._iou(boxes[left], seen.boxes[low]), left, seen, low)
            self._hit(left[second.rows], seen, low[second.columns])
            left = without(left, left[second.rows])

        left = left[~np.isnan(last[left, 0])]
        third = self._pair(self._iou(last[left], seen.boxes[free]), left, seen, free)
        self._hit(left[third.rows], seen, free[third.columns])

        self._delete_expired()
        self._initiate(seen, without(free, free[third.columns]))

    def _direction_bonus(self, boxes_xyxy: FloatArray) -> FloatArray:
        """How well each pair's way agrees with where the track was going, ``(T, D)`` in +-inertia / 2."""
        before = self._observed.oldest_within(self._now - self.parameters.delta_seconds)
        way = _centres(boxes_xyxy)[None] - _centres(np.nan_to_num(before))[:, None]
        length = np.sqrt((way**2).sum(2)) + 1e-6
        cosine = (way * self._directions[:, None]).sum(2) / length
        return np.asarray(self.parameters.inertia / np.pi * np.arcsin(np.clip(cosine, -1.0, 1.0)))

    def _hit(self, rows: Indices, seen: Measurements, columns: Indices) -> None:
        if not len(rows):
            return
        self._turn(rows, seen.boxes[columns])
        self._observed.record(rows, seen.boxes[columns], self._now)
        super()._hit(rows, seen, columns)

    def _turn(self, rows: Indices, boxes_xyxy: FloatArray) -> None:
        """Measure the direction of motion of these tracks."""
        before = self._observed.oldest_within(self._now - self.parameters.delta_seconds)[rows]
        way = _centres(boxes_xyxy) - _centres(before)
        way /= np.sqrt((way**2).sum(1, keepdims=True)) + 1e-6
        self._directions[rows] = np.nan_to_num(way)

    def _birth(self, seen: Measurements, columns: Indices, state: TrackState) -> None:
        super()._birth(seen, columns, state)
        self._observed.append(len(columns))
        self._directions = np.concatenate([self._directions, np.zeros((len(columns), 2))])

    def _select(self, kept: Indices) -> None:
        super()._select(kept)
        self._observed.select(kept)
        self._directions = self._directions[kept]


def _centres(boxes_xyxy: FloatArray) -> FloatArray:
    return (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2
