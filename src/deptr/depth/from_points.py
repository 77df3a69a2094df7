"""From points of a laser scanner, or the disparity of two lenses, to one depth for each box."""

from __future__ import annotations

import numpy as np

from deptr.cameras import Calibration, Camera
from deptr.depth.box_depths import BoxDepths, BoxDepthState, NearFirst
from deptr.depth.in_boxes import depth_in_boxes
from deptr.depth.resolve import Samples, border_cuts, central, resolve
from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, IntArray

INNER = 0.9  # of width and height: points nearer to the border belong to what is beside
MOST = 400  # points of a box that are looked at
FEWEST = 3  # points: fewer are no object
LARGEST = 200_000  # points of a cloud that are looked at, every k-th of more
_NEAREST = 0.1  # metres before the camera; nearer is the camera's own mount
_COLUMNS = 256  # strips of the image in which points are looked up


def depth_from_points(
    points: FloatArray,
    boxes_xyxy: FloatArray,
    calibration: Calibration | Camera,
    *,
    baseline_m: float | None = None,
) -> BoxDepths:
    """Depth of the object in each box, from the points inside its frustum.

    The points of a box fall into layers of depth, as in `depth_in_boxes`: the object is the foremost layer
    that is nearly as large as any, and what belongs to a nearer box is taken out first. Of a cloud of more
    than `LARGEST` points every k-th is looked at.

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
    values, spread, states = resolve(samples, overlapping=True)
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
    """Pixels ``(K, 2)`` and depths ``(K,)`` of the points before the camera that may lie in a box."""
    thinned = points[:: max(len(points) // LARGEST, 1), :3]
    turn, shift = known.to_camera[:3, :3].astype(np.float32), known.to_camera[:3, 3].astype(np.float32)
    x, y, z = turn @ np.asarray(thinned, np.float32).T + shift[:, None]
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    rays = known.camera.rays(np.array([low, high, (low[0], high[1]), (high[0], low[1])]))
    margin = 0.02 + 0.1 * np.ptp(rays, axis=0)  # straight borders are bent by a lens
    left, top = (rays.min(axis=0) - margin).astype(np.float32)
    right, bottom = (rays.max(axis=0) + margin).astype(np.float32)
    seen = np.flatnonzero(
        (z > _NEAREST) & (x >= left * z) & (x <= right * z) & (y >= top * z) & (y <= bottom * z)
    )
    kept = np.stack([x[seen], y[seen], z[seen]], axis=1, dtype=np.float64)
    return known.camera.project(kept), kept[:, 2]


def _gather(
    boxes: FloatArray, pixels: FloatArray, depths: FloatArray, image_height: float
) -> tuple[Samples, IntArray]:
    """The points of each box, evenly thinned out to `MOST`, and how many there are."""
    inner = boxes.copy()
    margin = (1 - INNER) / 2 * (boxes[:, 2:] - boxes[:, :2])
    inner[:, :2] += margin
    inner[:, 2:] -= margin
    left, right = inner[:, 0].min(), inner[:, 2].max()
    strip = max((right - left) / _COLUMNS, 1e-6)
    strips = np.clip((pixels[:, 0] - left) / strip, 0, _COLUMNS).astype(np.int16)
    order = np.argsort(strips, kind="stable")
    u, v, depths = pixels[order, 0], pixels[order, 1], depths[order]
    bounds = np.searchsorted(strips[order], np.arange(_COLUMNS + 2))
    first = bounds[np.clip((inner[:, 0] - left) / strip, 0, _COLUMNS).astype(int)]
    last = bounds[np.clip((inner[:, 2] - left) / strip, 0, _COLUMNS).astype(int) + 1]
    x, y = np.zeros((len(boxes), MOST)), np.zeros((len(boxes), MOST))
    values, counts = np.full((len(boxes), MOST), np.nan), np.zeros(len(boxes), np.intp)
    for row, (begin, end) in enumerate(zip(first, last, strict=True)):
        across, down = u[begin:end], v[begin:end]
        low_x, low_y, high_x, high_y = inner[row]
        inside = (across >= low_x) & (across <= high_x) & (down >= low_y) & (down <= high_y)
        found = np.flatnonzero(inside)
        counts[row] = len(found)
        found = found[:: max(-(-len(found) // MOST), 1)]
        count = len(found)
        x[row, :count], y[row, :count] = across[found], down[found]
        values[row, :count] = np.log(depths[begin:end][found])
    weights = np.where(np.isfinite(values), central(x, y, boxes), 0.0)
    return Samples(boxes, x, y, values, weights, border_cuts(boxes, image_height)), counts
