"""What the pairs of a frame say by their likelihoods, beside the network that decides."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices, Matches
from deptr.tracking.likelihood.adaptive import CLEAR_LEAD
from deptr.tracking.likelihood.evidence import (
    Population,
    box_ratios,
    depth_ratios,
    leads,
    mutual_best,
    near_pairs,
)
from deptr.tracking.likelihood.looks import Looks
from deptr.tracking.likelihood.motion import LikelihoodMotion
from deptr.tracking.measurements import Measurements

LEAST_EVIDENCE = 1.0  # nats, as the likelihood tracker asks of a pair
MOST_AGAINST, MOST_FOR = 15.0, 20.0  # nats: outside the filters' gate a pair stays possible


class Witness:
    """Pairs of tracks and detections of one frame.

    Args:
        motion: Of the tracks; what depth is worth is learned there.
        population: How far apart objects are; it takes the frame in.
        seen: The frame's detections.
        period: Width of a panorama, None of other images.

    Attributes:
        fitting: Detections that lie where a track is expected.
    """

    def __init__(
        self,
        motion: LikelihoodMotion,
        population: Population,
        seen: Measurements,
        period: float | None,
    ) -> None:
        self._motion, self._spread, self._embeddings = motion, population.spread, seen.embeddings
        self._states, own = motion.observe(seen)
        population.learn(self._states)
        self._shape = (len(motion), len(seen))
        self._pairs = near_pairs(motion, self._states, own, reach=0.0, period=period)
        self._values = box_ratios(self._pairs, self._spread) - LEAST_EVIDENCE
        self.fitting: Indices = self._pairs.columns[mutual_best(self._pairs, self._values, self._shape)]

    def evidence(self) -> FloatArray:
        """How much likelier each pair is one object than two, ``(T, D)`` nats, bounded."""
        pairs, depth = self._pairs, depth_ratios(self._pairs, self._spread)
        out = np.full(self._shape, -MOST_AGAINST)
        said = self._values + LEAST_EVIDENCE + self._motion.depth_trust * np.nan_to_num(depth)
        out[pairs.rows, pairs.columns] = np.clip(said, -MOST_AGAINST, MOST_FOR)
        return out

    def learn(self, matches: Matches, sure: BoolArray, looks: Looks) -> tuple[FloatArray, Indices]:
        """Learn what depth and looks are worth from the matches that boxes alone make clear.

        Args:
            matches: Tracks and the detections that they take.
            sure: ``(D,)`` which detections are of high score.
            looks: Of the tracks.

        Returns:
            ``(N, 5)`` states of the detections that are taken, and which of the N leave no doubt.
        """
        pairs, rows, columns = self._pairs, matches.rows, matches.columns
        place = np.full(self._shape, -1)
        place[pairs.rows, pairs.columns] = np.arange(len(pairs.rows))
        place = place[rows, columns]
        lead = np.append(leads(pairs, self._values, self._shape), -np.inf)[place]
        lead[~sure[columns]] = -np.inf
        telling = lead > CLEAR_LEAD
        self._motion.depth_worth.add(depth_ratios(pairs.take(place[telling]), self._spread))
        looks.learn(rows[telling], columns[telling], self._embeddings)
        return self._states[columns], np.isposinf(lead).nonzero()[0]
