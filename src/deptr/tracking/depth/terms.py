"""The three ways in which depth changes the cost of a pair, a class each; without any, boxes alone decide.

A term is asked for pairs whose boxes allow them. It answers NaN where a depth is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.likelihood import log_likelihood_ratio
from deptr.tracking.depth.noise import DepthNoise
from deptr.tracking.depth.perspective import PerspectiveMotion
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part

WRONG_SHARE = 0.01  # of an object's depths that say nothing
EVIDENCE_SCALE = 4.0  # nats that weigh as much as a whole unit of IoU at gamma 1


class Term(Protocol):
    """One way in which depth takes part.

    Attributes:
        noise: What it learns of the video's depth, which says whether depth has a say.
    """

    noise: DepthNoise

    def costs(self, plain: FloatArray, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """Cost of each pair of a track and a detection, ``(P,)``, given the cost from boxes alone."""


class Fixed(Part):
    """``(1 - gamma) plain + gamma min(1, scale |gap|)``, the gap to the last known depth in its own unit."""

    def __init__(self, fusion: DepthFusion, motion: PerspectiveMotion) -> None:
        self.noise = DepthNoise(learns=False, judges=False)
        self._gamma, self._scale = fusion.gamma, fusion.scale
        self._last: FloatArray = np.zeros(0)

    def costs(self, plain: FloatArray, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """The paper's blend."""
        gap = np.abs(self._last[rows] - seen.depths[columns])
        return (1 - self._gamma) * plain + self._gamma * np.minimum(1.0, self._scale * gap)

    def append(self, taken: Measurements) -> None:
        """Start tracks at these depths."""
        self._last = np.concatenate([self._last, taken.depths])

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Keep those of the new depths that are known."""
        known = np.isfinite(taken.depths)
        self._last[rows[known]] = taken.depths[known]

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._last = self._last[kept]


class Kalman:
    """``(1 - gamma) plain + gamma min(1, scale |innovation| / sigma)``, against the predicted depth."""

    def __init__(self, fusion: DepthFusion, motion: PerspectiveMotion) -> None:
        self.noise = DepthNoise(learns=True, judges=False)
        self._gamma, self._scale = fusion.gamma, fusion.scale
        self._motion = motion

    def costs(self, plain: FloatArray, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """The blend in standard deviations."""
        innovation, variance = self._motion.innovation(rows, columns, seen)
        gap = np.abs(innovation) / np.sqrt(variance)
        return (1 - self._gamma) * plain + self._gamma * np.minimum(1.0, self._scale * gap)


class Adaptive:
    """``plain - gamma trust evidence / 4``, the evidence being a log-likelihood ratio with learned noise."""

    def __init__(self, fusion: DepthFusion, motion: PerspectiveMotion) -> None:
        self.noise = DepthNoise(learns=True, judges=True)
        self._gamma = fusion.gamma
        self._motion = motion

    def costs(self, plain: FloatArray, rows: Indices, columns: Indices, seen: Measurements) -> FloatArray:
        """Costs with the evidence weighed in.

        Evidence is zero where the learned variances say that depth cannot tell objects apart, and bounded
        below because any depth may be plainly wrong.
        """
        noise, recent = self.noise, self.noise.recent
        innovation, foreseen = self._motion.innovation(rows, columns, seen)
        core = recent.scale * foreseen
        different = np.maximum(noise.different.value, core)
        tail = np.clip(recent.tail_scale * foreseen, core, different)
        ratio = (1 - recent.tail_share) * np.exp(log_likelihood_ratio(innovation, core, different))
        ratio += recent.tail_share * np.exp(log_likelihood_ratio(innovation, tail, different))
        evidence = np.log(WRONG_SHARE + (1 - WRONG_SHARE) * ratio)
        return np.asarray(plain - self._gamma * noise.trust * evidence / EVIDENCE_SCALE)


TERMS: Mapping[str, Callable[[DepthFusion, PerspectiveMotion], Term]] = {
    "fixed": Fixed,
    "kalman": Kalman,
    "adaptive": Adaptive,
}
