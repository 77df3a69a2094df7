"""Pseudo-depth: how far away a standing object is, from where its foot meets the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import UsageError
from deptr.records import BoolArray, DepthKind, FloatArray, with_depth

if TYPE_CHECKING:
    import supervision as sv

_MEMORY = 2000  # boxes that the ground plane is fitted to, the latest
_REFIT_EVERY = 10  # frames, once the memory is well filled
_FIT_SCORE = 0.5  # boxes the fit may trust
_ITERATIONS = 8
_PRIOR_WEIGHT = 1.0  # boxes that the first guess of the horizon counts for
_PRIOR_HORIZON = 0.3  # share of the image height above which the first guess puts the horizon
_FOOT_NOISE = 0.03  # of the box height: how exactly a detector finds a visible foot
_HIDDEN_NOISE = 0.1  # of the box height: how well it guesses a hidden one
_HEIGHT_NOISE = 0.12  # of the box height: how different people are, for feet told from heads
_PLANE_NOISE = 0.03  # of the depth: how flat grounds are
_LARGEST_STD = 0.6  # of the depth; beyond, a depth says nothing
_BORDER = 0.006  # of the image height: a box that ends this close to the border is cut


class PseudoDepth:
    """Gives depth to detections that have none, from the ground plane that their boxes show.

    On a flat ground, seen without roll, both the inverse depth of a foot and the height of a box of a usual
    object grow linearly with the foot's row below the horizon. The line is fitted online, robustly, to boxes
    that are neither cut by the image border nor hidden, and follows a camera that slowly tilts. Depth is in
    units in which a usual object as tall as the image stands at depth 1; larger is farther.

    A foot that is cut by the image border is told from the head, where heads tell. That, a foot hidden by a
    nearer box, and one close to the horizon make the depth less certain; a mere guess is NaN.

    Args:
        image_size: Width and height of the image in pixels.

    Raises:
        UsageError: The size is not positive.

    Example:
        >>> import supervision as sv
        >>> boxes = np.array([[10.0, 60, 20, 80], [10, 100, 40, 160], [10, 140, 60, 240]])
        >>> seen = PseudoDepth((320, 260)).update(sv.Detections(boxes))
        >>> seen.data["depth"].round(1), seen.metadata["depth_kind"]
        (array([13.8,  3.2,  1.8], dtype=float32), 'pseudo')
    """

    def __init__(self, image_size: tuple[int, int]) -> None:
        width, height = image_size
        if width <= 0 or height <= 0:
            raise UsageError(f"image_size: expected positive width and height, got {width} x {height}")
        self._size = (float(width), float(height))
        self.reset()

    def reset(self) -> None:
        """Forget the ground plane."""
        self._feet = np.zeros(0)
        self._heights = np.zeros(0)
        self._line: tuple[float, float] | None = None
        self._frames = 0

    @property
    def horizon_row(self) -> float:
        """Row of the fitted horizon in pixels, NaN before the first box."""
        return float("nan") if self._line is None else -self._line[1] / self._line[0]

    def update(self, detections: sv.Detections) -> sv.Detections:
        """The detections of one frame with ``data["depth"]``, ``data["depth_std"]`` and their kind.

        Args:
            detections: Boxes; scores, if any, tell which the fit may trust. Never changed.
        """
        boxes = np.asarray(detections.xyxy, dtype=np.float64).reshape(-1, 4)
        scores = np.ones(len(boxes)) if detections.confidence is None else np.asarray(detections.confidence)
        cut, hidden = self._cut(boxes), _hidden(boxes)
        self._learn(boxes[~cut & ~hidden & (scores >= _FIT_SCORE)])
        depth, std = self._depth(boxes, cut, hidden)
        return with_depth(detections, depth, std, DepthKind.PSEUDO)

    def _cut(self, boxes: FloatArray) -> BoolArray:
        return np.asarray(boxes[:, 3] >= self._size[1] * (1 - _BORDER))

    def _learn(self, boxes: FloatArray) -> None:
        inside = boxes[boxes[:, 1] > self._size[1] * _BORDER]  # a head that is cut makes the box too short
        self._feet = np.concatenate([self._feet, inside[:, 3]])[-_MEMORY:]
        self._heights = np.concatenate([self._heights, inside[:, 3] - inside[:, 1]])[-_MEMORY:]
        self._frames += 1
        early = len(self._feet) < _MEMORY // 4
        if len(self._feet) and (early or self._line is None or self._frames % _REFIT_EVERY == 0):
            self._line = self._fit()

    def _fit(self) -> tuple[float, float]:
        """Slope and offset of box height against foot row: robust, relative errors, a weak first guess."""
        rows, heights = self._feet / self._size[1], self._heights / self._size[1]
        guess = _PRIOR_HORIZON
        slope = float(np.median(heights / np.maximum(rows - guess, 0.05)))
        prior_rows = np.array([guess, 1.0])
        prior_heights = slope * (prior_rows - guess)
        prior_scale = np.full(2, max(float(np.median(heights)), 1e-3))
        scale = np.maximum(np.concatenate([heights, prior_scale]), 1e-3)
        design = (
            np.stack([np.concatenate([rows, prior_rows]), np.ones(len(rows) + 2)], axis=1) / scale[:, None]
        )
        target = np.concatenate([heights, prior_heights]) / scale
        weights = np.concatenate([np.ones(len(rows)), np.full(2, _PRIOR_WEIGHT / 2)])
        robust = weights
        line = np.array([slope, -slope * guess])
        for _ in range(_ITERATIONS):
            weighted = design * robust[:, None]
            line = np.linalg.solve(weighted.T @ design, weighted.T @ target)
            error = np.abs(target - design @ line)
            spread = 1.5 * float(np.median(error[:-2])) + 1e-3
            robust = weights * np.minimum(1.0, spread / np.maximum(error, 1e-9))
        if line[0] < 0.02:  # heights that do not grow towards the viewer: no plane in sight
            line = np.array([slope, -slope * guess])
        return float(line[0]), float(line[1] * self._size[1])

    def _depth(self, boxes: FloatArray, cut: BoolArray, hidden: BoolArray) -> tuple[FloatArray, FloatArray]:
        unknown = np.full(len(boxes), np.nan)
        if self._line is None or not len(boxes):
            return unknown, unknown.copy()
        slope, offset = self._line
        height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
        feet, noise = boxes[:, 3].copy(), np.where(hidden, _HIDDEN_NOISE, _FOOT_NOISE) * height
        if cut.any():
            headroom = max(1 - slope, 0.1)  # none is left where heads stand at the horizon
            from_head = (boxes[:, 1] + offset) / headroom
            feet = np.where(cut, np.clip(from_head, feet, feet + 3 * height), feet)
            noise = np.where(cut, _HEIGHT_NOISE * (slope * feet + offset) / headroom, noise)
        expected = slope * feet + offset
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(expected > 0, self._size[1] / expected, np.nan)
            relative = np.hypot(slope * noise / expected, _PLANE_NOISE)
        known = np.isfinite(depth) & (relative < _LARGEST_STD)
        return np.where(known, depth, np.nan), np.where(known, depth * relative, np.nan)


def _hidden(boxes: FloatArray) -> BoolArray:
    """Boxes whose foot lies inside another box that stands nearer, ``(N,)``."""
    foot_x, foot_y = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]
    inside = (foot_x[:, None] > boxes[None, :, 0]) & (foot_x[:, None] < boxes[None, :, 2])
    inside &= (foot_y[:, None] > boxes[None, :, 1]) & (foot_y[:, None] < boxes[None, :, 3])
    return np.asarray(inside.any(axis=1))
