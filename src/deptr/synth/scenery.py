"""Textures of places: grounds that repeat without a seam, and what stands on the horizon."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deptr.records import FloatArray, Image
from deptr.synth.rng import generator, rounded

GROUND_PX = 512
GROUND_M = 8.0  # one ground tile covers 8 m x 8 m
GROUNDS = 20
PANORAMAS = 20
PANORAMA_SIZE = (480, 1440)
HORIZON_ROW = 320
_GROUND_KINDS = (
    "asphalt",
    "paving",
    "grass",
    "planks",
    "tiles",
    "carpet",
    "court",
    "crossing",
    "sand",
    "stone",
)


@lru_cache(maxsize=GROUNDS)
def ground_levels(index: int) -> tuple[Image, ...]:
    """A ground tile of 8 m, and halved copies of it for far away: 512, 256, ... 16 pixels wide."""
    levels: list[Any] = [_ground(index)]
    while levels[-1].shape[0] > 16:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return tuple(levels)


def cloud(rng: np.random.Generator, size: tuple[int, int], cells: int) -> FloatArray:
    """Smooth random values around 0, about -1 to 1, that repeat without a seam."""
    total = np.zeros(size, np.float32)
    weight = 0.5
    while cells <= max(size) // 2 and weight > 0.05:
        rows = max(cells * size[0] // size[1], 1) + 3
        coarse = rng.random((rows, cells + 3), dtype=np.float32) * 2 - 1
        coarse[-3:], coarse[:, -3:] = coarse[:3], coarse[:, :3]
        step = size[1] / cells
        fine: Any = cv2.resize(coarse, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        edge = round(step)
        total += weight * cv2.resize(fine[edge : edge + size[0], edge : edge + size[1]], size[::-1])
        weight, cells = weight * 0.6, cells * 3
    return rounded(total, 4)


def _ground(index: int) -> Image:
    rng = generator(0, 501, index)
    kind = _GROUND_KINDS[index % len(_GROUND_KINDS)]
    size = (GROUND_PX, GROUND_PX)
    y, x = np.mgrid[0:GROUND_PX, 0:GROUND_PX]
    base = {
        "grass": (92, 122, 58),
        "planks": (150, 108, 70),
        "sand": (196, 176, 138),
        "carpet": (110, 60, 64),
    }
    colour = np.array(base.get(kind, (128, 126, 122))) * rng.uniform(0.65, 1.25) + rng.normal(0, 9, 3)
    if kind == "carpet":
        colour = rng.uniform(40, 170, 3)
    image = np.tile(colour.astype(np.float32), (GROUND_PX, GROUND_PX, 1))
    image += (cloud(rng, size, 4) * 14)[:, :, None]
    grain = {"asphalt": 13.0, "grass": 20.0, "sand": 9.0, "carpet": 7.0, "stone": 8.0}.get(kind, 4.0)
    image += rng.normal(0, grain, size)[:, :, None] * rng.uniform(0.8, 1.2, 3)
    cell = int(rng.choice([32, 64, 128]))
    if kind in ("paving", "tiles", "stone"):
        shift = (y // cell % 2) * cell // 2 if kind != "tiles" else 0
        column = ((x + shift) % GROUND_PX) // cell
        image += rng.normal(0, 11, (64, 64))[y // cell, column][:, :, None]
        joint = ((y % cell) < 3) | (((x + shift) % cell) < 3)
        image[joint] *= rng.uniform(0.55, 0.85)
    elif kind == "planks":
        board = x // 16
        shift = (board * 97) % GROUND_PX
        image += rng.normal(0, 12, (32, 3))[board, ((y + shift) % GROUND_PX) // 200][:, :, None]
        image[(x % 16) < 1] *= 0.7
    elif kind == "court":
        lines = (np.abs(x - 256) < 4) | (np.abs(y - 100) < 4) | (np.abs(np.hypot(x - 256, y - 256) - 110) < 4)
        image = np.where(lines[:, :, None], 225.0, image * (0.7, 1.0, 0.8)).astype(np.float32)
    elif kind == "crossing":
        stripes = ((x // 32) % 2 == 0) & (np.abs(y - 256) < 90)
        image[stripes] = image[stripes] * 0.2 + 180
    return np.clip(np.rint(rounded(image, 3)), 0, 255).astype(np.uint8)


@lru_cache(maxsize=PANORAMAS)
def panorama(index: int) -> Image:
    """What stands around a place, ``(480, 1440, 3)``; row 320 is the horizon."""
    rng = generator(0, 502, index)
    height, width = PANORAMA_SIZE
    indoor = index % 4 == 3
    top, low = _sky_colours(rng, indoor)
    share = np.linspace(0, 1, height)[:, None, None]
    image = np.tile(top * (1 - share) + low * share, (1, width, 1)).astype(np.float32)
    if indoor:
        image += (cloud(rng, PANORAMA_SIZE, 6) * 8)[:, :, None]
    else:
        cover = np.clip(cloud(rng, PANORAMA_SIZE, 5) * 2.2 + rng.uniform(-0.8, 0.6), 0, 1)[:, :, None]
        image = image * (1 - cover * 0.7) + 235 * cover * 0.7
    canvas = np.clip(np.rint(rounded(image, 3)), 0, 255).astype(np.uint8)
    if indoor:
        _walls(rng, canvas)
    else:
        _hills(rng, canvas)
        for _ in range(int(rng.integers(6, 26))):
            if rng.random() < (0.25 if index % 4 == 1 else 0.7):
                _building(rng, canvas)
            else:
                _tree(rng, canvas)
    return canvas


def _sky_colours(rng: np.random.Generator, indoor: bool) -> tuple[FloatArray, FloatArray]:
    if indoor:
        wall = rng.uniform(90, 225) * rng.uniform(0.85, 1.1, 3)
        return wall * 0.85, wall
    blue = np.array([105, 150, 205]) * rng.uniform(0.5, 1.15)
    grey = np.full(3, rng.uniform(120, 230))
    mix = rng.random()
    top = blue * mix + grey * (1 - mix)
    return top, top * 0.6 + 90


def _hills(rng: np.random.Generator, canvas: Image) -> None:
    height, width = canvas.shape[:2]
    columns = np.arange(width)
    for layer in range(3):
        ridge = cloud(rng, (16, width), 4 + 3 * layer)[8] * (46 - 12 * layer) + HORIZON_ROW - 40 + 20 * layer
        colour = rng.uniform(50, 130, 3) * (0.8, 1.0, 0.8) * (1.25 - 0.22 * layer)
        corners = np.stack([columns, np.rint(ridge)], axis=1).astype(np.int32)
        outline = np.concatenate([corners, [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(canvas, [outline], colour.tolist())


def _building(rng: np.random.Generator, canvas: Image) -> None:
    width = int(rng.integers(60, 260))
    left = int(rng.integers(-60, canvas.shape[1]))
    top = HORIZON_ROW - int(rng.integers(50, 300))
    bottom = HORIZON_ROW + int(rng.integers(6, 20))
    colour = rng.uniform(60, 215) * rng.uniform(0.85, 1.12, 3)
    cv2.rectangle(canvas, (left, top), (left + width, bottom), colour.tolist(), -1)
    cv2.rectangle(canvas, (left, top), (left + 5, bottom), (colour * 0.7).tolist(), -1)
    step_x, step_y = int(rng.integers(14, 34)), int(rng.integers(16, 40))
    glass = (rng.uniform(20, 110, 3)).tolist() if rng.random() < 0.8 else [240, 225, 170]
    for y in range(top + 8, bottom - step_y, step_y):
        for x in range(left + 10, left + width - step_x // 2, step_x):
            cv2.rectangle(canvas, (x, y), (x + step_x // 2, y + int(step_y * 0.6)), glass, -1)
    if rng.random() < 0.5:
        shop = rng.uniform(30, 220, 3).tolist()
        cv2.rectangle(canvas, (left, bottom - 34), (left + width, bottom - 26), shop, -1)


def _tree(rng: np.random.Generator, canvas: Image) -> None:
    x = int(rng.integers(0, canvas.shape[1]))
    size = int(rng.integers(20, 75))
    bottom = HORIZON_ROW + int(rng.integers(4, 18))
    cv2.rectangle(canvas, (x - size // 10, bottom - size * 2), (x + size // 10, bottom), (70, 54, 42), -1)
    leaf = np.array([58, 92, 44]) * rng.uniform(0.6, 1.5) + rng.normal(0, 8, 3)
    for _ in range(26):
        offset = rng.normal(0, size * 0.42, 2)
        middle = (int(x + offset[0]), int(bottom - size * 2.1 + offset[1]))
        shade = np.clip(leaf * rng.uniform(0.7, 1.25), 0, 255).tolist()
        cv2.circle(canvas, middle, int(rng.uniform(0.2, 0.42) * size), shade, -1)


def _walls(rng: np.random.Generator, canvas: Image) -> None:
    width = canvas.shape[1]
    base = HORIZON_ROW + 26
    for _ in range(int(rng.integers(4, 12))):
        left, top = int(rng.integers(0, width)), int(rng.integers(60, 230))
        right, bottom = left + int(rng.integers(40, 200)), min(top + int(rng.integers(50, 220)), base)
        colour = rng.uniform(20, 240, 3)
        cv2.rectangle(canvas, (left, top), (right, bottom), (colour * 0.5).tolist(), -1)
        cv2.rectangle(canvas, (left + 4, top + 4), (right - 4, bottom - 4), colour.tolist(), -1)
    for _ in range(int(rng.integers(0, 5))):
        left = int(rng.integers(0, width))
        door = rng.uniform(40, 150, 3)
        cv2.rectangle(canvas, (left, HORIZON_ROW - 130), (left + 62, base), door.tolist(), -1)
        cv2.circle(canvas, (left + 52, HORIZON_ROW - 40), 3, (200, 190, 120), -1)
    cv2.rectangle(canvas, (0, base - 9), (width, canvas.shape[0]), rng.uniform(40, 200, 3).tolist(), -1)
