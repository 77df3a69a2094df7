"""Hybrid-SORT, motion part: weak cues, score and height, beside the strong ones (arXiv 2308.00783)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.boxes import height_modulated_iou
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.measurements import Measurements
from deptr.tracking.observations import Replay
from deptr.tracking.ocsort import OCSORT, OCSORTParameters
from deptr.tracking.parameters import number, switch


@dataclass(frozen=True)
class HybridSORTParameters(OCSORTParameters):
    """Hybrid-SORT's parameters; defaults as in the authors' runs on MOT17."""

    match_iou: float = number(0.15, 0, 1, "least height-modulated IoU of a pair")
    inertia: float = number(0.05, 0, 10, "weight of the directions of motion in the first association")
    byte: bool = switch(True, "also offer the low-score detections to tracks left over")
    score_weight: float = number(1.0, 0, 10, "weight of the score difference in the first association")
    low_score_weight: float = number(1.0, 0, 10, "weight of the score difference for low-score detections")


class HybridSORT(OCSORT):
    """Hybrid-SORT with depth fusion: corners' directions, height-modulated IoU and modelled scores (TCM).

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = HybridSORT(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = HybridSORTParameters
    tracker_name = "hybridsort"
    parameters: HybridSORTParameters
    POINTS = np.eye(4)[[[0, 1], [0, 3], [2, 1], [2, 3]]]  # all four corners

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._scores = ScoreTrend()

    def _step(self, seen: Measurements, frames: float) -> None:
        self._scores.predict(frames)
        super()._step(seen, frames)

    def _similarity(self, boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
        return height_modulated_iou(boxes_a, boxes_b, period=self._period)

    def _bonus_of(self, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        expected = np.clip(self._scores.filtered, self.parameters.high_score, 1.0)
        difference = np.abs(expected[rows] - seen.scores[columns])
        return super()._bonus_of(rows, columns, seen) - self.parameters.score_weight * difference

    def _low_similarity(
        self, boxes: FloatArray, rows: Indices, seen: Measurements, columns: Indices
    ) -> FloatArray:
        low, high = min(0.1, self.parameters.high_score), self.parameters.high_score
        known = self._rows.misses[rows] == 1
        expected = np.clip(self._scores.extrapolated(rows, known), low, high)
        difference = np.abs(expected[:, None] - seen.scores[columns])
        similarity = super()._low_similarity(boxes, rows, seen, columns)
        return similarity - self.parameters.low_score_weight * difference

    def _turned(self, rows: Indices, boxes_xyxy: FloatArray) -> FloatArray:
        """Sum over the observations in the window, or from the newest one if all are older."""
        used = self._observed.within(self._window_start)[rows]
        used[:, 0] = True
        ways = self._directions_of(self._observed.boxes[rows], boxes_xyxy[:, None])
        return np.asarray(np.where(used[:, :, None, None], ways, 0.0).sum(1))

    def _correct(self, rows: Indices, taken: Measurements) -> None:
        self._scores.correct(rows, taken.scores)
        super()._correct(rows, taken)

    def _birth(self, seen: Measurements, columns: Indices, state: int) -> None:
        super()._birth(seen, columns, state)
        self._scores.append(seen.scores[columns])

    def _select(self, kept: Indices) -> None:
        super()._select(kept)
        self._scores.select(kept)


class ScoreTrend:
    """Scores of all tracks, filtered with a constant velocity for the first association, extrapolated else.

    The constants are those of the authors' nine-state filter, whose coordinates do not mix.
    """

    NOISE = np.array([1.0]), np.array([1e-4])
    VARIANCE = np.array([10.0])

    def __init__(self) -> None:
        self._filters = KalmanBatch(coordinates=1)
        self._replay = Replay(
            self._filters,
            noise=self.NOISE,
            variance=self.VARIANCE,
            to_line=np.asarray,
            from_line=np.asarray,
        )
        self._last: FloatArray = np.zeros(0)
        self._before: FloatArray = np.zeros(0)

    @property
    def filtered(self) -> FloatArray:
        """``(T,)`` score that the filter expects."""
        return self._filters.mean[:, 0]

    def extrapolated(self, rows: Indices, known: BoolArray) -> FloatArray:
        """Score that continues the last two, where `known` says that they are of successive frames."""
        last, before = self._last[rows], self._before[rows]
        return np.where(known & ~np.isnan(before), 2 * last - before, last)

    def append(self, scores: FloatArray) -> None:
        """Start tracks with these scores."""
        column = scores[:, None]
        self._filters.append(column, np.full_like(column, 10.0), np.full_like(column, 1e4))
        self._replay.append(len(scores))
        self._last = np.concatenate([self._last, scores])
        self._before = np.concatenate([self._before, np.full(len(scores), np.nan)])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._filters.select(kept)
        self._replay.select(kept)
        self._last, self._before = self._last[kept], self._before[kept]

    def predict(self, frames: float) -> None:
        """Move all scores ahead."""
        self._replay.before_predict(frames)
        self._filters.predict(frames, self.NOISE[0] * frames, self.NOISE[1] * frames)

    def correct(self, rows: Indices, scores: FloatArray) -> None:
        """Take measured scores in."""
        column = scores[:, None]
        self._replay.before_correct(rows, column)
        self._filters.correct(rows, column, self.VARIANCE)
        self._before[rows], self._last[rows] = self._last[rows], scores
