"""Drawing on an RGB image in place: smooth text and panels with round corners."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import ImageFont

from deptr.records import FloatArray, Image
from deptr.viz.colors import Color

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


class Font:
    """Text of one size.

    Args:
        size: Height in pixels.

    Example:
        >>> Font(14).width("12") < Font(14).width("1234")
        True
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._font = ImageFont.load_default(size)
        ascent, descent = (
            self._font.getmetrics() if isinstance(self._font, ImageFont.FreeTypeFont) else (size, 0)
        )
        self.height = ascent + descent
        self._mask = lru_cache(maxsize=512)(self._render)

    def width(self, text: str) -> int:
        """Pixels that `text` takes."""
        return int(self._mask(text).shape[1])

    def draw(self, image: Image, left: int, top: int, text: str, color: Color) -> None:
        """Write `text` with its upper left corner at a pixel; what lies outside is cut."""
        mask = self._mask(text)
        height, width = mask.shape
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        region = image[y0:y1, x0:x1]
        part = mask[y0 - top : y1 - top, x0 - left : x1 - left, None]
        region[:] = region + (np.asarray(color, np.float32) - region) * part

    def _render(self, text: str) -> FloatArray:
        left, _, right, _ = self._font.getbbox(text)
        width = max(1, int(np.ceil(right - min(left, 0))))
        core, (x, y) = self._font.getmask2(text, mode="L")  # type: ignore[union-attr]
        mask = np.zeros((self.height, width + max(x, 0)), np.float32)
        if core.size[0] and core.size[1]:
            glyphs = np.array(core, dtype=np.float32).reshape(core.size[1], core.size[0]) / 255
            part = glyphs[: self.height - y, : mask.shape[1] - x]
            mask[y : y + part.shape[0], x : x + part.shape[1]] = part
        return mask


def rounded(image: Image, box: Box, radius: int, color: Color, *, opacity: float = 1.0) -> None:
    """Lay a translucent rectangle with round corners over the image; what lies outside is cut."""
    left, top, right, bottom = box
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, image.shape[1]), min(bottom, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    region = image[y0:y1, x0:x1]
    before = region.copy()
    cv2.addWeighted(np.full_like(region, color), opacity, region, 1 - opacity, 0, dst=region)
    mask = _rounded_mask(right - left, bottom - top, radius)[y0 - top : y1 - top, x0 - left : x1 - left]
    outside = np.nonzero(mask < 1)
    share = mask[outside][:, None]
    region[outside] = before[outside] + (region[outside].astype(np.float32) - before[outside]) * share


@lru_cache(maxsize=512)
def _rounded_mask(width: int, height: int, radius: int) -> FloatArray:
    """``(height, width)`` float32 coverage, smooth at the corners."""
    factor = 4
    radius = min(radius, width // 2, height // 2) * factor
    mask = np.zeros((height * factor, width * factor), np.uint8)
    right, bottom = width * factor - 1, height * factor - 1
    cv2.rectangle(mask, (radius, 0), (right - radius, bottom), 255, -1)
    cv2.rectangle(mask, (0, radius), (right, bottom - radius), 255, -1)
    for x in (radius, right - radius):
        for y in (radius, bottom - radius):
            cv2.circle(mask, (x, y), radius, 255, -1)
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / 255
