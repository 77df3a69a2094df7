"""Parameters of trackers: one declaration serves Python, TOML, the command line and its help."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from deptr.errors import UsageError
from deptr.records import real_number

P = TypeVar("P", bound="TrackerParameters")


@dataclass(frozen=True)
class Parameter:
    """What a user may know of one parameter.

    Attributes:
        name: The same word in Python, TOML and ``--param``.
        kind: `float`, `int`, `bool` or `str`.
        default: Value when nothing is said.
        low: Least legal number, None for words and switches.
        high: Largest legal number.
        choices: Legal words, empty for numbers and switches.
        help: One line.
    """

    name: str
    kind: type
    default: float | int | bool | str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    help: str

    @property
    def legal(self) -> str:
        """The legal values, for people."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        return f"{'a whole number' if self.kind is int else 'a number'} in [{self.low:g}, {self.high:g}]"

    def parse(self, value: object) -> float | int | bool | str:
        """The value as its kind.

        Raises:
            UsageError: It is not of that kind or out of range.

        Example:
            >>> Parameter("high_score", float, 0.6, 0, 1, (), "").parse("0.5")
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

    def _convert(self, value: object) -> float | int | bool | str | None:
        if self.kind is bool:
            words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return value if isinstance(value, bool) else words.get(str(value).lower())
        if self.kind is str:
            return str(value)
        number = float(value) if isinstance(value, str) else real_number(value)
        if math.isnan(number) or (self.kind is int and not number.is_integer()):
            return None
        return int(number) if self.kind is int else number


def number(default: float, low: float, high: float, text: str) -> Any:
    """A numeric field of a parameter class; an `int` default and annotation make it whole."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "help": text})


def switch(default: bool, text: str) -> Any:
    """An on/off field of a parameter class."""
    return dataclasses.field(default=default, metadata={"help": text})


def word(default: str, choices: tuple[str, ...], text: str) -> Any:
    """A field that takes one of a few words."""
    return dataclasses.field(default=default, metadata={"choices": choices, "help": text})


@dataclass(frozen=True)
class TrackerParameters:
    """What every tracker understands; each tracker's own class adds to it."""

    low_score: float = number(0.1, 0, 1, "detections below this are ignored")
    high_score: float = number(0.6, 0, 1, "detections above this take part in the first association")
    new_score: float = number(0.7, 0, 1, "an unmatched detection starts a track from this score on")
    lost_seconds: float = number(1.0, 0, 3600, "how long a track that is not seen is remembered")
    confirm_frames: int = number(2, 1, 1000, "matched frames before a track is reported")
    sure_score: float = number(1.0, 0, 1, "a track detected above this score is reported without waiting")
    boxes: str = word(
        "adaptive",
        ("observed", "filtered", "adaptive"),
        "reported box: the detection's, the filter's, or the better by learned box noise",
    )
    class_agnostic: bool = switch(True, "let a track change its class")
    camera_motion: bool = switch(False, "compensate camera motion from the frames (needs frames)")
    panorama: bool = switch(False, "360 degree image whose left and right border touch")
    panorama_width: int = number(0, 0, 1_000_000, "width of the panorama in pixels, 0 = that of the frames")


def parameters_of_class(cls: type[TrackerParameters]) -> list[Parameter]:
    """Every parameter of a parameter class, in the order of declaration."""
    kinds = {"float": float, "int": int, "bool": bool, "str": str}
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(cls)}
    return [
        Parameter(
            field.name,
            kinds[str(field.type)],
            defaults[field.name],
            field.metadata.get("low"),
            field.metadata.get("high"),
            field.metadata.get("choices", ()),
            field.metadata["help"],
        )
        for field in dataclasses.fields(cls)
    ]


def build(cls: type[P], values: Mapping[str, object], owner: str) -> P:
    """A parameter object from names and values, strings allowed.

    Raises:
        UsageError: A name is unknown (the legal ones are listed) or a value is out of range.

    Example:
        >>> build(TrackerParameters, {"high_score": "0.5"}, "demo").high_score
        0.5
    """
    known = {parameter.name: parameter for parameter in parameters_of_class(cls)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(f"{owner} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    parsed: dict[str, Any] = {name: known[name].parse(value) for name, value in values.items()}
    return cls(**parsed)
