"""Where boxes go when their depth is known: motion in perspective, without a camera matrix.

An object that moves steadily in the world does not move steadily in the image: as its distance Z shrinks
at the relative rate r = Z'/Z, its image speed and its size grow. From u = f X / Z + c follows, for any
focal length and principal point, for a step t with g = 1 + r t:

    u -> u + t u' / g,   u' -> u' / g^2,   size -> size / g,   Z -> g Z,   r -> r / g

The rate is read from the depth and from the height of the box (whose own rate is -r), each weighted by
how well it is known, so the depth's unit never matters.
"""

from __future__ import annotations

import numpy as np

from deptr.boxes import cxcywh_to_xyxy, warp
from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.noise import RunningMean
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import REFERENCE_RATE, Part, Step

U, V, WIDTH, HEIGHT, DEPTH = range(5)

BOX_NOISE = 0.05  # of the height: standard deviation of a detected box's centre
SIZE_NOISE = 0.05  # of the size
INITIAL_SPEED = 3.0  # heights per second
INITIAL_RATE = 1.0  # per second
ACCELERATION = 1.0  # heights per second, after one second
RATE_ACCELERATION = 0.3  # per second, after one second
SMALLEST_STEP_RATIO = 0.3  # what would come nearer than this share of its distance in one step is held


