"""Place, size and depth of all tracks: a filter per coordinate with learned noise, moved in perspective.

From a steady motion in space follows, for a step t at the relative rate r of the distance and with
g = 1 + r t: ``u -> u + t u' / g``, ``height -> height / g``, ``depth -> g depth``. The rate is read from the
height and, where it is known, from the depth, each weighted by how well it is known.
"""

from __future__ import annotations

import numpy as np

from deptr.boxes import cxcywh_to_xyxy, similarity_scale
from deptr.records import DepthKind, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.common_shift import common_shift
from deptr.tracking.depth.redundancy import Redundancy
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.likelihood.noise import COORDINATES, LearnedNoise
from deptr.tracking.likelihood.student import FREEDOM
from deptr.tracking.likelihood.unrest import Unrest
from deptr.tracking.likelihood.worth import Worth
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion
from deptr.tracking.part import Step

U, V, HEIGHT, ASPECT, DEPTH = range(COORDINATES)
SMALLEST_STEP_RATIO = 0.3  # what would come nearer than this share of its distance in one step is held
USEFUL, TELLING = 0.5, 0.75  # nats of a clear pair's depth: from the one it has a say, from the other a whole
LEARN_EVERY = 4  # frames, once as much is learned as is remembered
STEADY = 2  # corrections from which on a track tells what the world does
USEFUL_RATE, TELLING_RATE = 0.0, 0.02  # nats per pair that the rate of the depth adds to place and size


