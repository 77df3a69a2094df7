"""Four frames side by side: smaller people, more of them and in other company than in any photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deptr.records import DepthKind, FloatArray, LabelledFrame
from deptr.training.augment import PADDING_GREY, Example, make_example, random_placement

TILES = 4
SPLIT = (0.35, 0.65)  # where the four meet, in shares of the picture's sides
TILE_SCALES = (1.0, 1.8)  # zoom inside a tile, from showing all of a frame


def mosaic(rng: np.random.Generator, frames: Sequence[LabelledFrame], size: tuple[int, int]) -> LabelledFrame:
    """Four frames as one picture, each cut and zoomed at random to its quarter.

    Four cameras have no common focal length, so no depth is known in it.

    Args:
        rng: Chooses where the quarters meet and what each shows.
        frames: Four of them; labels of what is cut off too far become regions to ignore.
        size: Height and width of the picture.

    Source: Mosaic augmentation of YOLOv4, arXiv:2004.10934, section 3.3.

    Example:
        >>> from deptr.synth.single import CrowdWorld
        >>> from deptr.synth.truth import Wanted
        >>> frame = CrowdWorld((64, 96), Wanted(), 4).frame(0)
        >>> mosaic(np.random.default_rng(0), [frame] * 4, (64, 96)).image.shape
        (64, 96, 3)
    """
    height, width = size
    down, right = (round(side * rng.uniform(*SPLIT)) for side in size)
    corners = [(0, 0, right, down), (right, 0, width, down)]
    corners += [(0, down, right, height), (right, down, width, height)]
    image = np.full((height, width, 3), PADDING_GREY, np.uint8)
    boxes, ignored, classes = [], [], []
    for frame, (x1, y1, x2, y2) in zip(frames, corners, strict=True):
        tile = y2 - y1, x2 - x1
        example: Example = make_example(frame, tile, random_placement(rng, frame, tile, TILE_SCALES))
        image[y1:y2, x1:x2] = example.image
        boxes.append(_moved(example.boxes, (x1, y1, x2, y2)))
        ignored.append(_moved(example.ignore_boxes, (x1, y1, x2, y2)))
        classes.append(example.class_ids)
    count = sum(len(part) for part in classes)
    unknown = np.full(count, np.nan, np.float32)
    return LabelledFrame(
        image=image,
        boxes_xyxy=np.concatenate(boxes),
        class_ids=np.concatenate(classes),
        depth=unknown,
        depth_std=unknown,
        depth_kind=DepthKind.METRIC,
        track_ids=np.full(count, -1, np.int64),
        visibility=unknown,
        ignore_boxes_xyxy=np.concatenate(ignored),
        name="mosaic",
    )


def _moved(boxes: FloatArray, tile: tuple[int, int, int, int]) -> FloatArray:
    """Boxes of a tile (centre format in [0, 1]) as corners in the whole picture."""
    x1, y1, x2, y2 = tile
    side = np.array([x2 - x1, y2 - y1], np.float32)
    half = boxes[:, 2:] * side / 2
    centre = boxes[:, :2] * side + np.array([x1, y1], np.float32)
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
