"""Global nearest neighbour tracking by likelihood ratio, with depth as one of the coordinates."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices, Matches, assign_pairs, without
from deptr.tracking.lifecycle import TENTATIVE
from deptr.tracking.likelihood.adaptive import CLEAR_LEAD, AdaptiveTracker
from deptr.tracking.likelihood.camera import CameraShift
from deptr.tracking.likelihood.drift import DepthDrift
from deptr.tracking.likelihood.evidence import (
    Pairs,
    box_ratios,
    depth_ratios,
    leads,
    mutual_best,
    near_pairs,
)
from deptr.tracking.likelihood.hiding import hidden_share
from deptr.tracking.likelihood.looks import Looks
from deptr.tracking.likelihood.motion import DEPTH, HEIGHT, U
from deptr.tracking.measurements import Measurements
from deptr.tracking.parameters import number
from deptr.tracking.part import Part

STEADY_MATCHES = 3  # from which on a track tells how the camera moved
LATELY = 2  # frames: who was seen within these tells it
MOST_LOST_EVIDENCE = 4.0  # nats
AGREED_DEPTH = 0.5  # nats of a depth that agrees with a track's
HIDDEN = 0.5  # share of a track's box that must be covered for it to be no surprise that it is not seen


class LikelihoodTracker(AdaptiveTracker):
    """One association a frame whose cost is minus a log-likelihood ratio; every noise is learned.

    Depth has a say as far as it has earned one, and so have looks where detections carry
    ``data["embedding"]``. Depth's fusion is ``adaptive``, whose gamma makes no difference
    here, or ``none``.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = LikelihoodTracker(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "likelihood"
    reads_looks = True
    min_evidence: float = number(
        default=1.0, low=-100, high=100, help="nats that a pair must be likelier one object than two"
    )
    low_evidence: float = number(
        default=4.0, low=0, high=100, help="nats more for a detection of a low score"
    )
    lost_evidence: float = number(
        default=2.0, low=0, high=100, help="nats more for each second that a track was not seen, at most 4"
    )
    agreed_evidence: float = number(
        default=3.0,
        low=0,
        high=100,
        help="a box below low_score is taken from so many nats on where its depth agrees as well",
    )

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._shift, self._drift = CameraShift(), DepthDrift()

    def _new_parts(self) -> list[Part]:
        self._looks = Looks(self.high_score)
        return [self._looks]

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        rows, motion = self._rows, self._motion
        states, own = motion.observe(seen)
        self._population.learn(states)
        pairs = near_pairs(motion, states, own, reach=self._shift.reach, period=self._period)
        pairs = self._follow_shift(pairs, len(seen))
        by_boxes = box_ratios(pairs, self._population.spread)
        shape, trust = (len(rows), len(seen)), motion.depth_trust
        self._judge_scores(
            seen.scores, pairs.columns[mutual_best(pairs, by_boxes - self.min_evidence, shape)]
        )
        pairs = self._follow_depths(pairs, by_boxes, shape)
        by_depth = depth_ratios(pairs, self._population.spread)
        agreed = (by_boxes > self.agreed_evidence) & (by_depth > AGREED_DEPTH) & (trust == 1)
        by_boxes += self._allowances(pairs, seen, agreed)
        values = by_boxes + trust * np.where(np.isnan(by_depth), 0.0, by_depth) if trust else by_boxes
        by_looks = self._looks.ratios(pairs.rows, pairs.columns, seen.embeddings)
        if by_looks is not None:
            values = values + self._looks.worth.trust * np.where(np.isnan(by_looks), 0.0, by_looks)
        matches, chosen = _choose(pairs, values, shape)
        lead = leads(pairs, by_boxes, shape)[chosen]
        lead[seen.scores[matches.columns] < self.high_score] = -np.inf
        clear = chosen[lead > CLEAR_LEAD]
        motion.depth_worth.add(by_depth[clear])
        self._looks.learn(pairs.rows[clear], pairs.columns[clear], seen.embeddings)
        taken = matches.columns
        self._doubtful[self._looks.vouched(matches.rows, taken, seen.embeddings)] = False
        self._take(matches.rows, taken, states[taken], np.isposinf(lead).nonzero()[0])
        return without(np.arange(len(seen)), matches.columns)

    def _follow_shift(self, pairs: Pairs, count: int) -> Pairs:
        """Move all tracks with the image, as far as the boxes tell that it moved."""
        rows, motion = self._rows, self._motion
        steady = (rows.matches >= STEADY_MATCHES) & (rows.misses <= LATELY + 1)
        told = pairs.take(steady[pairs.rows].nonzero()[0])
        spread, need = self._population.spread, self.min_evidence
        shift = self._shift.update(
            told,
            lambda chosen: box_ratios(chosen, spread) - need,
            np.exp(motion.filters.mean[:, HEIGHT]),
            (len(rows), count),
        )
        if not shift.any():
            return pairs
        motion.shift(shift)
        rows.boxes = rows.boxes + np.concatenate([shift, shift])
        return pairs.shifted(shift)

    def _follow_depths(self, pairs: Pairs, by_boxes: FloatArray, shape: tuple[int, int]) -> Pairs:
        """Move the depths of all tracks by what all did at once, as pairs tell that boxes alone choose."""
        if not np.isfinite(self._motion.filters.mean[:, DEPTH]).any():
            return pairs
        known = np.isfinite(pairs.errors[:, DEPTH]).nonzero()[0]
        told = pairs.take(known)
        lead = leads(told, by_boxes[known] - self.min_evidence, shape)
        told = told.take((lead > CLEAR_LEAD).nonzero()[0])
        places = self._motion.filters.mean[:, U]
        moves, doubts = self._drift.follow(
            told.errors[:, DEPTH], told.variances[:, DEPTH], places[told.rows], places
        )
        if not (moves.any() or doubts.any()):
            return pairs
        self._motion.shift_depths(moves, doubts)
        return pairs.nearer(moves, doubts)

    def _allowances(self, pairs: Pairs, seen: Measurements, agreed: BoolArray) -> FloatArray:
        """Minus what each pair needs to be matched, ``(P,)`` nats; -inf = never to be matched.

        Args:
            pairs: What may belong together.
            seen: The frame's detections.
            agreed: ``(P,)`` where box and depth were both expected: what a detector suppressed comes back.
        """
        rows = self._rows
        scores = seen.scores[pairs.columns]
        low = scores < self.high_score
        tentative = rows.states[pairs.rows] == TENTATIVE
        barred = ((scores < self.low_score) & ~agreed) | (low & tentative)
        if not self.class_agnostic:
            barred |= rows.classes[pairs.rows] != seen.classes[pairs.columns]
        need = self.min_evidence + self.low_evidence * low + self._search_needs()[pairs.rows]
        return np.where(barred, -np.inf, -need)

    def _search_needs(self) -> FloatArray:
        """Nats more that a track needs that was not seen though nothing hides it, ``(T,)``."""
        lost = self._rows.misses > 1
        needs = np.zeros(len(lost))
        if lost.any():
            boxes = self._motion.boxes()
            hidden = hidden_share(boxes[lost], boxes[~lost])
            unseen = self._rows.now - self._rows.last_seen[lost]
            asked = np.minimum(self.lost_evidence * unseen, MOST_LOST_EVIDENCE)
            needs[lost] = asked * (1 - np.minimum(hidden / HIDDEN, 1.0))
        return needs


def _choose(pairs: Pairs, values: FloatArray, shape: tuple[int, int]) -> tuple[Matches, Indices]:
    """The matches that are worth most together, and the place of each among the pairs."""
    good = (values > 0).nonzero()[0]
    rows, columns = pairs.rows[good], pairs.columns[good]
    chosen = good[assign_pairs(rows, columns, -values[good], shape)]
    return Matches(pairs.rows[chosen], pairs.columns[chosen]), chosen
