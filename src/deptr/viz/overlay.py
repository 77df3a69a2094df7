"""Tracks drawn on their frame: boxes in the colour of the identity, depth, trails, bird's-eye inset."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from deptr.records import DepthKind, FloatArray, Image, IntArray, depth_of
from deptr.viz.birdseye import BirdsEye, quietest_corner
from deptr.viz.canvas import Box, Font, rounded
from deptr.viz.colors import INK, PAPER, identity_color, ink_on
from deptr.viz.trails import Trails

if TYPE_CHECKING:
    import supervision as sv

_OLD_TRAIL_OPACITY = 0.45


class Overlay:
    """Draws the tracks of one video, frame after frame.

    Args:
        size: Width and height of the images.
        depth_kind: What the depths mean; None leaves depth and the inset out.
        corner: Corner of the inset; None looks for the quietest one.
        caption: Words at the top, empty for none.

    Example:
        >>> import supervision as sv
        >>> tracks = sv.Detections(np.array([[20, 20, 60, 90.0]]), tracker_id=np.array([1]))
        >>> picture = Overlay((160, 120)).draw(np.zeros((120, 160, 3), np.uint8), tracks, timestamp=0.0)
        >>> picture.shape, bool(picture.any())
        ((120, 160, 3), True)
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        depth_kind: DepthKind | None = None,
        corner: str | None = None,
        caption: str = "",
    ) -> None:
        self._size = size
        self._kind = depth_kind
        self._corner = corner
        self._caption = caption
        self._unit = max(0.5, math.sqrt(size[0] * size[1]) / 665)  # 1 at 768 x 576
        self._font = Font(max(10, round(13 * self._unit)))
        self._trails = Trails()
        self._inset: BirdsEye | None = None

    def draw(self, image: Image, tracks: sv.Detections, timestamp: float) -> Image:
        """The image with its tracks on it; `image` stays as it is.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            tracks: Detections with ``tracker_id``, and depth in ``data["depth"]`` where there is any.
            timestamp: Seconds.
        """
        picture = np.ascontiguousarray(image).copy()
        ids = np.zeros(0, np.int64) if tracks.tracker_id is None else np.asarray(tracks.tracker_id)
        boxes, depths = np.asarray(tracks.xyxy, np.float64)[: len(ids)], depth_of(tracks)[: len(ids)]
        order = self._far_first(boxes, depths)
        self._draw_trails(picture, ids, boxes, timestamp)
        for row in order:
            self._draw_box(picture, boxes[row], int(ids[row]))
        taken: list[Box] = []
        for row in order[::-1]:  # what is near gets the better place for its label
            self._draw_label(picture, boxes[row], int(ids[row]), float(depths[row]), taken)
        if self._caption:
            self._draw_caption(picture)
        if self._kind is not None:
            self._draw_inset(picture, ids, boxes, depths, timestamp)
        return picture

    def _far_first(self, boxes: FloatArray, depths: FloatArray) -> IntArray:
        """Rows in the order of drawing, so that what is near covers what is behind it."""
        if self._kind is None or not np.isfinite(depths).any():
            return np.argsort(boxes[:, 3], kind="stable")
        away = -depths if self._kind.larger_is_nearer else depths
        return np.argsort(-np.nan_to_num(away, nan=np.inf), kind="stable")

    def _draw_trails(self, picture: Image, ids: IntArray, boxes: FloatArray, now: float) -> None:
        for identity, box in zip(ids.tolist(), boxes.tolist(), strict=True):
            self._trails.add(identity, now, ((box[0] + box[2]) / 2, box[3]))
        self._trails.forget_old(now)
        if not len(ids):
            return
        layer = picture.copy()
        for target, oldest, youngest in ((layer, 1.0, 0.4), (picture, 0.4, 0.0)):
            for identity in ids.tolist():
                for line, age in self._trails.pieces(identity, now):
                    if youngest <= age <= oldest:
                        width = max(1, round(self._unit * (3.2 - 2.2 * age)))
                        points = np.round(line).astype(np.int32)
                        cv2.polylines(target, [points], False, identity_color(identity), width, cv2.LINE_AA)
            if target is layer:
                cv2.addWeighted(layer, _OLD_TRAIL_OPACITY, picture, 1 - _OLD_TRAIL_OPACITY, 0, dst=picture)

    def _draw_box(self, picture: Image, box: FloatArray, identity: int) -> None:
        start, end = _pixel(box[:2]), _pixel(box[2:])
        width = max(1, round(2 * self._unit))
        cv2.rectangle(picture, start, end, INK, width + 2)
        cv2.rectangle(picture, start, end, identity_color(identity), width)

    def _draw_label(
        self, picture: Image, box: FloatArray, identity: int, depth: float, taken: list[Box]
    ) -> None:
        color, word = identity_color(identity), str(identity)
        reading = "" if self._kind is None else depth_words(depth, self._kind)
        pad = max(3, round(4 * self._unit))
        height, name_width = self._font.height + 2, self._font.width(word) + 2 * pad
        width = name_width + (self._font.width(reading) + 2 * pad if reading else 0)
        place = label_place(box, (width, height), self._size, taken)
        if place is None:  # a crowd: the identity alone, or nothing over a nearer one's label
            reading, place = "", label_place(box, (name_width, height), self._size, taken)
        if place is None:
            return
        left, top, _, bottom = place
        taken.append(place)
        radius = max(3, round(4 * self._unit))
        if reading:
            rounded(picture, place, radius, INK, opacity=0.78)
            self._font.draw(picture, left + name_width + pad, top + 1, reading, PAPER)
        rounded(picture, (left, top, left + name_width, bottom), radius, color)
        self._font.draw(picture, left + pad, top + 1, word, ink_on(color))

    def _draw_caption(self, picture: Image) -> None:
        pad = max(5, round(8 * self._unit))
        gap = max(4, round(0.02 * picture.shape[0]))
        right, bottom = gap + self._font.width(self._caption) + 2 * pad, gap + self._font.height + pad
        rounded(picture, (gap, gap, right, bottom), pad, INK, opacity=0.85)
        self._font.draw(picture, gap + pad, gap + pad // 2, self._caption, PAPER)

    def _draw_inset(
        self, picture: Image, ids: IntArray, boxes: FloatArray, depths: FloatArray, now: float
    ) -> None:
        if self._kind is None:
            return
        if self._inset is None:
            if not np.isfinite(depths).any():
                return
            self._inset = BirdsEye(self._size, self._kind, self._corner or quietest_corner(self._size, boxes))
        self._inset.draw(picture, ids, (boxes[:, 0] + boxes[:, 2]) / 2, depths, now)


def depth_words(depth: float, kind: DepthKind) -> str:
    """A depth for people, empty when it is not known.

    Example:
        >>> depth_words(8.42, DepthKind.METRIC), depth_words(8.42, DepthKind.PSEUDO)
        ('8.4 m', '~8.4')
    """
    if not np.isfinite(depth):
        return ""
    digits = 0 if abs(depth) >= 100 else 1 if abs(depth) >= 2 else 2
    mark = "~" if kind is DepthKind.PSEUDO else ""
    return f"{mark}{depth:.{digits}f} {kind.unit}".rstrip()


def label_place(
    box: FloatArray, label: tuple[int, int], image: tuple[int, int], taken: list[Box]
) -> Box | None:
    """Where a label of this width and height hides no other: above its box, below it or in its corners.

    Example:
        >>> label_place(np.array([50.0, 60, 80, 120]), (40, 16), (384, 288), [])
        (49, 43, 89, 59)
        >>> label_place(np.array([50.0, 60, 80, 120]), (40, 16), (384, 288), [(0, 0, 384, 288)]) is None
        True
    """
    left, top, right, bottom = (round(float(value)) for value in box)
    width, height = label
    rows = (top - height - 1, bottom + 2, top + 2)
    for y in rows:
        for x in (left - 1, right + 1 - width):
            x0, y0 = max(0, min(x, image[0] - width)), max(0, min(y, image[1] - height))
            place = (x0, y0, x0 + width, y0 + height)
            if (y0 == y or y == rows[-1]) and not any(overlap(place, other) for other in taken):
                return place
    return None


def overlap(a: Box, b: Box) -> bool:
    """Whether two rectangles share a pixel."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _pixel(point: FloatArray | tuple[float, float]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
