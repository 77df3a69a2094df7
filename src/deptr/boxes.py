"""Boxes as arrays: their forms, and the package's one IoU for numpy.

A form is named by its four numbers: ``xyxy`` corners; ``ltwh`` left, top, width, height, as files have it;
``cxcywh`` centre, width, height; ``cxcyah`` centre, aspect (width / height), height; ``cxcysr`` centre, area
(scale), aspect. All in pixels, a box per row.
"""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray

_TINY = 1e-9
FEW_BOXES = 100  # up to which looking at all pairs is faster than finding those that meet
CROWD = 90_000  # pairs, from which on only those that can overlap are looked at
LARGEST_PIXEL = 1e6  # a coordinate beyond is no place in an image
SMALLEST_SIZE = 1e-3  # pixels; a thinner box would be written as one without extent


def have_extent(boxes_xyxy: FloatArray) -> BoolArray:
    """Which boxes are real ones: finite, in reach, right of their left and below their upper edge, ``(N,)``.

    Example:
        >>> have_extent(np.array([[0.0, 0.0, 4.0, 8.0], [4.0, 0.0, 0.0, 8.0]])).tolist()
        [True, False]
    """
    sizes = boxes_xyxy[:, 2:] >= boxes_xyxy[:, :2] + SMALLEST_SIZE
    reach = np.abs(boxes_xyxy)
    if sizes.all() and reach.max(initial=0.0) <= LARGEST_PIXEL:  # false for NaN; this is the rule
        return np.ones(len(boxes_xyxy), bool)
    return np.asarray((reach <= LARGEST_PIXEL).all(1) & sizes.all(1))


def or_else(boxes_xyxy: FloatArray, others_xyxy: FloatArray) -> FloatArray:
    """Boxes, and where one has no extent its partner, ``(N, 4)``.

    Example:
        >>> or_else(np.array([[4.0, 0.0, 0.0, 8.0]]), np.array([[1.0, 0.0, 5.0, 8.0]])).tolist()
        [[1.0, 0.0, 5.0, 8.0]]
    """
    good = have_extent(boxes_xyxy)
    return boxes_xyxy if good.all() else np.where(good[:, None], boxes_xyxy, others_xyxy)


def xyxy_to_cxcyah(boxes_xyxy: FloatArray) -> FloatArray:
    """Corners to centre x, centre y, aspect (width / height) and height, ``(N, 4)`` each.

    Example:
        >>> xyxy_to_cxcyah(np.array([[10.0, 20.0, 30.0, 60.0]]))
        array([[20. , 40. ,  0.5, 40. ]])
    """
    width = boxes_xyxy[:, 2] - boxes_xyxy[:, 0]
    height = boxes_xyxy[:, 3] - boxes_xyxy[:, 1]
    out = np.empty_like(boxes_xyxy)
    out[:, 0] = boxes_xyxy[:, 0] + width / 2
    out[:, 1] = boxes_xyxy[:, 1] + height / 2
    out[:, 2] = width / np.maximum(height, _TINY)
    out[:, 3] = height
    return out


def cxcyah_to_xyxy(boxes_cxcyah: FloatArray) -> FloatArray:
    """Inverse of `xyxy_to_cxcyah`.

    Example:
        >>> cxcyah_to_xyxy(np.array([[20.0, 40.0, 0.5, 40.0]]))
        array([[10., 20., 30., 60.]])
    """
    half = boxes_cxcyah[:, 2:] / 2
    half[:, 0] = boxes_cxcyah[:, 2] * boxes_cxcyah[:, 3] / 2
    return np.concatenate([boxes_cxcyah[:, :2] - half, boxes_cxcyah[:, :2] + half], axis=1)


