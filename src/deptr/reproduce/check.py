"""One line of what was checked before work starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "get", "stop"]
WORDS = {"ok": "there", "note": "note", "get": "to get", "stop": "MISSING"}


@dataclass(frozen=True)
class Check:
    """Something that was looked at.

    Attributes:
        topic: ``data``, ``weights``, ``machine``, ...
        state: ``"ok"``, ``"note"`` (work can go on, results say so), ``"get"`` (would be downloaded), or
            ``"stop"`` (work cannot start).
        text: What was found.
        todo: What to do about it, empty: nothing.
    """

    topic: str
    state: State
    text: str
    todo: str = ""

    def __str__(self) -> str:
        ending = f" ({self.todo})" if self.todo else ""
        return f"{WORDS[self.state]:>7}  {self.text}{ending}"


def stops(checks: Iterable[Check]) -> list[Check]:
    """Those that keep work from starting."""
    return [check for check in checks if check.state == "stop"]
