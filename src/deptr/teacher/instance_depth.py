"""From a depth map and masks to one depth per object: pure functions of arrays.

The paper takes the mean of the map inside the mask (PEDM). A mask is a few pixels too large at its edge,
where the map belongs to the background, and covers what stands in front; both pull the mean. So the mask
is eroded and loses what a nearer object covers, and what still looks wrong is marked, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from deptr.errors import UsageError
from deptr.io.labels import Validity
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray

STATISTICS = ("mean", "median", "trimmed")


@dataclass(frozen=True)
class InstanceSettings:
    """How an object's depth is read from the map.

    Attributes:
        statistic: ``"mean"``, ``"median"`` or ``"trimmed"`` (mean without the lowest and highest share).
        trim: Share that the trimmed mean drops at each end, in [0, 0.5).
        erode_px: Pixels taken off the mask's edge; a thin mask keeps at least its inner third.
        min_pixels: Fewest pixels with a known depth.
        min_inside: Least share of the mask that lies inside the box.
        min_fill: Least share of the box that the mask fills.
        edge_share: An edge runs through the middle if both sides have at least this share of the pixels...
        edge_gap: ...and differ by this share of the frame's depth range...
        edge_contrast: ...and splitting in two explains this share of the variance.
    """

    statistic: str = "mean"
    trim: float = 0.1
    erode_px: int = 2
    min_pixels: int = 16
    min_inside: float = 0.5
    min_fill: float = 0.05
    edge_share: float = 0.25
    edge_gap: float = 0.1
    edge_contrast: float = 0.9

    def __post_init__(self) -> None:
        if self.statistic not in STATISTICS:
            raise UsageError(f"statistic: expected one of {', '.join(STATISTICS)}, got {self.statistic!r}")
        if not 0 <= self.trim < 0.5:
            raise UsageError(f"trim: expected a share in [0, 0.5), got {self.trim}")
        if self.erode_px < 0:
            raise UsageError(f"erode_px: expected a number of pixels from 0, got {self.erode_px}")


@dataclass(frozen=True)
class InstanceDepth:
    """Depth of the objects of one frame.

    Attributes:
        depth: ``(N,)`` float32 in the unit of the map, NaN = unknown.
        depth_std: ``(N,)`` float32 spread inside the region, NaN = unknown.
        mask_area: ``(N,)`` int32 pixels of the mask as given.
        visible_fraction: ``(N,)`` float32 share of the mask that no nearer object covers, NaN without mask.
        validity: ``(N,)`` int8, see `Validity`.
    """

    depth: FloatArray
    depth_std: FloatArray
    mask_area: IntArray
    visible_fraction: FloatArray
    validity: IntArray


def region_depth(values: FloatArray, statistic: str = "mean", trim: float = 0.1) -> tuple[float, float]:
    """One depth and the spread of a region's depths.

    Args:
        values: Known depths of the region's pixels.
        statistic: See `InstanceSettings`.
        trim: See `InstanceSettings`.

    Returns:
        Depth and standard deviation, NaN of nothing; the trimmed mean's spread is that of what is left.

    Example:
        >>> region_depth(np.array([1.0, 2.0, 9.0]), "median")
        (2.0, 3.559...)
        >>> region_depth(np.array([0.0] + [4.0] * 8 + [100.0]), "trimmed")
        (4.0, 0.0)
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return float("nan"), float("nan")
    if statistic == "trimmed":
        drop = int(values.size * trim)
        values = np.sort(values)[drop : values.size - drop]
    middle = np.median(values) if statistic == "median" else values.mean()
    return float(middle), float(values.std())