def xyxy_to_cxcywh(boxes_xyxy: FloatArray) -> FloatArray:
    """Corners to centre x, centre y, width and height.

    Example:
        >>> xyxy_to_cxcywh(np.array([[10.0, 20.0, 30.0, 60.0]]))
        array([[20., 40., 20., 40.]])
    """
    size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return np.concatenate([boxes_xyxy[:, :2] + size / 2, size], axis=1)


def cxcywh_to_xyxy(boxes_cxcywh: FloatArray) -> FloatArray:
    """Inverse of `xyxy_to_cxcywh`.

    Example:
        >>> cxcywh_to_xyxy(np.array([[20.0, 40.0, 20.0, 40.0]]))
        array([[10., 20., 30., 60.]])
    """
    half = boxes_cxcywh[:, 2:] / 2
    return np.concatenate([boxes_cxcywh[:, :2] - half, boxes_cxcywh[:, :2] + half], axis=1)


def xyxy_to_cxcysr(boxes_xyxy: FloatArray) -> FloatArray:
    """Corners to centre x, centre y, area and aspect (width / height), SORT's state.

    Example:
        >>> xyxy_to_cxcysr(np.array([[10.0, 20.0, 30.0, 60.0]])).round(3).tolist()
        [[20.0, 40.0, 800.0, 0.5]]
    """
    size = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    out = np.empty_like(boxes_xyxy)
    out[:, :2] = boxes_xyxy[:, :2] + size / 2
    out[:, 2] = size[:, 0] * size[:, 1]
    out[:, 3] = size[:, 0] / (size[:, 1] + 1e-6)
    return out


def cxcysr_to_xyxy(boxes_cxcysr: FloatArray) -> FloatArray:
    """Inverse of `xyxy_to_cxcysr`; an area that the filter drove below zero counts as zero.

    Example:
        >>> cxcysr_to_xyxy(np.array([[20.0, 40.0, 800.0, 0.5]]))
        array([[10., 20., 30., 60.]])
    """
    width = np.sqrt(np.maximum(boxes_cxcysr[:, 2] * boxes_cxcysr[:, 3], 0.0))
    height = np.maximum(boxes_cxcysr[:, 2] / np.maximum(width, _TINY), 0.0)
    half = np.stack([width, height], axis=1) / 2
    return np.concatenate([boxes_cxcysr[:, :2] - half, boxes_cxcysr[:, :2] + half], axis=1)


def ltwh_to_xyxy(boxes_ltwh: FloatArray) -> FloatArray:
    """Left, top, width, height to corners, ``(N, 4)`` each.

    Example:
        >>> ltwh_to_xyxy(np.array([[10.0, 20.0, 20.0, 40.0]]))
        array([[10., 20., 30., 60.]])
    """
    return np.concatenate([boxes_ltwh[:, :2], boxes_ltwh[:, :2] + boxes_ltwh[:, 2:4]], axis=1)


def _areas(boxes_xyxy: FloatArray, pixel: float = 0.0) -> FloatArray:
    """Area of each box, ``(...)``, with `pixel` added to each side; `prod` over an axis is slow."""
    size = boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]
    if pixel:
        size += pixel
    return np.asarray(size[..., 0] * size[..., 1])


def intersections(
    boxes_a: FloatArray, boxes_b: FloatArray, *, pixel: float = 0.0, period: float | None = None
) -> FloatArray:
    """Overlapping area of each pair, ``(A, B)``; arguments as in `iou`.

    Example:
        >>> intersections(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).tolist()
        [[2.0]]
    """
    a, b = np.ascontiguousarray(boxes_a.T)[:, :, None], np.ascontiguousarray(boxes_b.T)[:, None, :]
    sides = np.minimum(a[2:], b[2:])
    sides -= np.maximum(a[:2], b[:2])
    if period is not None:
        # bring each pair to the copies whose centres are nearest to each other around the circle
        shift = np.rint((a[0] + a[2] - b[0] - b[2]) / (2 * period)) * period
        sides[0] = np.minimum(a[2], b[2] + shift) - np.maximum(a[0], b[0] + shift)
    if pixel:
        sides += pixel
    np.maximum(sides, 0.0, out=sides)
    width, height = sides
    width *= height
    return np.asarray(width)