class PerspectiveMotion(Part):
    """Centre, log size and depth coordinate of all tracks, moved in perspective.

    Args:
        space: In which depths are filtered; only logarithms tell the rate.

    Attributes:
        filters: Five coordinates per track: u, v in pixels, log width, log height, and depth in filter
            space (log depth, or scaled inverse depth, which is moved on its own); velocities per second.
        updates: ``(T,)`` how often each track was corrected.
        image: ``(4,)`` how far the image reaches, as far as detections have shown it.
        world: ``(3,)`` what most tracks do: depth per second, and pixels per second in u and v beside it.
        rate_variance: Learned variance of the tracks' rates around what the world does: where nobody runs or
            drives, the depth of a new track is soon known well.
    """

    def __init__(self, space: DepthSpace) -> None:
        self.filters = KalmanBatch(coordinates=5)
        self._space = space
        self.updates = np.zeros(0)
        self.image = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self.world = np.zeros(3)
        self.rate_variance = RunningMean(INITIAL_RATE**2, weight=3.0, memory=50.0)

    def __len__(self) -> int:
        return len(self.filters)

    @staticmethod
    def _states(boxes_xyxy: FloatArray, depths: FloatArray | float | None) -> FloatArray:
        states = np.empty((len(boxes_xyxy), 5))
        size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
        states[:, :2] = boxes_xyxy[:, :2] + size / 2
        states[:, 2:4] = np.log(np.maximum(size, 1e-3))
        states[:, DEPTH] = np.nan if depths is None else depths
        return states

    @staticmethod
    def _variances(
        heights: FloatArray, centre: float, size: float, depth: FloatArray | float | None
    ) -> FloatArray:
        out = np.empty((len(heights), 5))
        out[:, :2] = ((centre * heights) ** 2)[:, None]
        out[:, 2:4] = size**2
        out[:, DEPTH] = np.nan if depth is None else depth
        return out

    def boxes(self, rows: Indices | None = None) -> FloatArray:
        """Current boxes of these tracks, or of all, ``(T, 4)`` xyxy."""
        mean = self.filters.mean if rows is None else self.filters.mean[rows]
        return cxcywh_to_xyxy(np.concatenate([mean[:, :2], np.exp(mean[:, 2:4])], axis=1))

    def learn_world(self) -> None:
        """Common motion of the tracks: what a static world does before a moving camera, and their own."""
        self.world[:] = 0
        known = (self.updates >= 2) & np.isfinite(self.filters.mean[:, DEPTH])
        if known.sum() < 2 or not self._space.logarithmic:
            return
        mean, velocity = self.filters.mean[known], self.filters.velocity[known]
        rates = self.rates()[known]
        lateral = velocity[:, :2] + (mean[:, :2] - self._image_centre) * rates[:, None]
        self.world[0] = np.median(rates * np.exp(mean[:, DEPTH]))
        self.world[1:] = np.median(lateral, axis=0)
        own = rates - self.world[0] / np.exp(mean[:, DEPTH])
        self.rate_variance.add(np.minimum(own**2, INITIAL_RATE**2), np.ones(len(own)))

    def append(self, taken: Measurements) -> None:
        """Start tracks at rest, or with the common motion where there is one."""
        self.learn_world()
        states = self._states(taken.boxes, taken.values)
        heights = np.exp(states[:, HEIGHT])
        self.filters.append(
            states,
            self._variances(heights, BOX_NOISE, SIZE_NOISE, taken.variances),
            self._variances(heights, INITIAL_SPEED, INITIAL_RATE, self.rate_variance.value),
        )
        self.updates = np.concatenate([self.updates, np.zeros(len(states))])
        self._start_with_the_world(len(states))

    def _start_with_the_world(self, count: int) -> None:
        """Let the newest tracks move as most others do, which before a moving camera is the static world."""
        if not self.world.any():
            return
        mean, velocity = self.filters.mean[-count:], self.filters.velocity[-count:]
        rates = np.nan_to_num(self.world[0] / np.exp(mean[:, DEPTH]))
        velocity[:, :2] = self.world[1:] - (mean[:, :2] - self._image_centre) * rates[:, None]
        velocity[:, 2:4] = -rates[:, None]
        velocity[:, DEPTH] = rates

    @property
    def _image_centre(self) -> FloatArray:
        return np.asarray((self.image[:2] + self.image[2:]) / 2)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.filters.select(kept)
        self.updates = self.updates[kept]

    def rates(self) -> FloatArray:
        """Relative rate of the distance of each track, ``(T,)`` per second, positive when receding."""
        velocity, variance = self.filters.velocity, self.filters.covariance[2]
        by_height = 1 / np.maximum(variance[:, HEIGHT], 1e-9)
        if not self._space.logarithmic:
            return np.asarray(-velocity[:, HEIGHT])
        known = np.isfinite(self.filters.mean[:, DEPTH])
        by_depth = np.where(known, 1 / np.maximum(variance[:, DEPTH], 1e-9), 0.0)
        total = by_depth * velocity[:, DEPTH] - by_height * velocity[:, HEIGHT]
        return np.asarray(total / (by_depth + by_height))

    def predict(self, step: Step) -> None:
        """Move all tracks ahead in perspective; white acceleration, integrated over the step."""
        still = step.waiting is not None and step.waiting.all()  # those who wait are the only ones there are
        seconds = 0.0 if still else step.frames / REFERENCE_RATE
        filters = self.filters
        rates = self.rates()
        ratio = 1 + seconds * rates
        passing = ratio < SMALLEST_STEP_RATIO
        if passing.any():
            rates[passing], ratio[passing], filters.velocity[passing] = 0.0, 1.0, 0.0
        mean, velocity = filters.mean, filters.velocity
        heights = np.exp(mean[:, HEIGHT])
        power = self._variances(heights, ACCELERATION, RATE_ACCELERATION, RATE_ACCELERATION**2)
        filters.spread(seconds, power * seconds**3 / 3, power * seconds)
        filters.covariance[1] += power * seconds**2 / 2
        growth, rates, ratio = np.log(ratio), rates / ratio, ratio[:, None]
        mean[:, :2] += seconds * velocity[:, :2] / ratio
        velocity[:, :2] /= ratio**2
        mean[:, 2:4] -= growth[:, None]
        velocity[:, 2:4] = -rates[:, None]
        if self._space.logarithmic:
            mean[:, DEPTH] += growth
            velocity[:, DEPTH] = rates
        else:
            mean[:, DEPTH] += seconds * velocity[:, DEPTH]

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured boxes and depths in; a track without depth starts at its first known one."""
        filters = self.filters
        before = filters.mean.take(rows, 0)
        states = self._states(taken.boxes, taken.values)
        fresh = np.isnan(before[:, DEPTH]) & np.isfinite(states[:, DEPTH])
        variances = self._variances(np.exp(before[:, HEIGHT]), BOX_NOISE, SIZE_NOISE, taken.variances)
        filters.correct(rows, states, variances)
        self.updates[rows] += 1
        if not fresh.any():
            return
        new = rows[fresh]
        filters.mean[new, DEPTH], filters.velocity[new, DEPTH] = states[fresh, DEPTH], 0.0
        if self._space.logarithmic:
            filters.velocity[new, DEPTH] = -filters.velocity[new, HEIGHT]
        filters.covariance[:, new, DEPTH] = np.stack(
            [variances[fresh, DEPTH], np.zeros(len(new)), np.full(len(new), self.rate_variance.value)]
        )

    def near(self, rows: Indices, boxes_xyxy: FloatArray, gate: float) -> BoolArray:
        """Which detections lie within a gate of squared standard deviations in u, ``(T, D)``."""
        centres = (boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2
        noise = (BOX_NOISE * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])) ** 2
        error = centres - self.filters.mean[rows, U][:, None]
        return np.asarray(error**2 < gate * (self.filters.covariance[0, rows, U][:, None] + noise))

    def innovation(
        self, rows: Indices, columns: Indices, seen: Measurements
    ) -> tuple[FloatArray, FloatArray]:
        """Depth of each pair's detection minus that of its track, ``(P,)``, and its variance."""
        assert seen.values is not None and seen.variances is not None
        filters = self.filters
        innovation = seen.values[columns] - filters.mean[rows, DEPTH]
        return innovation, filters.covariance[0, rows, DEPTH] + seen.variances[columns]

    def compare(self, rows: Indices, seen: Measurements) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Difference of the detection of each pair from its track in all five coordinates.

        Args:
            rows: ``(P,)`` tracks.
            seen: Their ``P`` detections.

        Returns:
            ``(P, 5)`` difference, its variance if they are one object, and the variance of places
            anywhere in the image in the first two coordinates (the others are zero).
        """
        states = self._states(seen.boxes, seen.values)
        noise = self._variances(np.exp(states[:, HEIGHT]), BOX_NOISE, SIZE_NOISE, seen.variances)
        same = self.filters.covariance[0, rows] + noise
        anywhere = np.zeros_like(same)
        anywhere[:, :2] = (self.image[2:] - self.image[:2]) ** 2 / (12, 36)
        return states - self.filters.mean[rows], same, anywhere

    def warp(self, affine: FloatArray) -> None:
        """Put all tracks where the image went, and leave everything else."""
        if len(self.filters):
            self.filters.mean[:, :4] = self._states(warp(self.boxes(), affine), None)[:, :4]
