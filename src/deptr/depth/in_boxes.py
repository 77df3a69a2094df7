"""From a depth map to one depth for each box, without a mask: the object's, not that of what is beside it."""

from __future__ import annotations

import numpy as np

from deptr.depth.box_depths import BoxDepths, BoxDepthState, NearFirst
from deptr.depth.explain import Samples
from deptr.depth.resolve import border_cuts, resolve
from deptr.errors import UsageError
from deptr.records import BoolArray, DepthKind, FloatArray

COLUMNS, ROWS = 11, 15  # samples of a box, whatever its size
INNER_X, INNER_Y = 0.86, 0.96  # shares of width and height that are sampled: corners show what is behind


def depth_in_boxes(
    depth_map: FloatArray,
    boxes_xyxy: FloatArray,
    masks: BoolArray | None = None,
    *,
    kind: DepthKind | str = DepthKind.METRIC,
    image_size: tuple[int, int] | None = None,
) -> BoxDepths:
    """Depth of the object in each box.

    A grid of samples in the inner part of each box falls into layers of depth, each of which may be the
    object. All boxes are solved together: those layers are taken that explain best what is seen, where a
    nearer body hides a farther one, and bodies of one size are expected at depths that fit their boxes. Where
    another layer explains it nearly as well, the state is `BoxDepthState.UNSURE` and the deviation spans
    both. Holes count for nothing, and a box of which the sensor saw too little has no depth. The time does
    not depend on the size of boxes or map.

    Args:
        depth_map: ``(H, W)`` of `kind`; NaN, infinity and, of distances, 0 and below are unknown.
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
        found, spread, states = resolve(samples)
        depth[rows], std[rows], state[rows] = view.leave(found), view.leave_std(found, spread), states
    return BoxDepths(depth, std, state)


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


def _sample(depth_map: FloatArray, boxes: FloatArray, masks: BoolArray | None, view: NearFirst) -> Samples:
    height, width = depth_map.shape
    across = _grid(boxes[:, 0], boxes[:, 2], width, INNER_X, COLUMNS)
    down = _grid(boxes[:, 1], boxes[:, 3], height, INNER_Y, ROWS)
    count = len(boxes)
    x = np.broadcast_to(across[:, None, :], (count, ROWS, COLUMNS)).reshape(count, -1)
    y = np.broadcast_to(down[:, :, None], (count, ROWS, COLUMNS)).reshape(count, -1)
    columns, rows = np.minimum(x.astype(np.intp), width - 1), np.minimum(y.astype(np.intp), height - 1)
    values = view.enter(depth_map[rows, columns].astype(np.float64))
    values = np.where(np.isfinite(values), values, np.nan)
    inside = None if masks is None else masks[np.arange(count)[:, None], rows, columns].astype(np.float64)
    counts = np.full(count, float(ROWS * COLUMNS))
    return Samples(boxes, x, y, values, border_cuts(boxes, height), counts, inside)
