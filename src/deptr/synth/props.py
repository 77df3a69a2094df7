"""Things that stand in the way: pillars, trees, signs, planters, benches, cars, fences, kiosks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from deptr.records import Image
from deptr.synth.paint import Sprite
from deptr.synth.rng import generator

PROPS = 32
_ROWS = 320  # drawn at twice the size of the sprite
_KINDS = ("pillar", "tree", "sign", "planter", "bench", "car", "fence", "kiosk")
_HEIGHTS_M = {
    "pillar": (2.6, 4.0),
    "tree": (3.0, 5.0),
    "sign": (2.0, 2.8),
    "planter": (0.7, 1.2),
    "bench": (0.75, 0.95),
    "car": (1.35, 1.6),
    "fence": (0.9, 1.2),
    "kiosk": (2.0, 2.6),
}


NARROW = tuple(i for i in range(PROPS) if _KINDS[i % len(_KINDS)] in ("pillar", "tree", "sign", "planter"))


@lru_cache(maxsize=PROPS)
def prop(index: int) -> tuple[Sprite, float]:
    """A thing and its height in metres."""
    rng = generator(0, 601, index)
    kind = _KINDS[index % len(_KINDS)]
    height_m = float(rng.uniform(*_HEIGHTS_M[kind]))
    drawn = _DRAW[kind](rng)
    padded = np.pad(drawn, ((2, 2), (2, 2), (0, 0)))
    rows, columns = padded.shape[0] // 2, padded.shape[1] // 2
    rgba: Any = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
    return Sprite(rgba, (columns / 2, rows - 1.0), float(rows - 2)), height_m


def _blank(columns: int) -> Image:
    return np.zeros((_ROWS, columns, 4), np.uint8)


def _box(image: Image, corners: tuple[int, int, int, int], colour: Any) -> None:
    left, top, right, bottom = corners
    fill = [*np.clip(np.rint(colour), 0, 255).tolist(), 255]
    cv2.rectangle(image, (left, top), (right - 1, bottom - 1), fill, -1)


def _colour(rng: np.random.Generator) -> Any:
    return rng.uniform(40, 210) * rng.uniform(0.75, 1.2, 3)


def _shade(image: Image, low: float, high: float) -> Image:
    light = np.linspace(low, high, image.shape[1])[None, :, None]
    image[:, :, :3] = np.clip(np.rint(image[:, :, :3] * light), 0, 255)
    return image


def _pillar(rng: np.random.Generator) -> Image:
    columns = int(rng.integers(24, 60))
    image = _blank(columns)
    colour = _colour(rng)
    _box(image, (0, 0, columns, _ROWS), colour)
    _box(image, (0, _ROWS - 40, columns, _ROWS), colour * 0.6)
    return _shade(image, 1.15, 0.65)


def _tree(rng: np.random.Generator) -> Image:
    image = _blank(240)
    _box(image, (112, 120, 130, _ROWS), rng.uniform(50, 90) * np.array([1.0, 0.8, 0.6]))
    leaf = np.array([62, 98, 46]) * rng.uniform(0.6, 1.4)
    for _ in range(60):
        middle = np.rint(np.clip(rng.normal((120, 90), (42, 36)), (30, 30), (210, 170))).astype(int)
        colour = np.clip(leaf * rng.uniform(0.6, 1.3), 0, 255).tolist()
        cv2.circle(image, tuple(middle.tolist()), int(rng.integers(12, 30)), [*colour, 255], -1)
    return image


def _sign(rng: np.random.Generator) -> Image:
    image = _blank(120)
    _box(image, (55, 60, 65, _ROWS), np.full(3, 120.0))
    colour = _colour(rng)
    _box(image, (5, 5, 115, 105), colour * 0.6)
    _box(image, (12, 12, 108, 98), colour)
    cv2.circle(image, (60, 55), 26, [235, 235, 230, 255], -1)
    return image


def _planter(rng: np.random.Generator) -> Image:
    columns = int(rng.integers(200, 520))
    image = _blank(columns)
    leaf = np.array([58, 96, 44]) * rng.uniform(0.7, 1.4)
    for _ in range(columns // 4):
        middle = (int(rng.integers(30, columns - 30)), int(rng.integers(30, 140)))
        colour = np.clip(leaf * rng.uniform(0.6, 1.35), 0, 255).tolist()
        cv2.circle(image, middle, int(rng.integers(14, 30)), [*colour, 255], -1)
    _box(image, (0, 140, columns, _ROWS), _colour(rng))
    return _shade(image, 1.1, 0.8)


def _bench(rng: np.random.Generator) -> Image:
    image = _blank(600)
    wood = np.array([140, 98, 60]) * rng.uniform(0.6, 1.3)
    for top in (0, 60, 150):
        _box(image, (0, top, 600, top + 42), wood * rng.uniform(0.85, 1.1))
    for left in (40, 530):
        _box(image, (left, 0, left + 24, _ROWS), np.full(3, 50.0))
    return image


def _car(rng: np.random.Generator) -> Image:
    image = _blank(900)
    paint = _colour(rng)
    roof = np.array([[210, 110], [300, 8], [610, 8], [730, 115]], np.int32)
    cv2.fillConvexPoly(image, roof, [*np.clip(paint * 0.9, 0, 255).tolist(), 255])
    for left, right in ((260, 445), (465, 660)):
        glass = np.array([[left, 108], [left + 45, 26], [right - 30, 26], [right, 108]], np.int32)
        cv2.fillConvexPoly(image, glass, [52, 62, 72, 255])
    _box(image, (10, 110, 890, 265), paint)
    _box(image, (10, 215, 890, 265), paint * 0.7)
    for x in (190, 705):
        cv2.circle(image, (x, 255), 62, [26, 26, 28, 255], -1)
        cv2.circle(image, (x, 255), 32, [150, 150, 154, 255], -1)
    return image


def _fence(rng: np.random.Generator) -> Image:
    image = _blank(760)
    colour = _colour(rng)
    for left in range(0, 760, 38):
        _box(image, (left, 0, left + 14, _ROWS), colour * rng.uniform(0.9, 1.05))
    for top in (40, 240):
        _box(image, (0, top, 760, top + 20), colour * 0.8)
    return image


def _kiosk(rng: np.random.Generator) -> Image:
    columns = int(rng.integers(150, 300))
    image = _blank(columns)
    _box(image, (0, 0, columns, _ROWS), _colour(rng))
    _box(image, (10, 60, columns - 10, 180), _colour(rng) * 0.5)
    stripe = _colour(rng)
    for left in range(0, columns, 40):
        _box(image, (left, 20, min(left + 20, columns), 60), stripe)
    return _shade(image, 1.1, 0.75)


_DRAW = {
    "pillar": _pillar,
    "tree": _tree,
    "sign": _sign,
    "planter": _planter,
    "bench": _bench,
    "car": _car,
    "fence": _fence,
    "kiosk": _kiosk,
}
