"""What looks say of pairs, where detections carry embeddings: one more coordinate of the likelihood ratio."""

from __future__ import annotations

import math

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.appearance import Appearance
from deptr.tracking.likelihood.evidence import Pairs
from deptr.tracking.likelihood.worth import Worth

USEFUL, TELLING = (
    0.5,
    0.75,
)  # nats of a clear pair's looks: from the one they have a say, from the other a whole
FIRST_OWN, FIRST_COUNT = 0.2, 30.0  # cosine distance of an object to itself, and what that guess counts for
MEMORY = 1000.0  # clear pairs that are remembered
FADING = 0.05  # share of the newest frame in the distance of different objects
WRONG_LOOKS = 0.05  # share of looks that may be plainly wrong, so that no look alone forbids a pair
MOST = 100  # detections of a frame whose distances are compared


class Looks(Appearance):
    """How each track looks, and the log-likelihood ratio of cosine distances.

    Distances to the same object and to others are taken as exponential with learned means, so that a
    smaller distance never makes a pair less likely. Looks have a say as far as they have earned one.

    Attributes:
        worth: What looks have been worth in telling objects apart.
    """

    def __init__(self, clear_score: float) -> None:
        super().__init__(clear_score)
        self.worth = Worth(useful=USEFUL, telling=TELLING)
        self._own, self._count, self._others = FIRST_OWN, FIRST_COUNT, 0.0

    def ratios(self, pairs: Pairs, embeddings: FloatArray | None) -> FloatArray | None:
        """Nats of each pair, ``(P,)``, NaN = unknown; None where nobody's look can be compared.

        Args:
            pairs: What is compared.
            embeddings: ``(D, E)`` of unit length, of the frame's detections.
        """
        distances = self._distances(pairs, embeddings)
        if distances is None:
            return None
        others = max(self._others, self._own)
        nats = math.log(others / self._own) - distances * (1 / self._own - 1 / others)
        return np.asarray(np.log(WRONG_LOOKS + (1 - WRONG_LOOKS) * np.exp(nats)))

    def learn(self, clear: Pairs, embeddings: FloatArray | None) -> None:
        """Learn how far objects are from their own look and from that of others.

        Args:
            clear: Pairs that boxes alone make certain.
            embeddings: ``(D, E)`` of the frame's detections.
        """
        if embeddings is None:
            return
        some = embeddings[:MOST]
        count = len(some)
        if count > 1:
            apart = float(np.clip(1 - some @ some.T, 0, 2).sum()) / (count * (count - 1))
            self._others = apart if not self._others else self._others + FADING * (apart - self._others)
        distances = self._distances(clear, embeddings)
        known = distances[np.isfinite(distances)] if distances is not None else np.zeros(0)
        if len(known):
            self._count = min(self._count + len(known), MEMORY)
            self._own += (float(known.mean()) - self._own) * len(known) / self._count
            self._own = max(self._own, 1e-3)

    def _distances(self, pairs: Pairs, embeddings: FloatArray | None) -> FloatArray | None:
        """Cosine distance of each pair, ``(P,)`` in [0, 2], NaN = unknown."""
        if embeddings is None or embeddings.shape[1] != self.vectors.shape[1]:
            return None
        same = np.einsum("pe,pe->p", self.vectors[pairs.rows], embeddings[pairs.columns])
        return np.asarray(np.clip(1 - same, 0.0, 2.0))
