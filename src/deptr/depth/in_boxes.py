"""From a depth map to one depth for each box, without a mask: that of the object, not of what is beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.depth.box_depths import BoxDepths, BoxDepthState, NearFirst
from deptr.depth.layers import THICKNESS, Layers
from deptr.errors import UsageError
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray

COLUMNS, ROWS = 15, 20  # samples of a box, whatever its size
INNER_X, INNER_Y = 0.8, 0.94  # shares of width and height that are sampled: corners show what is behind
CENTRE_Y = 0.42  # of the height: where a standing body is widest
SPREAD_X, SPREAD_Y = 0.2, 0.4  # of the size: how fast samples lose weight towards the border
SHARED_WEIGHT = 0.15  # of samples that another box may own, at first sight
LEAST_KNOWN = 0.12  # of the weight: less is no depth
LEAST_LEFT = 0.1  # of the weight: less beside what stands in front says little
LEAST_OWN = 0.1  # of the weight: a box with less outside of another is contained in it
SAME_LAYER = 0.06  # in the coordinate of depth: how close two boxes must be to be taken for one another
OWNED, FOREIGN = 0.5, 0.3  # shares of a box's own samples at a depth that make it the box's, or another's
HIGHER_FOOT = 0.03  # of the height by which a box that stands farther away ends higher
FLOOR = 0.012  # in the coordinate of depth: smallest deviation, an object's thickness
COVERED_STD = 0.25  # in the coordinate of depth: deviation of a box that is hardly seen
FEWEST = 4  # boxes that tell how large objects are
SIZE_TOLERANCE = 0.15  # in the coordinate of depth: how different sizes may be where all boxes agree
PASSES = 2


def depth_in_boxes(
    depth_map: FloatArray,
    boxes_xyxy: FloatArray,
    masks: BoolArray | None = None,
    *,
    kind: DepthKind | str = DepthKind.METRIC,
    image_size: tuple[int, int] | None = None,
) -> BoxDepths:
    """Depth of the object in each box.

    A grid of samples in the inner part of each box falls into layers of depth. The object is the foremost
    layer that is nearly as large as any; what belongs to a nearer box is taken out first. Holes count for
    nothing, and a box of which the sensor saw too little has no depth. The time does not depend on the size
    of boxes or map.

    Args:
        depth_map: ``(H, W)`` of `kind`; 0, NaN and infinity are unknown (for ``relative_inverse`` 0 is known).
        boxes_xyxy: ``(N, 4)`` pixels.
        masks: ``(N, H, W)`` bool of the objects, where they are known: only their pixels count.
        kind: Meaning of the map.
        image_size: Width and height of the image that the boxes were drawn on, where it is not the map's.

    Returns:
        Depth, deviation and state of each box. The deviation is that of the object's samples, not that of a
        sensor that is off as a whole.

    Raises:
        UsageError: Shapes do not agree.

    Example:
        >>> room = np.full((120, 160), 8.0)
        >>> room[20:110, 60:90] = 3.0  # somebody before the wall
        >>> found = depth_in_boxes(room, np.array([[55.0, 15, 95, 112], [0, 0, 0, 0]]))
        >>> found.depth.round(2).tolist(), found.state.tolist()
        ([3.0, nan], [0, 3])
    """
    view = NearFirst(DepthKind.parse(kind), _unit(depth_map, DepthKind.parse(kind)))
    if depth_map.ndim != 2:
        raise UsageError(f"depth_map: expected shape (H, W), got {depth_map.shape}")
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    height, width = depth_map.shape
    if masks is not None and masks.shape != (len(boxes), height, width):
        raise UsageError(f"masks: expected shape {(len(boxes), height, width)}, got {masks.shape}")
    if image_size is not None:
        boxes = boxes * np.tile(np.array([width, height]) / image_size, 2)
    inside = np.isfinite(boxes).all(1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    inside &= (boxes[:, 0] < width) & (boxes[:, 1] < height) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    depth, std = np.full(len(boxes), np.nan), np.full(len(boxes), np.nan)
    state = np.full(len(boxes), BoxDepthState.OUTSIDE, np.int8)
    rows = np.flatnonzero(inside)
    if len(rows):
        samples = _sample(depth_map, boxes[rows], None if masks is None else masks[rows], view)
        found, spread, states = _resolve(samples, overlapping=masks is None)
        depth[rows], std[rows], state[rows] = view.leave(found), view.leave_std(found, spread), states
    return BoxDepths(depth, std, state)


@dataclass(frozen=True)
class _Samples:
    """Samples of each box.

    Attributes:
        boxes: ``(N, 4)``.
        x, y: ``(N, COLUMNS)`` and ``(N, ROWS)`` pixels of the grid.
        values: ``(N, S)`` coordinates of depth, NaN = unknown.
        weights: ``(N, S)``.
    """

    boxes: FloatArray
    x: FloatArray
    y: FloatArray
    values: FloatArray
    weights: FloatArray


def _unit(depth_map: FloatArray, kind: DepthKind) -> float:
    """Range of an inverse map between its 2nd and 98th percentile, on a coarse grid."""
    if not kind.larger_is_nearer:
        return 1.0
    step = max(min(depth_map.shape) // 64, 1)
    coarse = depth_map[::step, ::step]
    known = coarse[np.isfinite(coarse)]
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    return float(max(high - low, 1e-6))


def _grid(low: FloatArray, high: FloatArray, limit: int, share: float, count: int) -> FloatArray:
    """Places along one side of each box, inside the picture, ``(N, count)``."""
    margin = (1 - share) / 2 * (high - low)
    start, end = np.maximum(low + margin, 0.0), np.minimum(high - margin, limit - 1e-3)
    steps = (np.arange(count) + 0.5) / count
    return np.asarray(start[:, None] + np.maximum(end - start, 0.0)[:, None] * steps)


def _sample(depth_map: FloatArray, boxes: FloatArray, masks: BoolArray | None, view: NearFirst) -> _Samples:
    height, width = depth_map.shape
    x = _grid(boxes[:, 0], boxes[:, 2], width, INNER_X, COLUMNS)
    y = _grid(boxes[:, 1], boxes[:, 3], height, INNER_Y, ROWS)
    columns, rows = np.minimum(x.astype(np.intp), width - 1), np.minimum(y.astype(np.intp), height - 1)
    across = (x - (boxes[:, [0]] + boxes[:, [2]]) / 2) / (boxes[:, [2]] - boxes[:, [0]])
    down = (y - boxes[:, [1]]) / (boxes[:, [3]] - boxes[:, [1]]) - CENTRE_Y
    weights = np.exp(-((down / SPREAD_Y) ** 2) / 2)[:, :, None] * np.exp(-((across / SPREAD_X) ** 2) / 2)[:, None]
    values = view.enter(depth_map[rows[:, :, None], columns[:, None, :]].astype(np.float64))
    if masks is not None:
        own = masks[np.arange(len(boxes))[:, None, None], rows[:, :, None], columns[:, None, :]]
        weights = np.where(own, 1.0, 0.0)
    count = len(boxes)
    values = np.where(np.isfinite(values), values, np.nan)
    return _Samples(boxes, x, y, values.reshape(count, -1), weights.reshape(count, -1))


def _resolve(samples: _Samples, *, overlapping: bool) -> tuple[FloatArray, FloatArray, IntArray]:
    """Coordinate of depth, its deviation and the state of each box."""
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
        expected, tolerance = _by_height(samples.boxes, middles, first.sum(1))
        for _ in range(PASSES):
            left = np.where(pairs.any_of(pairs.of_nearer(middles), known.shape), 0.0, known)
            layers.weigh(left)
            found = layers.foremost(expected, tolerance)
            middles = np.where(np.isnan(found), middles, found)
    value, spread = layers.around(middles)
    seen = known.sum(1)
    covered = left.sum(1) < LEAST_LEFT * seen
    empty = seen < LEAST_KNOWN * np.maximum(weights.sum(1), 1e-12)
    deviation = np.where(covered, COVERED_STD, np.hypot(spread, FLOOR))
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
    def of(cls, samples: _Samples, known: FloatArray) -> _Pairs | None:
        """All pairs, None without any."""
        boxes = samples.boxes
        low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
        meets = (high > low).all(-1)
        np.fill_diagonal(meets, False)
        row, other = meets.nonzero()
        if not len(row):
            return None
        number = np.zeros(meets.shape, np.intp)
        number[row, other] = np.arange(len(row))
        left, top, right, bottom = boxes[other].T[:, :, None]
        across = (samples.x[row] > left) & (samples.x[row] < right)
        down = (samples.y[row] > top) & (samples.y[row] < bottom)
        inside = (down[:, :, None] & across[:, None, :]).reshape(len(row), -1)
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


def _by_height(
    boxes: FloatArray, middles: FloatArray, trust: FloatArray
) -> tuple[FloatArray | None, float]:
    """Where each box should be if all were of one size, ``(N,)``, and how far off that may be."""
    height = np.log(boxes[:, 3] - boxes[:, 1])
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
