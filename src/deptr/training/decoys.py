"""Street furniture that a detector takes for people: what it still has to learn from, found by asking it.

Of furniture drawn at random few pieces deceive a trained detector, so most of them teach it nothing. Hard
examples are mined here once, before training, not in each step as in arXiv:1604.03540.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from deptr.boxes import iou
from deptr.detector.inference import Detector
from deptr.progress import Progress, SilentProgress
from deptr.records import FloatArray, Image, LabelledFrame
from deptr.synth.furniture import street_furniture
from deptr.synth.paint import FIRST_OTHER, Canvas, Sprite
from deptr.training.data import FrameSource

SEED = 0x0DEC0  # of the pieces: number `i` is the same in every run
_SIZE = (384, 640)  # of the pictures in which they are shown
_COLUMNS, _ROWS = 6, 2  # how many are shown at once
_TALL = (0.12, 0.42)  # their heights, in shares of the picture's
DECEIVES = 0.3  # score from which a piece is worth learning from
_OVERLAP = 0.4  # IoU with the piece from which a box is its


@dataclass(frozen=True)
class Decoys:
    """Pieces of furniture by number.

    Attributes:
        numbers: Of those that deceive.
        shown: How many were asked about.
    """

    numbers: tuple[int, ...]
    shown: int

    def draw(self, rng: np.random.Generator) -> Sprite:
        """One of them."""
        return piece(self.numbers[int(rng.integers(len(self.numbers)))])


def piece(number: int) -> Sprite:
    """The piece of that number.

    Example:
        >>> bool((piece(3).rgba == piece(3).rgba).all())
        True
    """
    return street_furniture(np.random.default_rng([SEED, number]))


def find_decoys(
    detector: Detector,
    photos: FrameSource,
    numbers: range,
    *,
    least_score: float = DECEIVES,
    progress: Progress | None = None,
) -> Decoys:
    """Ask a detector about pieces and keep those that it takes for somebody.

    Args:
        detector: Whose mistakes are wanted.
        photos: Pictures without people in which the pieces are shown.
        numbers: Which pieces; rounded up to full pictures.
        least_score: From which score on a box of the detector counts.
        progress: Told after each picture.
    """
    progress = progress or SilentProgress()
    each = _COLUMNS * _ROWS
    pictures = -(-len(numbers) // each)
    found: list[int] = []
    for index in range(pictures):
        rng = np.random.default_rng([SEED, 1, numbers.start, index])
        plain = _picture(photos.draw(rng, _SIZE))
        shown = range(numbers.start + index * each, numbers.start + (index + 1) * each)
        image, boxes = _side_by_side(rng, plain, shown)
        found += [shown[place] for place in _taken(detector, plain, image, boxes, least_score)]
        progress.update(index + 1, pictures, found=len(found))
    return Decoys(tuple(found), pictures * each)


def _picture(frame: LabelledFrame) -> Image:
    height, width = _SIZE
    resized = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def _side_by_side(rng: np.random.Generator, plain: Image, numbers: range) -> tuple[Image, FloatArray]:
    """The picture with the pieces side by side, and their boxes; NaN where nothing of one is seen."""
    height, width = _SIZE
    canvas = Canvas(plain.copy())
    boxes = np.full((len(numbers), 4), np.nan)
    for place, number in enumerate(numbers):
        sprite = piece(number)
        row, column = divmod(place, _COLUMNS)
        tall = height * np.exp(rng.uniform(*np.log(_TALL)))
        scale = min(tall / sprite.height_px, 0.9 * width / _COLUMNS / sprite.rgba.shape[1])
        foot = (column + 0.5) * width / _COLUMNS, (row + 0.97) * height / _ROWS
        moved = [foot[0] - scale * sprite.foot[0], foot[1] - scale * sprite.foot[1]]
        matrix = np.array([[scale, 0.0, moved[0]], [0.0, scale, moved[1]]])
        painted = canvas.paint(sprite, matrix, FIRST_OTHER, softness=float(rng.uniform(0, 0.9)))
        if painted is not None:
            boxes[place] = painted.box
    return canvas.image, boxes


def _taken(
    detector: Detector, plain: Image, image: Image, boxes: FloatArray, least_score: float
) -> Iterator[int]:
    """Places of the pieces that are taken for somebody where nobody was seen without them."""
    known = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    before, found = (
        detector(picture, min_score=least_score).xyxy.astype(np.float64) for picture in (plain, image)
    )
    for place in known:
        own = boxes[place : place + 1]
        if len(before) and (iou(own, before) > _OVERLAP).any():
            continue
        if len(found) and (iou(own, found) > _OVERLAP).any():
            yield int(place)
