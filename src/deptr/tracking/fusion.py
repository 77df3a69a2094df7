"""Depth fusion: one object, given to any tracker, that says how depth takes part in the association."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.records import real_number
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
        gamma, scale = real_number(self.gamma), real_number(self.scale)
        if not 0 <= gamma <= 1:
            raise UsageError(f"gamma: expected a number in [0, 1], got {self.gamma!r}")
        if not (math.isfinite(scale) and scale > 0):
            raise UsageError(f"scale: expected a positive number, got {self.scale!r}")
        object.__setattr__(self, "gamma", gamma)
        object.__setattr__(self, "scale", scale)

    @classmethod
    def of(cls, given: DepthFusion | str) -> DepthFusion:
        """A fusion itself, or the one that words name: ``mode`` or ``mode:name=number,name=number``.

        Raises:
            UsageError: Neither, no such mode or setting, or a number out of range.

        Example:
            >>> DepthFusion.of("fixed:gamma=0.4,scale=0.2")
            DepthFusion(mode='fixed', gamma=0.4, scale=0.2)
            >>> DepthFusion.of("none").mode
            'none'
        """
        if isinstance(given, cls):
            return given
        modes = ", ".join(MODES)
        if not isinstance(given, str):
            expected = f"a DepthFusion or one of {modes}, such as 'fixed:gamma=0.2'"
            raise UsageError(f"depth: expected {expected}, got {type(given).__name__}")
        mode, _, rest = given.partition(":")
        if mode not in MODES:
            raise UsageError(f"fusion: expected one of {modes}, got {given!r}")
        settings: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in rest.split(","))):
            name, _, word = part.partition("=")
            try:
                settings[name.strip()] = float(word)
            except ValueError:
                raise UsageError(f"fusion: expected {mode}:name=number,..., got {given!r}") from None
        try:
            fusion: DepthFusion = getattr(cls, mode)(**settings)
        except TypeError:
            raise UsageError(
                f"fusion: {mode} has no parameter {', '.join(settings)} (in {given!r})"
            ) from None
        return fusion

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
        return DepthState(self.mode, self.gamma, self.scale)
