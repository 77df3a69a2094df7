"""Street furniture drawn anew each time: posts, signs, cones, bins, railings, stands, all of them nobody.

`props` draws the few fixed things of the crowd worlds; here no two are alike, so that a network cannot learn
them by heart.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from deptr.records import FloatArray, Image
from deptr.synth.cutouts import premultiplied
from deptr.synth.paint import Sprite

_ROWS = 192
_LIFT = 0.18  # most of that by which the feet of its legs differ, in heights
_GROUPED = 0.3  # share of the pieces that are several things behind each other
_MARGIN = 2  # transparent rows and columns around the drawing
_SKEW = 0.5  # how far the far side of a board may rise or fall, in heights: seen from the side it is steep


def street_furniture(rng: np.random.Generator) -> Sprite:
    """A thing of the street, standing on the lower edge of its picture.

    Args:
        rng: Chooses what it is and how it looks.

    Example:
        >>> thing = street_furniture(np.random.default_rng(0))
        >>> thing.rgba.shape[0], thing.height_px
        (196, 192.0)
    """
    drawn = _group(rng) if rng.random() < _GROUPED else _one(rng)
    rgba = premultiplied(np.pad(drawn, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))))
    return Sprite(rgba, (rgba.shape[1] / 2, float(_ROWS + _MARGIN)), float(_ROWS))


def _one(rng: np.random.Generator) -> Image:
    drawn = _KINDS[int(rng.integers(len(_KINDS)))](rng)
    drawn[:, :, :3] = _weathered(rng, drawn[:, :, :3])
    return drawn


def _group(rng: np.random.Generator) -> Image:
    """Two or three things behind each other, the nearer ones lower: together they have heads and legs too."""
    things = [_one(rng) for _ in range(int(rng.integers(2, 4)))]
    columns = int(max(thing.shape[1] for thing in things) * rng.uniform(1.0, 1.4))
    image = _blank(columns)
    for number, thing in enumerate(things):
        tall = 1.0 if number == 0 else rng.uniform(0.4, 0.95)
        size = max(int(tall * thing.shape[1] * rng.uniform(0.5, 1.0)), 2), int(tall * _ROWS)
        small: Any = cv2.resize(thing, size, interpolation=cv2.INTER_AREA)
        left, foot = int(rng.integers(columns - size[0] + 1)), _ROWS
        if number == 0:
            foot -= int(rng.uniform(0, 0.15) * _ROWS)
            small = small[_ROWS - foot :]
        place: Any = image[foot - len(small) : foot, left : left + size[0]]
        solid = small[:, :, 3:] / 255.0
        place[:, :, :3] = small[:, :, :3] * solid + place[:, :, :3] * (1 - solid)
        place[:, :, 3] = np.maximum(place[:, :, 3], small[:, :, 3])
    return image


def _blank(columns: int) -> Image:
    return np.zeros((_ROWS, columns, 4), np.uint8)


def _colour(rng: np.random.Generator) -> FloatArray:
    """Grey, white, black or a strong colour, as street furniture is painted."""
    grey = rng.uniform(15, 245)
    strength = rng.choice([0.0, 0.15, 0.9], p=[0.35, 0.25, 0.4])
    return np.asarray(np.clip(grey * (1 + strength * rng.uniform(-1, 1, 3)), 0, 255))


def _fill(image: Image, corners: Any, colour: FloatArray) -> None:
    points = np.rint(np.asarray(corners)).astype(np.int32)
    cv2.fillConvexPoly(image, points, [*np.rint(colour).tolist(), 255], lineType=cv2.LINE_AA)


def _band(image: Image, across: tuple[float, float], down: tuple[float, float], colour: FloatArray) -> None:
    (left, right), (top, bottom) = across, down
    _fill(image, [[left, top], [right, top], [right, bottom], [left, bottom]], colour)


def _tapered(
    image: Image, widths: tuple[float, float], top: float, bottom: float, colour: FloatArray
) -> None:
    """A piece around the middle, its upper and lower width given."""
    middle = image.shape[1] / 2
    upper, lower = widths[0] / 2, widths[1] / 2
    corners = [
        [middle - upper, top],
        [middle + upper, top],
        [middle + lower, bottom],
        [middle - lower, bottom],
    ]
    _fill(image, corners, colour)


def _post(rng: np.random.Generator) -> Image:
    """A bollard or pole with a cap and bands."""
    columns = int(_ROWS * np.exp(rng.uniform(np.log(0.06), np.log(0.4))))
    image = _blank(columns)
    paint = _colour(rng)
    _tapered(image, (columns * rng.uniform(0.6, 0.95), columns * 0.95), 0, _ROWS, paint)
    for _ in range(int(rng.integers(0, 4))):
        top = rng.uniform(0, 0.9) * _ROWS
        _band(image, (0, columns), (top, top + rng.uniform(0.03, 0.12) * _ROWS), _colour(rng))
    if rng.random() < 0.5:
        cv2.ellipse(
            image,
            (columns // 2, columns // 2),
            (columns // 2, columns // 2),
            0,
            180,
            360,
            [*np.rint(_colour(rng)).tolist(), 255],
            -1,
            cv2.LINE_AA,
        )
    return image


def _board(rng: np.random.Generator) -> Image:
    """A panel, level or tilted, on one pole or two legs."""
    columns = int(_ROWS * rng.uniform(0.2, 0.75))
    image = _blank(columns)
    legs = [0.5] if rng.random() < 0.5 else [rng.uniform(0.05, 0.3), rng.uniform(0.7, 0.95)]
    rise = rng.uniform(-_SKEW, _SKEW) * _ROWS
    panel = rng.uniform(0.12, 0.6) * _ROWS
    iron, width = _colour(rng), max(columns * rng.uniform(0.04, 0.16), 4)
    for leg in legs:
        lift = min(abs(rise), _LIFT * _ROWS)
        foot = _ROWS + (leg - 0.5) * lift * rng.uniform(-1, 1) - lift / 2
        across = (leg * columns - width / 2, leg * columns + width / 2)
        _band(image, across, (panel / 2, min(foot, _ROWS)), iron)
    low, high = max(rise, 0), max(-rise, 0)
    corners = [[0, low], [columns - 1, high], [columns - 1, high + panel], [0, low + panel]]
    _fill(image, corners, _colour(rng))
    if rng.random() < 0.5:
        middle = np.mean(corners, axis=0)
        _fill(image, middle + (np.asarray(corners) - middle) * rng.uniform(0.4, 0.85), _colour(rng))
    return image


def _cone(rng: np.random.Generator) -> Image:
    """A cone or tapering block, banded, on a base."""
    columns = int(_ROWS * rng.uniform(0.3, 0.8))
    image = _blank(columns)
    narrow, wide = columns * rng.uniform(0.1, 0.6), columns * rng.uniform(0.6, 0.95)
    _tapered(image, (narrow, wide), 0, _ROWS, _colour(rng))
    for _ in range(int(rng.integers(0, 3))):
        top = rng.uniform(0, 0.8)
        bottom = min(top + rng.uniform(0.08, 0.2), 1.0)
        widths = (narrow + (wide - narrow) * top, narrow + (wide - narrow) * bottom)
        _tapered(image, widths, top * _ROWS, bottom * _ROWS, _colour(rng))
    if rng.random() < 0.6:
        _band(image, (0, columns), (_ROWS * rng.uniform(0.86, 0.97), _ROWS), _colour(rng))
    return image


def _stack(rng: np.random.Generator) -> Image:
    """Bins, hydrants, parking meters: two to four pieces above each other."""
    columns = int(_ROWS * rng.uniform(0.18, 0.6))
    image = _blank(columns)
    cuts = np.sort(rng.uniform(0.1, 0.95, int(rng.integers(1, 4))))
    edges = np.concatenate([[0.0], cuts, [1.0]]) * _ROWS
    paint = _colour(rng)
    for top, bottom in pairwise(edges):
        widths = (columns * rng.uniform(0.3, 1.0), columns * rng.uniform(0.3, 1.0))
        _tapered(image, widths, top, bottom, paint if rng.random() < 0.5 else _colour(rng))
    return image


def _railing(rng: np.random.Generator) -> Image:
    """A barrier, gate or railing: uprights that recede into the picture and what runs between them."""
    columns = int(_ROWS * np.exp(rng.uniform(np.log(0.2), np.log(2.0))))
    image = _blank(columns)
    iron, thick = _colour(rng), max(_ROWS * rng.uniform(0.02, 0.12), 3.0)
    recedes, tall = rng.uniform(0, 0.35), rng.uniform(0.65, 1.0)
    near, far = np.array([_ROWS * (1 - tall), _ROWS]), np.array([0.0, 0.0])
    far[1] = _ROWS * (1 - recedes)
    far[0] = max(far[1] - tall * _ROWS * (1 - 0.5 * recedes), 0.0)

    def at(across: float, height: float) -> list[float]:
        top, foot = near + across * (far - near)
        return [thick / 2 + across * (columns - thick), foot + height * (top - foot)]

    for height in [*rng.uniform(0.15, 1.0, int(rng.integers(0, 4))).tolist(), 1.0]:
        _run(image, rng, [at(0, height), at(1, height)], thick * rng.uniform(0.4, 1.6), iron)
    between = int(rng.integers(0, 3)) if rng.random() < 0.7 else int(rng.integers(3, 14))
    gap = 0.6 * columns / (between + 1)
    for index, across in enumerate(np.linspace(0, 1, between + 2)):
        width = thick if index in (0, between + 1) else min(thick * rng.uniform(0.3, 1.0), gap)
        (x, top), (_, foot) = at(float(across), 1.0), at(float(across), 0.0)
        _band(image, (x - width / 2, x + width / 2), (top, foot), iron)
    return np.asarray(image if rng.random() < 0.5 else image[:, ::-1].copy())


def _run(image: Image, rng: np.random.Generator, ends: Any, thick: float, colour: FloatArray) -> None:
    """A rail, plank or striped tape from one end to the other, that hangs from its upper edge."""
    (left, high), (right, low) = ends
    striped = rng.random() < 0.25
    paints = [_colour(rng), _colour(rng)] if striped else [colour]
    cuts = np.linspace(0, 1, 1 + (int(rng.integers(4, 16)) if striped else 1))
    for index, (start, end) in enumerate(pairwise(cuts)):
        upper = [[left + cut * (right - left), high + cut * (low - high)] for cut in (start, end)]
        _fill(image, [*upper, *[[x, y + thick] for x, y in upper[::-1]]], paints[index % len(paints)])


def _stand(rng: np.random.Generator) -> Image:
    """Things on spread legs: tripods, easels, lecterns and trestles, with a head, a board or a lamp."""
    columns = int(_ROWS * rng.uniform(0.25, 0.9))
    image = _blank(columns)
    iron, thick = _colour(rng), int(max(_ROWS * rng.uniform(0.015, 0.06), 2))
    top, middle = rng.uniform(0.05, 0.55) * _ROWS, columns * rng.uniform(0.35, 0.65)
    feet = columns * np.sort(rng.uniform(0.02, 0.98, int(rng.integers(2, 5))))
    lines = [((middle, 0.0), (middle, rng.uniform(0.4, 1.0) * _ROWS))]
    lines += [((middle, top), (float(foot), _ROWS * rng.uniform(0.9, 1.0))) for foot in feet]
    for start, end in lines:
        begin, stop = [tuple(round(float(value)) for value in point) for point in (start, end)]
        cv2.line(image, begin, stop, [*np.rint(iron).tolist(), 255], thick, cv2.LINE_AA)
    wide, tall, turn = columns * rng.uniform(0.1, 0.5), top * rng.uniform(0.3, 1.0), rng.uniform(-0.7, 0.7)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    head = np.array([[-wide, -tall], [wide, -tall], [wide, tall], [-wide, tall]]) / 2
    _fill(image, np.maximum(head @ turned.T + [middle, max(tall / 2, 1.0)], 0), _colour(rng))
    return image


def _weathered(rng: np.random.Generator, colours: Image) -> Image:
    """Light from one side, and grain."""
    rows, columns = colours.shape[:2]
    light = np.linspace(rng.uniform(0.55, 1.2), rng.uniform(0.55, 1.2), columns)[None, :, None]
    fall = np.linspace(1.0, rng.uniform(0.7, 1.1), rows)[:, None, None]
    coarse: Any = rng.normal(0, rng.uniform(2, 14), (rows // 6 + 1, columns // 6 + 1))
    grain = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return np.asarray(np.clip(colours * light * fall + grain, 0, 255), np.uint8)


_KINDS: tuple[Callable[[np.random.Generator], Image], ...] = (
    _post,
    _board,
    _cone,
    _stack,
    _railing,
    _stand,
)
