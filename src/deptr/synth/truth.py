"""From painted things to labels: boxes, visibility and depth of each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray, LabelledFrame
from deptr.synth.camera import Camera
from deptr.synth.paint import Canvas, Painted

_LARGE_PART = 0.02  # of the picture: who fills it is never ignored


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """One painted person.

    Attributes:
        painted: Boxes and area in the picture.
        track_id: Identity in the scene, from 1.
        depth: Depth of the middle of the body in metres.
        position: ``(3,)`` of the foot in the world, metres.
    """

    painted: Painted
    track_id: int
    depth: float
    position: FloatArray


@dataclass(frozen=True)
class Wanted:
    """Which labels a caller wants besides boxes and depth.

    Attributes:
        masks: Visible masks, ``(N, H, W)``.
        dense_depth: The depth map.
        min_visibility: People who show less become regions to ignore.
        min_height_px: People whose box in the picture is lower become regions to ignore.
    """

    masks: bool = False
    dense_depth: bool = False
    min_visibility: float = 0.1
    min_height_px: float = 6.0


def labelled_frame(
    canvas: Canvas,
    people: Sequence[PersonTruth],
    camera: Camera,
    wanted: Wanted,
    *,
    ground_depth: FloatArray | None = None,
    name: str = "",
) -> LabelledFrame:
    """The labels of a painted frame.

    Args:
        canvas: The frame, with all things painted.
        people: Who was painted.
        camera: What it was seen with.
        wanted: Which labels to make.
        ground_depth: ``(H, W)`` depth of the scenery, None when unknown (photos): NaN there.
        name: Where the frame comes from.
    """
    counts = canvas.visible_counts()
    visible = np.array([counts[person.painted.owner] for person in people], dtype=np.float64)
    area = np.array([person.painted.full_area for person in people])
    visibility = np.minimum(visible / np.maximum(area, 1.0), 1.0)
    boxes = np.array([person.painted.box for person in people], np.float32).reshape(-1, 4)
    seen_boxes = np.array(
        [canvas.visible_box(person.painted) or (0, 0, 0, 0) for person in people], np.float32
    ).reshape(-1, 4)
    tall = seen_boxes[:, 3] - seen_boxes[:, 1] >= wanted.min_height_px
    shown = (visibility >= wanted.min_visibility) | (visible >= canvas.owner.size * _LARGE_PART)
    keep = shown & tall & (visible > 0)
    ignore = ~keep & (visible > 0)
    depth = np.array([person.depth for person in people], np.float32)
    kept = [person for person, chosen in zip(people, keep, strict=True) if chosen]
    return LabelledFrame(
        image=canvas.image,
        boxes_xyxy=boxes[keep],
        class_ids=np.zeros(len(kept), np.int64),
        depth=depth[keep],
        depth_std=np.zeros(len(kept), np.float32),
        depth_kind=DepthKind.METRIC,
        track_ids=np.array([person.track_id for person in kept], np.int64),
        visibility=visibility[keep].astype(np.float32),
        ignore_boxes_xyxy=boxes[ignore],
        focal_px=float(camera.focal_px),
        visible_boxes_xyxy=seen_boxes[keep],
        masks=_masks(canvas, kept) if wanted.masks else None,
        dense_depth=dense_depth(canvas, people, ground_depth) if wanted.dense_depth else None,
        name=name,
    )


def _masks(canvas: Canvas, people: Sequence[PersonTruth]) -> BoolArray:
    masks = [canvas.owner == person.painted.owner for person in people]
    return np.array(masks, dtype=bool).reshape(len(people), *canvas.owner.shape)


def dense_depth(canvas: Canvas, people: Sequence[PersonTruth], ground_depth: FloatArray | None) -> FloatArray:
    """``(H, W)`` float32 metres: scenery, people over it, NaN where nothing is known."""
    known = np.full(256, np.nan, np.float32)
    for person in people:
        known[person.painted.owner] = person.depth
    result = known[canvas.owner]
    if ground_depth is not None:
        np.copyto(result, ground_depth, where=canvas.owner == 0)
    return result