def iou(
    boxes_a: FloatArray, boxes_b: FloatArray, *, pixel: float = 0.0, period: float | None = None
) -> FloatArray:
    """Intersection over union of each pair of boxes.

    Args:
        boxes_a: ``(A, 4)`` xyxy pixels.
        boxes_b: ``(B, 4)`` xyxy pixels.
        pixel: Added to each side: 1 counts the last pixel as inside, as ByteTrack's authors do.
        period: Width in pixels of a panorama whose left and right border touch; None for a plain image.

    Returns:
        ``(A, B)`` similarity in [0, 1]; empty input gives an empty matrix of that shape.

    Example:
        >>> iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
        [[0.333]]
        >>> iou(np.array([[98.0, 0.0, 102.0, 2.0]]), np.array([[-2.0, 0.0, 2.0, 2.0]]), period=100.0).tolist()
        [[1.0]]
    """
    pairs = len(boxes_a) * len(boxes_b)
    if not pairs:
        return np.zeros((len(boxes_a), len(boxes_b)))
    if period is None and pairs >= CROWD:
        return _sparse_iou(boxes_a, boxes_b, pixel)
    shared = intersections(boxes_a, boxes_b, pixel=pixel, period=period)
    area_a, area_b = _areas(boxes_a, pixel), _areas(boxes_b, pixel)
    union = area_a[:, None] + area_b
    union -= shared
    np.maximum(union, _TINY, out=union)
    shared /= union
    return shared


def paired_iou(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Intersection over union of each box with its partner, shapes ``(..., 4)`` broadcast, ``(...)``.

    Example:
        >>> paired_iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3).tolist()
        [0.333]
    """
    low = np.maximum(boxes_a[..., :2], boxes_b[..., :2])
    high = np.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    inside = np.maximum(high - low, 0.0)
    shared = inside[..., 0] * inside[..., 1]
    whole = _areas(boxes_a) + _areas(boxes_b)
    return np.asarray(shared / np.maximum(whole - shared, _TINY))


def _sparse_iou(boxes_a: FloatArray, boxes_b: FloatArray, pixel: float) -> FloatArray:
    """As `iou`, looking only at pairs that share image columns."""
    out = np.zeros((len(boxes_a), len(boxes_b)))
    a, b, shared = overlapping_pairs(boxes_a, boxes_b, pixel=pixel)
    area_a, area_b = _areas(boxes_a, pixel), _areas(boxes_b, pixel)
    union = area_a[a] + area_b[b] - shared
    out[a, b] = shared / np.maximum(union, _TINY)
    return out


def overlapping_pairs(
    boxes_a: FloatArray, boxes_b: FloatArray, *, pixel: float = 0.0
) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of boxes that share image rows and columns, and the area that they share, ``(P,)`` each.

    Example:
        >>> a, b, shared = overlapping_pairs(
        ...     np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[9.0, 0.0, 11.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
        ... )
        >>> a.tolist(), b.tolist(), shared.tolist()
        ([0], [1], [2.0])
    """
    order = np.argsort(boxes_b[:, 0])
    lefts, widest = boxes_b[order, 0], float((boxes_b[:, 2] - boxes_b[:, 0]).max())
    first = np.searchsorted(lefts, boxes_a[:, 0] - widest - pixel)
    count = np.maximum(np.searchsorted(lefts, boxes_a[:, 2] + pixel, side="right") - first, 0)
    a = np.repeat(np.arange(len(boxes_a)), count)
    place = np.arange(len(a)) + np.repeat(first - np.cumsum(count) + count, count)
    left_a, top_a, right_a, bottom_a = boxes_a.T
    left_b, top_b, right_b, bottom_b = boxes_b[order].T.copy()  # rows in one piece are read faster
    height = np.minimum(np.repeat(bottom_a, count), bottom_b[place])
    height -= np.maximum(np.repeat(top_a, count), top_b[place])
    height += pixel
    near = np.flatnonzero(height > 0)
    a, place, height = a[near], place[near], height[near]
    width = np.minimum(right_a[a], right_b[place]) - np.maximum(left_a[a], left_b[place]) + pixel
    meet = np.flatnonzero(width > 0)
    return a[meet], order[place[meet]], width[meet] * height[meet]


