"""From shapes to a picture: a person of the crowd world drawn as a sprite."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deptr.records import BoolArray, FloatArray, Image, IntArray
from deptr.synth.figure import View, person_shapes
from deptr.synth.paint import FLAT, Sprite
from deptr.synth.pose import Pose
from deptr.synth.rng import generator, settle
from deptr.synth.wardrobe import TILE, Material, Outfit, pattern_tile

_SHIFT = 4  # binary digits behind the point in polygon corners
_DETAIL_PX = 70
_TILES_PER_HEIGHT = 8
_NOTHING = 255  # material of pixels outside the person; its colour is 0
SIZES = (16, 23, 32, 45, 64, 90, 128, 181, 256, 362)


def size_for(height_px: float) -> int:
    """Rows to draw a person with who appears `height_px` high: the next larger of `SIZES`.

    Example:
        >>> size_for(70.0), size_for(2000.0)
        (90, 362)
    """
    return next((size for size in SIZES if size >= height_px), SIZES[-1])


def draw_person(
    pose: Pose, outfit: Outfit, *, angle: float, elevation: float, rows: int, light: float = 0.4
) -> Sprite:
    """A person as a sprite with relief.

    Args:
        pose: How they hold themselves.
        outfit: How they look.
        angle: Direction they face against the direction of sight, see `View`.
        elevation: How far the camera looks down on them, radians.
        rows: Pixels for one body height.
        light: Direction of the light across the picture, from -1 (left) to 1 (right).
    """
    shapes = person_shapes(pose, outfit, View(angle, elevation), light, rows >= _DETAIL_PX)
    fine = 2 * rows
    corners = settle(shapes.polygons)
    low = np.floor(corners[:, 0].min(axis=(0, 1)) * rows) * 2 - 2
    high = np.ceil(corners[:, 0].max(axis=(0, 1)) * rows) * 2 + 2
    width, height = (int(value) for value in high - low)
    pixels = np.rint((corners * fine - low) * 2**_SHIFT).astype(np.int32)
    parts, shade = _rasterise(pixels, shapes.shaded, max(int(fine * 0.012), 1) * 2 + 1, (height, width))
    materials = np.full(256, _NOTHING, np.uint8)
    relief = np.zeros(256, np.uint8)
    count = len(shapes.depth)
    materials[1 : count + 1] = shapes.material
    relief[1 : count + 1] = np.rint(settle(shapes.depth, 4) * 100) + FLAT  # a step is 1 % of the body height
    drawn = _coloured(parts, shade, materials, outfit, fine=fine, low=low)
    rgba: Any = cv2.resize(drawn, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    foot = (float(-low[0]) / 2, float(-low[1]) / 2)
    return Sprite(rgba, foot, float(rows), relief=np.asarray(cv2.LUT(parts[::2, ::2], relief), np.uint8))


def _rasterise(pixels: IntArray, shaded: BoolArray, reach: int, size: tuple[int, int]) -> tuple[Image, Image]:
    """Which shape owns each pixel (from 1), and the light on it."""
    parts: Any = np.zeros(size, np.uint8)
    shade: Any = np.full(size, 200, np.uint8)
    for index, (rim, outline, core) in enumerate(pixels):
        if shaded[index]:
            cv2.fillPoly(shade, [rim], 128, shift=_SHIFT)
            cv2.fillPoly(shade, [outline], 188, shift=_SHIFT)
            cv2.fillPoly(shade, [core], 228, shift=_SHIFT)
        cv2.fillPoly(parts, [outline], index + 1, shift=_SHIFT)
    shade = cv2.blur(cv2.blur(shade, (reach, reach)), (reach, reach))
    return parts, shade


def _coloured(
    parts: Image, shade: Image, materials: Image, outfit: Outfit, *, fine: int, low: FloatArray
) -> Any:
    """Colours times light, and alpha."""
    height, width = parts.shape
    worn: Any = cv2.LUT(parts, materials)
    for cloth, pattern in (
        (Material.SHIRT, outfit.shirt_pattern),
        (Material.TROUSERS, outfit.trousers_pattern),
    ):
        if pattern != "plain":
            step = TILE * _TILES_PER_HEIGHT / fine
            rows = (settle((np.arange(height) + low[1]) * step).astype(np.int64)) % TILE
            columns = (settle((np.arange(width) + low[0]) * step).astype(np.int64)) % TILE
            tile = pattern_tile(pattern)[rows].take(columns, axis=1)
            worn += tile & (worn == cloth)
    folds: Any = cv2.resize(wrinkles(), (width, height), interpolation=cv2.INTER_LINEAR)
    light = cv2.multiply(shade, folds, scale=1 / 128)
    palette = np.zeros((256, 3), np.uint8)
    palette[: Material.COUNT] = outfit.palette
    channels = [
        cv2.multiply(cv2.LUT(worn, palette[:, channel]), light, scale=1 / 205) for channel in range(3)
    ]
    _, alpha = cv2.threshold(parts, 0, 255, cv2.THRESH_BINARY)
    return cv2.merge([*channels, alpha])


@lru_cache(maxsize=1)
def wrinkles() -> Image:
    """``(96, 48)`` folds of cloth around 128, a little darker towards the feet."""
    rough = generator(0, 96).random((96, 48), dtype=np.float32) - 0.5
    smooth = cv2.GaussianBlur(rough, (0, 0), 2.2, sigmaY=3.5)
    fall = np.linspace(6, -10, 96)[:, None]
    return np.clip(np.rint(settle(smooth * 190 + fall, 3) + 128), 0, 255).astype(np.uint8)
