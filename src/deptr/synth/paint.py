"""Painting cut-out pictures of things into a frame, farthest first, and reading off the labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from deptr.records import BoolArray, FloatArray, Image, IntArray
from deptr.synth.rng import rounded

NOBODY = 0
FIRST_OTHER = 201  # owners from here on are things, not people
FLAT = 128  # relief of the middle of a thing
OPAQUE = 128  # alpha from which a pixel belongs to a thing
_LEVELS = 5


@dataclass(eq=False)
class Sprite:
    """A flat picture of a thing that stands upright and faces the camera.

    Attributes:
        rgba: ``(h, w, 4)`` uint8, colours multiplied by alpha.
        foot: ``(x, y)`` pixel of the sprite that touches the ground.
        height_px: Rows of the sprite that stand for the thing's height in metres.
        relief: ``(h, w)`` uint8 depth against the middle, 128 at it, or None for something flat.
        levels: Halved copies, made when a far thing needs them.
        extent: Box of the opaque pixels and their number, made on first use.
    """

    rgba: Image
    foot: tuple[float, float]
    height_px: float
    relief: Image | None = None
    levels: list[Any] = field(default_factory=list)
    extent: tuple[float, float, float, float, int] | None = None

    def level(self, scale: float) -> tuple[Image, float]:
        """The copy to draw at `scale` (picture pixels per sprite pixel) and how often it was halved."""
        if not self.levels:
            self.levels.append(self.rgba)
        halvings = 0
        while scale * 2**halvings < 0.5 and halvings < _LEVELS:
            halvings += 1
            if len(self.levels) == halvings:
                last = self.levels[-1]
                if min(last.shape[:2]) < 4:
                    return last, float(2 ** (halvings - 1))
                even = last[: last.shape[0] // 2 * 2, : last.shape[1] // 2 * 2]
                self.levels.append(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        return self.levels[halvings], float(2**halvings)

    def opaque_extent(self) -> tuple[float, float, float, float, int]:
        """Left, top, right, bottom and number of the opaque pixels."""
        if self.extent is None:
            opaque = self.rgba[:, :, 3] >= OPAQUE
            columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
            if len(columns) == 0:
                self.extent = (0.0, 0.0, 0.0, 0.0, 0)
            else:
                box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
                self.extent = (*box, int(np.count_nonzero(opaque)))
        return self.extent


@dataclass(eq=False)
class Painted:
    """What is known of a thing after it was painted.

    Attributes:
        owner: Its number in the frame's owner map.
        full_box: Extent of the whole silhouette in pixels, beyond the picture too.
        box: The same inside the picture, from the painted pixels; all 0 when nothing is inside.
        full_area: Pixels of the whole silhouette, beyond the picture too.
    """

    owner: int
    full_box: tuple[float, float, float, float]
    box: tuple[int, int, int, int]
    full_area: float


class Canvas:
    """A frame that is being painted, with the map of who owns each pixel.

    Args:
        image: ``(H, W, 3)`` uint8 RGB background; it is painted over in place.
        relief: Whether to keep how far each pixel lies before or behind its owner's middle.
    """

    def __init__(self, image: Image, *, relief: bool = False) -> None:
        self.image = image
        self.owner: Image = np.zeros(image.shape[:2], np.uint8)
        self.relief: Image | None = np.full(image.shape[:2], FLAT, np.uint8) if relief else None
        self.other_depths: dict[int, float] = {}

    def other(self, depth: float) -> int:
        """A new owner number for a thing at that depth; the last number is shared when all are used."""
        owner = min(FIRST_OTHER + len(self.other_depths), 255)
        self.other_depths[owner] = depth
        return owner

    def paint(
        self,
        sprite: Sprite,
        matrix: FloatArray,
        owner: int = NOBODY,
        *,
        colour: FloatArray | None = None,
        softness: float = 0.0,
    ) -> Painted | None:
        """Draw a sprite over what is there.

        Args:
            sprite: What to draw.
            matrix: ``(2, 3)`` from sprite pixels to picture pixels.
            owner: Number written into the owner map, `NOBODY` for a shadow.
            colour: ``(4, 4)`` matrix on (r, g, b, alpha), colours multiplied by alpha.
            softness: Standard deviation of a blur of the drawn sprite in pixels.

        Returns:
            What was painted, None when no opaque pixel lands in the picture.
        """
        height, width = self.owner.shape
        left, top, right, bottom, count = sprite.opaque_extent()
        (a, b, c), (d, e, f) = matrix.tolist()
        xs = [round(a * x + b * y + c, 4) for x in (left, right) for y in (top, bottom)]
        ys = [round(d * x + e * y + f, 4) for x in (left, right) for y in (top, bottom)]
        x0, y0 = max(int(min(xs)) - 2, 0), max(int(min(ys)) - 2, 0)
        x1, y1 = min(int(max(xs)) + 3, width), min(int(max(ys)) + 3, height)
        if x0 >= x1 or y0 >= y1:
            return None
        drawn = _warp(sprite, matrix, (x0, y0, x1, y1))
        if colour is not None:
            drawn = cv2.transform(drawn, colour)
        if softness > 0:
            drawn = cv2.GaussianBlur(drawn, (3, 3), softness, borderType=cv2.BORDER_REPLICATE)
        alpha: Image = drawn[:, :, 3]
        region = self.image[y0:y1, x0:x1]
        behind: Any = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        cv2.multiply(region, behind, dst=behind, scale=1 / 255)
        cv2.add(behind, drawn[:, :, :3], dst=region)
        if owner == NOBODY:
            return None
        _, opaque = cv2.threshold(alpha, OPAQUE - 1, 1, cv2.THRESH_BINARY)
        mask = opaque.view(np.bool_)
        box = extent_of(mask)
        if box is None:
            return None
        np.copyto(self.owner[y0:y1, x0:x1], np.uint8(owner), where=mask)
        if self.relief is not None:
            relief = _warp_relief(sprite, matrix, (x0, y0, x1, y1))
            np.copyto(self.relief[y0:y1, x0:x1], relief, where=mask)
        inside = (box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0)
        whole = inside[0] > 0 and inside[1] > 0 and inside[2] < width and inside[3] < height
        full_box = inside if whole else (min(xs), min(ys), max(xs), max(ys))
        area = float(cv2.countNonZero(opaque))
        return Painted(owner, full_box, inside, area if whole else max(area, count * abs(a * e - b * d)))

    def visible_counts(self) -> IntArray:
        """``(256,)`` number of pixels that each owner still has."""
        counts: Any = cv2.calcHist([self.owner], [0], None, [256], [0, 256])
        return np.asarray(counts, np.int64).ravel()

    def visible_box(self, painted: Painted) -> tuple[int, int, int, int] | None:
        """Extent of what is left of a painted thing, None when all of it is hidden."""
        x0, y0, x1, y1 = painted.box
        box = extent_of(self.owner[y0:y1, x0:x1] == painted.owner)
        return None if box is None else (box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0)


def _warp(sprite: Sprite, matrix: FloatArray, region: tuple[int, int, int, int]) -> Any:
    """The sprite as it appears in a region (x0, y0, x1, y1) of the picture, colours times alpha."""
    x0, y0, x1, y1 = region
    scale = float(np.hypot(matrix[0, 1], matrix[1, 1]))
    texture, halvings = sprite.level(scale)
    shifted = matrix.copy()
    shifted[:, :2] *= halvings
    # pixel centres: sprite (i + 0.5) * halvings lands at matrix @ it, drawn at its own centre
    shifted[:, 2] += shifted[:, :2] @ (0.5, 0.5) - (x0 + 0.5, y0 + 0.5)
    return cv2.warpAffine(texture, rounded(shifted), (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)


def _warp_relief(sprite: Sprite, matrix: FloatArray, region: tuple[int, int, int, int]) -> Any:
    """The sprite's relief in a region of the picture, `FLAT` where it has none."""
    x0, y0, x1, y1 = region
    if sprite.relief is None:
        return np.uint8(FLAT)
    shifted = matrix.copy()
    shifted[:, 2] += shifted[:, :2] @ (0.5, 0.5) - (x0 + 0.5, y0 + 0.5)
    size = (x1 - x0, y1 - y0)
    drawn = cv2.warpAffine(sprite.relief, rounded(shifted), size, flags=cv2.INTER_NEAREST)
    return np.where(drawn == 0, np.uint8(FLAT), drawn)


def extent_of(mask: BoolArray) -> tuple[int, int, int, int] | None:
    """Left, top, right (exclusive) and bottom (exclusive) of the True pixels, None without any.

    Example:
        >>> extent_of(np.eye(3, dtype=bool)[:2])
        (0, 0, 2, 2)
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (left, top, left + width, top + height) if width else None
