"""Where each identity has been in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from deptr.records import FloatArray

Point = tuple[float, float]


class Trails:
    """The last points of every identity.

    Args:
        seconds: How long a point is remembered.
        gap_seconds: A longer pause between two points breaks the line.

    Example:
        >>> trails = Trails(seconds=2.0)
        >>> for second in range(4):
        ...     trails.add(7, float(second), (10.0 * second, 0.0))
        >>> [line.tolist() for line, age in trails.pieces(7, now=3.0, bands=1)]
        [[[10.0, 0.0], [20.0, 0.0], [30.0, 0.0]]]
    """

    def __init__(self, seconds: float = 3.0, gap_seconds: float = 1.5) -> None:
        self._seconds = seconds
        self._gap = gap_seconds
        self._points: dict[int, deque[tuple[float, Point]]] = {}

    def add(self, track_id: int, now: float, point: Point) -> None:
        """An identity is at `point` at the time `now`, in seconds."""
        points = self._points.setdefault(track_id, deque())
        points.append((now, point))
        while now - points[0][0] > self._seconds:
            points.popleft()

    def forget_old(self, now: float) -> None:
        """Drop identities that have not been seen for as long as points are remembered."""
        for track_id in [key for key, points in self._points.items() if now - points[-1][0] > self._seconds]:
            del self._points[track_id]

    def pieces(self, track_id: int, now: float, *, bands: int = 6) -> Iterator[tuple[FloatArray, float]]:
        """The line of an identity in pieces of similar age, oldest first.

        Args:
            track_id: The identity.
            now: Seconds.
            bands: How many pieces the memory is cut into at most.

        Yields:
            ``(M, 2)`` points, at least two, and their age as a share of the memory, in [0, 1].
        """
        known = self._points.get(track_id, ())
        if len(known) < 2:
            return
        times = np.array([time for time, _ in known])
        points = np.array([point for _, point in known])
        ages = np.clip((now - times) / self._seconds, 0, 1)
        band = np.minimum((ages * bands).astype(int), bands - 1)
        joined = np.diff(times) <= self._gap
        starts = np.flatnonzero(
            np.concatenate([[True], ~joined[1:] | (np.diff(band[1:]) != 0) | ~joined[:-1]])
        )
        for start, end in zip(starts, [*starts[1:], len(joined)], strict=True):
            if joined[start]:
                yield points[start : end + 1], float(ages[end])
