"""What depth has been worth in this stream so far: it has a say only where it has earned one."""

from __future__ import annotations

import math

import numpy as np

from deptr.records import FloatArray

FIRST_COUNT = 2.0  # clear pairs in which depth is thought to have told nothing, before any was seen
FIRST_SQUARE = 1.0  # square of the nats in those
MEMORY = 300.0  # clear pairs that are remembered


class Worth:
    """Mean of the nats that depth would have added to pairs which boxes alone make certain.

    A log-likelihood ratio is a proper score: its mean over true pairs is positive only if depth tells
    objects apart *and* its noise is judged rightly. Shuffled or constant depth is worth nothing or less.

    Args:
        useful: Nats from which on depth has a say.
        telling: Nats from which on its say is whole.
        errors: Standard errors on the safe side.

    Example:
        >>> worth = Worth(useful=0.5, telling=1.0)
        >>> worth.trust
        0.0
        >>> worth.add(np.full(300, 2.0))
        >>> worth.trust
        1.0
    """

    def __init__(self, *, useful: float, telling: float, errors: float = 2.0) -> None:
        self._useful, self._telling, self._errors = useful, telling, errors
        self._mean, self._square, self._count = 0.0, FIRST_SQUARE, FIRST_COUNT

    def add(self, nats: FloatArray) -> None:
        """Take in what depth said of clear pairs, ``(N,)`` nats; NaN = depth unknown."""
        nats = nats[np.isfinite(nats)]
        if not len(nats):
            return
        part = len(nats) / (self._count + len(nats))
        self._mean += (float(nats.mean()) - self._mean) * part
        self._square += (float((nats**2).mean()) - self._square) * part
        self._count = min(self._count + len(nats), MEMORY)

    @property
    def bound(self) -> float:
        """Nats per pair, some standard errors on the safe side."""
        variance = max(self._square - self._mean**2, 0.0)
        return self._mean - self._errors * math.sqrt(variance / self._count)

    @property
    def trust(self) -> float:
        """Share of what depth says that counts, in [0, 1]."""
        return min(max((self.bound - self._useful) / (self._telling - self._useful), 0.0), 1.0)
