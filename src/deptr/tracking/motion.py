"""How boxes move: the three state forms of the followed trackers over one batch filter.

Authors tuned their noise per frame of 30 fps video. Here time is counted in such reference frames and the
noise of a step grows with the time that it spans, so that a parameter means the same at any frame rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking import boxes as box
from deptr.tracking.assignment import Indices
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.observations import Replay

REFERENCE_RATE = 30.0
_ONLY_ASPECT = np.array([0.0, 0.0, 1.0, 0.0])
_NOT_ASPECT = 1.0 - _ONLY_ASPECT


def warp_states(mean: FloatArray, velocity: FloatArray, affine: FloatArray, scales: FloatArray) -> None:
    """Move states, whose first two coordinates are a place in the image, with the image, in place."""
    mean[:, :2] = mean[:, :2] @ affine[:, :2].T + affine[:, 2]
    velocity[:, :2] = velocity[:, :2] @ affine[:, :2].T
    mean[:, 2:] *= scales[2:]
    velocity[:, 2:] *= scales[2:]


class BoxMotion(ABC):
    """Boxes of all tracks as filtered, constant-velocity states.

    Attributes:
        filters: The batch filter; `filters.velocity` is per reference frame (1/30 s).
        SCALE_POWERS: With which power of a zoom each coordinate grows.
    """

    SCALE_POWERS: FloatArray

    def __init__(self) -> None:
        self.filters = KalmanBatch(coordinates=4)
        self._boxes: FloatArray = np.zeros((0, 4))
        self._boxes_version = -1

    @abstractmethod
    def to_state(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Boxes as this filter's coordinates, ``(N, 4)``."""

    @abstractmethod
    def to_boxes(self, states: FloatArray) -> FloatArray:
        """This filter's coordinates as xyxy boxes, ``(N, 4)``."""

    @abstractmethod
    def append(self, boxes_xyxy: FloatArray) -> None:
        """Start tracks at these boxes, at rest."""

    @abstractmethod
    def predict(self, frames: float | FloatArray, *, hold_size: BoolArray | None = None) -> None:
        """Move all tracks ahead by a time in reference frames.

        Args:
            frames: Time passed, in 1/30 s; a number or ``(T, 1)``.
            hold_size: ``(T,)`` tracks whose size must not go on changing (they are not seen).
        """

    @abstractmethod
    def correct(self, rows: Indices, boxes_xyxy: FloatArray) -> None:
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

    def __len__(self) -> int:
        return len(self.filters)


