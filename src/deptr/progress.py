"""How long work tells of itself, without knowing whether a terminal, a log or nobody listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a long function calls after each step."""

    def resume(self, done: int) -> None:
        """Say, before the first step, that an earlier run finished so many."""

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Report a step.

        Args:
            done: Steps finished so far.
            total: Steps in all, None when it cannot be known (a camera).
            figures: Named values worth showing beside it, such as ``loss=0.31``.
        """


class SilentProgress:
    """Nobody listens.

    Example:
        >>> SilentProgress().update(1, 10, loss=0.3)
    """

    def resume(self, done: int) -> None:
        """Do nothing."""

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Do nothing."""
