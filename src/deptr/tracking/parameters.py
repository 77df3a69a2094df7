"""Parameters of trackers: one declaration serves Python, type checkers, TOML, the command line and its help.

A tracker declares a parameter as a line of its class, ``match_cost: float = number(default=0.9, ...)``. Its
constructor takes it by that name, which type checkers and editors know (`typing.dataclass_transform`), the
object has it as an attribute, and `parameters_of_class` lists it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deptr.errors import UsageError
from deptr.records import real_number

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # of no effect at run time, and Python 3.10 has none

    def dataclass_transform(**_: object) -> object:
        """As in `typing`."""
        return lambda cls: cls


Value = float | int | bool | str


@dataclass
class Parameter:
    """What a user may know of one parameter.

    Attributes:
        name: The same word in Python, TOML and ``--param``; that of the class attribute it is assigned to.
        kind: `float`, `int`, `bool` or `str`.
        default: Value when nothing is said.
        low: Least legal number, None for words and switches.
        high: Largest legal number.
        choices: Legal words, empty for numbers and switches.
        help: One line.
        search: Ends between which `deptr tune` looks where they are narrower than the legal ones, or None.
    """

    name: str
    kind: type
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    search: tuple[float, float] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def legal(self) -> str:
        """The legal values, for people."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        return f"{'a whole number' if self.kind is int else 'a number'} in [{self.low:g}, {self.high:g}]"

    def parse(self, value: object) -> Value:
        """The value as its kind.

        Raises:
            UsageError: It is not of that kind or out of range.

        Example:
            >>> Parameter("high_score", float, 0.6, 0, 1).parse("0.5")
            0.5
        """
        try:
            parsed = self._convert(value)
        except (TypeError, ValueError):
            parsed = None
        legal = parsed is not None and (
            parsed in self.choices
            if self.choices
            else self.kind is bool or float(self.low or 0) <= float(parsed) <= float(self.high or 0)
        )
        if parsed is None or not legal:
            raise UsageError(f"{self.name}: expected {self.legal}, got {value!r}")
        return parsed

    def _convert(self, value: object) -> Value | None:
        if self.kind is bool:
            words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return value if isinstance(value, bool) else words.get(str(value).lower())
        if self.kind is str:
            return str(value)
        number = float(value) if isinstance(value, str) else real_number(value)
        if math.isnan(number) or (self.kind is int and not number.is_integer()):
            return None
        return int(number) if self.kind is int else number


def number(*, default: float, low: float, high: float, help: str) -> Any:
    """A numeric parameter; an `int` as default makes it whole."""
    return Parameter("", type(default), default, low, high, help=help)


def switch(*, default: bool, help: str) -> Any:
    """An on/off parameter."""
    return Parameter("", bool, default, help=help)


def word(*, default: str, choices: tuple[str, ...], help: str) -> Any:
    """A parameter that takes one of a few words."""
    return Parameter("", str, default, choices=choices, help=help)


@dataclass_transform(kw_only_default=True, field_specifiers=(number, switch, word))
class Declared:
    """A class whose parameters are lines of it and of the classes that it extends."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Show every parameter in the signature, and its meaning in the docstring, of a subclass."""
        super().__init_subclass__(**options)
        own = parameters_of_class(cls)
        first = [
            entry
            for entry in inspect.signature(cls.__init__).parameters.values()
            if entry.name != "self" and entry.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        rest = [
            inspect.Parameter(
                entry.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=entry.default,
                annotation=entry.kind.__name__,
            )
            for entry in own
        ]
        cls.__signature__ = inspect.Signature(first + rest)  # type: ignore[attr-defined]
        lines = [
            f"    {entry.name}: {entry.help}; {entry.legal}, by default {entry.default}" for entry in own
        ]
        cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Parameters:", *lines])


def parameters_of_class(cls: type) -> list[Parameter]:
    """Every parameter that a class declares or inherits, those that all share first."""
    found: dict[str, Parameter] = {}
    for owner in reversed(cls.__mro__):
        found |= {name: entry for name, entry in vars(owner).items() if isinstance(entry, Parameter)}
    return list(found.values())


def checked(parameters: list[Parameter], values: Mapping[str, object], owner: str) -> dict[str, Value]:
    """Values by name, strings allowed, as what their parameters say.

    Raises:
        UsageError: A name is unknown (the legal ones are listed) or a value is out of range.

    Example:
        >>> checked([Parameter("high_score", float, 0.6, 0, 1)], {"high_score": "0.5"}, "demo")
        {'high_score': 0.5}
    """
    known = {parameter.name: parameter for parameter in parameters}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(f"{owner} has no parameter {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    return {name: known[name].parse(value) for name, value in values.items()}
