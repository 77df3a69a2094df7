"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Seconds = dict[str, float]  # stage -> seconds so far


@contextmanager
def timed(seconds: Seconds, stage: str) -> Iterator[None]:
    """Add the time of the block to a stage.

    Example:
        >>> seconds = {}
        >>> with timed(seconds, "nap"):
        ...     time.sleep(0.001)
        >>> seconds["nap"] >= 0.001
        True
    """
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start


def timed_items(items: Iterable[T], seconds: Seconds, stage: str) -> Generator[T, None, None]:
    """The same items; the time that making them takes is added to a stage."""
    iterator = iter(items)
    while True:
        with timed(seconds, stage):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
