"""Depth fusion: one object, given to any tracker, that says how depth takes part in the association."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.tracking.depth_state import DepthState

MODES = ("none", "fixed", "kalman", "adaptive")


@dataclass(frozen=True)
class DepthFusion:
    """How depth takes part in the association; make one with `none`, `fixed`, `kalman` or `adaptive`.

    Attributes:
        mode: One of `MODES`.
        gamma: Weight of depth in [0, 1]; 0 is the same as none.
        scale: The paper's λ: cost per unit of depth difference, used by `fixed`.

    Example:
        >>> DepthFusion.fixed(gamma=0.2, scale=0.2)
        DepthFusion(mode='fixed', gamma=0.2, scale=0.2)
    """

    mode: str
    gamma: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.mode not in MODES:
            raise UsageError(f"fusion: expected one of {', '.join(MODES)}, got {self.mode!r}")
        if not (isinstance(self.gamma, int | float) and 0 <= self.gamma <= 1):
            raise UsageError(f"gamma: expected a number in [0, 1], got {self.gamma!r}")
        if not (isinstance(self.scale, int | float) and math.isfinite(self.scale) and self.scale > 0):
            raise UsageError(f"scale: expected a positive number, got {self.scale!r}")

    @classmethod
    def none(cls) -> DepthFusion:
        """Boxes alone."""
        return cls("none", 0.0)

    @classmethod
    def fixed(cls, gamma: float = 0.2, scale: float = 1.0) -> DepthFusion:
        """The paper's blend: (1 - gamma) x IoU distance + gamma x min(1, scale x depth gap).

        Source: arXiv 2509.17323, association cost. Beyond the paper, a pair must also pass the plain
        2-D limit; without that a depth match admits pairs that do not overlap.
        """
        return cls("fixed", gamma, scale)

    @classmethod
    def kalman(cls, gamma: float = 0.4, scale: float = 0.25) -> DepthFusion:
        """As `fixed`, but against the depth that a constant-velocity filter predicts, in standard deviations.

        The distance of a pair is ``min(1, scale * |innovation| / sigma)``.
        """
        return cls("kalman", gamma, scale)

    @classmethod
    def adaptive(cls, gamma: float = 0.3) -> DepthFusion:
        """Likelihood ratio with both variances learned online: useless depth ends up ignored."""
        return cls("adaptive", gamma)

    def start(self) -> DepthState:
        """Fresh state for one tracker."""
        return DepthState(self.mode, float(self.gamma), float(self.scale))
