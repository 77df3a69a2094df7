"""OC-SORT: trust what was observed over what the filter believes (arXiv 2203.14360)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import CROWD, Indices, without
from deptr.tracking.boxes import similarity_scale
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
    # of a box x1, y1, x2, y2: the points whose way is followed, here its centre
    POINTS = np.array([[[0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]]])

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._observed = Observations(max(1, round(self.parameters.delta_seconds * self.frame_rate)))
        self._directions = self._directions_of(np.zeros((0, 4)), np.zeros((0, 4)))

    def _new_motion(self) -> BoxMotion:
        return ObservationCentricMotion()

    def _step(self, seen: Measurements, frames: float) -> None:
        boxes = self._predict(frames)
        rows, (high, low) = np.arange(len(boxes)), self._split(seen.scores)
        last = self._observed.last.copy()

        similarity = self._similarity(boxes, seen.boxes[high])
        bonus = self._bonus(similarity, seen, high)
        first = self._pair(similarity, rows, seen, high, bonus, clear_first=True)
        self._hit(rows[first.rows], seen, high[first.columns])
        left, free = without(rows, first.rows), without(high, high[first.columns])

        if self.parameters.byte:
            second = self._pair(self._low_similarity(boxes, left, seen, low), left, seen, low)
            self._hit(left[second.rows], seen, low[second.columns])
            left = without(left, left[second.rows])

        left = left[~np.isnan(last[left, 0])]
        third = self._pair(self._similarity(last[left], seen.boxes[free]), left, seen, free)
        self._hit(left[third.rows], seen, free[third.columns])

        _, free = self._recover(seen, without(free, free[third.columns]))
        self._take_in(seen)
        self._keep(~self._expired())
        self._initiate(seen, free)
        self._settle(frames)

    def _similarity(self, boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
        """Similarity of tracks and detections, ``(T, D)``."""
        return self._iou(boxes_a, boxes_b)

    def _low_similarity(
        self, boxes: FloatArray, rows: Indices, seen: Measurements, columns: Indices
    ) -> FloatArray:
        """Similarity of these tracks and low-score detections, ``(T, D)``."""
        return self._similarity(boxes[rows], seen.boxes[columns])

    def _bonus(self, similarity: FloatArray, seen: Measurements, columns: Indices) -> FloatArray:
        """How well each pair's way agrees with where the track was going, ``(T, D)``."""
        if similarity.size < CROWD:
            rows, places = np.ogrid[: similarity.shape[0], : similarity.shape[1]]
            return self._bonus_of(rows, columns[places], seen)
        bonus = np.zeros(similarity.shape)
        pairs = np.nonzero(similarity > 0)
        bonus[pairs] = self._bonus_of(pairs[0], columns[pairs[1]], seen)
        return bonus

    def _bonus_of(self, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """`_bonus` of these tracks and detections, which broadcast."""
        before = np.nan_to_num(self._observed.oldest_within(self._window_start))
        turns: FloatArray | float = 0.0
        if self._period is not None:
            distance = _middle(before)[rows] - _middle(seen.boxes)[columns]
            turns = np.rint(distance / self._period) * self._period
        bonus: FloatArray | float = 0.0
        for point, (x, y) in enumerate(self.POINTS):
            way_x = (seen.boxes @ x)[columns] + turns - (before @ x)[rows]
            way_y = (seen.boxes @ y)[columns] - (before @ y)[rows]
            direction = self._directions[:, point]
            cosine = way_x * direction[rows, 0] + way_y * direction[rows, 1]
            cosine /= np.sqrt(way_x * way_x + way_y * way_y) + 1e-6
            bonus = bonus + np.arcsin(np.clip(cosine, -1.0, 1.0, out=cosine), out=cosine)
        return np.asarray(bonus * (self.parameters.inertia / np.pi * seen.scores[columns]))

    @property
    def _window_start(self) -> float:
        return self._now - self.parameters.delta_seconds

    def _directions_of(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Unit vectors of the box's ways, ``(..., points, 2)``."""
        way = (after - before) @ self.POINTS.reshape(-1, 4).T
        way = way.reshape(*way.shape[:-1], len(self.POINTS), 2)
        return np.asarray(way / (np.sqrt((way**2).sum(-1, keepdims=True)) + 1e-6))

    def _turned(self, rows: Indices, boxes_xyxy: FloatArray) -> FloatArray:
        """Direction of motion of these tracks, now that they are at these boxes."""
        return self._directions_of(self._observed.oldest_within(self._window_start)[rows], boxes_xyxy)

    def _correct(self, rows: Indices, taken: Measurements) -> None:
        self._directions[rows] = np.nan_to_num(self._turned(rows, taken.boxes))
        self._observed.record(rows, taken.boxes, self._now)
        super()._correct(rows, taken)

    def _birth(self, seen: Measurements, columns: Indices, state: int) -> None:
        super()._birth(seen, columns, state)
        self._observed.append(len(columns))
        fresh = np.zeros((len(columns), *self._directions.shape[1:]))
        self._directions = np.concatenate([self._directions, fresh])

    def _warp(self, affine: FloatArray) -> None:
        super()._warp(affine)
        self._observed.warp(affine)
        self._directions = self._directions @ (affine[:, :2] / similarity_scale(affine)).T

    def _select(self, kept: Indices) -> None:
        super()._select(kept)
        self._observed.select(kept)
        self._directions = self._directions[kept]


def _middle(boxes_xyxy: FloatArray) -> FloatArray:
    return (boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2
