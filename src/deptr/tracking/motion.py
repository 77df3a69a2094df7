"""How boxes move: the three state forms of the followed trackers over one batch filter.

Authors tuned their noise per frame of 30 fps video. Here time is counted in such reference frames and the
noise of a step grows with the time that it spans, so that a parameter means the same at any frame rate.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from deptr import boxes as box
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part, Step
from deptr.tracking.replay import Replay

_ONLY_ASPECT = np.array([0.0, 0.0, 1.0, 0.0])
_NOT_ASPECT = 1.0 - _ONLY_ASPECT


def warp_states(mean: FloatArray, velocity: FloatArray, affine: FloatArray, scales: FloatArray) -> None:
    """Move states, whose first two coordinates are a place in the image, with the image, in place."""
    mean[:, :2] = mean[:, :2] @ affine[:, :2].T + affine[:, 2]
    velocity[:, :2] = velocity[:, :2] @ affine[:, :2].T
    mean[:, 2:] *= scales[2:]
    velocity[:, 2:] *= scales[2:]


class BoxMotion(Part):
    """Boxes of all tracks as filtered, constant-velocity states.

    Args:
        to_state: Boxes, ``(N, 4)`` xyxy, as this filter's coordinates.
        to_boxes: The inverse.

    Attributes:
        filters: The batch filter; `filters.velocity` is per reference frame (1/30 s).
        SCALE_POWERS: With which power of a zoom each coordinate grows.
    """

    SCALE_POWERS: FloatArray

    def __init__(
        self, to_state: Callable[[FloatArray], FloatArray], to_boxes: Callable[[FloatArray], FloatArray]
    ) -> None:
        self.to_state, self.to_boxes = to_state, to_boxes
        self.filters = KalmanBatch(coordinates=4)
        self._boxes: FloatArray = np.zeros((0, 4))
        self._boxes_version = -1

    @abstractmethod
    def predict(self, step: Step) -> None:
        """Move all tracks ahead."""

    @abstractmethod
    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured boxes in, each track at most once."""

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.filters.select(kept)

    def warp(self, affine: FloatArray) -> None:
        """Move all tracks with the image, by a ``(2, 3)`` similarity: the camera moved."""
        scales = box.similarity_scale(affine) ** self.SCALE_POWERS
        warp_states(self.filters.mean, self.filters.velocity, affine, scales)
        self.filters.covariance *= scales**2
        self.filters.version += 1

    def boxes(self) -> FloatArray:
        """Current boxes of all tracks, ``(T, 4)`` xyxy, to be read only."""
        if self._boxes_version != self.filters.version:
            self._boxes, self._boxes_version = self.to_boxes(self.filters.mean), self.filters.version
        return self._boxes


