"""A detector that looks at overlapping parts of an image besides the whole: small objects in large images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deptr.boxes import intersections
from deptr.detector.backend import Backend
from deptr.records import BoolArray, DepthKind, FloatArray, Image, IntArray

if TYPE_CHECKING:
    import supervision as sv

OVERLAP = 0.2  # of a part's side, with the next part
SAME_IOU = 0.5  # two boxes of one class and two parts that overlap by more are one object
SAME_SHARE = 0.6  # a box cut by a part's edge that lies so far in another is a piece of it
AT_EDGE = 0.005  # of a part's side: a box that ends so near is cut


def tiles_of(size: tuple[int, int], grid: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the parts of an image, each overlapping the next by `OVERLAP`.

    Args:
        size: Height and width of the image.
        grid: Columns and rows.

    Example:
        >>> list(tiles_of((100, 180), (2, 1)))
        [(0, 0, 100, 100), (80, 0, 180, 100)]
    """
    spans = []
    for length, count in zip(size, (grid[1], grid[0]), strict=True):
        side = min(length, int(np.ceil(length / (count - (count - 1) * OVERLAP))))
        starts = np.linspace(0, length - side, count).round().astype(int)
        spans.append([(int(start), int(start) + side) for start in starts])
    for top, bottom in spans[0]:
        for left, right in spans[1]:
            yield left, top, right, bottom


class TiledBackend(Backend):
    """Another detector, asked about the whole image and about each part of it, in one batch.

    Args:
        backend: The detector.
        grid: Columns and rows.
    """

    def __init__(self, backend: Backend, grid: tuple[int, int]) -> None:
        self._backend, self._grid = backend, grid
        self.names, self.depth_kind = backend.names, backend.depth_kind
        self.start_score = backend.start_score

    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        """Detections of each image, those of several parts made one."""
        return [self._of(image, min_score, focal_px) for image in images]

    def depths(
        self, image: Image, boxes: FloatArray, *, focal_px: float | None
    ) -> tuple[FloatArray, FloatArray]:
        """As the detector says of the whole image."""
        return self._backend.depths(image, boxes, focal_px=focal_px)

    def _of(self, image: Image, min_score: float, focal_px: float | None) -> sv.Detections:
        import supervision as sv

        height, width = image.shape[:2]
        places = [(0, 0, width, height), *tiles_of((height, width), self._grid)]
        parts = [np.ascontiguousarray(image[top:bottom, left:right]) for left, top, right, bottom in places]
        # depth without a focal length counts in widths of the whole image, for the parts too
        focal = width if focal_px is None and self.depth_kind is not None else focal_px
        found = self._backend.detect(parts, min_score=min_score, focal_px=focal)
        cuts, owners = [], []
        for number, (part, place) in enumerate(zip(found, places, strict=True)):
            cuts.append(_cut(_boxes(part), place, (height, width)))
            owners.append(np.full(len(part), number))
            part.xyxy = (part.xyxy + np.array([*place[:2], *place[:2]], np.float32)).astype(np.float32)
            if focal_px is None and part.metadata.get("depth_kind") == DepthKind.METRIC.value:
                part.metadata["depth_kind"] = DepthKind.RELATIVE.value
        if not any(len(part) for part in found):
            return found[0]
        whole = sv.Detections.merge(found)
        kept = merged(whole, np.concatenate(owners), np.concatenate(cuts))
        chosen: sv.Detections = whole[kept]  # type: ignore[assignment]
        return chosen


def merged(detections: sv.Detections, parts: IntArray, cut: BoolArray) -> IntArray:
    """Places of the boxes that are left when those of different parts on one object are one, best first.

    Args:
        detections: Of all parts, in pixels of the image.
        parts: ``(N,)`` the part each was found in.
        cut: ``(N,)`` whether it ends at an edge that is not the image's.
    """
    scores, labels = np.asarray(detections.confidence), np.asarray(detections.class_id)
    order = np.lexsort((-scores, cut))  # whole ones silence pieces, whatever their scores
    boxes, labels, parts, cut = _boxes(detections)[order], labels[order], parts[order], cut[order]
    shared, areas = intersections(boxes, boxes), (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = areas[:, None] + areas[None] - shared
    same = shared > SAME_IOU * union
    same |= cut[None] & (shared > SAME_SHARE * areas[None])
    same &= (labels[:, None] == labels[None]) & (parts[:, None] != parts[None])
    kept = np.ones(len(boxes), dtype=bool)
    for place in range(len(boxes)):
        if kept[place]:
            kept[place + 1 :] &= ~same[place, place + 1 :]
    left: IntArray = order[kept]
    return left[np.argsort(-scores[left], kind="stable")]


def _boxes(detections: sv.Detections) -> FloatArray:
    return np.asarray(detections.xyxy, np.float32)


def _cut(boxes: FloatArray, place: tuple[int, int, int, int], size: tuple[int, int]) -> BoolArray:
    """Which boxes ``(N, 4)`` of a part end at an edge inside the image."""
    left, top, right, bottom = place
    near_x, near_y = max(1.0, AT_EDGE * (right - left)), max(1.0, AT_EDGE * (bottom - top))
    result: BoolArray = (left > 0) & (boxes[:, 0] < near_x)
    result |= (top > 0) & (boxes[:, 1] < near_y)
    result |= (right < size[1]) & (boxes[:, 2] > right - left - near_x)
    result |= (bottom < size[0]) & (boxes[:, 3] > bottom - top - near_y)
    return result
