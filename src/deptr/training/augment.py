"""From a labelled frame to a training example: zoom, shift, mirror and colour, with depth kept true.

Depth is learnt as canonical depth ``z * view / focal``, where ``view`` is how many source pixels the input
is high, times the aspect of the network's own input (at that input: how many it is wide). Zooming in makes
people larger and, by the same factor, canonically nearer. Absolute depth could not be learnt from frames
whose focal lengths differ, and a network that sees shares of a height cannot tell inputs of other aspects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray, Image, IntArray, LabelledFrame

MIN_SIDE_PX = 3.0
MIN_KEPT_FRACTION = 0.25
MIN_VISIBILITY = 0.1
PADDING_GREY = 114


@dataclass(frozen=True)
class Example:
    """A network input and its targets.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` float32 centre format in [0, 1].
        class_ids: ``(N,)`` int64.
        depth: ``(N,)`` float32 in the network's own unit (logarithm of canonical depth for metric and
            relative depth), NaN = unknown.
        depth_std: ``(N,)`` float32, same unit.
        ignore_boxes: ``(M, 4)`` float32 centre format in [0, 1].
        dense_depth: ``(H / 8, W / 8)`` float32 in the network's unit, NaN = unknown, or None.
        object_ids: ``(N,)`` int64, the objects' rows in the frame.
        log_view: Logarithm of ``view``.
        pair: Number that two views of one frame share, -1 = a single view.
    """

    image: Image
    boxes: FloatArray
    class_ids: IntArray
    depth: FloatArray
    depth_std: FloatArray
    ignore_boxes: FloatArray
    dense_depth: FloatArray | None
    object_ids: IntArray
    log_view: float
    pair: int = -1


@dataclass(frozen=True)
class Placement:
    """Where a frame lands in the input: ``input = source * scale + shift``, perhaps mirrored first.

    Attributes:
        scale: Input pixels per source pixel.
        shift_x: Input x of the source's left edge.
        shift_y: Input y of the source's upper edge.
        mirrored: Whether left and right are swapped.
    """

    scale: float
    shift_x: float
    shift_y: float
    mirrored: bool = False


def letterbox_placement(source: tuple[int, int], size: tuple[int, int]) -> Placement:
    """The largest scale at which all of a frame fits, set against the upper left corner.

    Args:
        source: Height and width of the frame.
        size: Height and width of the input.

    Example:
        >>> letterbox_placement((480, 640), (320, 512)).scale
        0.6666666666666666
    """
    return Placement(min(size[0] / source[0], size[1] / source[1]), 0.0, 0.0)


def random_placement(
    rng: np.random.Generator,
    frame: LabelledFrame,
    size: tuple[int, int],
    scales: tuple[float, float],
) -> Placement:
    """A random zoom and shift; half of the time some object is kept in view."""
    height, width = frame.image.shape[:2]
    scale = letterbox_placement((height, width), size).scale * float(np.exp(rng.uniform(*np.log(scales))))
    room_x, room_y = size[1] - width * scale, size[0] - height * scale
    shift_x, shift_y = (
        rng.uniform(min(room_x, 0), max(room_x, 0)),
        rng.uniform(min(room_y, 0), max(room_y, 0)),
    )
    if len(frame.boxes_xyxy) and rng.random() < 0.5:
        box = frame.boxes_xyxy[rng.integers(len(frame.boxes_xyxy))]
        where_x = size[1] * rng.uniform(0.2, 0.8) - (box[0] + box[2]) / 2 * scale
        where_y = size[0] * rng.uniform(0.2, 0.8) - (box[1] + box[3]) / 2 * scale
        shift_x = float(np.clip(where_x, min(room_x, 0), max(room_x, 0)))
        shift_y = float(np.clip(where_y, min(room_y, 0), max(room_y, 0)))
    return Placement(scale, float(shift_x), float(shift_y), bool(rng.random() < 0.5))


def nearby_placement(rng: np.random.Generator, placement: Placement, size: tuple[int, int]) -> Placement:
    """What a camera sees a moment later: almost the same zoom and place.

    The steps are those between neighbouring frames of hand-held and driving cameras: a few per cent of the
    picture and of the zoom.
    """
    scale = placement.scale * float(np.exp(rng.normal(0, 0.02)))
    step = rng.normal(0, 0.015, 2) * (size[1], size[0])
    return Placement(
        scale,
        placement.shift_x + float(step[0]),
        placement.shift_y + float(step[1]),
        placement.mirrored,
    )


def place_image(image: Image, placement: Placement, size: tuple[int, int], grey: int = PADDING_GREY) -> Image:
    """The input image, ``(H, W, 3)`` uint8; what lies outside the frame is grey."""
    scale, source = placement.scale, image
    if scale < 0.7:  # an area average first: plain warping would skip pixels
        small = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        source = cv2.resize(image, small, interpolation=cv2.INTER_AREA).astype(np.uint8)
        scale = 1.0
    matrix = np.array([[scale, 0, placement.shift_x], [0, scale, placement.shift_y]], dtype=np.float64)
    placed = cv2.warpAffine(
        source, matrix, (size[1], size[0]), borderMode=cv2.BORDER_CONSTANT, borderValue=(grey, grey, grey)
    )
    return np.ascontiguousarray(placed[:, ::-1] if placement.mirrored else placed, dtype=np.uint8)


def place_boxes(
    boxes: FloatArray, placement: Placement, source: tuple[int, int], size: tuple[int, int]
) -> FloatArray:
    """Corner boxes in input pixels, before clipping."""
    moved = np.asarray(boxes, np.float64).reshape(-1, 4) * placement.scale
    moved += np.array([placement.shift_x, placement.shift_y] * 2)
    if placement.mirrored:
        moved[:, [0, 2]] = size[1] - moved[:, [2, 0]]
    return moved


def _content(placement: Placement, source: tuple[int, int], size: tuple[int, int]) -> FloatArray:
    """The part of the input that shows the frame, as a corner box."""
    frame = np.array([[0, 0, source[1], source[0]]], dtype=np.float64)
    bounds: FloatArray = place_boxes(frame, placement, source, size)[0]
    bounds[:2] = np.maximum(bounds[:2], 0)
    bounds[2:] = np.minimum(bounds[2:], [size[1], size[0]])
    return bounds


def clip_boxes(boxes: FloatArray, bounds: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Boxes cut to `bounds`, the share of each that is left, and whether that is worth learning from."""
    clipped = np.stack(
        [np.clip(boxes[:, axis], bounds[axis % 2], bounds[2 + axis % 2]) for axis in range(4)], axis=1
    )
    sides = np.clip(clipped[:, 2:] - clipped[:, :2], 0, None)
    whole = np.clip((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-9, None)
    share = sides.prod(axis=1) / whole
    return clipped, share, (share >= MIN_KEPT_FRACTION) & (sides.min(axis=1, initial=np.inf) >= MIN_SIDE_PX)


def _to_centre(boxes: FloatArray, size: tuple[int, int]) -> FloatArray:
    unit = boxes / np.array([size[1], size[0]] * 2)
    return np.concatenate([(unit[:, :2] + unit[:, 2:]) / 2, unit[:, 2:] - unit[:, :2]], axis=1).astype(
        np.float32
    )


def network_depth(
    depth: FloatArray, std: FloatArray, kind: DepthKind, view_px: float, focal_px: float | None
) -> tuple[FloatArray, FloatArray]:
    """Depth and deviation in the unit that the network learns.

    Args:
        depth: Depth of `kind`, NaN = unknown.
        std: Its deviation.
        kind: Meaning of `depth`.
        view_px: Source pixels that the input is wide.
        focal_px: Focal length in source pixels; without one, metric depth cannot be placed and is unknown.

    Example:
        >>> z, std = network_depth(np.array([10.0]), np.array([1.0]), DepthKind.METRIC, 500.0, 1000.0)
        >>> [round(float(v), 3) for v in (np.exp(z[0]), std[0])]
        [5.0, 0.1]
    """
    if kind not in (DepthKind.METRIC, DepthKind.RELATIVE):
        return depth.astype(np.float32), std.astype(np.float32)
    if kind is DepthKind.METRIC and focal_px is None:
        return np.full(depth.shape, np.nan, np.float32), np.full(depth.shape, np.nan, np.float32)
    known = np.where(depth > 0, depth, np.nan)
    factor = view_px / focal_px if focal_px else 1.0
    return np.log(known * factor).astype(np.float32), (std / known).astype(np.float32)


def jitter_colours(rng: np.random.Generator, image: Image) -> Image:
    """Random brightness, contrast, saturation, tint, blur, noise and loss of colour."""
    saturation = 0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.4)
    contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3)
    tint = rng.uniform(0.92, 1.08, size=(3, 1))
    # one affine map of a pixel's colour: saturation about its grey, contrast about middle grey, tint
    colours = tint * contrast * ((1 - saturation) / 3 + saturation * np.eye(3))
    shift = tint * 128 * (brightness - contrast)
    result: Any = cv2.transform(image, np.concatenate([colours, shift], axis=1))
    if rng.random() < 0.15:
        result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.15:
        noise = rng.standard_normal(result.shape, dtype=np.float32)
        noise *= np.float32(rng.uniform(2, 10))
        result = np.clip(result + noise, 0, 255)
    return np.asarray(result, dtype=np.uint8)


def make_example(
    frame: LabelledFrame,
    size: tuple[int, int],
    placement: Placement,
    rng: np.random.Generator | None = None,
    *,
    aspect: float | None = None,
) -> Example:
    """Apply a placement and, with `rng`, colour jitter.

    Args:
        frame: Left as it is.
        size: Height and width of the input.
        placement: Where the frame lands in it.
        rng: Draws the colours.
        aspect: Width by height of the network's own input; None takes this one's.
    """
    source = frame.image.shape[0], frame.image.shape[1]
    image = place_image(frame.image, placement, size)
    bounds = _content(placement, source, size)
    boxes, share, keep = clip_boxes(place_boxes(frame.boxes_xyxy, placement, source, size), bounds)
    hidden = frame.visibility < MIN_VISIBILITY
    ignored, ignored_share, _ = clip_boxes(
        place_boxes(frame.ignore_boxes_xyxy, placement, source, size), bounds
    )
    unclear = boxes[(share > 0) & (~keep | hidden)]
    keep = keep & ~hidden
    view = (size[1] if aspect is None else size[0] * aspect) / placement.scale
    depth, std = network_depth(frame.depth, frame.depth_std, frame.depth_kind, view, frame.focal_px)
    return Example(
        image=image if rng is None else jitter_colours(rng, image),
        boxes=_to_centre(boxes[keep], size),
        class_ids=frame.class_ids[keep],
        depth=depth[keep],
        depth_std=std[keep],
        ignore_boxes=_to_centre(np.concatenate([ignored[ignored_share > 0], unclear]), size),
        dense_depth=_place_depth(frame, placement, size, view),
        object_ids=np.flatnonzero(keep),
        log_view=float(np.log(view)),
    )


def _place_depth(
    frame: LabelledFrame, placement: Placement, size: tuple[int, int], view: float
) -> FloatArray | None:
    if frame.dense_depth is None:
        return None
    small = size[0] // 8, size[1] // 8
    matrix = np.array(
        [[placement.scale / 8, 0, placement.shift_x / 8], [0, placement.scale / 8, placement.shift_y / 8]]
    )
    placed = cv2.warpAffine(
        frame.dense_depth.astype(np.float32),
        matrix,
        (small[1], small[0]),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(float("nan"),),
    )
    placed = placed[:, ::-1] if placement.mirrored else placed
    unknown = np.full(placed.shape, np.nan, np.float32)
    return network_depth(np.ascontiguousarray(placed), unknown, frame.depth_kind, view, frame.focal_px)[0]
