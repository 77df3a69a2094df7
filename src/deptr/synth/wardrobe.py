"""What people of the crowd world wear: colours, cuts, patterns, hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from deptr.records import FloatArray, Image
from deptr.synth.rng import generator

_Word = TypeVar("_Word")
TILE = 64  # rows and columns of a pattern tile; it covers one eighth of a body height


class Material:
    """Rows of an outfit's palette; a cloth and its pattern's second colour are neighbours."""

    SKIN, SHIRT, SHIRT_2, TROUSERS, TROUSERS_2, SHOES, HAIR = 0, 1, 2, 3, 4, 5, 6
    JACKET, JACKET_2, BAG, DARK, LIPS, SOLE, WHITE, BELT = 7, 8, 9, 10, 11, 12, 13, 14
    COUNT = 15


PATTERNS = ("plain", "plain", "plain", "stripes", "wide", "pinstripe", "plaid", "dots", "noise", "check")
HAIR = ("short", "short", "short", "long", "long", "bun", "bald", "cap", "hood", "bob")

_SKIN = ((244, 208, 177), (229, 184, 143), (209, 160, 116), (172, 120, 81), (125, 82, 54), (84, 56, 40))
_HAIR = (
    (28, 22, 20),
    (58, 40, 28),
    (96, 66, 40),
    (150, 108, 60),
    (200, 168, 110),
    (150, 148, 146),
    (120, 48, 30),
)
_DENIM = ((38, 52, 84), (62, 84, 122), (26, 30, 42), (108, 128, 158))
_NEUTRAL = (
    (28, 28, 30),
    (62, 62, 66),
    (120, 118, 114),
    (196, 190, 178),
    (232, 230, 226),
    (96, 78, 58),
    (54, 62, 48),
)


@dataclass(frozen=True, eq=False)
class Outfit:
    """How one person looks.

    Attributes:
        palette: ``(Material.COUNT, 3)`` uint8 colours.
        shirt_pattern: Name out of `PATTERNS`.
        trousers_pattern: Name out of `PATTERNS`.
        sleeve: 0 none, 1 to the elbow, 2 to the wrist.
        legs: 0 trousers, 1 shorts, 2 skirt, 3 long dress.
        jacket: Whether an open jacket is worn.
        hair: Name out of `HAIR`.
        bag: 0 none, 1 backpack, 2 shoulder bag.
        girth: Thickness around 1.
        looseness: Room in the clothes, in body heights.
        shoulders: Width of the shoulders around 1.
        print_: Whether a block of the second colour is printed on the chest.
    """

    palette: Image
    shirt_pattern: str = "plain"
    trousers_pattern: str = "plain"
    sleeve: int = 1
    legs: int = 0
    jacket: bool = False
    hair: str = "short"
    bag: int = 0
    girth: float = 1.0
    looseness: float = 0.006
    shoulders: float = 1.0
    print_: bool = False

    @classmethod
    def random(cls, rng: np.random.Generator) -> Outfit:
        """A stranger."""
        palette = np.zeros((Material.COUNT, 3))
        shirt = _cloth(rng)
        trousers = _pick(rng, _DENIM) if rng.random() < 0.45 else _pick(rng, _NEUTRAL)
        if rng.random() < 0.2:
            trousers = _cloth(rng)
        jacket = _pick(rng, _NEUTRAL) if rng.random() < 0.7 else _cloth(rng)
        palette[Material.SKIN] = _pick(rng, _SKIN)
        palette[Material.SHIRT], palette[Material.SHIRT_2] = shirt, _partner(rng, shirt)
        palette[Material.TROUSERS], palette[Material.TROUSERS_2] = trousers, _partner(rng, trousers)
        palette[Material.JACKET], palette[Material.JACKET_2] = jacket, _partner(rng, jacket)
        palette[Material.SHOES] = _cloth(rng) if rng.random() < 0.3 else _pick(rng, _NEUTRAL)
        palette[Material.HAIR] = _pick(rng, _HAIR)
        palette[Material.BAG] = _cloth(rng) if rng.random() < 0.5 else _pick(rng, _NEUTRAL)
        palette[Material.DARK] = (32, 26, 26)
        palette[Material.LIPS] = palette[Material.SKIN] * (0.82, 0.55, 0.55)
        palette[Material.SOLE] = (225, 225, 222) if rng.random() < 0.5 else (40, 38, 38)
        palette[Material.WHITE] = (236, 234, 230)
        palette[Material.BELT] = (44, 34, 28)
        return cls(
            palette=np.clip(np.rint(palette), 0, 255).astype(np.uint8),
            shirt_pattern=_one(rng, PATTERNS),
            trousers_pattern=_one(rng, PATTERNS) if rng.random() < 0.25 else "plain",
            sleeve=_one(rng, (0, 1, 1, 2, 2)),
            legs=_one(rng, (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3)),
            jacket=bool(rng.random() < 0.28),
            hair=_one(rng, HAIR),
            bag=_one(rng, (0, 0, 0, 1, 2)),
            girth=min(max(rng.normal(1.04, 0.13), 0.8), 1.45),
            looseness=float(rng.uniform(0.002, 0.016)),
            shoulders=float(rng.normal(1.0, 0.07)),
            print_=bool(rng.random() < 0.2),
        )

    def team_mate(self, rng: np.random.Generator) -> Outfit:
        """Another person in the same clothes, told apart by little: skin, hair, build."""
        palette = self.palette.copy()
        palette[Material.SKIN] = np.clip(np.rint(_pick(rng, _SKIN)), 0, 255)
        palette[Material.LIPS] = (palette[Material.SKIN] * np.array([0.82, 0.55, 0.55])).astype(np.uint8)
        palette[Material.HAIR] = np.clip(np.rint(_pick(rng, _HAIR)), 0, 255)
        girth = min(max(self.girth * rng.normal(1.0, 0.05), 0.8), 1.45)
        return replace(self, palette=palette, hair=_one(rng, HAIR[:6]), girth=girth)


def _one(rng: np.random.Generator, words: Sequence[_Word]) -> _Word:
    return words[int(rng.integers(len(words)))]


def _pick(rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...]) -> FloatArray:
    return np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.9, 1.08) + rng.normal(0, 5, 3)


def _cloth(rng: np.random.Generator) -> FloatArray:
    """Any colour, vivid ones less often than pale and dark ones."""
    if rng.random() < 0.4:
        return _pick(rng, _NEUTRAL)
    hue, vivid, value = rng.random(), rng.beta(2, 1.6), rng.uniform(0.3, 0.95)
    wheel = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(255 * value * (1 - vivid * (1 - wheel)))


def _partner(rng: np.random.Generator, colour: FloatArray) -> FloatArray:
    if rng.random() < 0.4:
        return _cloth(rng)
    return colour * rng.uniform(0.55, 0.85) if colour.mean() > 90 else colour + rng.uniform(25, 90)


@lru_cache(maxsize=32)
def pattern_tile(name: str) -> Image:
    """``(TILE, TILE)`` uint8, 1 where a cloth shows its second colour; repeats without a seam."""
    y, x = np.mgrid[0:TILE, 0:TILE]
    if name == "stripes":
        tile = (y // 8) % 2
    elif name == "wide":
        tile = (y // 16) % 2
    elif name == "pinstripe":
        tile = x % 16 < 3
    elif name == "plaid":
        tile = ((x % 32 < 10) | (y % 32 < 10)) & ((x + y) % 4 < 3)
    elif name == "dots":
        tile = ((x % 16 - 8) ** 2 + (y % 16 - 8) ** 2) < 14
    elif name == "check":
        tile = (x // 16 + y // 16) % 2
    elif name == "noise":
        tile = generator(0, 64).random((TILE, TILE)) < 0.12
    else:
        tile = np.zeros((TILE, TILE))
    return np.asarray(tile, np.uint8)
