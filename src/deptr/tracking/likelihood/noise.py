"""How noisy a stream is, learned while tracking: measurement, acceleration and speed of each coordinate.

The second difference of an object's positions at a time lag t has the variance ``6 R + 2/3 q t^3``: R is the
variance of a measurement, q the power of a white acceleration. Two lags, t and 2t, give both. With t around
a third of a second this does not depend on the frame rate: swinging limbs and trembling boxes count as
measurement noise although they last for several frames, and only what really changes the course of an
object counts as acceleration. Noise read from one frame to the next takes one for the other, follows every
tremble and predicts badly whoever is hidden for a second.
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices

COORDINATES = 5  # centre u, centre v, log height, log aspect, depth in filter space
DEPTH = 4

# First guesses as standard deviations: the place in heights, the others in logarithms.
MEASUREMENT = np.array([0.04, 0.04, 0.03, 0.1, 0.02])
ACCELERATION = np.array([0.5, 0.25, 0.2, 0.5, 0.1])  # per s^1.5
SPEED = np.array([1.5, 0.7, 0.5, 0.5, 0.5])  # per s
LEAST_MEASUREMENT = np.array([0.01, 0.01, 0.01, 0.02, 0.005])  # clear pairs underestimate the others' noise
LEAST_ACCELERATION = 0.03
LEAST_SPEED = 0.05
HORIZON = 0.3  # seconds, the shorter lag
GUESS_WEIGHT = np.array([20.0, 20.0, 20.0, 20.0, 10.0])  # measurements that a first guess counts for
SPEED_WEIGHT = 10.0
MEMORY = 3000.0  # measurements that are remembered
OUTLIER = 9.0  # a square counts at most this many times its mean so far
UNEVEN = 0.2  # a step that differs by more than this share starts the histories anew


class LearnedNoise:
    """Noise of each coordinate and the short histories it is learned from; one row per track.

    Attributes:
        measurement: ``(5,)`` variance of a measurement R.
        acceleration: ``(5,)`` power of the acceleration q, per s^3.
        speed: ``(5,)`` mean square of the speed, per s^2.

    Example:
        >>> noise = LearnedNoise()
        >>> bool((noise.measurement == MEASUREMENT**2).all())
        True
    """

    def __init__(self) -> None:
        self.measurement: FloatArray = MEASUREMENT**2
        self.acceleration: FloatArray = ACCELERATION**2
        self.speed: FloatArray = SPEED**2
        self._seconds: float | None = None
        self._lag = 1
        self._history: FloatArray = np.full((5, 0, COORDINATES), np.nan)  # newest first; NaN: not seen
        self._differences: FloatArray = np.zeros((2, COORDINATES))
        self._weights: FloatArray = np.tile(GUESS_WEIGHT, (2, 1))
        self._speed_weight: FloatArray = np.full(COORDINATES, SPEED_WEIGHT)

    def append(self, states: FloatArray) -> None:
        """Start tracks at these measurements, ``(N, 5)``."""
        fresh = np.full((len(self._history), *states.shape), np.nan)
        fresh[0] = states
        self._history = np.concatenate([self._history, fresh], axis=1)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._history = self._history[:, kept]

    def shift(self, offset: FloatArray) -> None:
        """Move all that was seen by ``(2,)`` pixels: the camera turned."""
        self._history[:, :, :2] += offset

    def shift_depths(self, moves: FloatArray) -> None:
        """Move all depths that were seen of each track, ``(T,)``."""
        self._history[:, :, DEPTH] += moves

    def forget(self) -> None:
        """Start the histories anew; what was learned stays."""
        self._history[:] = np.nan

    def step(self, seconds: float) -> None:
        """A new frame, that many seconds after the one before; nothing has been seen in it yet."""
        if seconds > 0 and (self._seconds is None or abs(seconds - self._seconds) > UNEVEN * self._seconds):
            self._start(seconds)
        self._history = np.concatenate([np.full_like(self._history[:1], np.nan), self._history[:-1]])

    def _start(self, seconds: float) -> None:
        self._seconds, self._lag = seconds, max(1, round(HORIZON / seconds))
        self._history = np.full((4 * self._lag + 1, self._history.shape[1], COORDINATES), np.nan)
        lag = self._lag * seconds
        for index, time in enumerate((lag, 2 * lag)):
            self._differences[index] = 6 * self.measurement + 2 / 3 * self.acceleration * time**3
        self._weights = np.minimum(self._weights, 4 * GUESS_WEIGHT)

    def tremble(self, rows: Indices, scales: FloatArray) -> FloatArray:
        """Second differences of these tracks over three frames, ``(N, 5)``, NaN = not seen in all."""
        newest, before, oldest = self._history[:3, rows]
        return np.asarray((newest - 2 * before + oldest) / scales)

    @property
    def full(self) -> bool:
        """Whether as much is learned as is remembered."""
        return bool(self._weights[0, 0] >= MEMORY)

    def remember(self, rows: Indices, states: FloatArray) -> None:
        """Take in what was measured of these tracks in this frame, ``(N, 5)``."""
        self._history[0, rows] = states

    def learn(self, clear: Indices, scales: FloatArray) -> None:
        """Learn from what is remembered of tracks that were seen in this frame.

        Args:
            clear: ``(M,)`` tracks whose match leaves no doubt.
            scales: ``(M, 5)`` units of their coordinates: the height for the place, else 1.
        """
        if not len(clear) or self._seconds is None:
            return
        seen, lag = self._history[:, clear], self._lag
        for index, step in enumerate((lag, 2 * lag)):
            difference = (seen[0] - 2 * seen[step] + seen[2 * step]) / scales
            _follow(self._differences[index], self._weights[index], difference**2)
        time = lag * self._seconds
        power = (self._differences[1] - self._differences[0]) * 1.5 / (7 * time**3)
        self.acceleration = np.maximum(power, LEAST_ACCELERATION**2)
        measured = (self._differences[0] - 2 / 3 * self.acceleration * time**3) / 6
        self.measurement = np.maximum(measured, LEAST_MEASUREMENT**2)
        way = (seen[0] - seen[lag]) / scales
        _follow(self.speed, self._speed_weight, (way**2 - 2 * self.measurement) / time**2)
        np.maximum(self.speed, LEAST_SPEED**2, out=self.speed)


def _follow(mean: FloatArray, weight: FloatArray, squares: FloatArray) -> None:
    """Let running means ``(5,)`` follow new squares ``(N, 5)``, NaN = unknown, in place."""
    known = np.isfinite(squares)
    count = known.sum(0)
    total = np.where(known, np.minimum(squares, OUTLIER * mean), 0.0).sum(0)
    mean += (total - count * mean) / (weight + count)
    np.minimum(weight + count, MEMORY, out=weight)
