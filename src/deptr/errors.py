"""Errors that tell what is wrong, where, what was expected, what was found and what to do.

Everything the package raises on purpose derives from `DeptrError`; the command line prints its text
without a traceback and exits with `exit_code` (2 for a wrong request, 1 for a failure).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class DeptrError(Exception):
    """Base of all errors that the package raises on purpose."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel whole between processes, whatever the constructor takes."""
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(kind: type[DeptrError], arguments: tuple[Any, ...], state: dict[str, Any]) -> DeptrError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class InputWarning(UserWarning):
    """Input that was put right or left out: what was found, what was done and what is expected."""


class UsageError(DeptrError, ValueError):
    """An argument, option or parameter that cannot be meant.

    Example:
        >>> raise UsageError("gamma: expected a number in [0, 1], got 1.5")
        Traceback (most recent call last):
        ...
        deptr.errors.UsageError: gamma: expected a number in [0, 1], got 1.5
    """

    exit_code = 2


class MissingExtraError(DeptrError, ImportError):
    """A feature whose optional dependency is not installed.

    Args:
        feature: What was asked for.
        extra: Extra of this package that brings it.
        install: Without such an extra: the command that installs what is needed.
    """

    exit_code = 2

    def __init__(self, feature: str, extra: str = "", *, install: str = "") -> None:
        needed = f"the extra {extra!r}: pip install 'deptr-mot[{extra}]'"
        super().__init__(f"{feature} needs {needed if extra else f'a package of its own: {install}'}")


class DataError(DeptrError, ValueError):
    """A file, folder or stream whose content is not what it should be.

    Args:
        source: The file, folder, address or device.
        problem: What is wrong, in one clause.
        line: Line of a text file, from 1.
        expected: What would have been right.
        found: What was there.
        hint: What the user can do about it.

    Example:
        >>> print(DataError("det.txt", "wrong number of columns", line=3, expected="7 or 10", found="5"))
        det.txt, line 3: wrong number of columns: expected 7 or 10, found 5
        >>> import pickle
        >>> pickle.loads(pickle.dumps(DataError("det.txt", "empty", line=1))).line
        1
    """

    def __init__(
        self,
        source: str | Path,
        problem: str,
        *,
        line: int | None = None,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.source = str(source)
        self.problem = problem
        self.line = line
        where = self.source if line is None else f"{self.source}, line {line}"
        text = f"{where}: {problem}"
        details = [f"{word} {value}" for word, value in (("expected", expected), ("found", found)) if value]
        if details:
            text += ": " + ", ".join(details)
        if hint:
            text += f" ({hint})"
        super().__init__(text)
