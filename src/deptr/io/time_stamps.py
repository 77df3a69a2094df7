"""Times in file names, as recorders write them, and what lies nearest in time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from deptr.records import FloatArray, IntArray

T = TypeVar("T")

_SECONDS = re.compile(r"\d+\.\d+")
_WHOLE = {19: 1e-9, 16: 1e-6}  # digits since 1970 and their unit; 13 may count frames or milliseconds


def stamps_of(names: Sequence[str]) -> list[float] | None:
    """Seconds that file names tell, in their order; None where not all names are times.

    A name is a time if it is seconds with a fraction (``1305031102.175304.png``), or a whole number of nano-
    or microseconds since 1970 (``1403636579763555584.png``).

    Example:
        >>> stamps_of(["1305031102.175304.png", "1305031102.211214.png"])
        [1305031102.175304, 1305031102.211214]
        >>> [round(stamp, 4) for stamp in stamps_of(["1403636579763555584.png"])]
        [1403636579.7636]
        >>> stamps_of(["000001.png"]), stamps_of([])
        (None, None)
    """
    stamps = []
    for name in names:
        stem = Path(name).stem
        if _SECONDS.fullmatch(stem):
            stamps.append(float(stem))
        elif stem.isdecimal() and len(stem) in _WHOLE:
            stamps.append(int(stem) * _WHOLE[len(stem)])
        else:
            return None
    return stamps or None


def nearest(times: FloatArray, wanted: FloatArray, *, max_gap: float) -> IntArray:
    """Which of some times is nearest to each wanted one, -1 where none is near enough.

    Args:
        times: ``(N,)`` seconds, ascending.
        wanted: ``(M,)`` seconds.
        max_gap: Largest distance in seconds.

    Example:
        >>> nearest(np.array([0.0, 1.0, 2.0]), np.array([0.1, 1.4, 9.0]), max_gap=0.5).tolist()
        [0, 1, -1]
    """
    if not len(times):
        return np.full(len(wanted), -1)
    right = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(times) - 1)
    best = np.where(np.abs(wanted - times[left]) <= np.abs(times[right] - wanted), left, right)
    return np.where(np.abs(times[best] - wanted) <= max_gap * (1 + 1e-9), best, -1)


class NearestInTime(Generic[T]):
    """Walks along things that come in the order of their times, and holds the two around now.

    Args:
        coming: Seconds and thing, in order of time.
        max_gap: Largest distance in seconds.

    Example:
        >>> walk = NearestInTime(iter([(0.0, "a"), (1.0, "b")]), max_gap=0.5)
        >>> [walk.at(seconds) for seconds in (0.1, 0.7, 1.4, 1.6)]
        ['a', 'b', 'b', None]
    """

    def __init__(self, coming: Iterator[tuple[float, T]], *, max_gap: float) -> None:
        self._coming, self._max_gap = coming, max_gap * (1 + 1e-9)
        self._now: tuple[float, T] | None = None
        self._next = next(coming, None)

    def at(self, seconds: float) -> T | None:
        """What lies nearest, None where nothing is near enough; asked for in order of time."""
        while self._next is not None and self._next[0] <= seconds:
            self._now, self._next = self._next, next(self._coming, None)
        around = [found for found in (self._now, self._next) if found is not None]
        gap, best = min(
            ((abs(time - seconds), thing) for time, thing in around),
            key=lambda found: found[0],
            default=(float("inf"), None),
        )
        return best if gap <= self._max_gap else None
