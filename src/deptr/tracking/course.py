"""Where tracks were really seen and which way they went: OC-SORT's observations (arXiv 2203.14360)."""

from __future__ import annotations

import numpy as np

from deptr.boxes import similarity_scale, warp
from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part, Step

CLOCK_ROUNDING = 2e-3  # timestamps are often rounded to milliseconds
# of a box x1, y1, x2, y2: the points whose way may be followed, each as what makes its x and its y
CENTRE = np.array([[[0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]]])
CORNERS = np.eye(4)[[[0, 1], [0, 3], [2, 1], [2, 3]]]


class Course(Part):
    """The last few boxes at which each track was detected after its birth, newest first, and its direction.

    Args:
        points: ``(P, 2, 4)`` points of a box whose way is followed, `CENTRE` or `CORNERS`.
        slots: How many boxes are kept.
        window_seconds: Time over which the direction is measured.
        sum_up: Whether the directions from all boxes of that time are summed (Hybrid-SORT), or only the
            one from the oldest of them is taken (OC-SORT).

    Attributes:
        boxes: ``(T, slots, 4)`` xyxy, NaN where there is none.
        times: ``(T, slots)`` seconds.
        directions: ``(T, P, 2)`` unit vectors, or their sum; 0 = not known.
    """

    def __init__(
        self, points: FloatArray, *, slots: int, window_seconds: float, sum_up: bool = False
    ) -> None:
        self.points = points
        self.boxes: FloatArray = np.zeros((0, slots, 4))
        self.times: FloatArray = np.zeros((0, slots))
        self.directions: FloatArray = np.zeros((0, len(points), 2))
        self._window_seconds = window_seconds
        self._sum_up = sum_up
        self._now = 0.0

    @property
    def last(self) -> FloatArray:
        """``(T, 4)`` newest box of each track, NaN if there is none."""
        return self.boxes[:, 0]

    def start(self) -> FloatArray:
        """``(T, 4)`` the oldest box within the window, else the newest one, NaN if there is none."""
        slot = np.maximum(self._within().sum(1) - 1, 0)
        return np.asarray(self.boxes[np.arange(len(slot)), slot])

    def _within(self) -> BoolArray:
        """``(T, slots)`` which boxes are within the window."""
        return np.asarray(self.times >= self._now - self._window_seconds - CLOCK_ROUNDING)

    def predict(self, step: Step) -> None:
        """Time goes on."""
        self._now += step.seconds

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """These tracks were seen at these boxes now."""
        if self._sum_up:
            used = self._within()[rows]
            used[:, 0] = True  # the newest one, if all are older
            ways = self._unit(self.boxes[rows], taken.boxes[:, None])
            turned = np.where(used[:, :, None, None], ways, 0.0).sum(1)
        else:
            turned = self._unit(self.start()[rows], taken.boxes)
        self.directions[rows] = np.nan_to_num(turned)
        self.boxes[rows, 1:] = self.boxes[rows, :-1]
        self.times[rows, 1:] = self.times[rows, :-1]
        self.boxes[rows, 0] = taken.boxes
        self.times[rows, 0] = self._now

    def _unit(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Unit vectors of the points' ways from one box to another, ``(..., P, 2)``."""
        way = (after - before) @ self.points.reshape(-1, 4).T
        way = way.reshape(*way.shape[:-1], len(self.points), 2)
        return np.asarray(way / (np.sqrt((way**2).sum(-1, keepdims=True)) + 1e-6))

    def append(self, taken: Measurements) -> None:
        """Start tracks without an observation."""
        count, slots = len(taken), self.boxes.shape[1]
        self.boxes = np.concatenate([self.boxes, np.full((count, slots, 4), np.nan)])
        self.times = np.concatenate([self.times, np.full((count, slots), -np.inf)])
        self.directions = np.concatenate([self.directions, np.zeros((count, len(self.points), 2))])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.boxes, self.times, self.directions = self.boxes[kept], self.times[kept], self.directions[kept]

    def warp(self, affine: FloatArray) -> None:
        """Move all boxes with the image and turn the directions."""
        self.boxes = warp(self.boxes, affine)
        self.directions = self.directions @ (affine[:, :2] / similarity_scale(affine)).T

    def agreement(
        self, rows: Indices, columns: Indices, boxes_xyxy: FloatArray, period: float | None
    ) -> FloatArray:
        """How well each pair's way agrees with where the track was going.

        Args:
            rows: Tracks, broadcast with `columns`.
            columns: Rows of `boxes_xyxy`.
            boxes_xyxy: ``(D, 4)`` detections.
            period: Width of a panorama in pixels, None for a plain image.

        Returns:
            Angles in [-pi/2, pi/2], summed over the points, positive where they agree.
        """
        before = np.nan_to_num(self.start())
        turns: FloatArray | float = 0.0
        if period is not None:
            distance = _middle(before)[rows] - _middle(boxes_xyxy)[columns]
            turns = np.rint(distance / period) * period
        total: FloatArray | float = 0.0
        for point, (x, y) in enumerate(self.points):
            way_x = (boxes_xyxy @ x)[columns] + turns - (before @ x)[rows]
            way_y = (boxes_xyxy @ y)[columns] - (before @ y)[rows]
            direction = self.directions[:, point]
            cosine = way_x * direction[rows, 0] + way_y * direction[rows, 1]
            cosine /= np.sqrt(way_x * way_x + way_y * way_y) + 1e-6
            total = total + np.arcsin(np.clip(cosine, -1.0, 1.0, out=cosine), out=cosine)
        return np.asarray(total)


def _middle(boxes_xyxy: FloatArray) -> FloatArray:
    return (boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2
