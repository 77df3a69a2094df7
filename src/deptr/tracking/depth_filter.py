"""Depth of all tracks and how it changes: a constant-velocity filter in the space that suits the kind.

Metric, relative and pseudo depth are followed as logarithms: their noise is in proportion to the distance
and their unit does not matter. Relative inverse depth has a free shift, so it is followed as it is, divided
by the spread of the first depths seen, and its noise is a share of that spread.
"""

from __future__ import annotations

import numpy as np

from deptr.records import DepthKind, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.kalman import KalmanBatch


class DepthFilter:
    """Filtered depth of each track, NaN while it is unknown.

    Args:
        initial_speed: Standard deviation of a new track's depth velocity, in filter units per second.
        acceleration: Standard deviation of the change of that velocity over one second.

    Attributes:
        filters: One coordinate per track; velocities per second.
    """

    def __init__(self, *, initial_speed: float, acceleration: float) -> None:
        self.filters = KalmanBatch(coordinates=1)
        self._initial_speed = initial_speed
        self._acceleration = acceleration
        self._spread: float | None = None

    def to_filter_space(self, depths: FloatArray, kind: DepthKind) -> FloatArray:
        """Depths as this filter's coordinate; what cannot be a depth of that kind becomes NaN.

        Example:
            >>> depth_filter = DepthFilter(initial_speed=1.0, acceleration=1.0)
            >>> depth_filter.to_filter_space(np.array([1.0, -1.0]), DepthKind.METRIC)
            array([ 0., nan])
        """
        if kind is not DepthKind.RELATIVE_INVERSE:
            return np.log(np.where(depths > 0, depths, np.nan))
        if self._spread is None:
            known = depths[np.isfinite(depths)]
            if len(known):
                self._spread = float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))
        return depths / (self._spread or 1.0)

    def noise_to_filter_space(self, stds: FloatArray, depths: FloatArray, kind: DepthKind) -> FloatArray:
        """Standard deviations of depths as those of the filter's coordinate."""
        scale = (self._spread or 1.0) if kind is DepthKind.RELATIVE_INVERSE else np.maximum(depths, 1e-9)
        return np.asarray(stds / scale)

    @property
    def mean(self) -> FloatArray:
        """``(T,)`` depth of each track in filter space, NaN = unknown."""
        return self.filters.mean[:, 0]

    @property
    def variance(self) -> FloatArray:
        """``(T,)`` its variance."""
        return self.filters.covariance[0, :, 0]

    def depths(self, kind: DepthKind) -> FloatArray:
        """``(T,)`` depth of each track in the detections' own unit, NaN = unknown."""
        if kind is DepthKind.RELATIVE_INVERSE:
            return self.mean * (self._spread or 1.0)
        return np.exp(self.mean)

    def append(self, values: FloatArray, variances: FloatArray) -> None:
        """Start tracks at these values of filter space, NaN allowed."""
        speed = np.full((len(values), 1), self._initial_speed**2)
        self.filters.append(values[:, None].copy(), np.broadcast_to(variances, values.shape)[:, None], speed)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.filters.select(kept)

    def predict(self, seconds: float) -> None:
        """Move all depths ahead; white acceleration, integrated over the step."""
        power = self._acceleration**2
        filters = self.filters
        filters.predict(seconds, np.array([power * seconds**3 / 3]), np.array([power * seconds]))
        filters.covariance[1] += power * seconds**2 / 2

    def correct(self, rows: Indices, values: FloatArray, variances: FloatArray) -> None:
        """Take measured values in; a track without depth starts at its first known one."""
        filters = self.filters
        fresh = np.isnan(filters.mean[rows, 0]) & np.isfinite(values)
        filters.correct(rows, values[:, None], variances[:, None])
        new = rows[fresh]
        filters.mean[new, 0], filters.velocity[new, 0] = values[fresh], 0.0
        filters.covariance[:, new, 0] = np.stack(
            [variances[fresh], np.zeros(len(new)), np.full(len(new), self._initial_speed**2)]
        )
