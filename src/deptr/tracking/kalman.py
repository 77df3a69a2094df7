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
        self.mean: FloatArray = np.zeros((0, coordinates))
        self.velocity: FloatArray = np.zeros((0, coordinates))
        self.covariance: FloatArray = np.zeros((3, 0, coordinates))
        self.version = 0

    def __len__(self) -> int:
        return len(self.mean)

    def append(self, mean: FloatArray, position_variance: FloatArray, velocity_variance: FloatArray) -> None:
        """Start filters at rest, all arrays ``(N, K)``."""
        self.version += 1
        block = np.stack([position_variance, np.zeros_like(mean), velocity_variance])
        self.mean = np.concatenate([self.mean, mean])
        self.velocity = np.concatenate([self.velocity, np.zeros_like(mean)])
        self.covariance = np.concatenate([self.covariance, block], axis=1)

    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""
        self.version += 1
        self.mean = self.mean[kept]
        self.velocity = self.velocity[kept]
        self.covariance = self.covariance[:, kept]

    def state(self, rows: Indices) -> FloatArray:
        """Mean, velocity and the three covariance arrays of these filters, ``(5, N, K)``."""
        return np.concatenate([self.mean[None, rows], self.velocity[None, rows], self.covariance[:, rows]])

    def put(self, rows: Indices, state: FloatArray) -> None:
        """Set these filters to what `state` gave."""
        self.version += 1
        self.mean[rows], self.velocity[rows] = state[0], state[1]
        self.covariance[:, rows] = state[2:]

    def predict(
        self, step: float | FloatArray, position_noise: FloatArray, velocity_noise: FloatArray
    ) -> None:
        """Move all filters `step` units of time ahead.

        Args:
            step: Time passed, in the unit of `velocity`; a number or ``(T, 1)``.
            position_noise: ``(T, K)`` or broadcastable variance added to the position.
            velocity_noise: ``(T, K)`` or broadcastable variance added to the velocity.
        """
        self.version += 1
        position, cross, velocity = self.covariance
        self.mean += step * self.velocity
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
        block = self.covariance[:, rows]
        position, cross, velocity = block
        innovation = measured - self.mean[rows]
        total = position + variance
        gain, velocity_gain = position / total, cross / total
        known = np.isfinite(innovation)
        if not known.all():
            gain, velocity_gain = np.where(known, gain, 0.0), np.where(known, velocity_gain, 0.0)
            innovation = np.where(known, innovation, 0.0)
        self.mean[rows] += gain * innovation
        self.velocity[rows] += velocity_gain * innovation
        velocity -= velocity_gain * cross
        gain = 1 - gain
        cross *= gain
        position *= gain
        self.covariance[:, rows] = block