def erode(mask: BoolArray, pixels: int) -> BoolArray:
    """A mask without its outer `pixels`; less is taken off where a third of it would not be left.

    Pixels at the edge of the array count as inside, so that an object cut by the frame keeps its edge there.

    Example:
        >>> erode(np.ones((3, 3), bool), 1).all()
        np.True_
        >>> mask = np.zeros((7, 7), bool); mask[1:6, 1:6] = True
        >>> int(erode(mask, 1).sum()), int(erode(mask, 2).sum())
        (9, 9)
    """
    area = int(mask.sum())
    kept = mask.astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    for _ in range(pixels):
        smaller = cv2.erode(kept, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        if 3 * int(smaller.sum()) < area:
            break
        kept = np.asarray(smaller, np.uint8)
    return np.asarray(kept.astype(bool))


def without_covered(masks: BoolArray, depth_map: FloatArray, *, larger_is_nearer: bool) -> BoolArray:
    """Masks in which every pixel belongs to the nearest of the objects that claim it.

    Which object is nearer is told by the medians of the pixels that only one object claims, or of the
    whole mask where there are none.

    Args:
        masks: ``(N, H, W)``.
        depth_map: ``(H, W)``, NaN = unknown.
        larger_is_nearer: Sense of the map.

    Returns:
        ``(N, H, W)``.

    Example:
        >>> masks = np.array([[[True, True, False]], [[False, True, True]]])
        >>> without_covered(masks, np.array([[1.0, 5.0, 5.0]]), larger_is_nearer=True).astype(int).tolist()
        [[[1, 0, 0]], [[0, 1, 1]]]
    """
    claims = masks.sum(0)
    if not (claims > 1).any():
        return masks
    known = np.isfinite(depth_map)
    nearness = np.full(len(masks), -np.inf)
    for index, mask in enumerate(masks):
        alone = mask & (claims == 1) & known
        chosen = alone if alone.any() else mask & known
        if chosen.any():
            middle = float(np.median(depth_map[chosen]))
            nearness[index] = middle if larger_is_nearer else -middle
    kept = masks.copy()
    taken = np.zeros(masks.shape[1:], bool)
    for index in np.argsort(-nearness, kind="stable"):
        kept[index] &= ~taken
        taken |= masks[index]
    return kept


def has_edge(values: FloatArray, depth_range: float, settings: InstanceSettings) -> bool:
    """Whether the depths of a region fall into two clearly separate halves, as at a jump in depth.

    Args:
        values: Known depths of the region.
        depth_range: Range of the whole frame, the yardstick for a jump; the map may have no unit.
        settings: Thresholds.

    Example:
        >>> has_edge(np.array([1.0] * 50 + [9.0] * 50), 10.0, InstanceSettings())
        True
        >>> has_edge(np.linspace(4.0, 5.0, 100), 10.0, InstanceSettings())
        False
    """
    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    total = ordered.var() * count
    if count < 2 or total <= 0 or depth_range <= 0:
        return False
    sums = np.cumsum(ordered)
    left = np.arange(1, count)
    gap = (sums[-1] - sums[:-1]) / (count - left) - sums[:-1] / left
    between = left * (count - left) / count * gap**2
    best = int(np.argmax(between))
    share = min(left[best], count - left[best]) / count
    return bool(
        share >= settings.edge_share
        and gap[best] >= settings.edge_gap * depth_range
        and between[best] >= settings.edge_contrast * total
    )


def frame_range(depth_map: FloatArray) -> float:
    """Range of a map between its 2nd and 98th percentile, 0 where nothing is known."""
    known = depth_map[np.isfinite(depth_map)]
    if not known.size:
        return 0.0
    low, high = np.percentile(known, [2, 98])
    return float(high - low)


def instance_depth(
    depth_map: FloatArray,
    masks: BoolArray,
    boxes_xyxy: FloatArray,
    *,
    kind: DepthKind,
    settings: InstanceSettings | None = None,
    regions_are_boxes: bool = False,
) -> InstanceDepth:
    """Depth of each object of a frame.

    Args:
        depth_map: ``(H, W)`` of `kind`, NaN = unknown.
        masks: ``(N, H, W)``.
        boxes_xyxy: ``(N, 4)`` pixels as given.
        kind: Meaning of the map.
        settings: See `InstanceSettings`.
        regions_are_boxes: The masks are whole boxes: the plain average over the box is wanted, without
            erosion, removal of nearer objects or doubts about masks.

    Raises:
        UsageError: Shapes do not agree.

    Example:
        >>> masks = np.ones((1, 8, 8), bool)
        >>> boxes = np.array([[0.0, 0.0, 8.0, 8.0]])
        >>> instance_depth(np.full((8, 8), 3.0), masks, boxes, kind=DepthKind.METRIC).depth
        array([3.], dtype=float32)
    """
    rules = settings or InstanceSettings()
    count = len(boxes_xyxy)
    if masks.shape != (count, *depth_map.shape):
        raise UsageError(f"masks: expected shape {(count, *depth_map.shape)}, got {masks.shape}")
    areas = masks.sum((1, 2)).astype(np.int32)
    kept = masks
    if not regions_are_boxes:
        kept = without_covered(masks, depth_map, larger_is_nearer=kind.larger_is_nearer)
    depth, spread = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    visible, validity = np.full(count, np.nan, np.float32), np.zeros(count, np.int8)
    depth_range = frame_range(depth_map)
    for index in range(count):
        if areas[index]:
            visible[index] = kept[index].sum() / areas[index]
        region = kept[index] if regions_are_boxes else _eroded(kept[index], rules.erode_px)
        values = depth_map[region]
        values = values[np.isfinite(values)]
        depth[index], spread[index] = region_depth(values, rules.statistic, rules.trim)
        doubts = _doubts(
            boxes_xyxy[index], None if regions_are_boxes else masks[index], region, values, rules
        )
        verdict = next(doubts, Validity.GOOD)
        if verdict is Validity.GOOD and not regions_are_boxes and has_edge(values, depth_range, rules):
            verdict = Validity.DEPTH_EDGE
        if verdict is Validity.BOX_OUTSIDE:
            depth[index] = spread[index] = np.nan
        validity[index] = verdict
    return InstanceDepth(depth, spread, areas, visible, validity)


def _eroded(mask: BoolArray, pixels: int) -> BoolArray:
    """`erode` within the mask's own rectangle, which is much smaller than the frame."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return mask
    height, width = mask.shape
    top, bottom = max(rows[0] - 1, 0), min(rows[-1] + 2, height)
    left, right = max(columns[0] - 1, 0), min(columns[-1] + 2, width)
    result = np.zeros_like(mask)
    result[top:bottom, left:right] = erode(mask[top:bottom, left:right], pixels)
    return result


def _doubts(
    box: FloatArray, mask: BoolArray | None, region: BoolArray, values: FloatArray, rules: InstanceSettings
) -> Iterator[Validity]:
    """What speaks against a label, the most basic first; `mask` is None where the region is the box."""
    height, width = region.shape
    meets = np.isfinite(box).all() and box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0
    if not meets or box[2] <= box[0] or box[3] <= box[1]:
        yield Validity.BOX_OUTSIDE
        return
    if int(region.sum()) < rules.min_pixels:
        yield Validity.MASK_TOO_SMALL
    if mask is not None:
        x1, y1 = np.maximum(np.floor(box[:2]), 0).astype(int)
        x2, y2 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
        inside = int(mask[y1:y2, x1:x2].sum())
        if inside < rules.min_inside * mask.sum() or inside < rules.min_fill * (x2 - x1) * (y2 - y1):
            yield Validity.MASK_DISAGREES_WITH_BOX
    if len(values) < rules.min_pixels:
        yield Validity.DEPTH_UNKNOWN
