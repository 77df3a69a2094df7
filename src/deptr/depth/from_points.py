"""From points of a laser scanner, or the disparity of two lenses, to one depth for each box."""

from __future__ import annotations

import numpy as np

from deptr.cameras import Calibration, Camera
from deptr.depth.box_depths import BoxDepths, BoxDepthState, NearFirst
from deptr.depth.explain import Samples
from deptr.depth.in_boxes import depth_in_boxes
from deptr.depth.resolve import border_cuts, resolve
from deptr.errors import UsageError
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray

INNER = 0.9  # of width and height: points nearer to the border belong to what is beside
MOST = 192  # points of a box, or close by, that are looked at
FEWEST = 3  # points: fewer are no object
SURE = 20  # points that tell as much as any number of them
LARGEST = 200_000  # points of a cloud that are looked at, every k-th of more
_NEAREST = 0.1  # metres before the camera; nearer is the camera's own mount
_CELLS = 96  # columns and rows of cells in which points are looked up


def depth_from_points(
    points: FloatArray,
    boxes_xyxy: FloatArray,
    calibration: Calibration | Camera,
    *,
    baseline_m: float | None = None,
) -> BoxDepths:
    """Depth of the object in each box, from the points inside its frustum.

    The points of a box fall into layers of depth, and all boxes are solved together, as in `depth_in_boxes`.
    Of a cloud of more than `LARGEST` points every k-th is looked at.

    Args:
        points: ``(M, 3)`` or more columns, metres in the scanner's axes; or, with `baseline_m`, the disparity
            ``(H, W)`` of two lenses in pixels, 0 and NaN = unknown.
        boxes_xyxy: ``(N, 4)`` pixels.
        calibration: The camera that saw the boxes and how the scanner stands to it; a camera alone where the
            points are in its own axes.
        baseline_m: Distance of the lenses, for disparity.

    Returns:
        Depth along the optical axis in metres, its deviation and state, as of `depth_in_boxes`.

    Raises:
        UsageError: Points have another shape, or a disparity comes without a distance of lenses.

    Example:
        >>> camera = Camera.of_focal(500.0, (640, 480))
        >>> across, down = np.meshgrid(np.linspace(-0.3, 0.3, 20), np.linspace(-0.9, 0.9, 40))
        >>> person = np.stack([across.ravel(), down.ravel(), np.full(800, 6.0)], axis=1)
        >>> depth_from_points(person, np.array([[295.0, 165, 345, 315]]), camera).depth.round(2).tolist()
        [6.0]
    """
    known = calibration if isinstance(calibration, Calibration) else Calibration(calibration)
    if baseline_m is not None:
        return depth_in_boxes(depth_of_disparity(points, known.camera, baseline_m), boxes_xyxy)
    if points.ndim != 2 or points.shape[1] < 3:
        raise UsageError(f"points: expected shape (M, 3), got {points.shape}")
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    depth, std = np.full(len(boxes), np.nan), np.full(len(boxes), np.nan)
    state = np.full(len(boxes), BoxDepthState.OUTSIDE, np.int8)
    rows = np.flatnonzero(np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1))
    if not len(rows):
        return BoxDepths(depth, std, state)
    pixels, depths = _seen(points, boxes[rows], known)
    size = known.camera.size
    samples, counts = _gather(boxes[rows], pixels, depths, size[1] if size else np.nan)
    view = NearFirst(DepthKind.METRIC)
    values, spread, states = resolve(samples)
    few = counts < FEWEST
    depth[rows] = np.where(few, np.nan, view.leave(values))
    std[rows] = np.where(few, np.nan, view.leave_std(values, spread))
    state[rows] = np.where(few, BoxDepthState.EMPTY, states)
    return BoxDepths(depth, std, state)


def depth_of_disparity(disparity: FloatArray, camera: Camera, baseline_m: float) -> FloatArray:
    """Disparities in pixels as depths in metres, ``(H, W)`` float32, NaN = unknown.

    Raises:
        UsageError: The distance of the lenses is not positive.

    Example:
        >>> depth_of_disparity(np.array([[10.0, 0.0]]), Camera.of_focal(500.0, (2, 1)), 0.1).tolist()
        [[5.0, nan]]
    """
    if not (np.isfinite(baseline_m) and baseline_m > 0):
        raise UsageError(f"baseline_m: expected a positive number of metres, got {baseline_m:g}")
    values = np.asarray(disparity, np.float32)
    scale = np.float32(camera.matrix[0, 0] * baseline_m)
    known = np.isfinite(values) & (values > 0)
    return np.where(known, scale / np.where(known, values, 1), np.float32(np.nan))


