"""From frames, masks and depth maps to the rows of the label store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deptr.errors import UsageError
from deptr.io.labels import FrameLabels, Validity
from deptr.io.rle import encode_mask
from deptr.records import BoolArray, FloatArray
from deptr.teacher.depth_teachers import DepthTeacher
from deptr.teacher.frames import BoxedFrame, FrameBoxes
from deptr.teacher.instance_depth import InstanceDepth, InstanceSettings, instance_depth
from deptr.teacher.masks import BoxMasks, MaskTeacher

REGIONS = ("mask", "box")


@dataclass(frozen=True)
class LabelOptions:
    """What is labelled and how.

    Attributes:
        instance: How an object's depth is read from the map.
        regions: ``"mask"``, or ``"box"`` for the plain average over the whole box.
        dense: Whether to keep depth maps at stride 8.
        features: Whether to keep the depth teacher's features.
    """

    instance: InstanceSettings = field(default_factory=InstanceSettings)
    regions: str = "mask"
    dense: bool = False
    features: bool = False

    def __post_init__(self) -> None:
        if self.regions not in REGIONS:
            raise UsageError(f"regions: expected one of {', '.join(REGIONS)}, got {self.regions!r}")


@dataclass(frozen=True)
class Teachers:
    """The two models.

    Attributes:
        masks: Which pixels are the object.
        depth: How far away they are.
    """

    masks: MaskTeacher
    depth: DepthTeacher


def label_frames(
    frames: Sequence[BoxedFrame], maps: Sequence[FloatArray], teachers: Teachers, options: LabelOptions
) -> list[FrameLabels]:
    """Labels of consecutive frames.

    Args:
        frames: Frames with their boxes.
        maps: Depth map ``(H, W)`` of each.
        teachers: The mask teacher, and the depth teacher for its kind.
        options: What is wanted.

    Returns:
        One per frame, boxes in their given order.
    """
    masker: MaskTeacher = BoxMasks() if options.regions == "box" else teachers.masks
    return [
        _frame_rows(frame, depth_map, masks, teachers, options)
        for frame, depth_map, masks in zip(frames, maps, masker.masks(frames), strict=True)
    ]


def _frame_rows(
    frame: BoxedFrame, depth_map: FloatArray, masks: BoolArray, teachers: Teachers, options: LabelOptions
) -> FrameLabels:
    boxed = options.regions == "box"
    found = instance_depth(
        depth_map,
        masks,
        frame.boxes.boxes_xyxy,
        kind=teachers.depth.kind,
        settings=options.instance,
        regions_are_boxes=boxed,
    )
    texts = [
        b"" if boxed or not area else encode_mask(mask)
        for mask, area in zip(masks, found.mask_area, strict=True)
    ]
    return _rows(frame.index, frame.boxes, found, texts)


def unreadable_rows(index: int, boxes: FrameBoxes) -> FrameLabels:
    """Labels of a frame that could not be decoded: its boxes, and that nothing is known."""
    count = len(boxes)
    unknown = np.full(count, np.nan, np.float32)
    reason = np.full(count, Validity.FRAME_UNREADABLE, np.int8)
    nothing = InstanceDepth(unknown, unknown, np.zeros(count, np.int32), unknown, reason)
    return _rows(index, boxes, nothing, [b""] * count)


def _rows(index: int, boxes: FrameBoxes, found: InstanceDepth, texts: list[bytes]) -> FrameLabels:
    values: dict[str, Any] = vars(found)
    return FrameLabels(
        frame=np.full(len(boxes), index, np.int32),
        object_id=np.asarray(boxes.object_id, np.int64),
        class_id=np.asarray(boxes.class_id, np.int32),
        boxes_xyxy=np.asarray(boxes.boxes_xyxy, np.float32).reshape(-1, 4),
        mask=texts,
        **values,
    )
