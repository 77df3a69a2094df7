"""Counting lines and zones drawn on a frame, with what they have counted."""

from __future__ import annotations

import cv2
import numpy as np

from deptr.records import Image
from deptr.viz.canvas import Font, rounded
from deptr.viz.colors import INK, PAPER, Color

_LINE: Color = (255, 255, 255)


def draw_count(picture: Image, points: tuple[tuple[float, float], ...], words: str, *, closed: bool) -> None:
    """One line or zone, with words at its middle.

    Args:
        picture: ``(H, W, 3)`` RGB, changed in place.
        points: In pixels.
        words: What it has counted.
        closed: Whether it is a zone.

    Example:
        >>> picture = np.zeros((60, 90, 3), np.uint8)
        >>> draw_count(picture, ((5.0, 30.0), (80.0, 30.0)), "1 in", closed=False)
        >>> bool(picture.any())
        True
    """
    unit = max(0.5, float(np.sqrt(picture.shape[0] * picture.shape[1])) / 665)
    corners = np.round(np.array(points)).astype(np.int32)
    width = max(1, round(2 * unit))
    if closed:
        layer = picture.copy()
        cv2.fillPoly(layer, [corners], _LINE)
        cv2.addWeighted(layer, 0.12, picture, 0.88, 0, dst=picture)
    for color, thick in ((INK, width + 2), (_LINE, width)):
        cv2.polylines(picture, [corners], closed, color, thick, cv2.LINE_AA)
    font = Font(max(10, round(13 * unit)))
    pad, (x, y) = max(3, round(4 * unit)), corners.mean(axis=0)
    half = font.width(words) / 2 + pad
    left = round(min(max(x - half, 0), max(picture.shape[1] - 2 * half, 0)))
    top = round(min(max(y - font.height / 2, 0), picture.shape[0] - font.height - 2))
    rounded(picture, (left, top, round(left + 2 * half), top + font.height + 2), pad, INK, opacity=0.85)
    font.draw(picture, left + pad, top + 1, words, PAPER)
