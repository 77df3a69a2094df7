"""Hybrid-SORT, motion part: weak cues, score and height, beside the strong ones (arXiv 2308.00783)."""

from __future__ import annotations

import numpy as np

from deptr.boxes import height_modulated_iou
from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import CROWD, Indices, Matches, pairs_where
from deptr.tracking.course import CORNERS
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.measurements import Measurements
from deptr.tracking.ocsort import OCSORT
from deptr.tracking.parameters import number, switch
from deptr.tracking.part import Part, Step
from deptr.tracking.replay import Replay


class HybridSORT(OCSORT):
    """Hybrid-SORT with depth fusion: corners' directions, height-modulated IoU and modelled scores (TCM).

    Defaults are those of the authors' runs on MOT17.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = HybridSORT(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "hybridsort"
    directions_of, sum_directions = CORNERS, True

    match_iou: float = number(default=0.15, low=0, high=1, help="least height-modulated IoU of a pair")
    inertia: float = number(
        default=0.05, low=0, high=10, help="weight of the directions of motion in the first association"
    )
    byte: bool = switch(default=True, help="also offer the low-score detections to tracks left over")
    score_weight: float = number(
        default=1.0, low=0, high=10, help="weight of the score difference in the first association"
    )
    low_score_weight: float = number(
        default=1.0, low=0, high=10, help="weight of the score difference for low-score detections"
    )

    def _new_parts(self) -> list[Part]:
        self._scores = ScoreTrend()
        return [*super()._new_parts(), self._scores]

    def _similarity(self, boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
        return height_modulated_iou(boxes_a, boxes_b, period=self._period)

    def _bonus_of(self, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        expected = np.clip(self._scores.filtered, self.high_score, 1.0)
        difference = np.abs(expected[rows] - seen.scores[columns])
        return super()._bonus_of(rows, columns, seen) - self.score_weight * difference

    def _low_similarity(self, boxes: FloatArray, rows: Indices, candidates: Measurements) -> FloatArray:
        low, high = min(0.1, self.high_score), self.high_score
        known = self._rows.misses[rows] == 1
        expected = np.clip(self._scores.extrapolated(rows, known), low, high)
        similarity = super()._low_similarity(boxes, rows, candidates)
        crowd = similarity.size >= CROWD
        every = np.ogrid[: similarity.shape[0], : similarity.shape[1]]
        pairs = pairs_where(similarity > 0) if crowd else Matches(*every)
        difference = np.abs(expected[pairs.rows] - candidates.scores[pairs.columns])
        worth = similarity[pairs] - self.low_score_weight * difference
        if not crowd:
            return np.asarray(worth)
        out = np.full(similarity.shape, -1.0)
        out[pairs] = worth
        return out


class ScoreTrend(Part):
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

    def append(self, taken: Measurements) -> None:
        """Start tracks with these scores."""
        scores = taken.scores
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

    def predict(self, step: Step) -> None:
        """Move all scores ahead."""
        frames = step.frames
        self._replay.before_predict(frames)
        self._filters.predict(frames, self.NOISE[0] * frames, self.NOISE[1] * frames)

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured scores in."""
        column = taken.scores[:, None]
        self._replay.before_correct(rows, column)
        self._filters.correct(rows, column, self.VARIANCE)
        self._before[rows], self._last[rows] = self._last[rows], taken.scores
