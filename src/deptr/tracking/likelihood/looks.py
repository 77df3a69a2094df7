"""What looks say of pairs, where detections carry embeddings: one more coordinate of the likelihood ratio."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.appearance import Appearance
from deptr.tracking.assignment import Indices
from deptr.tracking.likelihood.worth import Worth

USEFUL, TELLING = (
    0.05,
    0.2,
)  # nats of a clear pair's looks: from the one they have a say, from the other a whole
FIRST_OWN, FIRST_SPREAD = 0.8, 0.05  # cosine of an object's look with its own before, and its variance
FIRST_COUNT = 30.0  # clear pairs that this guess counts for
LEAST_SPREAD = 1e-3  # variance of cosines
MEMORY = 1000.0  # clear pairs that are remembered
FADING = 0.05  # share of the newest frame in the cosines of different objects
WRONG_LOOKS = 0.01  # share of looks that may be plainly wrong, so that no look alone forbids a pair
AGREED = -1.0  # nats from which on a look vouches for a detection of a doubtful score
MOST = 100  # detections of a frame whose looks are compared


class Looks(Appearance):
    """How each track looks, and the log-likelihood ratio of cosines.

    Cosines with the same object and with others are taken as normal, of learned means and one variance, so
    that a more similar look never makes a pair less likely, and looks that do not part objects say nothing.
    Looks have a say as far as they have earned one.

    Attributes:
        worth: What looks have been worth in telling objects apart.
    """

    def __init__(self, clear_score: float) -> None:
        super().__init__(clear_score)
        self.worth = Worth(useful=USEFUL, telling=TELLING)
        self._own, self._count = np.array([FIRST_OWN, FIRST_OWN**2 + FIRST_SPREAD]), FIRST_COUNT
        self._others: FloatArray | None = None  # mean of cosines and of their squares, as for the own

    def ratios(self, rows: Indices, columns: Indices, embeddings: FloatArray | None) -> FloatArray | None:
        """Nats of each pair, ``(P,)``, NaN = unknown; None where nobody's look can be compared.

        Args:
            rows: ``(P,)`` tracks.
            columns: ``(P,)`` detections.
            embeddings: ``(D, E)`` of unit length, of the frame's detections.
        """
        cosines = self._cosines(rows, columns, embeddings)
        if cosines is None:
            return None
        (own, own_square), (others, others_square) = (
            self._own,
            self._own if self._others is None else self._others,
        )
        spread = max((own_square - own**2 + others_square - others**2) / 2, LEAST_SPREAD)
        nats = max(own - others, 0.0) / spread * (cosines - (own + others) / 2)
        return np.asarray(np.log(WRONG_LOOKS + (1 - WRONG_LOOKS) * np.exp(nats)))

    def vouched(self, rows: Indices, columns: Indices, embeddings: FloatArray | None) -> Indices:
        """Those detections that look like the track that takes them, where looks have their whole say."""
        said = self.ratios(rows, columns, embeddings) if self.worth.trust == 1 else None
        return columns[:0] if said is None else columns[said > AGREED]

    def learn(self, rows: Indices, columns: Indices, embeddings: FloatArray | None) -> None:
        """Learn how alike looks are of one object and of different ones, and what that has been worth.

        Args:
            rows: ``(P,)`` tracks of pairs that boxes alone make certain.
            columns: ``(P,)`` their detections.
            embeddings: ``(D, E)`` of the frame's detections.
        """
        if embeddings is None:
            return
        said = self.ratios(rows, columns, embeddings)
        if said is not None and self._others is not None:
            self.worth.add(said)
        some = embeddings[:MOST]
        if len(some) > 1:
            apart = _moments((some @ some.T)[np.triu_indices(len(some), 1)])
            self._others = apart if self._others is None else self._others + FADING * (apart - self._others)
        cosines = self._cosines(rows, columns, embeddings)
        known = cosines[np.isfinite(cosines)] if cosines is not None else np.zeros(0)
        if len(known):
            self._count = min(self._count + len(known), MEMORY)
            self._own = self._own + (_moments(known) - self._own) * len(known) / self._count

    def _cosines(self, rows: Indices, columns: Indices, embeddings: FloatArray | None) -> FloatArray | None:
        """``(P,)``, NaN = unknown."""
        if embeddings is None or embeddings.shape[1] != self.vectors.shape[1]:
            return None
        return np.asarray(np.einsum("pe,pe->p", self.vectors[rows], embeddings[columns]))


def _moments(values: FloatArray) -> FloatArray:
    return np.array([values.mean(), (values**2).mean()])
