"""Recipes: TOML files as dataclasses of settings, every key and type checked before work starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from deptr.errors import DataError, UsageError
from deptr.io.text_files import read_toml

SectionT = TypeVar("SectionT")


def read_recipe(path: str | Path, parse: Callable[[dict[str, Any]], SectionT]) -> SectionT:
    """Settings from a recipe, of whatever is trained.

    Args:
        path: A TOML file.
        parse: Its content to settings; a `UsageError` of it becomes one of the file.

    Raises:
        DataError: The file is missing or not TOML, or a setting cannot be meant.
    """
    content = read_toml(path)
    try:
        return parse(content)
    except UsageError as error:
        raise DataError(path, str(error)) from error


def check_limits(limits: Sequence[tuple[str, Any, bool]]) -> None:
    """Refuse the first value that is out of its range.

    Args:
        limits: Names, values and whether each is in range.

    Raises:
        UsageError: One is not.

    Example:
        >>> check_limits([("steps", 3, True), ("rate", -1, False)])
        Traceback (most recent call last):
        ...
        deptr.errors.UsageError: rate: out of range, got -1
    """
    for name, value, fine in limits:
        if not fine:
            raise UsageError(f"{name}: out of range, got {value}")


def read_section(kind: type[SectionT], content: dict[str, Any], where: str = "") -> SectionT:
    """A dataclass of settings from nested dictionaries.

    Args:
        kind: The dataclass; its fields are numbers, words, lists or dataclasses.
        content: Values by name.
        where: What stands before the names in messages.

    Raises:
        UsageError: Unknown key, missing key or wrong type.
    """
    hints = get_type_hints(kind)
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    for key in content:
        if key not in known:
            raise UsageError(f"unknown key {where + key!r}; known here: {', '.join(sorted(known))}")
    values = {}
    for name, item in known.items():
        if name in content:
            values[name] = _value(hints[name], content[name], where + name)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise UsageError(f"missing key {where + name!r}")
    return kind(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise UsageError(f"{where}: expected a table, got {value!r}")
        return read_section(hint, value, f"{where}.")
    if origin is list:
        if not isinstance(value, list):
            raise UsageError(f"{where}: expected a list, got {value!r}")
        return [_value(get_args(hint)[0], entry, f"{where}[{index}]") for index, entry in enumerate(value)]
    if origin in (Union, UnionType):
        raise TypeError(f"{where}: settings have one type each")
    legal: Any = origin or hint
    right = isinstance(value, legal) and not (isinstance(value, bool) and legal is not bool)
    if legal is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not right:
        raise UsageError(f"{where}: expected {legal.__name__}, got {value!r}")
    return value