def _seen(points: FloatArray, boxes: FloatArray, known: Calibration) -> tuple[FloatArray, FloatArray]:
    """Pixels ``(2, K)`` and depths ``(K,)`` of the points before the camera that may lie in a box."""
    thinned = points[:: max(len(points) // LARGEST, 1), :3]
    turn, shift = known.to_camera[:3, :3].astype(np.float32), known.to_camera[:3, 3].astype(np.float32)
    x, y, z = turn @ np.asarray(thinned, np.float32).T + shift[:, None]
    camera, low, high = known.camera, boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    if not camera.distortion.size:
        (fx, skew, cx), (_, fy, cy), _ = camera.matrix.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = (fx * x + skew * y) / z + cx, fy * y / z + cy
        kept = (z > _NEAREST) & (u >= low[0]) & (u <= high[0]) & (v >= low[1]) & (v <= high[1])
        return np.stack([u[kept], v[kept]]), z[kept]
    rays = camera.rays(np.array([low, high, (low[0], high[1]), (high[0], low[1])]))
    margin = 0.02 + 0.1 * np.ptp(rays, axis=0)  # straight borders are bent by a lens
    left, top = (rays.min(axis=0) - margin).astype(np.float32)
    right, bottom = (rays.max(axis=0) + margin).astype(np.float32)
    kept = (z > _NEAREST) & (x >= left * z) & (x <= right * z) & (y >= top * z) & (y <= bottom * z)
    pixels = camera.project(np.stack([x[kept], y[kept], z[kept]], axis=1, dtype=np.float64))
    return pixels.T, z[kept]


def _gather(
    boxes: FloatArray, pixels: FloatArray, depths: FloatArray, image_height: float
) -> tuple[Samples, IntArray]:
    """The points of each box, evenly thinned out to `MOST`, and how many of these there are."""
    inner = boxes.copy()
    margin = (1 - INNER) / 2 * (boxes[:, 2:] - boxes[:, :2])
    inner[:, :2] += margin
    inner[:, 2:] -= margin
    index, there = _look_up(inner, pixels)
    if not len(depths):
        index, pixels, depths = np.zeros_like(index), np.zeros((2, 1)), np.ones(1)
    x, y = pixels[0][index].astype(np.float64), pixels[1][index].astype(np.float64)
    left, top, right, bottom = inner.T[:, :, None]
    there &= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    values = np.where(there, np.log(depths[index].astype(np.float64)), np.nan)
    counts = there.sum(1)
    sampled = np.maximum(counts, SURE).astype(np.float64)
    return Samples(boxes, x, y, values, border_cuts(boxes, image_height), sampled), counts


def _look_up(boxes: FloatArray, pixels: FloatArray) -> tuple[IntArray, BoolArray]:
    """Points that may lie in each box, ``(N, MOST)``, and which of these entries are points.

    Points are put into the cells of a grid over all boxes; a box takes every k-th point of its cells.
    """
    low = boxes[:, :2].min(axis=0)
    scale = _CELLS / np.maximum(boxes[:, 2:].max(axis=0) - low, 1e-6)
    columns, rows = (
        np.clip((values - least) * step, 0, _CELLS - 1).astype(np.uint16)
        for values, least, step in zip(pixels, low.astype(np.float32), scale.astype(np.float32), strict=True)
    )
    cells = rows * np.uint16(_CELLS) + columns
    order = np.argsort(cells, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=_CELLS**2))])
    reach = np.clip((boxes - np.tile(low, 2)) * np.tile(scale, 2), 0, _CELLS - 1).astype(np.intp)
    left, top, right, bottom = reach.T[:, :, None]
    row = np.arange(_CELLS)[None]
    begins, ends = starts[row * _CELLS + left], starts[row * _CELLS + right + 1]
    lengths = np.where((row >= top) & (row <= bottom), ends - begins, 0)
    sums = np.cumsum(lengths, axis=1)
    total = sums[:, -1:]
    place = (np.arange(MOST) * np.maximum(total / MOST, 1.0)).astype(np.intp)
    there = place < total
    # the row of cells in which each place lies
    apart = np.arange(len(boxes))[:, None] * (sums.max() + MOST + 1)
    at = np.searchsorted((sums + apart).ravel(), (place + apart).ravel(), side="right").reshape(place.shape)
    at = np.minimum(at - np.arange(len(boxes))[:, None] * _CELLS, _CELLS - 1)
    before = np.take_along_axis(sums - lengths, at, axis=1)
    index = np.take_along_axis(begins, at, axis=1) + place - before
    return np.where(there, order[np.where(there, index, 0)] if len(order) else 0, 0), there
