"""One Kalman filter for all tracks at once: each coordinate with its own constant velocity.

None of the followed trackers couples its coordinates, so an 8 x 8 covariance is four 2 x 2 blocks. Held
as arrays over tracks, a step is a dozen array operations whatever the number of tracks.
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices


class KalmanBatch:
    """Independent constant-velocity filters over ``(tracks, coordinates)``.

    Attributes:
        mean: ``(T, K)`` position of each coordinate.
        velocity: ``(T, K)`` change of the position per unit of time.
        covariance: ``(3, T, K)`` variance of the position, covariance, variance of the velocity.
        version: Grows with every change, for those who keep what they computed from the states.

    Example:
        >>> filters = KalmanBatch(coordinates=1)
        >>> filters.append(np.array([[0.0]]), np.array([[1.0]]), np.array([[1.0]]))
        >>> filters.predict(1.0, np.array([[0.0]]), np.array([[0.0]]))
        >>> filters.correct(np.array([0]), np.array([[2.0]]), np.array([[2.0]]))
        >>> filters.mean.tolist(), filters.velocity.tolist()
        ([[1.0]], [[0.5]])
    """

    def __init__(self, coordinates: int) -> None:
        self.version = 0
        self._hold(np.zeros((5, 0, coordinates)))

    def __len__(self) -> int:
        return len(self.mean)

    def _hold(self, state: FloatArray) -> None:
        """All numbers lie in one array, ``(5, T, K)``: a few rows are read and written in one step."""
        self._state = state
        self.mean: FloatArray = state[0]
        self.velocity: FloatArray = state[1]
        self.covariance: FloatArray = state[2:]

    def __getstate__(self) -> tuple[int, FloatArray]:
        return self.version, self._state

    def __setstate__(self, saved: tuple[int, FloatArray]) -> None:
        """A copy's means are parts of its own array too."""
        self.version = saved[0]
        self._hold(saved[1])

    def append(self, mean: FloatArray, position_variance: FloatArray, velocity_variance: FloatArray) -> None:
        """Start filters at rest, all arrays ``(N, K)``."""
        self.version += 1
        still = np.zeros_like(mean)
        block = np.stack([mean, still, position_variance, still, velocity_variance])
        self._hold(np.concatenate([self._state, block], axis=1))

    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""
        self.version += 1
        self._hold(self._state.take(kept, 1))

    def state(self, rows: Indices) -> FloatArray:
        """Mean, velocity and the three covariance arrays of these filters, ``(5, N, K)``."""
        return self._state.take(rows, 1)

    def put(self, rows: Indices, state: FloatArray) -> None:
        """Set these filters to what `state` gave."""
        self.version += 1
        self._state[:, rows] = state

    def predict(
        self, step: float | FloatArray, position_noise: FloatArray, velocity_noise: FloatArray
    ) -> None:
        """Move all filters `step` units of time ahead.

        Args:
            step: Time passed, in the unit of `velocity`; a number or ``(T, 1)``.
            position_noise: ``(T, K)`` or broadcastable variance added to the position.
            velocity_noise: ``(T, K)`` or broadcastable variance added to the velocity.
        """
        self.mean += step * self.velocity
        self.spread(step, position_noise, velocity_noise)

    def spread(
        self, step: float | FloatArray, position_noise: FloatArray, velocity_noise: FloatArray
    ) -> None:
        """What `predict` does to the variances, for those who move the states themselves."""
        self.version += 1
        position, cross, velocity = self.covariance
        position += 2 * step * cross + step * step * velocity + position_noise
        cross += step * velocity
        velocity += velocity_noise

    def correct(self, rows: Indices, measured: FloatArray, variance: FloatArray) -> None:
        """Take a measurement in.

        Args:
            rows: ``(N,)`` filters that were measured, each at most once.
            measured: ``(N, K)`` positions; NaN leaves that coordinate as predicted.
            variance: ``(N, K)`` or broadcastable variance of the measurement.
        """
        self.version += 1
        state = self._state.take(rows, 1)
        mean, speed, position, cross, velocity = state
        innovation = measured - mean
        total = position + variance
        gain, velocity_gain = position / total, cross / total
        known = np.isfinite(innovation)
        if not known.all():
            gain, velocity_gain = np.where(known, gain, 0.0), np.where(known, velocity_gain, 0.0)
            innovation = np.where(known, innovation, 0.0)
        mean += gain * innovation
        speed += velocity_gain * innovation
        velocity -= velocity_gain * cross
        gain = 1 - gain
        cross *= gain
        position *= gain
        self._state[:, rows] = state
