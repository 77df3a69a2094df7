"""Global nearest neighbour tracking by likelihood ratio, with depth as one of the coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices, Matches, assign_pairs, where, without
from deptr.tracking.base import Tracker
from deptr.tracking.fusion import DepthFusion
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.likelihood.camera import CameraShift
from deptr.tracking.likelihood.evidence import Pairs, Population, leads, log_ratios, near_pairs
from deptr.tracking.likelihood.hiding import hidden_share
from deptr.tracking.likelihood.motion import HEIGHT, LikelihoodMotion
from deptr.tracking.likelihood.reliability import BirthReliability
from deptr.tracking.likelihood.view import tracks_of
from deptr.tracking.likelihood.worth import Worth
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import REFERENCE_RATE
from deptr.tracking.parameters import TrackerParameters, number
from deptr.tracking.track_view import Track

STEADY_HITS = 3  # matches from which on a track tells it
LATELY = 2  # frames: who was seen within these tells how the camera moved

CLEAR_LEAD = 3.0  # nats before the best rival from which on a pair tells what depth is worth
USEFUL, TELLING = (
    0.5,
    0.75,
)  # nats of a clear pair's depth: from the one it has a say, from the other a whole one
HIDDEN = 0.5  # share of a track's box that must be covered for it to be no surprise that it is not seen


@dataclass(frozen=True)
class LikelihoodParameters(TrackerParameters):
    """Parameters of the likelihood tracker; noise is none of them, because it is learned."""

    lost_seconds: float = number(2.0, 0, 3600, "how long a track that is not seen is remembered")
    min_evidence: float = number(1.0, -100, 100, "nats that a pair must be likelier one object than two")
    low_evidence: float = number(4.0, 0, 100, "nats more for a detection of a low score")
    lost_evidence: float = number(3.0, 0, 100, "nats more for a track that was not seen in the last frame")
    birth_share: float = number(
        0.55, 0, 1, "a new track is reported at once where this share of such births was borne out before"
    )


class LikelihoodTracker(Tracker):
    """One association a frame whose cost is minus a log-likelihood ratio; every noise is learned.

    Depth has a say as far as it has earned one. Its fusion is ``adaptive``, whose gamma makes no difference
    here, or ``none``.

    Raises:
        UsageError: The fusion is another one, or a parameter is unknown or out of range.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = LikelihoodTracker(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = LikelihoodParameters
    tracker_name = "likelihood"
    fusion_modes = ("adaptive", "none")
    parameters: LikelihoodParameters
    _motion: LikelihoodMotion  # type: ignore[assignment]

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._depth = DepthFusion.none().start()  # depth is a coordinate of the motion here
        self._population = Population()
        self._shift = CameraShift()
        self._worth = Worth(useful=USEFUL, telling=TELLING)
        self._reliability = BirthReliability()
        self._observed: tuple[FloatArray, FloatArray] = (np.zeros((0, 5)), np.zeros(0))

    def _new_motion(self) -> Any:
        return LikelihoodMotion(use_depth=self.depth.start().active)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every track that is remembered, seen or not, in the order of birth."""
        return tracks_of(self._rows, self._motion, self._now, self._period)

    def _step(self, seen: Measurements, frames: float) -> None:
        rows, motion = self._rows, self._motion
        young = where((rows.hits == 0) & (rows.misses == 1))
        scores = rows.scores[young]
        motion.predict(frames / REFERENCE_RATE, self._worth.trust)
        states, own = self._observed = motion.observe(seen)
        self._population.learn(states)
        pairs = near_pairs(motion, states, own, reach=self._shift.reach, period=self._period)
        pairs = self._follow_shift(pairs, len(seen))
        by_boxes, by_depth = log_ratios(pairs, self._population.spread)
        by_boxes += self._allowances(pairs, seen)
        shape = len(rows), len(seen)
        matches, chosen = _associate(pairs, by_boxes + self._worth.trust * np.nan_to_num(by_depth), shape)
        lead = leads(pairs, by_boxes, shape)[chosen]
        lead[seen.scores[matches.columns] < self.parameters.high_score] = -np.inf
        self._hit(matches.rows, seen, matches.columns)
        self._worth.add(by_depth[chosen[lead > CLEAR_LEAD]])
        self._learn(matches, where(np.isposinf(lead)))
        self._reliability.learn(scores, rows.misses[young] == 0)
        self._settle()
        free = without(np.arange(len(seen)), matches.columns)
        self._initiate(seen, free)

    def _follow_shift(self, pairs: Pairs, count: int) -> Pairs:
        """Move all tracks with the image, as far as the boxes tell that it moved."""
        rows, motion = self._rows, self._motion
        steady = (rows.hits >= STEADY_HITS) & (rows.misses <= LATELY + 1)
        told = pairs.take(where(steady[pairs.rows]))
        spread, need = self._population.spread, self.parameters.min_evidence
        shift = self._shift.update(
            told,
            lambda chosen: log_ratios(chosen, spread)[0] - need,
            np.exp(motion.filters.mean[:, HEIGHT]),
            (len(rows), count),
        )
        if not shift.any():
            return pairs
        motion.shift(shift)
        rows.boxes = rows.boxes + np.concatenate([shift, shift])
        return pairs.shifted(shift)

    def _allowances(self, pairs: Pairs, seen: Measurements) -> FloatArray:
        """Minus what each pair needs to be matched, ``(P,)`` nats; -inf = never to be matched."""
        rows, needs = self._rows, self.parameters
        scores = seen.scores[pairs.columns]
        low = scores < needs.high_score
        tentative = rows.states[pairs.rows] == TENTATIVE
        barred = (scores < needs.low_score) | (low & tentative)
        if not needs.class_agnostic:
            barred |= rows.classes[pairs.rows] != seen.classes[pairs.columns]
        need = needs.min_evidence + needs.low_evidence * low + self._search_needs()[pairs.rows]
        return np.where(barred, -np.inf, -need)

    def _search_needs(self) -> FloatArray:
        """Nats more that a track needs that was not seen though nothing hides it, ``(T,)``."""
        lost = self._rows.misses > 1
        needs = np.zeros(len(lost))
        if lost.any():
            boxes = self._motion.boxes()
            hidden = hidden_share(boxes[lost], boxes[~lost])
            needs[lost] = self.parameters.lost_evidence * (1 - np.minimum(hidden / HIDDEN, 1.0))
        return needs

    def _learn(self, matches: Matches, clear: Indices) -> None:
        """Correct the filters, and learn the noise from the pairs that leave no doubt."""
        states, own = self._observed
        found, columns = matches
        states = states[columns]
        if self._period is not None:
            turns = np.rint((states[:, 0] - self._motion.filters.mean[found, 0]) / self._period)
            states[:, 0] -= turns * self._period
        self._motion.learn(found[clear], states[clear])
        self._motion.noise.learn(found, states, clear, self._motion.scales(found[clear]))
        self._motion.correct(found, states, own[columns])
        self._hits.clear()

    def _settle(self) -> None:
        """Say of each track in what state it is now, and delete those that are gone."""
        rows = self._rows
        here = rows.misses == 0
        proven = (rows.hits + 1 >= self.parameters.confirm_frames) | (
            rows.scores > self.parameters.sure_score
        )
        rows.states[here & proven] = CONFIRMED
        rows.states[~here & (rows.states == CONFIRMED)] = LOST
        rows.states[here & (rows.states == LOST)] = CONFIRMED
        self._keep(~self._expired() & (here | (rows.states != TENTATIVE)))

    def _initiate(self, seen: Measurements, free: Indices) -> None:
        """Start a track at each sure detection that is left; sure ones are reported at once."""
        born = free[seen.scores[free] >= self.parameters.new_score]
        if not len(born):
            return
        scores = seen.scores[born]
        self._motion.append(self._observed[0][born])
        if self._report is not None:
            self._report.append(len(born))
        self._rows.append(seen, born, self._now, TENTATIVE)
        sure = self._reliability.share(scores) > self.parameters.birth_share
        sure |= scores > self.parameters.sure_score
        if self._frame_count == 1 or self.parameters.confirm_frames == 1:
            sure[:] = True
        self._rows.states[-len(born) :][sure] = CONFIRMED


def _associate(pairs: Pairs, values: FloatArray, shape: tuple[int, int]) -> tuple[Matches, Indices]:
    """The matches that are worth most together, and the place of each among the pairs."""
    good = where(values > 0)
    rows, columns = pairs.rows[good], pairs.columns[good]
    chosen = good[assign_pairs(rows, columns, -values[good], shape)]
    return Matches(pairs.rows[chosen], pairs.columns[chosen]), chosen
