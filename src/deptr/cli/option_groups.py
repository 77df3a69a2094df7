"""Options of a command in groups: a dataclass for each topic, flat on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let typer see the fields of a command's dataclasses as options of their own.

    A parameter whose type is a dataclass takes in the options that are its fields, annotated as typer's
    options are. So each topic has its options, their defaults and what they mean in a module of its own.

    Example:
        >>> import typer
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Volume:
        ...     loud: bool = False
        >>> def say(word: str, volume: Volume) -> None:
        ...     print(word.upper() if volume.loud else word)
        >>> app = typer.Typer()
        >>> _ = app.command()(grouped(say))
        >>> app(["hello", "--loud"], standalone_mode=False)
        HELLO
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    flat: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if not is_dataclass(kind):
            flat.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = kind
        inner = get_type_hints(kind, include_extras=True)
        flat += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=inner[field.name],
            )
            for field in fields(kind)
        ]

    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    return run
