"""How the command line talks: progress, results and warnings."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from deptr.progress import Progress

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_DRAWINGS = 0.1


@contextmanager
def progress(label: str, *, stream: IO[str] | None = None) -> Iterator[Progress]:
    """Progress for people: a bar with rate and time left on a terminal, a line now and then elsewhere.

    Args:
        label: What is being done, in one word or two.
        stream: Where to write; the standard error by default, so that results can be piped.

    Example:
        >>> with progress("count") as report:
        ...     for step in range(3):
        ...         report.update(step + 1, 3)
    """
    out = sys.stderr if stream is None else stream
    if out.isatty():
        with _bar(label, out) as bar:
            yield bar
        return
    lines = PlainProgress(label, out)
    try:
        yield lines
    finally:
        lines.finish()


class PlainProgress:
    """Progress as lines of text, at most one every few seconds and one at the end."""

    def __init__(self, label: str, stream: IO[str], *, every: float = _SECONDS_BETWEEN_LINES) -> None:
        self._label = label
        self._stream = stream
        self._every = every
        self._start = self._shown_at = time.monotonic()
        self._before = 0
        self._last: tuple[int, int | None, dict[str, float | str]] | None = None
        self._shown = True

    def resume(self, done: int) -> None:
        """Leave what an earlier run finished out of the rate."""
        self._start, self._before = time.monotonic(), done

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Report a step."""
        self._last, self._shown = (done, total, figures), False
        if time.monotonic() - self._shown_at >= self._every:
            self._show()

    def finish(self) -> None:
        """Report the last step, if it was not."""
        if not self._shown:
            self._show()

    def _show(self) -> None:
        if self._last is None:
            return
        done, total, figures = self._last
        self._shown, self._shown_at = True, time.monotonic()
        rate = (done - self._before) / max(self._shown_at - self._start, 1e-9)
        parts = [f"{done}/{total}" if total else str(done), f"{rate:.1f}/s"]
        if total and self._before < done < total:
            parts.append(f"{_duration((total - done) / max(rate, 1e-9))} left")
        parts += _words(figures)
        self._stream.write(f"{self._label}: {', '.join(parts)}\n")
        self._stream.flush()


class _BarProgress:
    """Progress as rich's bar."""

    def __init__(self, display: Any, task: Any) -> None:
        self._display = display
        self._task = task
        self._start = time.monotonic()
        self._before = 0
        self._drawn = 0.0

    def resume(self, done: int) -> None:
        """Leave what an earlier run finished out of the rate."""
        self._start, self._before = time.monotonic(), done
        self._display.update(self._task, completed=done)

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Report a step; drawing waits for its turn."""
        now = time.monotonic()
        if now - self._drawn < _SECONDS_BETWEEN_DRAWINGS and done != total:
            return
        self._drawn = now
        rate = f"{(done - self._before) / max(now - self._start, 1e-9):.1f}/s"
        self._display.update(
            self._task, completed=done, total=total, rate=rate, figures="  ".join(_words(figures))
        )


@contextmanager
def _bar(label: str, stream: IO[str]) -> Iterator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("[bold]{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[rate]}"),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("[dim]{task.fields[figures]}"),
    )
    with rich_progress.Progress(*columns, console=Console(file=stream)) as display:
        yield _BarProgress(display, display.add_task(label, total=None, rate="", figures=""))


def _words(figures: dict[str, float | str]) -> list[str]:
    return [
        f"{name} {value if isinstance(value, str) else format(value, '.4g')}"
        for name, value in figures.items()
    ]


def _duration(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> _duration(3.2), _duration(75), _duration(7300)
        ('3 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
