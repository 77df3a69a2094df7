"""What our own two trackers share: all that is learned from the stream, whoever decides on the pairs."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.base import Tracker
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.likelihood.evidence import Population
from deptr.tracking.likelihood.motion import LikelihoodMotion
from deptr.tracking.likelihood.reliability import ScoreShare
from deptr.tracking.likelihood.view import tracks_of
from deptr.tracking.measurements import Measurements
from deptr.tracking.parameters import number
from deptr.tracking.part import Step
from deptr.tracking.track_view import Track

CLEAR_LEAD = 3.0  # nats before the best rival from which on a pair tells what depth is worth
FIRST_FRAMES = 2  # in which few tracks are known, and fits tell nothing of scores


class AdaptiveTracker(Tracker):
    """A tracker that learns its noise, what depth is worth and which scores to report.

    Depth is a coordinate of its motion; the fusion is ``adaptive``, whose gamma makes no difference, or
    ``none``.
    """

    fusion_modes = ("adaptive", "none")
    smoothing_step = 0.12  # seconds; people swing their limbs faster than slower frames can tell from jitter
    _motion: LikelihoodMotion

    lost_seconds: float = number(
        default=2.0, low=0, high=3600, help="how long a track that is not seen is remembered"
    )
    birth_share: float = number(
        default=0.55,
        low=0,
        high=1,
        help="a new track is reported at once where this share of such births was borne out before",
    )
    report_share: float = number(
        default=0.35,
        low=0,
        high=1,
        help="a low score is reported where this share of such detections lay where tracks were expected",
    )

    def reset(self) -> None:
        """Forget everything; identities start again at 1."""
        super().reset()
        self._population = Population()
        self._births = ScoreShare(first_share=0.4, first_count=4)
        self._fits = ScoreShare(first_share=0.5, first_count=20)

    def _views(self) -> tuple[Track, ...]:
        return tracks_of(self._rows, self._motion, self._period)

    def _new_motion(self) -> LikelihoodMotion:
        return LikelihoodMotion(use_depth=self.fusion.mode != "none" and self.fusion.gamma > 0)

    def _new_depth(self) -> None:
        """Depth is a coordinate of the motion."""

    def _judge_scores(self, scores: FloatArray, fitting: Indices) -> None:
        """Learn how often detections of each score fit a track, and which of the low ones to doubt."""
        taken = scores >= self.low_score
        if self._rows.frame_count > FIRST_FRAMES:
            fits = np.zeros(len(scores), bool)
            fits[fitting] = True
            self._fits.learn(scores[taken], fits[taken])
        self._doubtful = (scores < self.high_score) & (self._fits.share(scores) < self.report_share)

    def _take(self, rows: Indices, columns: Indices, states: FloatArray, clear: Indices) -> None:
        """Let these tracks take these detections; the noise is learned from the pairs that leave no doubt.

        Args:
            rows: ``(N,)`` tracks.
            columns: ``(N,)`` the detection that each takes.
            states: ``(N, 5)`` these detections.
            clear: ``(M,)`` which of the N teach.
        """
        motion, known = self._motion, self._rows
        if self._period is not None:
            turns = np.rint((states[:, 0] - motion.filters.mean[rows, 0]) / self._period)
            states[:, 0] -= turns * self._period
        motion.learn(rows, states, clear)
        young = ((known.matches == 0) & (known.misses == 1)).nonzero()[0]
        known.columns[rows] = columns
        self._births.learn(known.scores[young], known.columns[young] >= 0)

    def _revise(self, step: Step) -> None:
        rows = self._rows
        here = rows.columns >= 0
        proven = (rows.scores > self.sure_score) | (rows.matches + 1 >= self.confirm_frames)
        rows.states[here & (proven | (rows.states == LOST))] = CONFIRMED
        rows.states[~here & (rows.states == CONFIRMED)] = LOST

    def _kept(self, expired: BoolArray) -> BoolArray:
        """A track that its second frame does not bear out is none."""
        unborn = (self._rows.columns < 0) & (self._rows.states == TENTATIVE)
        return np.asarray(~(expired | unborn))

    def _reported(self) -> BoolArray:
        """Not where the detection is of a score that mostly lies where no track is expected."""
        reported = super()._reported()
        reported[reported] = ~self._doubtful[self._rows.columns[reported]]
        return reported

    def _reported_at_once(self) -> bool:
        return self.confirm_frames == 1 or self._rows.frame_count == 1

    def _initiate(self, taken: Measurements) -> None:
        """Start a track at each of these detections, reported at once where such ones proved real."""
        super()._initiate(taken)
        real = self._births.share(taken.scores) > self.birth_share
        self._rows.states[-len(taken) :][real] = CONFIRMED
