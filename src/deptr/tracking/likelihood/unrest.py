"""Who is more restless than the others: a dancer among walkers, a box that is half hidden all the time."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.likelihood.noise import COORDINATES

ASPECT = 3
PACE = 0.1  # share of the newest frame in a track's own noise
BACK = 0.1  # share of the way back to the stream's noise in that
MOST = 16.0  # times the stream's noise; no frame counts for more than that either


class Unrest:
    """By how much the noise of each track exceeds that of the stream, from its own surprises.

    Place, height and depth only; the aspect does not decide.

    Attributes:
        factor: ``(T, 5)`` of the variances of measurement and acceleration, in [1, 16].

    Example:
        >>> unrest = Unrest()
        >>> unrest.append(2)
        >>> for _ in range(30):
        ...     unrest.learn(np.arange(2), np.array([[1.0] * 5, [4.0] * 5]))
        >>> (unrest.factor[:, 0] > 1.5).tolist()
        [False, True]
    """

    def __init__(self) -> None:
        self.factor: FloatArray = np.ones((0, COORDINATES))

    def append(self, count: int) -> None:
        """New tracks, of whom nothing is known."""
        self.factor = np.concatenate([self.factor, np.ones((count, COORDINATES))])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.factor = self.factor[kept]

    def learn(self, rows: Indices, surprises: FloatArray) -> None:
        """Follow these tracks' surprises.

        Args:
            rows: ``(N,)`` tracks.
            surprises: ``(N, 5)`` squared errors of their predictions by the variances; NaN = unknown.
        """
        own = self.factor[rows]
        excess = np.where(np.isnan(surprises), 1.0, np.minimum(surprises, MOST)) - 1
        own += PACE * (own * excess - BACK * (own - 1))
        own[:, ASPECT] = 1.0
        self.factor[rows] = np.clip(own, 1.0, MOST)
