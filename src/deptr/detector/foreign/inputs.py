"""How an image becomes a network's input, and how boxes find their way back: numpy and OpenCV only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deptr.detector.postprocess import PADDING_GREY
from deptr.records import FloatArray, Image

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FITS = ("stretch", "letterbox", "corner", "shortest")


@dataclass(frozen=True)
class InputForm:
    """What a network wants to see.

    Attributes:
        height: Of the input in pixels; for the fit ``shortest`` the shorter side.
        width: Of the input in pixels; for the fit ``shortest`` the most that the longer side may have.
        fit: ``stretch`` (both sides to size), ``letterbox`` (aspect kept, in the middle of grey), ``corner``
            (the same in the upper left) or ``shortest`` (aspect kept, no padding).
        mean: Per channel, for pixels in [0, 1].
        std: Per channel.
        scale: What pixels of 0 to 255 are multiplied by, before mean and deviation.
        bgr: Whether blue comes first.
        multiple: Both sides of the fit ``shortest`` are rounded to it.
    """

    height: int
    width: int
    fit: str = "stretch"
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    std: Sequence[float] = (1.0, 1.0, 1.0)
    scale: float = 1 / 255
    bgr: bool = False
    multiple: int = 1

    def size_for(self, image: Image) -> tuple[int, int]:
        """Height and width of the input that an image becomes.

        Example:
            >>> InputForm(800, 1333, "shortest").size_for(np.zeros((480, 640, 3), np.uint8))
            (800, 1067)
            >>> InputForm(800, 1333, "shortest").size_for(np.zeros((480, 1920, 3), np.uint8))
            (333, 1333)
        """
        if self.fit != "shortest":
            return self.height, self.width
        short, long = sorted(image.shape[:2])
        factor = min(self.height / short, self.width / long)
        sides = (
            max(self.multiple, round(side * factor / self.multiple) * self.multiple)
            for side in image.shape[:2]
        )
        height, width = sides
        return height, width


@dataclass(frozen=True)
class Placement:
    """Where an image lies in its input: input pixels are ``pixel * scale + shift``, x before y."""

    scale: tuple[float, float]
    shift: tuple[float, float]

    def back(self, boxes: FloatArray) -> FloatArray:
        """Boxes ``(N, 4)`` of the input, corners in its pixels, in pixels of the image.

        Example:
            >>> Placement((2.0, 2.0), (0.0, 10.0)).back(np.array([[2.0, 12.0, 4.0, 14.0]]))
            array([[1., 1., 2., 2.]])
        """
        result: FloatArray = (boxes - np.tile(self.shift, 2)) / np.tile(self.scale, 2)
        return result


def place(image: Image, form: InputForm) -> tuple[Image, Placement]:
    """The image at the input's size, ``(H, W, 3)`` uint8, and where it lies in it."""
    height, width = form.size_for(image)
    rows, columns = image.shape[:2]
    if form.fit in ("stretch", "shortest"):
        return _resized(image, height, width), Placement((width / columns, height / rows), (0.0, 0.0))
    factor = min(height / rows, width / columns)
    inner = max(1, round(rows * factor)), max(1, round(columns * factor))
    top, left = ((height - inner[0]) // 2, (width - inner[1]) // 2) if form.fit == "letterbox" else (0, 0)
    whole = np.full((height, width, 3), PADDING_GREY, np.uint8)
    whole[top : top + inner[0], left : left + inner[1]] = _resized(image, *inner)
    return whole, Placement((inner[1] / columns, inner[0] / rows), (float(left), float(top)))


def _resized(image: Image, height: int, width: int) -> Image:
    if image.shape[:2] == (height, width):
        return image
    smaller = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def to_batch(images: Sequence[Image], form: InputForm) -> tuple[FloatArray, list[Placement]]:
    """Images of one input size as a batch ``(B, 3, H, W)`` float32, and where each lies in it."""
    placed = [place(image, form) for image in images]
    pixels = np.stack([inside for inside, _ in placed])
    if form.bgr:
        pixels = pixels[..., ::-1]
    gain = np.float32(form.scale) / np.asarray(form.std, np.float32)
    offset = np.asarray(form.mean, np.float32) / np.asarray(form.std, np.float32)
    batch = pixels.transpose(0, 3, 1, 2) * gain[:, None, None] - offset[:, None, None]
    return np.ascontiguousarray(batch, np.float32), [placement for _, placement in placed]


def by_input_size(images: Sequence[Image], form: InputForm) -> dict[tuple[int, int], list[int]]:
    """Places of the images by the height and width of the input that each becomes."""
    places: dict[tuple[int, int], list[int]] = {}
    for index, image in enumerate(images):
        places.setdefault(form.size_for(image), []).append(index)
    return places
