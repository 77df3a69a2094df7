"""How far all depths of a frame moved at once, and how far they may have where too few tell."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.depth.common_shift import SHIFT_PAIRS, TILT_PAIRS, common_shift

FIRST_FRAMES = 5.0  # in which depths are thought to have stayed, before any was seen
MEMORY = 100.0  # frames that are remembered


class DepthDrift:
    """Follows the common motion of depths, and learns how large it is.

    Example:
        >>> drift, places, small = DepthDrift(), np.arange(8.0), np.full(8, 1e-4)
        >>> moves, doubts = drift.follow(np.full(8, 0.1), small, places, places)
        >>> moves.round(3).tolist()[:2], bool(doubts.any())
        ([0.099, 0.099], False)
        >>> moves, doubts = drift.follow(np.full(1, 0.1), small[:1], places[:1], places)
        >>> bool(moves.any()), doubts.round(4).tolist()[:2]
        (False, [0.0017, 0.0017])
    """

    def __init__(self) -> None:
        self._squares, self._seen = np.zeros(2), np.zeros(2, bool)
        self._frames = np.full(2, FIRST_FRAMES)

    def follow(
        self, differences: FloatArray, variances: FloatArray, told: FloatArray, places: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """What one frame tells.

        Args:
            differences: ``(N,)`` measured minus foreseen depth of pairs that boxes alone choose.
            variances: ``(N,)`` that they would have without any drift.
            told: ``(N,)`` where these stand in the image, from left to right.
            places: ``(T,)`` where all tracks do.

        Returns:
            By how much the depth of each track moves, and the variance of what could not be seen, ``(T,)``.
        """
        shift, tilt, middle = common_shift(differences, told)
        width = max(float(np.ptp(places)), 1e-9) if len(places) else 1.0
        moves, doubts = np.zeros(len(places)), np.zeros(len(places))
        parts = (
            (shift, SHIFT_PAIRS, np.ones(len(places))),
            (tilt * width, TILT_PAIRS, (places - middle) / width),
        )
        for index, (size, least, lever) in enumerate(parts):
            if len(differences) < least:
                doubts += self._squares[index] * lever**2 if self._seen[index] else 0.0
                continue
            self._frames[index] = min(self._frames[index] + 1, MEMORY)
            self._squares[index] += (size**2 - self._squares[index]) / self._frames[index]
            square, error = self._squares[index], float(np.median(variances)) / len(differences)
            self._seen[index] = square > error
            if self._seen[index]:
                moves += size * lever * square / (square + error)
        return moves, doubts
