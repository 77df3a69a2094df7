"""Depth fusion: one object, given to any tracker, that says how depth takes part in the association.

This module is the only one that knows the modes, their settings, the defaults (those of the constructors'
signatures) and the legal ranges; trackers, the command line, files and searches ask it.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.records import real_number
from deptr.tracking.parameters import Parameter, checked

MODES = ("none", "fixed", "kalman", "adaptive")
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-9, 1e9


@dataclass(frozen=True)
class DepthFusion:
    """How depth takes part in the association; make one with `none`, `fixed`, `kalman` or `adaptive`.

    Attributes:
        mode: One of `MODES`.
        gamma: Weight of depth in [0, 1]; 0 is the same as none.
        scale: The paper's λ: cost per unit of depth difference, used by `fixed` and `kalman`.

    Example:
        >>> fusion = DepthFusion.fixed(gamma=0.2, scale=0.2)
        >>> str(fusion), DepthFusion.parse(str(fusion)) == fusion
        ('fixed:gamma=0.2,scale=0.2', True)
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

    @classmethod
    def parse(cls, given: DepthFusion | str) -> DepthFusion:
        """The fusion that words name, ``mode`` or ``mode:name=number,name=number``, or a fusion itself.

        Raises:
            UsageError: Neither, no such mode or setting, or a number out of range.

        Example:
            >>> DepthFusion.parse("fixed:gamma=0.4,scale=0.2")
            DepthFusion(mode='fixed', gamma=0.4, scale=0.2)
            >>> str(DepthFusion.parse("none")), str(DepthFusion.parse("adaptive"))
            ('none', 'adaptive:gamma=0.3')
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, str):
            expected = f"a DepthFusion or one of {', '.join(MODES)}, such as 'fixed:gamma=0.2'"
            raise UsageError(f"depth: expected {expected}, got {type(given).__name__}")
        mode, _, rest = given.partition(":")
        words: dict[str, object] = {}
        for part in filter(None, (part.strip() for part in rest.split(","))):
            name, _, word = part.partition("=")
            try:
                words[name.strip()] = float(word)
            except ValueError:
                raise UsageError(f"fusion: expected {mode}:name=number,..., got {given!r}") from None
        return cls.of(mode, **words)

    @classmethod
    def of(cls, mode: str, **settings: object) -> DepthFusion:
        """A fusion from its mode and those of its settings that are not to be the default.

        Raises:
            UsageError: No such mode or setting, or a number out of range.

        Example:
            >>> DepthFusion.of("kalman", scale=0.5)
            DepthFusion(mode='kalman', gamma=0.4, scale=0.5)
        """
        values = checked(settings_of(mode), settings, f"fusion {mode}")
        fusion: DepthFusion = getattr(cls, mode)(**values)
        return fusion

    def __str__(self) -> str:
        """The words that `parse` takes."""
        words = ",".join(f"{entry.name}={getattr(self, entry.name)!r}" for entry in settings_of(self.mode))
        return f"{self.mode}:{words}" if words else self.mode


_RANGES = {  # legal ends, those of a search, and what it is
    ("fixed", "gamma"): (0, 1, (0.02, 0.8), "weight of depth"),
    ("kalman", "gamma"): (0, 1, (0.02, 1.0), "weight of depth"),
    ("adaptive", "gamma"): (0, 1, (0.05, 1.0), "weight of depth"),
    ("fixed", "scale"): (_SMALLEST_SCALE, _LARGEST_SCALE, (0.01, 5.0), "cost per unit of depth difference"),
    ("kalman", "scale"): (
        _SMALLEST_SCALE,
        _LARGEST_SCALE,
        (0.02, 2.0),
        "cost per standard deviation of depth difference",
    ),
}


def settings_of(mode: str) -> list[Parameter]:
    """What can be set in a mode, with default, ends and one line of help.

    Raises:
        UsageError: There is no such mode.

    Example:
        >>> [(entry.name, entry.default) for entry in settings_of("fixed")], settings_of("none")
        ([('gamma', 0.2), ('scale', 1.0)], [])
    """
    if mode not in MODES:
        raise UsageError(f"fusion: expected one of {', '.join(MODES)}, got {mode!r}")
    found = []
    for name, argument in inspect.signature(getattr(DepthFusion, mode)).parameters.items():
        low, high, search, text = _RANGES[mode, name]
        found.append(Parameter(name, float, argument.default, low, high, help=text, search=search))
    return found
