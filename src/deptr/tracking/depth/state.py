"""Depth of the tracks of one tracker: what it reads, says, learns and finds again."""

from __future__ import annotations

import numpy as np

from deptr.boxes import covered_share, paired_iou
from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices, Listed, Matches, assign, mutually_best, pairs_where
from deptr.tracking.depth.common_shift import common_shift
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.likelihood import log_likelihood_ratio
from deptr.tracking.depth.noise import SMALLEST_NOISE
from deptr.tracking.depth.perspective import DEPTH, PerspectiveMotion, U
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.depth.terms import TERMS, Term
from deptr.tracking.depth.tremble import Tremble
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion
from deptr.tracking.part import Part

RECOVER_EVIDENCE = 1.0  # nats that place, size and depth must give to a pair that does not overlap
LOST_EVIDENCE = 4.0  # nats more for a track that was not seen in the frame before
RECOVER_GATE = 9.0  # squared standard deviations that no coordinate may exceed
SIZE_SPREAD = 0.5  # standard deviation of the log size of different objects
LEARN_EVERY = 4  # frames, once as much is learned as is remembered
CLOSE_IOU = 0.2  # from which on a box may be meant
MOST_PAIRS = 100  # that teach in one frame; more would cost time and tell little more
YOUNG = 8  # corrections up to which a track's own box filter hardly knows its speed


def start_depth(fusion: DepthFusion, motion: BoxMotion) -> DepthState | None:
    """Fresh state for one tracker with this box filter; None where depth takes no part."""
    return None if fusion.mode == "none" or fusion.gamma == 0 else DepthState(fusion, motion)


