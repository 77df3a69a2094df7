"""How tracks look: fading means of the embeddings that a detector or another network gives."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part

MEMORY = 0.9  # share of a track's appearance that stays when a new one is seen


class Appearance(Part):
    """How each track looks: a fading mean of embeddings.

    Args:
        clear_score: Detections above it teach; a low score mostly means that another object hides this one.

    Attributes:
        vectors: ``(T, E)`` of unit length, NaN = not known.
    """

    def __init__(self, clear_score: float) -> None:
        self.vectors: FloatArray = np.zeros((0, 0))
        self._clear_score = clear_score

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Mix what is seen clearly in."""
        if taken.embeddings is None or not len(rows):  # nobody has a look of any length
            return
        self._fit_width(taken.embeddings)
        clear = taken.scores > self._clear_score
        before, now = self.vectors[rows[clear]], taken.embeddings[clear]
        mixed = np.where(np.isnan(before), now, MEMORY * before + (1 - MEMORY) * now)
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
        self.vectors[rows[clear]] = mixed

    def append(self, taken: Measurements) -> None:
        """Start tracks that look like this."""
        if taken.embeddings is None:
            fresh = np.full((len(taken), self.vectors.shape[1]), np.nan)
        else:
            self._fit_width(taken.embeddings)
            fresh = taken.embeddings
        self.vectors = np.concatenate([self.vectors, fresh])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.vectors = self.vectors[kept]

    def _fit_width(self, embeddings: FloatArray) -> None:
        """Forget appearances of another length, as after a change of the network that makes them."""
        if self.vectors.shape[1] != embeddings.shape[1]:
            self.vectors = np.full((len(self.vectors), embeddings.shape[1]), np.nan)
