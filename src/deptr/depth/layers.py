"""Layers of depth: which of a box's samples lie together, and how far away the foremost large layer is."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray, IntArray

THICKNESS = 0.07  # of the coordinate of depth: samples this close together may be of one object
FOREGROUND_SHARE = 0.6  # of the heaviest layer's weight: a nearer layer this heavy is the object
REACH = 0.12  # around a layer's middle: samples that tell its depth
_UNKNOWN = 1e3  # stands for unknown coordinates behind all others
_ROW = 1e4  # puts the rows of a table one behind the other


class Layers:
    """The samples of each box in the order of their depth.

    Args:
        values: ``(N, S)`` coordinates that grow with the distance (`NearFirst`), NaN = unknown.
        weights: ``(N, S)`` how much each sample counts, 0 for those that do not.
    """

    def __init__(self, values: FloatArray, weights: FloatArray) -> None:
        known = np.isfinite(values)
        filled = np.where(known, values, _UNKNOWN)
        order = np.argsort(filled, axis=1)
        self._values = np.take_along_axis(filled, order, axis=1)
        self._order = order
        rows, samples = values.shape
        self._shift = np.arange(rows)[:, None] * _ROW
        self._flat = (self._values + self._shift).ravel()
        self._first = np.arange(rows)[:, None] * samples
        self._ends = self._places(self._values + THICKNESS)
        self.weigh(np.where(known, weights, 0.0))

    def weigh(self, weights: FloatArray) -> None:
        """Count the samples by these weights, ``(N, S)`` in the order in which they were given."""
        sums = np.zeros((len(weights), weights.shape[1] + 1))
        np.cumsum(np.take_along_axis(weights, self._order, axis=1), axis=1, out=sums[:, 1:])
        self._sums = sums

    def foremost(self, expected: FloatArray | None = None, tolerance: float = 1.0) -> FloatArray:
        """Middle of the foremost large layer of each box, ``(N,)``, NaN for a box without weight.

        Args:
            expected: ``(N,)`` where the object should be, NaN = anywhere; layers away from it weigh less.
            tolerance: Standard deviation of that.
        """
        inside = np.take_along_axis(self._sums, self._ends, axis=1) - self._sums[:, :-1]
        if expected is not None:
            away = (self._values + THICKNESS / 2 - expected[:, None]) / tolerance
            inside *= np.exp(-np.square(np.nan_to_num(away)) / 2)
        rows = np.arange(len(inside))
        largest = inside.max(axis=1)
        start = self._values[rows, (inside >= FOREGROUND_SHARE * largest[:, None]).argmax(axis=1)]
        # that layer's heaviest window begins within the window that announced it
        away = self._values - start[:, None]
        best = np.where((away >= 0) & (away <= THICKNESS), inside, -1.0).argmax(axis=1)
        middle = self._quantile(best, self._ends[rows, best], 0.5)
        return np.where(largest > 0, middle, np.nan)

    def around(self, middles: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Median and spread of the samples around a layer's middle, ``(N,)`` each, NaN without any."""
        centre = np.nan_to_num(middles, nan=_UNKNOWN)[:, None]
        first, last = self._places(np.concatenate([centre - REACH, centre + REACH], axis=1)).T
        low, median, high = (self._quantile(first, last, share) for share in (0.16, 0.5, 0.84))
        return np.where(np.isnan(middles), np.nan, median), (high - low) / 2

    def _places(self, values: FloatArray) -> IntArray:
        """For each row how many samples are at most as far as these ``(N, K)`` values."""
        places = np.searchsorted(self._flat, (values + self._shift).ravel(), side="right")
        return np.asarray(places.reshape(values.shape) - self._first)

    def _quantile(self, first: IntArray, last: IntArray, share: float) -> FloatArray:
        """Weighted quantile of the samples from one place to another, ``(N,)`` each."""
        rows = np.arange(len(first))
        before, after = self._sums[rows, first], self._sums[rows, last]
        wanted = before + share * (after - before)
        place = (self._sums[:, 1:] < wanted[:, None]).sum(axis=1)
        place = np.clip(place, first, np.maximum(last - 1, first))
        return np.asarray(self._values[rows, np.minimum(place, self._values.shape[1] - 1)])