class DepthState:
    """What one tracker knows of depth.

    Args:
        fusion: How depth takes part.
        motion: The tracker's box filter.

    Attributes:
        space: In which depths are filtered.
        perspective: Boxes and depths of all tracks, moved in perspective.
        noise: What was learned of this video's depth.
        parts: What has a row per track, for the tracker to keep in step.
    """

    def __init__(self, fusion: DepthFusion, motion: BoxMotion) -> None:
        self.space = DepthSpace()
        self.perspective = PerspectiveMotion(self.space)
        self.parts: list[Part] = [self.perspective]
        self._motion = motion
        self._frames, self._lessons, self._settled = 0, 0, False
        self._term: Term = TERMS[fusion.mode](fusion, self.perspective)
        self.noise = self._term.noise
        if isinstance(self._term, Part):
            self.parts.append(self._term)
        if self.noise.judges:
            self.parts.append(Tremble(self.noise.redundancy))

    def read(self, seen: Measurements) -> Measurements:
        """Detections with their depths in filter space and how sure each is.

        A detector's own standard deviation is used where it is larger than what was learned; a detection
        that another one covers is less sure.
        """
        self._settled = False
        if not np.isfinite(seen.depths).any():
            return seen
        image = self.perspective.image
        image[:2] = np.minimum(image[:2], seen.boxes[:, :2].min(0))
        image[2:] = np.maximum(image[2:], seen.boxes[:, 2:].max(0))
        values, given = self.space.enter(seen.depths, seen.depth_stds, seen.depth_kind)
        covered = covered_share(seen.boxes)
        learned = max(self.noise.same.value, SMALLEST_NOISE**2) + self.noise.covered.value * covered**2
        variances = np.fmax(learned, given**2)
        return seen.with_depth(values, variances, covered)

    def boxes(self, plain: FloatArray) -> FloatArray:
        """Boxes to associate with, ``(T, 4)``: foreseen in space where that leads and depth is known."""
        led = np.isfinite(self.perspective.filters.mean[:, DEPTH])
        led &= np.where(self.perspective.updates <= YOUNG, self.noise.leads_young, self.noise.leads_old)
        return np.where(led[:, None], self.perspective.boxes(), plain)

    def settle(self, similarity: FloatArray, rows: Indices, seen: Measurements) -> None:
        """Follow what all depths did at once, and judge depth, by pairs that are each other's best by boxes.

        Only the first association of a frame tells: it has all tracks.

        Args:
            similarity: ``(T, D)`` IoU.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
        """
        if not self.noise.judges or self._settled or not similarity.size or seen.values is None:
            return
        self._settled = True
        close = pairs_where(similarity > CLOSE_IOU)
        best = mutually_best(close, similarity[close], similarity.shape).nonzero()[0][:MOST_PAIRS]
        t, d = close.rows[best], close.columns[best]
        filters = self.perspective.filters
        differences = seen.values[d] - filters.mean[rows[t], DEPTH]
        known = np.isfinite(differences)
        t, d, differences = t[known], d[known], differences[known]
        if not len(t):
            return
        places = filters.mean[:, U]
        shift, tilt, middle = common_shift(differences, places[rows[t]])
        if shift or tilt:
            filters.mean[:, DEPTH] += shift + tilt * (places - middle)
        self._frames += 1
        if self._frames % LEARN_EVERY == 0 or not self.noise.full:
            contested = ~_alone(close, similarity.shape, t, d)
            self._judge(rows[t], d, contested, seen)

    def _judge(self, rows: Indices, d: Indices, contested: BoolArray, seen: Measurements) -> None:
        """Compare what depth says of pairs that boxes alone chose with the same depths, handed on by one."""
        assert seen.values is not None and seen.variances is not None
        everyone = np.isfinite(seen.values).nonzero()[0]
        if len(everyone) < 2:
            return
        # from left to right: an order that is not that of the detections, nor, as that of feet is, of depth
        everyone = everyone[np.lexsort(seen.boxes[everyone].T[::-1])]
        place = np.empty(len(seen), np.intp)
        place[everyone] = np.arange(len(everyone))
        next_one = everyone[(place[d] + 1) % len(everyone)]
        filters = self.perspective.filters
        foretold = filters.mean[rows, DEPTH]
        self.noise.judge(
            (seen.values[d] - foretold) ** 2,
            filters.covariance[0, rows, DEPTH] + seen.variances[d],
            (seen.values[next_one] - foretold) ** 2,
            contested,
        )

    def fuse(
        self, costs: FloatArray | Listed, rows: Indices, seen: Measurements, *, cost_limit: float
    ) -> Listed | None:
        """The pairs that are allowed, and their costs with depth taken in; None where depth has no say.

        Args:
            costs: ``(T, D)`` cost from boxes alone, 0 the best, 1 without overlap; or those of some pairs.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            cost_limit: Plain 2-D limit that a pair must pass whatever its depth says.

        Returns:
            Pairs of ``(T, D)`` and their fused costs; unknown depth leaves a cost as it is.
        """
        if not (len(rows) and len(seen)) or not self.noise.trust or seen.values is None:
            return None
        limit = min(cost_limit, 1 - 1e-6)
        if isinstance(costs, Listed):
            pairs, plain, _ = costs.where(costs.costs <= limit)
        else:
            pairs = pairs_where(costs <= limit)
            plain = costs[pairs]
        fused = self._term.costs(plain, rows[pairs.rows], pairs.columns, seen)
        return Listed(pairs, np.where(np.isnan(fused), plain, fused), (len(rows), len(seen)))

    def learn(self, similarity: FloatArray, rows: Indices, seen: Measurements, matches: Matches) -> None:
        """Learn from matches that boxes alone make certain, before the filters are corrected.

        Args:
            similarity: ``(T, D)`` IoU.
            rows: ``(T,)`` the tracks' rows.
            seen: The ``D`` detections.
            matches: Pairs of ``(T, D)``.
        """
        if not self.noise.learns or not len(matches.rows) or seen.values is None:
            return
        self._lessons += 1
        if self._lessons % LEARN_EVERY and self.noise.full:
            return
        self._learn_from_clear_pairs(similarity, rows, seen, matches)

    def _learn_from_clear_pairs(
        self, similarity: FloatArray, rows: Indices, seen: Measurements, matches: Matches
    ) -> None:
        assert seen.values is not None
        t, d = matches
        filters, close = self.perspective.filters, pairs_where(similarity > CLOSE_IOU)
        sure = (similarity[t, d] > 0.4) & _alone(close, similarity.shape, t, d)
        sure &= np.isfinite(seen.values[d] - filters.mean[rows[t], DEPTH])
        t, d = t[sure][:MOST_PAIRS], d[sure][:MOST_PAIRS]
        if not len(t):
            return
        squares = (seen.values - filters.mean[rows[t], DEPTH][:, None]) ** 2
        np.minimum(squares, 4.0, out=squares)
        own = squares[np.arange(len(t)), d]
        others = int(np.isfinite(seen.values).sum()) - 1
        plain, taken = self._motion.boxes()[rows[t]], seen.take(d)
        led = self.perspective.boxes(rows[t])
        assert taken.covered is not None
        self.noise.learn(
            own,
            (np.where(np.isnan(squares), 0.0, squares).sum(1) - own) / others if others > 0 else None,
            predicted=filters.covariance[0, rows[t], DEPTH],
            covered=taken.covered,
            box_gain=paired_iou(led, taken.boxes) - paired_iou(plain, taken.boxes),
            young=self.perspective.updates[rows[t]] <= YOUNG,
        )

    def recover(self, rows: Indices, seen: Measurements, misses: IntArray) -> Matches:
        """Pairs that do not overlap but whose place, size and depth agree with the track's motion.

        Args:
            rows: ``(T,)`` tracks that found nothing.
            seen: ``D`` detections that nothing took.
            misses: ``(T,)`` frames since each track was seen, this one included.
        """
        near = self.perspective.near(rows, seen.boxes, RECOVER_GATE)
        t, d = near.nonzero()
        error, same, different = self.perspective.compare(rows[t], seen.take(d))
        different[:, 2:DEPTH] = SIZE_SPREAD**2
        different[:, DEPTH] = self.noise.different.value
        different = np.maximum(different, same)
        terms = log_likelihood_ratio(error, same, different)
        total = terms.sum(-1) - RECOVER_EVIDENCE - LOST_EVIDENCE * (misses[t] > 1)
        costs = np.zeros(near.shape)
        costs[t, d] = -np.nan_to_num(total, nan=-1.0)
        near[t, d] = (total > 0) & (error**2 < RECOVER_GATE * same).all(-1)
        return assign(costs, cost_limit=0.0, allowed=near)


def _alone(close: Matches, shape: tuple[int, ...], t: Indices, d: Indices) -> BoolArray:
    """Which of some close pairs have no rival, neither on the side of the track nor of the detection."""
    of_track = np.bincount(close.rows, minlength=shape[0])
    of_detection = np.bincount(close.columns, minlength=shape[1])
    return np.asarray((of_track[t] == 1) & (of_detection[d] == 1))
