"""Depth of the tracks of one tracker, and what it says about which detection belongs to which track."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray
from deptr.tracking.assignment import Indices, Matches, assign
from deptr.tracking.boxes import iou
from deptr.tracking.depth_motion import DEPTH, PerspectiveMotion
from deptr.tracking.depth_noise import VarianceEstimate
from deptr.tracking.measurements import Measurements

OUTLIER_SHARE = 0.02
MAX_EVIDENCE = 4.0
NO_MATCHES = Matches(np.empty(0, np.intp), np.empty(0, np.intp))


class DepthState:
    """One row per track, kept in step with the tracker's other rows.

    Args:
        mode: As `DepthFusion.mode`.
        gamma: As `DepthFusion.gamma`.
        scale: As `DepthFusion.scale`.
    """

    RECOVER_LIMIT = 1.0
    USE3D = True

    def __init__(self, mode: str, gamma: float, scale: float) -> None:
        self.mode = mode if gamma > 0 else "none"
        self.gamma = gamma
        self.scale = scale
        self.last: FloatArray = np.zeros(0)
        self.motion = PerspectiveMotion()
        self.same = VarianceEstimate(0.05**2, weight=5.0, memory=300.0)
        self.different = VarianceEstimate(0.2**2, weight=2.0, memory=300.0)
        self.size_different = VarianceEstimate(0.3**2, weight=2.0, memory=300.0)
        self.box_gain = VarianceEstimate(0.0, weight=5.0, memory=100.0)
        self._spread: float | None = None
        self._plain: FloatArray = np.zeros((0, 4))
        self._better: FloatArray = np.zeros((0, 4))
        self._extent = np.array([1.0, 1.0])

    @property
    def active(self) -> bool:
        """Whether depth takes part at all."""
        return self.mode != "none"

    def _values(self, seen: Measurements) -> FloatArray:
        """Depths in filter space: logarithms, or inverse depth in units of the first spread."""
        depths = seen.depths
        if seen.depth_kind is not DepthKind.RELATIVE_INVERSE:
            return np.asarray(np.log(np.where(depths > 0, depths, np.nan)))
        self.motion.log_depth = False
        known = depths[np.isfinite(depths)]
        if self._spread is None and len(known):
            self._spread = float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))
        return np.asarray(depths / (self._spread or 1.0))

    KAPPA = 4.0
    FLOOR = 0.02
    LOST_LIMIT = 4.0

    def _noise(self, seen: Measurements) -> FloatArray:
        cover = covered(seen.boxes)
        return max(self.same.value, self.FLOOR**2) * (1 + self.KAPPA * cover) ** 2

    def append(self, seen: Measurements) -> None:
        """Start tracks at these detections."""
        if self.active:
            self.motion.see(seen.boxes)
            self.last = np.concatenate([self.last, seen.depths])
            self.motion.append(seen.boxes, self._values(seen), self._noise(seen))

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
        self._plain, self._better = boxes, self.motion.boxes()
        if self.mode != "adaptive" or self.box_gain.value <= 0 or not self.USE3D:
            return boxes
        known = np.isfinite(self.motion.filters.mean[:, DEPTH])
        return np.where(known[:, None], self._better, boxes)

    def correct(self, rows: Indices, seen: Measurements) -> None:
        """These tracks took these detections."""
        if self.active:
            known = np.isfinite(seen.depths)
            self.last[rows[known]] = seen.depths[known]
            self.motion.correct(rows, seen.boxes, self._values(seen), self._noise(seen))

    def fuse(
        self,
        costs: FloatArray,
        rows: Indices,
        seen: Measurements,
        *,
        cost_limit: float,
        no_overlap: float = 1.0,
    ) -> tuple[FloatArray, BoolArray | None]:
        """Costs of pairs with depth taken in, and which pairs are allowed.

        Args:
            costs: ``(T, D)`` cost from boxes alone, 0 the best.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            cost_limit: Plain 2-D limit that a pair must pass whatever its depth says.
            no_overlap: Cost of a pair that does not overlap.

        Returns:
            ``(T, D)`` fused costs; unknown depth leaves a cost as it is.
        """
        if not self.active or not costs.size or not seen.has_depth:
            return costs, None
        if self.mode == "fixed":
            distance = np.minimum(1.0, self.scale * np.abs(self.last[rows][:, None] - seen.depths))
            fused = (1 - self.gamma) * costs + self.gamma * distance
        elif self.mode == "kalman":
            innovation = self._values(seen) - self._mean[rows][:, None]
            sigma = np.sqrt(self._variance[rows][:, None] + self._noise(seen))
            distance = np.minimum(1.0, self.scale * np.abs(innovation) / sigma)
            fused = (1 - self.gamma) * costs + self.gamma * distance
        else:
            fused = costs - self.gamma * self.evidence(rows, seen) / MAX_EVIDENCE
        return np.where(np.isnan(fused), costs, fused), costs <= min(cost_limit, no_overlap - 1e-6)

    @property
    def _mean(self) -> FloatArray:
        return self.motion.filters.mean[:, DEPTH]

    @property
    def _variance(self) -> FloatArray:
        return self.motion.filters.covariance[0, :, DEPTH]

    def evidence(self, rows: Indices, seen: Measurements) -> FloatArray:
        """Log-likelihood ratio that each pair is one object rather than two, ``(T, D)``, NaN = unknown."""
        innovation = self._values(seen) - self._mean[rows][:, None]
        same = self._variance[rows][:, None] + self._noise(seen)
        different = np.maximum(self.different.value, same)
        ratio = 0.5 * np.log(different / same) - 0.5 * innovation**2 * (1 / same - 1 / different)
        ratio = np.log(OUTLIER_SHARE + (1 - OUTLIER_SHARE) * np.exp(np.maximum(ratio, -30.0)))
        return np.where((different > same) | np.isnan(ratio), ratio, 0.0)

    def learn(self, similarity: FloatArray, rows: Indices, seen: Measurements, matches: Matches) -> None:
        """Learn both variances from matches that boxes alone make certain.

        Args:
            similarity: ``(T, D)`` IoU.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            matches: Pairs of ``(T, D)``.
        """
        if len(seen):
            self._extent = np.maximum(self._extent, seen.boxes[:, 2:].max(0))
        if self.mode not in ("adaptive", "kalman") or not len(matches.rows) or not seen.has_depth:
            return
        close = similarity > 0.2
        t, d = matches
        sure = (similarity[t, d] > 0.4) & (close.sum(1)[t] == 1) & (close.sum(0)[d] == 1)
        values = self._values(seen)
        squares = np.minimum((values - self._mean[rows][:, None]) ** 2, 4.0)
        predicted = self._variance[rows]
        sure &= np.isfinite(squares[t, d])
        t, d = t[sure], d[sure]
        if not len(t):
            return
        gain = np.array(
            [
                (
                    iou(self._better[rows[i]][None], seen.boxes[j][None])
                    - iou(self._plain[rows[i]][None], seen.boxes[j][None])
                ).item()
                for i, j in zip(t, d, strict=True)
            ]
        )
        self.box_gain.add(gain, np.ones(len(gain)))
        noise = self._noise(seen)[d]
        weights = (noise / (noise + predicted[t])) ** 2
        self.same.add(squares[t, d] - predicted[t], weights)
        self.same.value = max(self.same.value, 1e-4)
        others = int(np.isfinite(values).sum()) - 1
        if others > 0:
            self.different.add((np.nansum(squares[t], axis=1) - squares[t, d]) / others, np.ones(len(t)))

    def recover(self, rows: Indices, seen: Measurements) -> Matches:
        """Pairs that do not overlap but whose place, size and depth agree with the track's motion."""
        if self.mode != "adaptive" or not len(rows) or not len(seen) or not seen.has_depth:
            return NO_MATCHES
        filters = self.motion.filters
        values = self._values(seen)
        states = self.motion._states(seen.boxes, values)
        noise = self.motion._variances(np.exp(states[:, 3]), 0.05, 0.05, self._noise(seen))
        hidden = self.motion._states(self.motion.boxes()[rows], filters.mean[rows, 4]) - filters.mean[rows]
        error = states[None] - (filters.mean[rows] + hidden)[:, None]
        same = filters.covariance[0, rows][:, None] + noise[None] + (0.25 * hidden[:, None]) ** 2
        different = np.array(
            [self._extent[0] ** 2 / 12, self._extent[1] ** 2 / 36, 0.5**2, 0.5**2, self.different.value]
        )
        different = np.maximum(different, same)
        terms = 0.5 * np.log(different / same) - 0.5 * error**2 * (1 / same - 1 / different)
        terms[..., DEPTH] = np.where(different[..., DEPTH] > same[..., DEPTH], terms[..., DEPTH], 0.0)
        total = terms.sum(-1)
        allowed = np.isfinite(total) & (total > self.RECOVER_LIMIT) & (error**2 / same < 9).all(-1)
        return assign(-np.nan_to_num(total), cost_limit=-self.RECOVER_LIMIT, allowed=allowed)
