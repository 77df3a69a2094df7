"""Where each identity has been in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

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
        >>> [piece for piece, age in trails.segments(7, now=3.0)]
        [((10.0, 0.0), (20.0, 0.0)), ((20.0, 0.0), (30.0, 0.0))]
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

    def segments(self, track_id: int, now: float) -> Iterator[tuple[tuple[Point, Point], float]]:
        """Pieces of the line, oldest first, each with its age as a share of the memory, in [0, 1]."""
        points = list(self._points.get(track_id, ()))
        for (before, start), (after, end) in pairwise(points):
            if after - before <= self._gap:
                yield (start, end), min(1.0, max(0.0, (now - after) / self._seconds))
