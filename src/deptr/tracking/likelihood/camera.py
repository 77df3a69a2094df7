"""By how much the whole image moved beyond what the tracks expect, read from the boxes themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.likelihood.evidence import Pairs, mutual_best

FIRST_REACH = 0.3  # heights: standard deviation of a shift from frame to frame
LEAST_REACH = 0.02
LEAST_PAIRS = 4
LEAST_GAIN = 30.0  # nats by which all pairs together must be likelier with the shift than without
FORGETTING = 0.05  # share of the newest shift in the learned reach

Values = Callable[[Pairs], FloatArray]


class CameraShift:
    """Estimates one shift per frame; none unless all tracks together are much likelier with it.

    Attributes:
        reach: Learned standard deviation of the shift, in heights of the tracks.
    """

    def __init__(self) -> None:
        self.reach = FIRST_REACH

    def update(self, pairs: Pairs, values: Values, heights: FloatArray, shape: tuple[int, int]) -> FloatArray:
        """Shift of this frame, ``(2,)`` pixels.

        Args:
            pairs: Pairs near each other, of tracks that were seen lately and more than once.
            values: What pairs are worth, ``(P,)`` nats, none of it when negative.
            heights: ``(T,)`` pixels.
            shape: Number of tracks and of detections.
        """
        none = np.zeros(2)
        if len(pairs.rows) < LEAST_PAIRS:
            return none
        height = float(np.median(heights))
        wide = pairs.variances.copy()
        wide[:, :2] += (self.reach * height) ** 2
        wider = replace(pairs, variances=wide)
        clear = mutual_best(pairs, values(wider), shape)
        if len(clear) < LEAST_PAIRS:
            return none
        residuals, weights = pairs.errors[clear, :2], pairs.variances[clear, :2] ** -0.5
        shift = np.array([weighted_median(residuals[:, axis], weights[:, axis]) for axis in range(2)])
        if (weights**2 * shift**2).sum() < LEAST_GAIN or self._gain(pairs, shift, values, shape) < LEAST_GAIN:
            shift = none  # the first is more than a shift of unchanged pairs can gain, and quickly known
        square = self.reach**2 + FORGETTING * (float(np.mean(shift**2)) / height**2 - self.reach**2)
        self.reach = max(square**0.5, LEAST_REACH)
        return shift

    def _gain(self, pairs: Pairs, shift: FloatArray, values: Values, shape: tuple[int, int]) -> float:
        """Nats by which all pairs together are likelier after the shift."""
        moved = pairs.shifted(shift)
        return _total(moved, values(moved), shape) - _total(pairs, values(pairs), shape)


def _total(pairs: Pairs, worth: FloatArray, shape: tuple[int, int]) -> float:
    return float(worth[mutual_best(pairs, worth, shape)].sum())


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The value below which half of the weight lies.

    Example:
        >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
        2.0
    """
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])
