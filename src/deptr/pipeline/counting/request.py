"""What is asked about counting: lines and zones of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.pipeline.spelling import Spelling

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class CountRequest:
    """What is asked about counting.

    Attributes:
        lines: Each of two points in pixels, as ``"x1,y1,x2,y2"`` or as numbers.
        zones: Each of three points or more, in the order of the edge.
    """

    lines: Sequence[str | Sequence[float]] = ()
    zones: Sequence[str | Sequence[float]] = ()

    def check(self, spelling: Spelling) -> None:
        """See that every line and zone is one.

        Raises:
            UsageError: One is not.
        """
        self.shapes(spelling)

    def shapes(self, spelling: Spelling) -> tuple[list[Points], list[Points]]:
        """Points of the lines and of the zones.

        Raises:
            UsageError: One is not as many numbers as it needs, or a line has no length.

        Example:
            >>> CountRequest(lines=["0,100,200,100"]).shapes(Spelling())
            ([((0.0, 100.0), (200.0, 100.0))], [])
        """
        lines = [_points(given, spelling.choice("line"), "x1,y1,x2,y2", 2, 2) for given in self.lines]
        zones = [_points(given, spelling.choice("zone"), "x,y,x,y,x,y,...", 3, 1000) for given in self.zones]
        for start, end in lines:
            if start == end:
                raise UsageError(f"{spelling.choice('line')}: expected two points, got one twice: {start}")
        return lines, zones


def _points(given: str | Sequence[float], option: str, form: str, least: int, most: int) -> Points:
    words = given.split(",") if isinstance(given, str) else list(given)
    try:
        numbers = [float(word) for word in words]
    except (TypeError, ValueError):
        numbers = []
    count = len(numbers) // 2
    whole = len(numbers) % 2 == 0 and least <= count <= most and all(map(math.isfinite, numbers))
    if not whole:
        raise UsageError(f"{option}: expected {form} in pixels, got {given!r}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
