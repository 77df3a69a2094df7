"""Sizes and grids as people write them."""

from __future__ import annotations

import re
from functools import lru_cache

from deptr.errors import UsageError

MOST_TILES = 64
STEP = 32  # sides of inputs are multiples of it
SHORTEST = 2 / 3  # of the own input's shorter side
WORTH = 1.03  # how much larger things must appear before an input leaves the network's own shape
Pair = str | int | tuple[int, int] | None


def parse_size(value: Pair, name: str = "size") -> tuple[int, int] | None:
    """Height and width from ``WIDTHxHEIGHT``, one number for both, or a pair; None stays None.

    Raises:
        UsageError: It is none of these.

    Example:
        >>> parse_size("640x384"), parse_size(640), parse_size((640, 384))
        ((384, 640), (640, 640), (384, 640))
    """
    pair = _pair(value, name, "WIDTHxHEIGHT such as 640x384, or one number", least=32)
    return None if pair is None else (pair[1], pair[0])


@lru_cache(maxsize=256)
def fitting_size(image_size: tuple[int, int], own: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the input in which an image appears largest, with at most the pixels of `own`.

    Args:
        image_size: Height and width of the image.
        own: Height and width of the network's own input; it stays where another gains less than 3 %.

    Example:
        >>> fitting_size((1080, 1920), (384, 640)), fitting_size((1920, 1080), (384, 640))
        ((384, 640), (640, 384))
        >>> fitting_size((480, 640), (384, 640)), fitting_size((375, 1242), (384, 640))
        ((416, 576), (256, 864))
    """
    height, width = image_size
    pixels = own[0] * own[1]
    least = max(STEP, int(SHORTEST * min(own)) // STEP * STEP)
    best, scale = own, WORTH * min(own[0] / height, own[1] / width)
    for tall in range(least, pixels // least + 1, STEP):
        wide = pixels // tall // STEP * STEP
        reached = min(tall / height, wide / width)
        if reached > scale:
            best, scale = (tall, wide), reached
    if best == own:
        return own
    needed = (-(-round(side * scale) // STEP) * STEP for side in image_size)
    tall, wide = (max(least, min(side, enough)) for side, enough in zip(best, needed, strict=True))
    return tall, wide


def parse_tiles(value: Pair, name: str = "tiles") -> tuple[int, int] | None:
    """Columns and rows from ``COLUMNSxROWS``, one number for both, or a pair; None stays None, 1x1 is None.

    Raises:
        UsageError: It is none of these.

    Example:
        >>> parse_tiles("3x2"), parse_tiles(2), parse_tiles("1x1")
        ((3, 2), (2, 2), None)
    """
    pair = _pair(value, name, "COLUMNSxROWS such as 3x2, or one number", least=1)
    if pair is not None and pair[0] * pair[1] > MOST_TILES:
        raise UsageError(f"{name}: expected at most {MOST_TILES} in all, got {pair[0]}x{pair[1]}")
    return None if pair == (1, 1) else pair


def _pair(value: Pair, name: str, expected: str, *, least: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, tuple):
        numbers = list(value)
    else:
        text = str(value).strip().lower()
        numbers = [int(part) for part in text.split("x")] if re.fullmatch(r"\d+(x\d+)?", text) else []
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2 or not all(isinstance(number, int) and number >= least for number in numbers):
        raise UsageError(f"{name}: expected {expected} (at least {least}), got {value!r}")
    return numbers[0], numbers[1]
