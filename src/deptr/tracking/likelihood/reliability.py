"""Whether a first detection is worth reporting at once: how often such ones were detected again."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices

BINS = 20
FIRST_COUNT = 4.0  # births that the first guess counts for
FIRST_SHARE = 0.4  # of births that are real, before any was seen
NEIGHBOUR = 0.5  # what a birth tells about those of a slightly other score


class BirthReliability:
    """Share of new tracks that the next frame bears out, by their detection's score.

    Scores are binned by their log-odds, because those of some detectors crowd near 1.

    Example:
        >>> reliability = BirthReliability()
        >>> reliability.learn(np.full(20, 0.9), np.ones(20, bool))
        >>> bool(reliability.share(np.array([0.9]))[0] > 0.8)
        True
    """

    def __init__(self) -> None:
        self._births: FloatArray = np.full(BINS, FIRST_COUNT)
        self._real: FloatArray = np.full(BINS, FIRST_COUNT * FIRST_SHARE)

    def learn(self, scores: FloatArray, again: BoolArray) -> None:
        """Take in what became of births, one frame later."""
        bins = _bins(scores)
        for offset, weight in ((0, 1.0), (-1, NEIGHBOUR), (1, NEIGHBOUR)):
            np.add.at(self._births, bins + offset, weight)
            np.add.at(self._real, bins + offset, weight * again)

    def share(self, scores: FloatArray) -> FloatArray:
        """Share of births of these scores that are real, ``(N,)`` in [0, 1]."""
        bins = _bins(scores)
        return np.asarray(self._real[bins] / self._births[bins])


def _bins(scores: FloatArray) -> Indices:
    sure = np.clip(scores, 0.01, 0.9999)
    bins: Indices = np.clip(np.floor(2 * np.log(sure / (1 - sure)) + 4), 1, BINS - 2).astype(np.intp)
    return bins