class LikelihoodMotion(BoxMotion):
    """States of all tracks.

    Attributes:
        filters: Centre u and v in pixels, log height, log aspect (width / height) and depth in filter space
            (its logarithm, or inverse depth in units of its first spread); velocities per second.
        noise: What was learned about the noise of each coordinate.
        unrest: By how much that of each track exceeds it.
        depth_worth: What depth has been worth in telling objects apart.
        redundancy: How much of the depth the box says already.
        rate_worth: What the rate of the depth has added to the prediction of place and size.
        updates: ``(T,)`` how often each track was corrected.
        log_depth: Whether the depth coordinate is a logarithm and so tells the rate.
        spread: Unit of inverse depth, in the detections' own unit.
    """

    def __init__(self, *, use_depth: bool) -> None:
        super().__init__(states_of, boxes_of)
        self.filters = KalmanBatch(COORDINATES)
        self.noise = LearnedNoise()
        self.unrest = Unrest()
        self.updates: FloatArray = np.zeros(0)
        self.log_depth = True
        self.spread = 0.0
        self.depth_worth = Worth(useful=USEFUL, telling=TELLING)
        self.redundancy = Redundancy(own_scale=True)
        self.rate_worth = Worth(useful=USEFUL_RATE, telling=TELLING_RATE, errors=0.0)
        self._trust = 0.0
        self._lessons = 0
        self._use_depth = use_depth
        self._offsets: FloatArray = np.zeros((2, 0, 3))  # of the predictions without and with depth's rate

    def __len__(self) -> int:
        return len(self.filters)

    @property
    def depth_trust(self) -> float:
        """Share of what depth says of pairs that counts, in [0, 1]."""
        return self.depth_worth.trust * self.redundancy.say

    def observe(self, seen: Measurements) -> tuple[FloatArray, FloatArray]:
        """Detections as states ``(N, 5)``, and the detector's own variance of each depth, NaN = not given."""
        states = self.to_state(seen.boxes)
        states[:, DEPTH], own = self._depths(seen)
        return states, own**2

    def _depths(self, seen: Measurements) -> tuple[FloatArray, FloatArray]:
        if not self._use_depth or not np.isfinite(seen.depths).any():
            unknown = np.full(len(seen), np.nan)
            return unknown, unknown
        if seen.depth_kind is not DepthKind.RELATIVE_INVERSE:
            depths = np.where(seen.depths > 0, seen.depths, np.nan)
            return np.log(depths), seen.depth_stds / depths
        self.log_depth = False
        if not self.spread:
            known = seen.depths[np.isfinite(seen.depths)]
            self.spread = float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))
        return seen.depths / self.spread, seen.depth_stds / self.spread

    def scales(self, rows: Indices | None = None) -> FloatArray:
        """Units of the coordinates of these tracks, or of all, ``(T, 5)``, as `scales_of` gives them."""
        heights = self.filters.mean[:, HEIGHT] if rows is None else self.filters.mean[rows, HEIGHT]
        return scales_of(heights)

    def measurement(self, rows: Indices | None = None) -> FloatArray:
        """Variance of a measurement of these tracks, or of all, ``(T, 5)``."""
        factor = self.unrest.factor if rows is None else self.unrest.factor[rows]
        return np.asarray(self.noise.measurement * factor * self.scales(rows) ** 2)

    def append(self, taken: Measurements) -> None:
        """Start tracks at these detections, at rest; how fast such move is known from the others."""
        states, _ = self.observe(taken)
        squares = scales_of(states[:, HEIGHT]) ** 2
        self.filters.append(states, self.noise.measurement * squares, self.noise.speed * squares)
        self.noise.append(states)
        self.unrest.append(len(states))
        self.updates = np.concatenate([self.updates, np.zeros(len(states))])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        super().select(kept)
        self.noise.select(kept)
        self.unrest.select(kept)
        self.updates = self.updates[kept]

    def shift(self, offset: FloatArray) -> None:
        """Move all tracks by ``(2,)`` pixels: the camera turned."""
        self.filters.mean[:, :2] += offset
        self.filters.version += 1
        self.noise.shift(offset)

    def shift_depths(self, moves: FloatArray, doubts: FloatArray) -> None:
        """The scale of all depths changed: move that of each track, ``(T,)``, and be less sure by a variance.

        A speed that all depths share cannot be told from such a change any more, and is that of the heights.
        """
        filters = self.filters
        filters.mean[:, DEPTH] += moves
        filters.covariance[0, :, DEPTH] += doubts
        if self.log_depth and moves.any():
            gaps = filters.velocity[:, DEPTH] + filters.velocity[:, HEIGHT]
            known = np.isfinite(gaps) & (self.updates >= STEADY)
            places = filters.mean[:, U]
            shift, tilt, middle = common_shift(gaps[known], places[known])
            filters.velocity[:, DEPTH] -= shift + tilt * (places - middle)
        filters.version += 1
        self.noise.shift_depths(moves)

    def warp(self, affine: FloatArray) -> None:
        """Move all tracks with the image, by a ``(2, 3)`` similarity: the camera moved."""
        mean, velocity, zoom = self.filters.mean, self.filters.velocity, similarity_scale(affine)
        mean[:, :2] = mean[:, :2] @ affine[:, :2].T + affine[:, 2]
        velocity[:, :2] = velocity[:, :2] @ affine[:, :2].T
        mean[:, HEIGHT] += np.log(zoom)
        self.filters.covariance[:, :, :2] *= zoom**2
        self.filters.version += 1
        self.noise.forget()

    def rates(self, trust: float) -> tuple[FloatArray, FloatArray]:
        """Relative rates of the distance of each track, ``(T,)`` per second, positive when receding.

        Args:
            trust: How much height and depth count for each other, in [0, 1].

        Returns:
            The rate that moves place and size, and that which moves the depth: at full trust the same.
        """
        velocity, variance = self.filters.velocity, np.maximum(self.filters.covariance[2], 1e-9)
        by_height = -velocity[:, HEIGHT]
        known = np.isfinite(self.filters.mean[:, DEPTH])
        by_depth = np.where(known, velocity[:, DEPTH], by_height)
        if not self.log_depth or not trust:
            return by_height, by_depth
        gap, share = by_depth - by_height, 1 / variance[:, [HEIGHT, DEPTH]]
        other = trust * share[:, ::-1]
        toward = other / (share + other)
        return by_height + toward[:, 0] * gap, by_depth - toward[:, 1] * gap

    def predict(self, step: Step) -> None:
        """Move all tracks ahead in perspective; white acceleration, integrated over the step."""
        seconds = step.seconds
        self.noise.step(seconds)
        self.redundancy.step(seconds)
        self._trust = self.depth_trust * self.rate_worth.trust
        filters = self.filters
        used, own = (self._held(rates, seconds) for rates in self.rates(self._trust))
        mean, velocity = filters.mean.copy(), filters.velocity.copy()
        power = self.noise.acceleration * self.unrest.factor * self.scales() ** 2
        filters.predict(seconds, power * seconds**3 / 3, power * seconds)
        filters.covariance[1] += power * seconds**2 / 2
        filters.mean[:, :3] = _moved(mean, velocity, used, seconds)
        if self._use_depth and self._teaches():
            others = [self._held(self.rates(trust)[0], seconds) for trust in (0.0, 1.0)]
            self._offsets = np.stack([_moved(mean, velocity, rates, seconds) for rates in others])
            self._offsets -= filters.mean[:, :3]
        ratio = 1 + seconds * used
        filters.velocity[:, :2] = velocity[:, :2] / (ratio**2)[:, None]
        filters.velocity[:, HEIGHT] = -used / ratio
        if self.log_depth:
            ratio = 1 + seconds * own
            filters.mean[:, DEPTH] = mean[:, DEPTH] + np.log(ratio)
            filters.velocity[:, DEPTH] = own / ratio

    def learn(self, rows: Indices, states: FloatArray, clear: Indices) -> None:
        """Learn the noise, and what depth and its rate are worth beside the box.

        Args:
            rows: ``(N,)`` tracks that were seen.
            states: ``(N, 5)`` their detections.
            clear: ``(M,)`` those of the N whose match leaves no doubt; they teach.
        """
        self.noise.remember(rows, states)
        teaches = self._teaches()
        self._lessons += 1
        if not teaches:
            return
        certain = rows[clear]
        scales = self.scales(certain)
        if np.isfinite(states[:, DEPTH]).any():
            self._learn_rate(certain, states[clear])
        self.noise.learn(certain, scales)
        if self._use_depth:
            tremble = self.noise.tremble(certain, scales)[:, [V, HEIGHT, DEPTH]]
            self.redundancy.learn(tremble, self.filters.mean[certain, U])

    def _teaches(self) -> bool:
        """Whether the frame that is being taken in is one of those that teach."""
        return not (self._lessons + 1) % LEARN_EVERY or not self.noise.full

    def _learn_rate(self, rows: Indices, states: FloatArray) -> None:
        """Learn whether the rate of the depth foresees boxes better than their own rate."""
        known = np.isfinite(self.filters.mean[rows, DEPTH]) & (self.updates[rows] >= STEADY)
        rows, states = rows[known], states[known, :3]
        variances = self.filters.covariance[0, rows, :3] + self.measurement(rows)[:, :3]
        errors = states - self.filters.mean[rows, :3] - self._offsets[:, rows]
        misfit = (FREEDOM + 1) / 2 * np.log1p(errors**2 / variances / FREEDOM).sum(-1)
        self.rate_worth.add(misfit[0] - misfit[1])

    def _held(self, rates: FloatArray, seconds: float) -> FloatArray:
        """Rates, zero for what would pass the camera within the step; such tracks are held where they are."""
        passing = 1 + seconds * rates < SMALLEST_STEP_RATIO
        return np.where(passing, 0.0, rates)

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take detections in; a track without depth starts at its first known one."""
        states, own = self.observe(taken)
        filters, variances = self.filters, self.measurement(rows)
        variances[:, DEPTH] = np.fmax(variances[:, DEPTH], own)
        surprises = (states - filters.mean[rows]) ** 2 / (filters.covariance[0, rows] + variances)
        self.unrest.learn(rows, surprises)
        fresh = np.isnan(filters.mean[rows, DEPTH]) & np.isfinite(states[:, DEPTH])
        filters.correct(rows, states, variances)
        self.updates[rows] += 1
        if fresh.any():
            new, speed = rows[fresh], np.full(int(fresh.sum()), self.noise.speed[DEPTH])
            filters.mean[new, DEPTH] = states[fresh, DEPTH]
            filters.velocity[new, DEPTH] = -filters.velocity[new, HEIGHT] if self.log_depth else 0.0
            filters.covariance[:, new, DEPTH] = np.stack([variances[fresh, DEPTH], np.zeros(len(new)), speed])


def states_of(boxes_xyxy: FloatArray) -> FloatArray:
    """Boxes as states without depth: centre, log height and log aspect, ``(N, 5)``.

    Example:
        >>> states_of(np.array([[0.0, 0.0, 1.0, 1.0]])).tolist()
        [[0.5, 0.5, 0.0, 0.0, nan]]
    """
    size = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 1e-3)
    states = np.empty((len(boxes_xyxy), COORDINATES))
    states[:, :2] = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    states[:, HEIGHT] = np.log(size[:, 1])
    states[:, ASPECT] = np.log(size[:, 0] / size[:, 1])
    states[:, DEPTH] = np.nan
    return states


def boxes_of(states: FloatArray) -> FloatArray:
    """The inverse, ``(N, 4)`` xyxy."""
    heights = np.exp(states[:, HEIGHT])
    sizes = np.stack([heights * np.exp(states[:, ASPECT]), heights], axis=1)
    return cxcywh_to_xyxy(np.concatenate([states[:, :2], sizes], axis=1))


def _moved(mean: FloatArray, velocity: FloatArray, rates: FloatArray, seconds: float) -> FloatArray:
    """Where place and log height are after a step at these rates of the distance, ``(T, 3)``."""
    ratio = 1 + seconds * rates
    place = mean[:, :2] + seconds * velocity[:, :2] / ratio[:, None]
    return np.column_stack([place, mean[:, HEIGHT] - np.log(ratio)])


def scales_of(log_heights: FloatArray) -> FloatArray:
    """Units of the coordinates of objects of these heights, ``(N, 5)``: the height for the place, else 1."""
    scales = np.ones((len(log_heights), COORDINATES))
    scales[:, :2] = np.exp(log_heights)[:, None]
    return scales
