"""Whose depth is whose: from samples of each box to the depth of its object, where boxes hide one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.depth.box_depths import BoxDepthState
from deptr.depth.layers import THICKNESS, Layers
from deptr.records import BoolArray, FloatArray, IntArray

CENTRE_Y = 0.42  # of the height: where a standing body is widest
SPREAD_X, SPREAD_Y = 0.2, 0.4  # of the size: how fast samples lose weight towards the border
SHARED_WEIGHT = 0.15  # of samples that another box may own, at first sight
LEAST_KNOWN = 0.12  # of the weight: less is no depth
LEAST_LEFT = 0.1  # of the weight: less beside what stands in front says little
LEAST_OWN = 0.1  # of the weight: a box with less outside of another is contained in it
SAME_LAYER = 0.06  # in the coordinate of depth: how close two boxes must be to be taken for one another
OWNED, FOREIGN = 0.5, 0.3  # shares of a box's own samples at a depth that make it the box's, or another's
HIGHER_FOOT = 0.03  # of the height by which a box that stands farther away ends higher
FLOOR = 0.006  # in the coordinate of depth: smallest deviation
SPREAD_SHARE = 0.4  # of the spread of an object's samples: deviation of their median
COVERED_STD = 0.25  # in the coordinate of depth: deviation of a box that is hardly seen
FEWEST = 4  # boxes that tell how large objects are
SIZE_TOLERANCE = 0.15  # in the coordinate of depth: how different sizes may be where all boxes agree
BORDER = 0.006  # of the image's height: a box that ends this close to the border is cut
PASSES = 2


@dataclass(frozen=True)
class Samples:
    """Samples of each box; boxes with fewer are filled up with unknown ones.

    Attributes:
        boxes: ``(N, 4)`` xyxy pixels.
        x, y: ``(N, S)`` pixels.
        values: ``(N, S)`` coordinates of depth, NaN = unknown.
        weights: ``(N, S)``.
        cut: ``(N,)`` boxes that the border of the image cuts: their height tells nothing.
    """

    boxes: FloatArray
    x: FloatArray
    y: FloatArray
    values: FloatArray
    weights: FloatArray
    cut: BoolArray


def border_cuts(boxes: FloatArray, image_height: float) -> BoolArray:
    """Which boxes end at the upper or lower border, ``(N,)``."""
    margin = BORDER * image_height
    return np.asarray((boxes[:, 1] <= margin) | (boxes[:, 3] >= image_height - margin))


def central(x: FloatArray, y: FloatArray, boxes: FloatArray) -> FloatArray:
    """How much samples at these pixels count, ``(N, S)``: most where a standing body is widest."""
    size = boxes[:, 2:] - boxes[:, :2]
    across = (x - (boxes[:, [0]] + boxes[:, [2]]) / 2) / (size[:, [0]] * SPREAD_X)
    down = ((y - boxes[:, [1]]) / size[:, [1]] - CENTRE_Y) / SPREAD_Y
    return np.asarray(np.exp(-(across**2 + down**2) / 2))


def resolve(samples: Samples, *, overlapping: bool) -> tuple[FloatArray, FloatArray, IntArray]:
    """Depth of each box's object.

    Args:
        samples: Of all boxes of a moment.
        overlapping: Whether a box may hold what belongs to another.

    Returns:
        Coordinate of depth, its deviation and the state of each box, ``(N,)`` each.
    """
    weights = samples.weights
    known = np.where(np.isfinite(samples.values), weights, 0.0)
    pairs = _Pairs.of(samples, known) if overlapping else None
    left = known
    if pairs is None:
        layers = Layers(samples.values, known)
        middles = layers.foremost()
    else:
        first = np.where(pairs.any_of(pairs.inside, known.shape), SHARED_WEIGHT * known, known)
        layers = Layers(samples.values, first)
        middles = layers.foremost()
        expected, tolerance = _by_height(samples, middles, first.sum(1))
        for _ in range(PASSES):
            left = np.where(pairs.any_of(pairs.of_nearer(middles), known.shape), 0.0, known)
            layers.weigh(left)
            found = layers.foremost(expected, tolerance)
            middles = np.where(np.isnan(found), middles, found)
    value, spread = layers.around(middles)
    seen = known.sum(1)
    covered = left.sum(1) < LEAST_LEFT * seen
    empty = seen < LEAST_KNOWN * np.maximum(weights.sum(1), 1e-12)
    deviation = np.where(covered, COVERED_STD, np.hypot(SPREAD_SHARE * spread, FLOOR))
    state = np.where(covered, BoxDepthState.COVERED, BoxDepthState.KNOWN)
    state = np.where(empty, BoxDepthState.EMPTY, state).astype(np.int8)
    return np.where(empty, np.nan, value), np.where(empty, np.nan, deviation), state


@dataclass(frozen=True)
class _Pairs:
    """Boxes that share a part: a box, another one that may hide it, and the box's samples, a row per pair.

    Attributes:
        row, other: ``(P,)`` the two boxes, in the order of `row`; each pair stands there both ways.
        mirror: ``(P,)`` the same pair the other way.
        higher: ``(P,)`` whether the box's foot is plainly higher, as of what stands farther away.
        contained: ``(P,)`` whether hardly anything of the box is outside of the other.
        inside: ``(P, S)`` samples that lie in the other box.
        values: ``(P, S)`` coordinates of depth.
        own: ``(P, S)`` weights of the samples outside of the other box, as shares of their sum.
    """

    row: IntArray
    other: IntArray
    mirror: IntArray
    higher: BoolArray
    contained: BoolArray
    inside: BoolArray
    values: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, samples: Samples, known: FloatArray) -> _Pairs | None:
        """All pairs, None without any."""
        boxes = samples.boxes
        low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        meets = np.asarray((high > low).all(-1))
        np.fill_diagonal(meets, False)
        row, other = meets.nonzero()
        if not len(row):
            return None
        number = np.zeros(meets.shape, np.intp)
        number[row, other] = np.arange(len(row))
        left, top, right, bottom = boxes[other].T[:, :, None]
        x, y = samples.x[row], samples.y[row]
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        own = np.where(inside, 0.0, known[row])
        total = own.sum(1)
        height = boxes[other, 3] - boxes[other, 1]
        return cls(
            row,
            other,
            number[other, row],
            boxes[row, 3] < boxes[other, 3] - HIGHER_FOOT * height,
            total < LEAST_OWN * known.sum(1)[row],
            inside,
            samples.values[row],
            own / np.maximum(total, 1e-12)[:, None],
        )

    def of_nearer(self, middles: FloatArray) -> BoolArray:
        """Samples that belong to the other box because it stands in front, ``(P, S)``.

        Of two boxes at one depth, one may have taken the other's: that with the higher foot, unless what is
        outside of the other box is there too; or else that of which hardly anything outside is there.
        """
        front = middles[self.other]
        gap = middles[self.row] - front
        away = self.values - front[:, None]
        share = np.where(np.abs(away) < THICKNESS, self.own, 0.0).sum(1)
        owned = (share > OWNED) & ~self.contained
        foreign = (share < FOREIGN) & ~self.contained & (share[self.mirror] > OWNED)
        taken = np.where(self.higher, ~owned, foreign)
        behind = (gap > SAME_LAYER) | ((np.abs(gap) <= SAME_LAYER) & taken)
        return np.asarray(self.inside & (away < THICKNESS) & behind[:, None])

    def any_of(self, chosen: BoolArray, shape: tuple[int, ...]) -> BoolArray:
        """Which samples of each box any of its pairs has chosen, ``(N, S)``."""
        result = np.zeros(shape, np.bool_)
        rows, starts = np.unique(self.row, return_index=True)
        result[rows] = np.logical_or.reduceat(chosen, starts, axis=0)
        return result


def _by_height(samples: Samples, middles: FloatArray, trust: FloatArray) -> tuple[FloatArray | None, float]:
    """Where each box should be if all were of one size, ``(N,)``, and how far off that may be."""
    height = np.log(samples.boxes[:, 3] - samples.boxes[:, 1])
    height[samples.cut] = np.nan
    size = middles + height
    known = np.isfinite(size)
    if known.sum() < FEWEST:
        return None, 1.0
    usual = _weighted_median(size[known], trust[known])
    spread = 1.5 * _weighted_median(np.abs(size[known] - usual), trust[known])
    return usual - height, float(np.hypot(SIZE_TOLERANCE, 2 * spread))


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])