class HeightScaledMotion(BoxMotion):
    """Noise in proportion to the box: ByteTrack (x, y, aspect, height) and BoT-SORT (x, y, w, h).

    Args:
        aspect: True for aspect and height as third and fourth coordinate, False for width and height.
    """

    POSITION_WEIGHT = 1 / 20
    VELOCITY_WEIGHT = 1 / 160

    def __init__(self, *, aspect: bool) -> None:
        if aspect:
            super().__init__(box.xyxy_to_cxcyah, box.cxcyah_to_xyxy)
        else:
            super().__init__(box.xyxy_to_cxcywh, box.cxcywh_to_xyxy)
        self.aspect = aspect
        self.SCALE_POWERS = np.array([1.0, 1.0, 0.0, 1.0] if aspect else [1.0, 1.0, 1.0, 1.0])

    def _variance(self, states: FloatArray, weight: float, aspect: float) -> FloatArray:
        """Variances in proportion to the squared size, ``(N, 4)``, that of an aspect being fixed."""
        if self.aspect:
            variance = states[:, 3:4] ** 2 * (weight * weight * _NOT_ASPECT)
            variance += aspect * _ONLY_ASPECT
            return np.asarray(variance)
        variance = np.empty((len(states), 4))
        np.multiply(states[:, 2:4], weight, out=variance[:, :2])
        variance[:, :2] *= variance[:, :2]
        variance[:, 2:] = variance[:, :2]
        return variance

    def append(self, taken: Measurements) -> None:
        """Start tracks at these boxes, at rest."""
        states = self.to_state(taken.boxes)
        position = self._variance(states, 2 * self.POSITION_WEIGHT, 1e-4)
        self.filters.append(states, position, self._variance(states, 10 * self.VELOCITY_WEIGHT, 1e-10))

    def predict(self, step: Step) -> None:
        """Move all tracks ahead, those that wait by no time; the noise added grows with the time passed.

        What is not in sight does not go on changing its size.
        """
        frames: float | FloatArray = step.frames
        waiting = step.waiting is not None and bool(step.waiting.any())
        if step.waiting is not None and waiting:
            frames = np.where(step.waiting, 0.0, frames)[:, None]
        if step.lost is not None:
            self.filters.velocity[step.lost, 3] = 0.0
            if not self.aspect:
                self.filters.velocity[step.lost, 2] = 0.0
        states = self.filters.mean
        velocity = self._variance(states, self.VELOCITY_WEIGHT, 1e-10)
        # the position's noise is jitter of the box, not of the path: it comes once a frame at any rate
        position = self._variance(states, self.POSITION_WEIGHT, 1e-4)
        if waiting or step.frames <= 0:
            position *= np.asarray(frames) > 0
        self.filters.predict(frames, position, velocity * frames)

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured boxes in."""
        variance = self._variance(self.filters.mean.take(rows, 0), self.POSITION_WEIGHT, 1e-2)
        self.filters.correct(rows, self.to_state(taken.boxes), variance)


class AreaMotion(BoxMotion):
    """SORT's and OC-SORT's state: centre, area and an aspect that does not move, with fixed noise.

    The constants are those of OC-SORT's tracker (``ocsort.py``), in pixels per frame of 30 fps video.
    """

    SCALE_POWERS = np.array([1.0, 1.0, 2.0, 0.0])
    MEASUREMENT_VARIANCE = np.array([1.0, 1.0, 10.0, 10.0])
    POSITION_NOISE = 1.0
    VELOCITY_NOISE = np.array([0.01, 0.01, 0.0001, 0.0])
    INITIAL_POSITION_VARIANCE = 10.0
    INITIAL_VELOCITY_VARIANCE = np.array([1e4, 1e4, 1e4, 0.0])

    def __init__(self) -> None:
        super().__init__(box.xyxy_to_cxcysr, box.cxcysr_to_xyxy)

    def append(self, taken: Measurements) -> None:
        """Start tracks at these boxes, at rest."""
        states = self.to_state(taken.boxes)
        position = np.full_like(states, self.INITIAL_POSITION_VARIANCE)
        self.filters.append(states, position, np.tile(self.INITIAL_VELOCITY_VARIANCE, (len(states), 1)))

    def predict(self, step: Step) -> None:
        """Move all tracks ahead; an area that would fall below zero stops shrinking."""
        frames = step.frames
        shrinking = (self.filters.mean + frames * self.filters.velocity)[:, 2] <= 0
        self.filters.velocity[shrinking, 2] = 0.0
        self.filters.predict(frames, np.full(4, self.POSITION_NOISE) * frames, self.VELOCITY_NOISE * frames)

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured boxes in."""
        self.filters.correct(rows, self.to_state(taken.boxes), self.MEASUREMENT_VARIANCE)


class ObservationCentricMotion(AreaMotion):
    """OC-SORT's filter: when a lost object is found, what the filter believed meanwhile is forgotten.

    As in the authors' code the found box is taken in twice, at the end of the virtual way and by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replay = Replay(
            self.filters,
            noise=(np.full(4, self.POSITION_NOISE), self.VELOCITY_NOISE),
            variance=self.MEASUREMENT_VARIANCE,
            to_line=self._to_line,
            from_line=self._from_line,
        )

    def _to_line(self, states: FloatArray) -> FloatArray:
        return box.xyxy_to_cxcywh(self.to_boxes(states))

    def _from_line(self, sizes: FloatArray) -> FloatArray:
        return self.to_state(box.cxcywh_to_xyxy(sizes))

    def append(self, taken: Measurements) -> None:
        """Start tracks at these boxes, at rest."""
        super().append(taken)
        self.replay.append(len(taken))

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        super().select(kept)
        self.replay.select(kept)

    def warp(self, affine: FloatArray) -> None:
        """Move all tracks with the image, also where they were lost."""
        super().warp(affine)
        replay, scales = self.replay, box.similarity_scale(affine) ** self.SCALE_POWERS
        warp_states(replay.saved[0], replay.saved[1], affine, scales)
        replay.saved[2:] *= scales**2
        warp_states(replay.last, np.zeros_like(replay.last), affine, scales)

    def predict(self, step: Step) -> None:
        """Move all tracks ahead, and remember where those were that have just been lost."""
        self.replay.before_predict(step.frames)
        super().predict(step)

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Take measured boxes in, lost tracks by way of their virtual path."""
        self.replay.before_correct(rows, self.to_state(taken.boxes))
        super().correct(rows, taken)
