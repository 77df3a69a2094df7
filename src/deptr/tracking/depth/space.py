"""The space in which depths are filtered: logarithms of distances, or inverse depth in a unit of its own.

The logarithm makes equal ratios equal steps, so noise in proportion to the distance is constant and the
unit of depth never matters. Relative inverse depth has a free shift, of which there is no logarithm; it is
divided by half the range of the first depths that are known.
"""

from __future__ import annotations

import numpy as np

from deptr.records import DepthKind, FloatArray


class DepthSpace:
    """One video's space.

    Attributes:
        logarithmic: Whether coordinates are logarithms of distances.
        unit: Of relative inverse depth, in the detections' own unit; 1 until a depth is known.

    Example:
        >>> space = DepthSpace()
        >>> values, stds = space.enter(np.array([2.0, 4.0]), np.array([0.2, np.nan]), DepthKind.METRIC)
        >>> values.round(3).tolist(), stds.tolist(), space.leave(values).round(3).tolist()
        ([0.693, 1.386], [0.1, nan], [2.0, 4.0])
    """

    def __init__(self) -> None:
        self.logarithmic = True
        self.unit = 1.0
        self._measured = False

    def enter(self, depths: FloatArray, stds: FloatArray, kind: DepthKind) -> tuple[FloatArray, FloatArray]:
        """Depths and their standard deviations as coordinates, ``(N,)`` each, NaN = unknown."""
        if kind is not DepthKind.RELATIVE_INVERSE:
            positive = np.where(depths > 0, depths, np.nan)
            return np.log(positive), stds / positive
        self.logarithmic = False
        known = depths[np.isfinite(depths)]
        if not self._measured and len(known):
            self.unit = float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))
            self._measured = True
        return depths / self.unit, stds / self.unit

    def leave(self, values: FloatArray) -> FloatArray:
        """Coordinates as depths in the detections' own unit."""
        return np.exp(values) if self.logarithmic else values * self.unit

    def leave_change(self, values: FloatArray, changes: FloatArray) -> FloatArray:
        """Small changes at these coordinates, such as velocities and standard deviations, likewise."""
        return np.exp(values) * changes if self.logarithmic else changes * self.unit
