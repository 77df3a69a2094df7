"""Depth of the tracks of one tracker, and what it says about which detection belongs to which track."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray, IntArray
from deptr.tracking.assignment import Indices, Matches, assign
from deptr.tracking.boxes import areas, intersections, overlapping_pairs, paired_iou, warp
from deptr.tracking.depth_motion import DEPTH, PerspectiveMotion
from deptr.tracking.depth_noise import VarianceEstimate
from deptr.tracking.measurements import Measurements

OUTLIER_SHARE = 0.02  # first guess of the share of an object's depths that are plainly wrong
OUTLIER_GATE = 9.0  # squared standard deviations from which on a depth counts as plainly wrong
EVIDENCE_SCALE = 4.0  # nats that weigh as much as a whole unit of IoU at gamma 1
SMALLEST_NOISE = 0.02  # in filter space: clear pairs underestimate the noise of those that matter
COVERED_VARIANCE = 0.11**2  # first guess of the variance that being covered wholly adds
CLEAR_SHARE = 0.1  # a detection covered less than this teaches the noise in the open
RECOVER_EVIDENCE = 1.0  # nats that place, size and depth must give to a pair that does not overlap
FIRST_NOISE = 0.15  # in filter space: first guess of both noises, which says nothing yet
USEFUL, TELLING = 1.0, 2.0  # log ratio of the learned variances: depth advises from one, leads from the other
LOST_EVIDENCE = 4.0  # nats more for a track that was not seen in the frame before
RECOVER_GATE = 9.0  # squared standard deviations that no coordinate may exceed
SMALLEST_GAIN = 0.01  # mean gain of IoU from which on motion in space counts for more than advice
ENOUGH_PAIRS = 50.0  # from which on a small gain is believed
SIZE_SPREAD = 0.5  # standard deviation of the log size of different objects
LEARN_EVERY = 4  # frames, once as much is learned as is remembered
MOST_PAIRS = 100  # that teach in one frame; more would cost time and tell little more
FEW_BOXES = 100  # up to which looking at all pairs is faster than finding those that meet
NO_MATCHES = Matches(np.empty(0, np.intp), np.empty(0, np.intp))


class DepthState:
    """One row per track, kept in step with the tracker's other rows.

    Args:
        mode: As `DepthFusion.mode`.
        gamma: As `DepthFusion.gamma`.
        scale: As `DepthFusion.scale`.

    Attributes:
        motion: Boxes and depths of all tracks, moved in perspective.
        same: Learned variance of a depth around what its own track predicts, in filter space.
        different: Learned mean square of a depth around what another object's track predicts.
        covered: Learned variance that a detection which another one covers wholly has beyond that.
        outliers: Learned share of depths that are plainly wrong.
        box_gain: Learned mean gain of IoU by predicting boxes in perspective.
    """

    def __init__(self, mode: str, gamma: float, scale: float) -> None:
        self.mode = mode if gamma > 0 else "none"
        self.gamma = gamma
        self.scale = scale
        self.last: FloatArray = np.zeros(0)
        self.motion = PerspectiveMotion()
        self.same = VarianceEstimate(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.different = VarianceEstimate(FIRST_NOISE**2, weight=1.0, memory=300.0)
        self.outliers = VarianceEstimate(OUTLIER_SHARE, weight=50.0, memory=500.0)
        self.covered = VarianceEstimate(COVERED_VARIANCE, weight=2.0, memory=100.0)
        self.box_gain = VarianceEstimate(0.0, weight=5.0, memory=100.0)
        self._frames = 0
        self._spread: float | None = None
        self._plain: FloatArray = np.zeros((0, 4))

    @property
    def active(self) -> bool:
        """Whether depth takes part at all."""
        return self.mode != "none"

    def has_say(self, seen: Measurements) -> bool:
        """Whether depth takes part in associating these detections; if not, boxes alone decide."""
        return self.active and seen.has_depth and (self.mode != "adaptive" or self.trust > 0)

    @property
    def telling(self) -> bool:
        """Whether this video's depth has shown that it tells objects apart well."""
        return self.mode == "adaptive" and self._log_ratio > TELLING

    @property
    def leads(self) -> bool:
        """Whether motion in space foresees boxes better than motion in the image, so that it may lead."""
        return self.telling and self.box_gain.value > SMALLEST_GAIN

    @property
    def _needless(self) -> bool:
        """Whether enough was seen to say that boxes hardly move between frames, so that they meet anyway."""
        return self.box_gain.weight >= ENOUGH_PAIRS and self.box_gain.value <= SMALLEST_GAIN

    @property
    def trust(self) -> float:
        """How much the evidence of depth counts by what this video has shown so far, in [0, 1]."""
        return min(max((self._log_ratio - USEFUL) / (TELLING - USEFUL), 0.0), 1.0)

    @property
    def _log_ratio(self) -> float:
        """Log ratio of the learned variances, two standard errors on the safe side."""
        errors = math.sqrt(2 / self.same.weight) + math.sqrt(2 / self.different.weight)
        return math.log(self.different.value / self.same.value) - errors

    @property
    def spread(self) -> float:
        """Unit of filter space for relative inverse depth, in the detections' own unit."""
        return self._spread or 1.0

    def read(self, seen: Measurements) -> Measurements:
        """Detections with their depths in filter space and how sure each is.

        Filter space is the logarithm, or inverse depth in units of the spread of the first depths seen.
        A detector's own standard deviation is used where it is larger than what was learned; a detection
        that another one covers is less sure.
        """
        if not self.active or not seen.has_depth:
            return seen
        self.motion.see(seen.boxes)
        depths = seen.depths
        if seen.depth_kind is DepthKind.RELATIVE_INVERSE:
            self.motion.log_depth = False
            known = depths[np.isfinite(depths)]
            if self._spread is None:
                self._spread = float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))
            values, given = depths / self.spread, seen.depth_stds / self.spread
        else:
            values = np.log(np.where(depths > 0, depths, np.nan))
            given = seen.depth_stds / np.where(depths > 0, depths, np.nan)
        share = covered_share(seen.boxes)
        learned = max(self.same.value, SMALLEST_NOISE**2) + self.covered.value * share**2
        return replace(seen, values=values, variances=np.fmax(learned, given**2), covered=share)

    def append(self, seen: Measurements) -> None:
        """Start tracks at these detections."""
        if self.active:
            self.last = np.concatenate([self.last, seen.depths])
            self.motion.append(seen.boxes, *self._readings(seen))

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        if self.active:
            self.last = self.last[kept]
            self.motion.select(kept)

    def predict(self, seconds: float, boxes: FloatArray) -> FloatArray:
        """Move all depths ahead; the boxes to associate with, given those of the tracker's own filter."""
        if not self.active:
            return boxes
        self.motion.predict(seconds)
        self._plain = boxes
        if not self.leads:
            return boxes
        known = np.isfinite(self.motion.filters.mean[:, DEPTH])
        return np.where(known[:, None], self.motion.boxes(), boxes)

    def correct(self, rows: Indices, seen: Measurements) -> None:
        """These tracks took these detections."""
        if self.active:
            known = np.isfinite(seen.depths)
            self.last[rows[known]] = seen.depths[known]
            self.motion.correct(rows, seen.boxes, *self._readings(seen))

    def warp(self, affine: FloatArray) -> None:
        """Move all tracks by a ``(2, 3)`` similarity of the image."""
        if self.active and len(self.motion):
            self.motion.place(warp(self.motion.boxes(), affine))

    @staticmethod
    def _readings(seen: Measurements) -> tuple[FloatArray, FloatArray]:
        if seen.values is None or seen.variances is None:
            return np.full(len(seen), np.nan), np.full(len(seen), np.nan)
        return seen.values, seen.variances

    def fuse(
        self, costs: FloatArray, rows: Indices, seen: Measurements, *, cost_limit: float
    ) -> tuple[FloatArray, BoolArray | None]:
        """Costs of pairs with depth taken in, and which pairs are allowed.

        Args:
            costs: ``(T, D)`` cost from boxes alone, 0 the best, 1 without overlap.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            cost_limit: Plain 2-D limit that a pair must pass whatever its depth says.

        Returns:
            ``(T, D)`` fused costs; unknown depth leaves a cost as it is. None for the pairs means that depth
            has no say and all are allowed.
        """
        if not self.has_say(seen) or not costs.size:
            return costs, None
        allowed = costs <= min(cost_limit, 1 - 1e-6)
        places = allowed.nonzero()
        plain, tracks, columns = costs[places], rows[places[0]], places[1]
        if self.mode == "fixed":
            gap = np.abs(self.last[tracks] - seen.depths[columns])
            fused = (1 - self.gamma) * plain + self.gamma * np.minimum(1.0, self.scale * gap)
        elif self.mode == "kalman":
            innovation, variance = self._innovation(tracks, columns, seen)
            gap = np.abs(innovation) / np.sqrt(variance)
            fused = (1 - self.gamma) * plain + self.gamma * np.minimum(1.0, self.scale * gap)
        else:
            evidence = self.evidence(tracks, columns, seen)
            fused = plain - self.gamma * self.trust * evidence / EVIDENCE_SCALE
        costs = costs.copy()
        costs[places] = np.where(np.isnan(fused), plain, fused)
        return costs, allowed

    def _innovation(
        self, rows: Indices, columns: Indices, seen: Measurements
    ) -> tuple[FloatArray, FloatArray]:
        """Depth of each pair's detection minus that of its track, ``(P,)``, and its variance."""
        values, variances = self._readings(seen)
        filters = self.motion.filters
        innovation = values[columns] - filters.mean[rows, DEPTH]
        return innovation, filters.covariance[0, rows, DEPTH] + variances[columns]

    def evidence(self, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """Log-likelihood ratio that each pair is one object rather than two, ``(P,)``, NaN = unknown.

        Zero where the learned variances say that depth cannot tell objects apart.
        """
        innovation, same = self._innovation(rows, columns, seen)
        different = np.maximum(self.different.value, same)
        ratio = 0.5 * np.log(different / same) - 0.5 * innovation**2 * (1 / same - 1 / different)
        wrong = self.outliers.value
        ratio = np.log(wrong + (1 - wrong) * np.exp(np.maximum(ratio, -30.0)))
        return np.where((different > same) | np.isnan(ratio), ratio, 0.0)

    def learn(self, similarity: FloatArray, rows: Indices, seen: Measurements, matches: Matches) -> None:
        """Learn both variances from matches that boxes alone make certain.

        Args:
            similarity: ``(T, D)`` IoU.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            matches: Pairs of ``(T, D)``.
        """
        if self.mode not in ("adaptive", "kalman") or not len(matches.rows) or seen.values is None:
            return
        self._frames += 1
        if self._frames % LEARN_EVERY and self.same.full and self.different.full:
            return
        t, d = matches
        close = similarity > 0.2
        sure = (similarity[t, d] > 0.4) & (close.sum(1)[t] == 1) & (close.sum(0)[d] == 1)
        sure &= np.isfinite(seen.values[d] - self.motion.filters.mean[rows[t], DEPTH])
        t, d = t[sure][:MOST_PAIRS], d[sure][:MOST_PAIRS]
        if not len(t):
            return
        squares = (seen.values - self.motion.filters.mean[rows[t], DEPTH][:, None]) ** 2
        np.minimum(squares, 4.0, out=squares)
        own = squares[np.arange(len(t)), d]
        boxes = seen.boxes[d]
        gain = paired_iou(self.motion.boxes(rows[t]), boxes) - paired_iou(self._plain[rows[t]], boxes)
        self.box_gain.add(gain, np.ones(len(gain)))
        predicted = self.motion.filters.covariance[0, rows[t], DEPTH]
        surplus = own - predicted
        wrong = own > OUTLIER_GATE * (predicted + self._readings(seen)[1][d])
        self.outliers.add(wrong.astype(np.float64), np.ones(len(t)))
        weights = (self.same.value / (self.same.value + predicted)) ** 2
        share = np.zeros(len(d)) if seen.covered is None else seen.covered[d]
        clear = share < CLEAR_SHARE
        self.same.add(surplus[clear], weights[clear])
        self.same.value = max(self.same.value, 1e-4)
        part = share[~clear] ** 2
        self.covered.add((surplus[~clear] - self.same.value) / part, weights[~clear] * part)
        self.covered.value = max(self.covered.value, 0.0)
        others = int(np.isfinite(seen.values).sum()) - 1
        if others > 0:
            self.different.add((np.nansum(squares, axis=1) - own) / others, np.ones(len(t)))

    def recover(self, rows: Indices, seen: Measurements, misses: IntArray) -> Matches:
        """Pairs that do not overlap but whose place, size and depth agree with the track's motion.

        Args:
            rows: ``(T,)`` tracks that found nothing.
            seen: ``D`` detections that nothing took.
            misses: ``(T,)`` frames since each track was seen, this one included.
        """
        if not self.telling or self._needless or not len(rows) or not len(seen) or seen.values is None:
            return NO_MATCHES
        near = self.motion.near(rows, seen.boxes, RECOVER_GATE)
        t, d = near.nonzero()
        error, same, different = self.motion.compare(rows[t], seen.boxes[d], *self._readings(seen.take(d)))
        different[:, 2:DEPTH] = SIZE_SPREAD**2
        different[:, DEPTH] = self.different.value
        different = np.maximum(different, same)
        terms = 0.5 * np.log(different / same) - 0.5 * error**2 * (1 / same - 1 / different)
        total = terms.sum(-1) - RECOVER_EVIDENCE - LOST_EVIDENCE * (misses[t] > 1)
        costs = np.zeros(near.shape)
        costs[t, d] = -np.nan_to_num(total, nan=-1.0)
        near[t, d] = (total > 0) & (error**2 < RECOVER_GATE * same).all(-1)
        return assign(costs, cost_limit=0.0, allowed=near)


def covered_share(boxes_xyxy: FloatArray) -> FloatArray:
    """Share of each box that the one other box covers which covers it most, ``(N,)`` in [0, 1].

    Example:
        >>> covered_share(np.array([[0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 4.0, 4.0]])).tolist()
        [0.5, 1.0]
    """
    if len(boxes_xyxy) < 2:
        return np.zeros(len(boxes_xyxy))
    if len(boxes_xyxy) <= FEW_BOXES:
        table = intersections(boxes_xyxy, boxes_xyxy)
        np.fill_diagonal(table, 0.0)
        most = table.max(1)
    else:
        most = np.zeros(len(boxes_xyxy))
        a, b, shared = overlapping_pairs(boxes_xyxy, boxes_xyxy)
        others = a != b
        np.maximum.at(most, a[others], shared[others])
    return np.asarray(np.minimum(most / np.maximum(areas(boxes_xyxy), 1e-9), 1.0))