def covered_share(boxes_xyxy: FloatArray) -> FloatArray:
    """Share of each box that the one other box covers which covers it most, ``(N,)`` in [0, 1].

    Example:
        >>> covered_share(np.array([[0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 4.0, 4.0]])).tolist()
        [0.5, 1.0]
    """
    if len(boxes_xyxy) < 2:
        return np.zeros(len(boxes_xyxy))
    if len(boxes_xyxy) <= FEW_BOXES:
        table = intersections(boxes_xyxy, boxes_xyxy)
        table.ravel()[:: len(table) + 1] = 0.0  # the diagonal
        most = table.max(1)
    else:
        most = np.zeros(len(boxes_xyxy))
        a, b, shared = overlapping_pairs(boxes_xyxy, boxes_xyxy)
        others = a != b
        np.maximum.at(most, a[others], shared[others])
    return np.asarray(np.minimum(most / np.maximum(_areas(boxes_xyxy), _TINY), 1.0))


def height_modulated_iou(
    boxes_a: FloatArray, boxes_b: FloatArray, *, period: float | None = None
) -> FloatArray:
    """IoU times the overlap of the heights, ``(A, B)``; Hybrid-SORT's similarity (arXiv 2308.00783, eq. 5).

    Example:
        >>> a, b = np.array([[0.0, 0.0, 2.0, 4.0]]), np.array([[0.0, 0.0, 2.0, 2.0]])
        >>> height_modulated_iou(a, b).tolist()
        [[0.25]]
    """
    top_a, top_b = boxes_a[:, 1][:, None], boxes_b[:, 1]
    bottom_a, bottom_b = boxes_a[:, 3][:, None], boxes_b[:, 3]
    similarity = iou(boxes_a, boxes_b, period=period)
    if similarity.size >= CROWD:
        a, b = np.divmod(np.flatnonzero(similarity > 0), len(boxes_b))
        top_a, bottom_a, top_b, bottom_b = top_a[a, 0], bottom_a[a, 0], top_b[b], bottom_b[b]
    shared = np.maximum(np.minimum(bottom_a, bottom_b) - np.maximum(top_a, top_b), 0.0)
    whole = np.maximum(np.maximum(bottom_a, bottom_b) - np.minimum(top_a, top_b), _TINY)
    if similarity.size >= CROWD:
        similarity[a, b] *= shared / whole
        return similarity
    return np.asarray(similarity * shared / whole)


def similarity_scale(affine: FloatArray) -> float:
    """Zoom of a ``(2, 3)`` similarity.

    Example:
        >>> similarity_scale(np.array([[2.0, 0.0, 5.0], [0.0, 2.0, 7.0]]))
        2.0
    """
    return float(np.sqrt(abs(affine[0, 0] * affine[1, 1] - affine[0, 1] * affine[1, 0])))


def warp(boxes_xyxy: FloatArray, affine: FloatArray) -> FloatArray:
    """Boxes ``(..., 4)`` moved with the image: centres go with the similarity, sizes with its zoom.

    Example:
        >>> warp(np.array([[0.0, 0.0, 2.0, 4.0]]), np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]])).tolist()
        [[5.0, 0.0, 7.0, 4.0]]
    """
    centre = (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2 @ affine[:, :2].T + affine[:, 2]
    half = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]) / 2 * similarity_scale(affine)
    return np.concatenate([centre - half, centre + half], axis=-1)
