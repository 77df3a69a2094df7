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
from deptr.synth.rng import generator, rounded
from deptr.synth.wardrobe import TILE, Material, Outfit, pattern_tile

_SHIFT = 4  # binary digits behind the point in polygon corners
_DETAIL_PX = 70
_SHADED_PX = 24
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
    corners = rounded(shapes.polygons)
    low = np.floor(corners[:, 0].min(axis=(0, 1)) * rows) * 2 - 2
    high = np.ceil(corners[:, 0].max(axis=(0, 1)) * rows) * 2 + 2
    width, height = (int(value) for value in high - low)
    pixels = np.rint((corners * 2 * rows - low) * 2**_SHIFT).astype(np.int32)
    fine, shade = _rasterise(
        pixels, shapes.shaded & (rows >= _SHADED_PX), max(int(rows * 0.012), 1) * 2 + 1, (height, width)
    )
    # the outline is smoothed from twice the size; inside, the topmost of four fine pixels counts
    parts = np.maximum(
        np.maximum(fine[::2, ::2], fine[1::2, ::2]), np.maximum(fine[::2, 1::2], fine[1::2, 1::2])
    )
    _, mask = cv2.threshold(fine, 0, 255, cv2.THRESH_BINARY)
    alpha = cv2.resize(mask, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    materials = np.full(256, _NOTHING, np.uint8)
    relief = np.zeros(256, np.uint8)
    count = len(shapes.depth)
    materials[1 : count + 1] = shapes.material
    relief[1 : count + 1] = np.rint(rounded(shapes.depth, 4) * 100) + FLAT  # a step is 1 % of the body height
    worn: Any = cv2.LUT(parts, materials)
    _put_patterns(worn, outfit, TILE * _TILES_PER_HEIGHT / rows, low / 2)
    foot = (float(-low[0]) / 2, float(-low[1]) / 2)
    rgba = _coloured(worn, shade, np.asarray(alpha, np.uint8), outfit)
    return Sprite(rgba, foot, float(rows), relief=np.asarray(cv2.LUT(parts, relief), np.uint8))


def _rasterise(pixels: IntArray, shaded: BoolArray, reach: int, size: tuple[int, int]) -> tuple[Image, Image]:
    """Which shape owns each pixel (from 1) at twice the sprite's size, and the light on each at its size."""
    parts: Any = np.zeros(size, np.uint8)
    shade: Any = np.full((size[0] // 2, size[1] // 2), 200, np.uint8)
    for index, (rim, outline, core) in enumerate(pixels):
        if shaded[index]:
            cv2.fillPoly(shade, [rim], 128, shift=_SHIFT + 1)
            cv2.fillPoly(shade, [outline], 188, shift=_SHIFT + 1)
            cv2.fillPoly(shade, [core], 228, shift=_SHIFT + 1)
        cv2.fillPoly(parts, [outline], index + 1, shift=_SHIFT)
    shade = cv2.blur(cv2.blur(shade, (reach, reach)), (reach, reach))
    return parts, shade


def _put_patterns(worn: Any, outfit: Outfit, step: float, low: FloatArray) -> None:
    """Change cloth to its second colour where its pattern says so; `step` tile pixels for each pixel."""
    for cloth, pattern in (
        (Material.SHIRT, outfit.shirt_pattern),
        (Material.TROUSERS, outfit.trousers_pattern),
    ):
        if pattern != "plain":
            rows = (rounded((np.arange(worn.shape[0]) + low[1]) * step).astype(np.int64)) % TILE
            columns = (rounded((np.arange(worn.shape[1]) + low[0]) * step).astype(np.int64)) % TILE
            tile = pattern_tile(pattern)[rows].take(columns, axis=1)
            worn += tile & (worn == cloth)


def _coloured(worn: Any, shade: Image, alpha: Image, outfit: Outfit) -> Any:
    """Colours times light times alpha, and alpha."""
    folds: Any = cv2.resize(wrinkles(), worn.shape[::-1], interpolation=cv2.INTER_LINEAR)
    light = cv2.multiply(cv2.multiply(shade, folds, scale=1 / 128), alpha, scale=1 / 255)
    palette = np.zeros((256, 3), np.uint8)
    palette[: Material.COUNT] = outfit.palette
    channels = [
        cv2.min(cv2.multiply(cv2.LUT(worn, palette[:, channel]), light, scale=1 / 205), alpha)
        for channel in range(3)
    ]
    return cv2.merge([*channels, alpha])


@lru_cache(maxsize=1)
def wrinkles() -> Image:
    """``(96, 48)`` folds of cloth around 128, a little darker towards the feet."""
    rough = generator(0, 96).random((96, 48), dtype=np.float32) - 0.5
    smooth = cv2.GaussianBlur(rough, (0, 0), 2.2, sigmaY=3.5)
    fall = np.linspace(6, -10, 96)[:, None]
    return np.clip(np.rint(rounded(smooth * 190 + fall, 3) + 128), 0, 255).astype(np.uint8)
