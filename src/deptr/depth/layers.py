"""Layers of depth: which of a box's samples lie together, and how far away the heaviest layers are."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray, IntArray

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
        rows, samples = values.shape
        self._order, self._rows = order, np.arange(rows)[:, None]
        self._values = filled[self._rows, order]
        self._shift = np.arange(rows)[:, None] * _ROW
        self._flat = (self._values + self._shift).ravel()
        self._first = np.arange(rows)[:, None] * samples
        self._known = known
        self.weigh(weights)

    def weigh(self, weights: FloatArray) -> None:
        """Count the samples by these weights, ``(N, S)`` in the order in which they were given."""
        sums = np.zeros((len(weights), weights.shape[1] + 1))
        ordered = np.where(self._known, weights, 0.0)[self._rows, self._order]
        np.cumsum(ordered, axis=1, out=sums[:, 1:])
        self._sums = sums

    def heaviest(self, count: int, thickness: float) -> FloatArray:
        """Middles of the heaviest layers of each box, ``(N, count)``, the heaviest first.

        Boxes with fewer layers have NaN behind their last.

        Args:
            count: How many.
            thickness: Of a layer: samples this close together may be of one object.
        """
        ends = self._places(self._values + thickness)
        inside = self._sums[self._rows, ends] - self._sums[:, :-1]
        rows = np.arange(len(inside))
        first = np.zeros((len(inside), count), np.intp)
        weight = np.zeros((len(inside), count))
        for column in range(count):
            best = inside.argmax(axis=1)
            first[:, column], weight[:, column] = best, inside[rows, best]
            away = self._values - self._values[rows, best][:, None]
            inside[(away > -1.5 * thickness) & (away < 0.5 * thickness)] = 0.0
        middles = self._quantiles(first, ends[self._rows, first], 0.5)
        return np.where(weight > 0, middles, np.nan)

    def around(self, middles: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Median and spread of the samples around a layer's middle, ``(N,)`` each, NaN without any."""
        centre = np.nan_to_num(middles, nan=_UNKNOWN)[:, None]
        places = self._places(np.concatenate([centre - REACH, centre + REACH], axis=1))
        low, median, high = self._quantiles(places[:, :1], places[:, 1:], np.array([0.16, 0.5, 0.84])).T
        return np.where(np.isnan(middles), np.nan, median), (high - low) / 2

    def _places(self, values: FloatArray) -> IntArray:
        """For each row how many samples are at most as far as these ``(N, K)`` values."""
        places = np.searchsorted(self._flat, (values + self._shift).ravel(), side="right")
        return np.asarray(places.reshape(values.shape) - self._first)

    def _quantiles(self, first: IntArray, last: IntArray, shares: FloatArray | float) -> FloatArray:
        """Weighted quantiles of the samples from some places to others, ``(N, K)``."""
        before = self._sums[self._rows, first]
        wanted = before + shares * (self._sums[self._rows, last] - before)
        place = (self._sums[:, None, 1:] < wanted[:, :, None]).sum(axis=2)
        place = np.clip(place, first, np.maximum(last - 1, first))
        return np.asarray(self._values[self._rows, np.minimum(place, self._values.shape[1] - 1)])
