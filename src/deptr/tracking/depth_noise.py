"""How noisy this video's depth is, learned while tracking from pairs that boxes alone make certain."""

from __future__ import annotations

from deptr.records import FloatArray


class VarianceEstimate:
    """A variance that starts at a guess and follows what is measured.

    Args:
        initial: Guess, a variance.
        weight: How many measurements the guess counts for.
        memory: How many measurements are remembered: older ones fade.

    Example:
        >>> import numpy as np
        >>> estimate = VarianceEstimate(1.0, weight=1.0, memory=100.0)
        >>> estimate.add(np.array([4.0]), np.array([1.0]))
        >>> estimate.value
        2.5
    """

    def __init__(self, initial: float, *, weight: float, memory: float) -> None:
        self.value = initial
        self.weight = weight
        self._memory = memory

    @property
    def full(self) -> bool:
        """Whether as much has been measured as is remembered."""
        return self.weight >= self._memory

    def add(self, squares: FloatArray, weights: FloatArray) -> None:
        """Take in squared deviations with a weight each."""
        total = float(weights.sum())
        if total <= 0:
            return
        mean = float((squares * weights).sum()) / total
        self.value += (mean - self.value) * total / (self.weight + total)
        self.weight = min(self.weight + total, self._memory)