class HeightScaledMotion(BoxMotion):
    """Noise in proportion to the box: ByteTrack (x, y, aspect, height) and BoT-SORT (x, y, w, h).

    Args:
        aspect: True for aspect and height as third and fourth coordinate, False for width and height.
    """

    POSITION_WEIGHT = 1 / 20
    VELOCITY_WEIGHT = 1 / 160

    def __init__(self, *, aspect: bool) -> None:
        super().__init__()
        self.aspect = aspect
        self.SCALE_POWERS = np.array([1.0, 1.0, 0.0, 1.0] if aspect else [1.0, 1.0, 1.0, 1.0])

    def to_state(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Boxes as this filter's coordinates."""
        return box.xyxy_to_xyah(boxes_xyxy) if self.aspect else box.xyxy_to_xywh(boxes_xyxy)

    def to_boxes(self, states: FloatArray) -> FloatArray:
        """This filter's coordinates as boxes."""
        return box.xyah_to_xyxy(states) if self.aspect else box.xywh_to_xyxy(states)

    def _variance(self, states: FloatArray, weight: float, aspect: float) -> FloatArray:
        """Variances in proportion to the squared size, ``(N, 4)``, that of an aspect being fixed."""
        if self.aspect:
            return np.asarray(states[:, 3:4] ** 2 * (weight * weight * _NOT_ASPECT) + aspect * _ONLY_ASPECT)
        variance = np.empty((len(states), 4))
        np.multiply(states[:, 2:4], weight, out=variance[:, :2])
        variance[:, :2] *= variance[:, :2]
        variance[:, 2:] = variance[:, :2]
        return variance

    def append(self, boxes_xyxy: FloatArray) -> None:
        """Start tracks at these boxes, at rest."""
        states = self.to_state(boxes_xyxy)
        position = self._variance(states, 2 * self.POSITION_WEIGHT, 1e-4)
        self.filters.append(states, position, self._variance(states, 10 * self.VELOCITY_WEIGHT, 1e-10))

    def predict(self, frames: float | FloatArray, *, hold_size: BoolArray | None = None) -> None:
        """Move all tracks ahead; the noise added grows with the time passed."""
        if hold_size is not None:
            self.filters.velocity[hold_size, 3] = 0.0
            if not self.aspect:
                self.filters.velocity[hold_size, 2] = 0.0
        states = self.filters.mean
        velocity = self._variance(states, self.VELOCITY_WEIGHT, 1e-10)
        # the position's noise is jitter of the box, not of the path: it comes once a frame at any rate
        position = self._variance(states, self.POSITION_WEIGHT, 1e-4) * (np.asarray(frames) > 0)
        self.filters.predict(frames, position, velocity * frames)

    def correct(self, rows: Indices, boxes_xyxy: FloatArray) -> None:
        """Take measured boxes in."""
        variance = self._variance(self.filters.mean[rows], self.POSITION_WEIGHT, 1e-2)
        self.filters.correct(rows, self.to_state(boxes_xyxy), variance)


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

    def to_state(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Boxes as this filter's coordinates."""
        return box.xyxy_to_xysr(boxes_xyxy)

    def to_boxes(self, states: FloatArray) -> FloatArray:
        """This filter's coordinates as boxes."""
        return box.xysr_to_xyxy(states)

    def append(self, boxes_xyxy: FloatArray) -> None:
        """Start tracks at these boxes, at rest."""
        states = self.to_state(boxes_xyxy)
        position = np.full_like(states, self.INITIAL_POSITION_VARIANCE)
        self.filters.append(states, position, np.tile(self.INITIAL_VELOCITY_VARIANCE, (len(states), 1)))

    def predict(self, frames: float | FloatArray, *, hold_size: BoolArray | None = None) -> None:
        """Move all tracks ahead; an area that would fall below zero stops shrinking."""
        shrinking = (self.filters.mean + frames * self.filters.velocity)[:, 2] <= 0
        self.filters.velocity[shrinking, 2] = 0.0
        self.filters.predict(frames, np.full(4, self.POSITION_NOISE) * frames, self.VELOCITY_NOISE * frames)

    def correct(self, rows: Indices, boxes_xyxy: FloatArray) -> None:
        """Take measured boxes in."""
        self.filters.correct(rows, self.to_state(boxes_xyxy), self.MEASUREMENT_VARIANCE)


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
        return box.xyxy_to_xywh(self.to_boxes(states))

    def _from_line(self, sizes: FloatArray) -> FloatArray:
        return self.to_state(box.xywh_to_xyxy(sizes))

    def append(self, boxes_xyxy: FloatArray) -> None:
        """Start tracks at these boxes, at rest."""
        super().append(boxes_xyxy)
        self.replay.append(len(boxes_xyxy))

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

    def predict(self, frames: float | FloatArray, *, hold_size: BoolArray | None = None) -> None:
        """Move all tracks ahead, those of `frames` being one number."""
        self.replay.before_predict(float(np.max(frames)))
        super().predict(frames, hold_size=hold_size)

    def correct(self, rows: Indices, boxes_xyxy: FloatArray) -> None:
        """Take measured boxes in, lost tracks by way of their virtual path."""
        self.replay.before_correct(rows, self.to_state(boxes_xyxy))
        super().correct(rows, boxes_xyxy)
