"""From painted things to labels: boxes, visibility and depth of each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deptr.records import BoolArray, DepthKind, FloatArray, Image, IntArray, LabelledFrame
from deptr.synth.camera import Camera
from deptr.synth.paint import FLAT, Canvas, Painted

_LARGE_PART = 0.02  # of the picture: who fills it is never ignored


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """One painted person.

    Attributes:
        painted: Boxes and area in the picture.
        track_id: Identity in the scene, from 1.
        depth: Depth of the middle of the body in metres.
        position: ``(3,)`` of the foot in the world, metres.
        height_m: Body height.
    """

    painted: Painted
    track_id: int
    depth: float
    position: FloatArray
    height_m: float


@dataclass(frozen=True)
class Wanted:
    """Which labels a caller wants besides boxes and depth.

    Attributes:
        masks: Visible masks, ``(N, H, W)``.
        dense_depth: The depth map.
        min_visibility: People who show less become regions to ignore.
        min_height_px: People of whom fewer rows are visible become regions to ignore.
    """

    masks: bool = False
    dense_depth: bool = False
    min_visibility: float = 0.1
    min_height_px: float = 6.0


class FrameTruth:
    """A painted frame and everything known about it; rows are people, hidden ones too.

    Args:
        canvas: The frame, with all things painted; its image may have passed a lens.
        people: Who was painted.
        camera: What it was seen with.
        scenery_depth: ``(H, W)`` depth of the scenery, None when unknown (photos).
        seam_boxes: Boxes of second halves of people on the seam of a panorama.
        name: Where the frame comes from.

    Attributes:
        track_ids: ``(N,)`` identities from 1.
        boxes_xyxy: ``(N, 4)`` amodal boxes inside the picture.
        full_boxes_xyxy: ``(N, 4)`` amodal boxes that may leave the picture.
        visible_boxes_xyxy: ``(N, 4)`` extent of what is visible, zeros when nothing is.
        visibility: ``(N,)`` visible part of the whole silhouette, beyond the picture too.
        visible_px: ``(N,)`` visible pixels.
        depth_m: ``(N,)`` depth of the middle of each body.
        positions: ``(N, 3)`` foot points in the world.
    """

    def __init__(
        self,
        canvas: Canvas,
        people: Sequence[PersonTruth],
        camera: Camera,
        *,
        scenery_depth: FloatArray | None = None,
        seam_boxes: Sequence[tuple[int, int, int, int]] = (),
        name: str = "",
    ) -> None:
        self.canvas, self.people, self.camera, self.name = canvas, people, camera, name
        self.scenery_depth = scenery_depth
        self.seam_boxes = np.array(seam_boxes, np.float32).reshape(-1, 4)
        counts = canvas.visible_counts()
        painted = [person.painted for person in people]
        self.track_ids: IntArray = np.array([person.track_id for person in people], np.int64)
        self.boxes_xyxy: FloatArray = np.array([p.box for p in painted], np.float32).reshape(-1, 4)
        self.full_boxes_xyxy: FloatArray = np.array([p.full_box for p in painted], np.float32).reshape(-1, 4)
        seen = [canvas.visible_box(p) or (0, 0, 0, 0) for p in painted]
        self.visible_boxes_xyxy: FloatArray = np.array(seen, np.float32).reshape(-1, 4)
        self.visible_px: IntArray = np.array([counts[p.owner] for p in painted], np.int64)
        area = np.array([p.full_area for p in painted])
        self.visibility: FloatArray = np.minimum(self.visible_px / np.maximum(area, 1.0), 1.0)
        self.depth_m: FloatArray = np.array([person.depth for person in people])
        self.positions: FloatArray = np.array([person.position for person in people]).reshape(-1, 3)

    @property
    def image(self) -> Image:
        """``(H, W, 3)`` uint8 RGB."""
        return self.canvas.image

    def mask(self, row: int) -> BoolArray:
        """``(H, W)`` visible pixels of a person."""
        return np.asarray(self.canvas.owner == self.people[row].painted.owner)

    def dense_depth(self) -> FloatArray:
        """``(H, W)`` float32 metres: scenery, people with their relief over it, NaN where unknown."""
        known = np.full(256, np.nan, np.float32)
        step = np.zeros(256, np.float32)
        for person in self.people:
            known[person.painted.owner] = person.depth
            step[person.painted.owner] = person.height_m / 100
        for owner, depth in self.canvas.other_depths.items():
            known[owner] = depth
        result = known[self.canvas.owner]
        if self.canvas.relief is not None:
            offset = self.canvas.relief.astype(np.float32) - FLAT
            result += offset * step[self.canvas.owner]
        if self.scenery_depth is not None:
            np.copyto(result, self.scenery_depth, where=self.canvas.owner == 0)
        return result

    def labelled(self, wanted: Wanted) -> LabelledFrame:
        """The frame as training sees it: who is hidden is left out, who is nearly hidden is ignored."""
        large = self.visible_px >= self.canvas.owner.size * _LARGE_PART
        tall = self.visible_boxes_xyxy[:, 3] - self.visible_boxes_xyxy[:, 1] >= wanted.min_height_px
        keep = ((self.visibility >= wanted.min_visibility) | large) & tall & (self.visible_px > 0)
        ignore = ~keep & (self.visible_px > 0)
        rows = np.flatnonzero(keep)
        masks = None
        if wanted.masks:
            shape = (len(rows), *self.canvas.owner.shape)
            masks = np.zeros(shape, np.bool_)
            for place, row in enumerate(rows.tolist()):
                masks[place] = self.mask(row)
        return LabelledFrame(
            image=self.image,
            boxes_xyxy=self.boxes_xyxy[keep],
            class_ids=np.zeros(len(rows), np.int64),
            depth=self.depth_m[keep].astype(np.float32),
            depth_std=np.zeros(len(rows), np.float32),
            depth_kind=DepthKind.METRIC,
            track_ids=self.track_ids[keep],
            visibility=self.visibility[keep].astype(np.float32),
            ignore_boxes_xyxy=np.concatenate([self.boxes_xyxy[ignore], self.seam_boxes]),
            focal_px=float(self.camera.focal_px),
            visible_boxes_xyxy=self.visible_boxes_xyxy[keep],
            masks=masks,
            dense_depth=self.dense_depth() if wanted.dense_depth else None,
            name=self.name,
        )
