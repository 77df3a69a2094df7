"""Which parameters a search may turn, and how far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from deptr.errors import UsageError
from deptr.tracking.depth.fusion import settings_of
from deptr.tracking.parameters import Parameter
from deptr.tracking.registry import parameters_of

# they need images, change what is tracked, or are no question of accuracy
NOT_SEARCHED = frozenset({"camera_motion", "panorama", "panorama_width", "class_agnostic", "low_score"})
# sensible ends where the legal range is far wider than anybody would search
RANGES: Mapping[str, tuple[float, float]] = {
    "high_score": (0.3, 0.95),
    "new_score": (0.3, 0.98),
    "lost_seconds": (0.2, 5.0),
    "confirm_frames": (1, 5),
}
WIDE = 5.0  # a range this many times its lower end is searched on a logarithmic scale


@dataclass(frozen=True)
class Dimension:
    """One parameter of a search.

    Attributes:
        name: Its name; the fusion's begin with `FUSION`.
        default: Its default.
        low: Lower end, None for words and switches.
        high: Upper end.
        whole: Whether it is a whole number.
        choices: Words or switch positions.
    """

    FUSION: ClassVar[str] = "fusion."

    name: str
    default: Any
    low: float | None = None
    high: float | None = None
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def logarithmic(self) -> bool:
        """Whether steps near the lower end are smaller."""
        return bool(self.low and self.high and self.high / self.low > WIDE and self.high > 1)

    def suggest(self, trial: Any) -> Any:
        """A value of this parameter for an Optuna trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.name, int(self.low or 0), int(self.high or 0))
        return trial.suggest_float(self.name, self.low, self.high, log=self.logarithmic)

    def nearest(self, value: Any) -> Any:
        """The searched value nearest to `value`.

        Example:
            >>> Dimension("gamma", 0.5, 0.1, 0.8).nearest(1.0)
            0.8
        """
        if self.choices:
            return value if value in self.choices else self.default
        clipped = min(max(float(value), float(self.low or 0)), float(self.high or 0))
        return int(clipped) if self.whole else clipped


def dimensions(
    tracker: str, fusion: str, *, only: Iterable[str] = (), fixed: Iterable[str] = ()
) -> list[Dimension]:
    """Parameters to search for a tracker with a fusion.

    Args:
        tracker: Name in the registry.
        fusion: Mode of the fusion; its own parameters are always searched.
        only: Names of the tracker's parameters to search; empty means all that can be.
        fixed: Names that keep their value.

    Raises:
        UsageError: No such tracker, fusion or parameter, or nothing is left to search.

    Example:
        >>> [entry.name for entry in dimensions("bytetrack", "adaptive", only=["high_score"])]
        ['high_score', 'fusion.gamma']
    """
    settings = settings_of(fusion)
    can = {entry.name: entry for entry in parameters_of(tracker) if entry.name not in NOT_SEARCHED}
    wanted = list(only) or list(can)
    unknown = [name for name in wanted if name not in can]
    if unknown:
        raise UsageError(f"search: {tracker} can search {', '.join(can)}; got {', '.join(unknown)}")
    kept = set(fixed)
    found = [_dimension(can[name]) for name in wanted if name not in kept]
    found += [replace(_dimension(entry), name=f"{Dimension.FUSION}{entry.name}") for entry in settings]
    if not found:
        raise UsageError("search: every parameter is fixed, nothing is left to search")
    return found


def _dimension(parameter: Parameter) -> Dimension:
    if parameter.choices:
        return Dimension(parameter.name, parameter.default, choices=parameter.choices)
    if parameter.kind is bool:
        return Dimension(parameter.name, parameter.default, choices=(False, True))
    default = float(parameter.default)
    legal_low, legal_high = float(parameter.low or 0), float(parameter.high or 0)
    narrow = parameter.search or RANGES.get(parameter.name)
    low, high = narrow or (legal_low, legal_high)
    if narrow is None and legal_high > 1:
        low, high = max(legal_low, default / 4), min(legal_high, 4 * default) or legal_high
    whole = parameter.kind is int
    return Dimension(parameter.name, int(default) if whole else default, low, high, whole)
