"""Depth of the tracks of one tracker, and what it says about which detection belongs to which track."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray
from deptr.tracking.assignment import Indices, Matches
from deptr.tracking.depth_filter import DepthFilter
from deptr.tracking.depth_noise import VarianceEstimate
from deptr.tracking.measurements import Measurements

OUTLIER_SHARE = 0.02
MAX_EVIDENCE = 4.0


class DepthState:
    """One row per track, kept in step with the tracker's other rows.

    Args:
        mode: As `DepthFusion.mode`.
        gamma: As `DepthFusion.gamma`.
        scale: As `DepthFusion.scale`.
    """

    def __init__(self, mode: str, gamma: float, scale: float) -> None:
        self.mode = mode if gamma > 0 else "none"
        self.gamma = gamma
        self.scale = scale
        self.kind = DepthKind.METRIC
        self.last: FloatArray = np.zeros(0)
        self.filter = DepthFilter(initial_speed=0.5, acceleration=0.5)
        self.same = VarianceEstimate(0.05**2, weight=5.0, memory=300.0)
        self.different = VarianceEstimate(0.2**2, weight=2.0, memory=300.0)

    @property
    def active(self) -> bool:
        """Whether depth takes part at all."""
        return self.mode != "none"

    def _values(self, seen: Measurements) -> FloatArray:
        self.kind = seen.depth_kind
        return self.filter.to_filter_space(seen.depths, seen.depth_kind)

    def _noise(self, seen: Measurements) -> FloatArray:
        return np.full(len(seen), self.same.value)

    def append(self, seen: Measurements) -> None:
        """Start tracks at these detections."""
        if self.active:
            self.last = np.concatenate([self.last, seen.depths])
            self.filter.append(self._values(seen), self._noise(seen))

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        if self.active:
            self.last = self.last[kept]
            self.filter.select(kept)

    def predict(self, seconds: float) -> None:
        """Move all depths ahead."""
        if self.active:
            self.filter.predict(seconds)

    def correct(self, rows: Indices, seen: Measurements) -> None:
        """These tracks took these detections."""
        if self.active:
            known = np.isfinite(seen.depths)
            self.last[rows[known]] = seen.depths[known]
            self.filter.correct(rows, self._values(seen), self._noise(seen))

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
            innovation = self._values(seen) - self.filter.mean[rows][:, None]
            sigma = np.sqrt(self.filter.variance[rows][:, None] + self._noise(seen))
            fused = (1 - self.gamma) * costs + self.gamma * np.minimum(
                1.0, self.scale * np.abs(innovation) / sigma
            )
        else:
            fused = costs - self.gamma * self.evidence(rows, seen) / MAX_EVIDENCE
        return np.where(np.isnan(fused), costs, fused), costs <= min(cost_limit, no_overlap - 1e-6)

    def evidence(self, rows: Indices, seen: Measurements) -> FloatArray:
        """Log-likelihood ratio that each pair is one object rather than two, ``(T, D)``, NaN = unknown."""
        innovation = self._values(seen) - self.filter.mean[rows][:, None]
        same = self.filter.variance[rows][:, None] + self._noise(seen)
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
        if self.mode not in ("adaptive", "kalman") or not len(matches.rows) or not seen.has_depth:
            return
        close = similarity > 0.2
        t, d = matches
        sure = (similarity[t, d] > 0.4) & (close.sum(1)[t] == 1) & (close.sum(0)[d] == 1)
        values = self._values(seen)
        squares = np.minimum((values - self.filter.mean[rows][:, None]) ** 2, 4.0)
        predicted = self.filter.variance[rows]
        sure &= np.isfinite(squares[t, d])
        t, d = t[sure], d[sure]
        if not len(t):
            return
        noise = self._noise(seen)[d]
        weights = (noise / (noise + predicted[t])) ** 2
        self.same.add(squares[t, d] - predicted[t], weights)
        self.same.value = max(self.same.value, 1e-4)
        others = int(np.isfinite(values).sum()) - 1
        if others > 0:
            self.different.add((np.nansum(squares[t], axis=1) - squares[t, d]) / others, np.ones(len(t)))
