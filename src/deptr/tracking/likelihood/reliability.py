"""What detections of a score have proved to be worth in this stream."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices

BINS = 20
NEIGHBOUR = 0.5  # what a detection tells about those of a slightly other score


class ScoreShare:
    """Share of detections that some event befell, by their score.

    Scores are binned by their log-odds, because those of some detectors crowd near 1.

    Args:
        first_share: The share before anything was seen.
        first_count: Detections that this guess counts for.

    Example:
        >>> births = ScoreShare(first_share=0.4, first_count=4)
        >>> births.learn(np.full(20, 0.9), np.ones(20, bool))
        >>> bool(births.share(np.array([0.9]))[0] > 0.8)
        True
    """

    def __init__(self, *, first_share: float, first_count: float) -> None:
        self._all: FloatArray = np.full(BINS, float(first_count))
        self._those: FloatArray = np.full(BINS, float(first_count * first_share))

    def learn(self, scores: FloatArray, those: BoolArray) -> None:
        """Take in detections and whether it befell them, ``(N,)`` each."""
        bins = _bins(scores)
        self._all += _spread(np.bincount(bins, minlength=BINS))
        self._those += _spread(np.bincount(bins[those], minlength=BINS))

    def share(self, scores: FloatArray) -> FloatArray:
        """That share of detections of these scores, ``(N,)`` in [0, 1]."""
        bins = _bins(scores)
        return np.asarray(self._those[bins] / self._all[bins])


def _spread(counts: Indices) -> FloatArray:
    """Counts by bin, some of each among its neighbours."""
    spread = counts.astype(np.float64)
    spread[1:] += NEIGHBOUR * counts[:-1]
    spread[:-1] += NEIGHBOUR * counts[1:]
    return spread


def _bins(scores: FloatArray) -> Indices:
    sure = np.clip(scores, 0.01, 0.9999)
    bins: Indices = np.clip(np.floor(2 * np.log(sure / (1 - sure)) + 4), 1, BINS - 2).astype(np.intp)
    return bins
