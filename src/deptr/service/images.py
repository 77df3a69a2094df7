"""Images that strangers send: looked at before they are decoded."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from PIL import Image as Pillow

from deptr.errors import DataError
from deptr.records import Image

_FORMATS = ("JPEG", "PNG")


def decode_image(content: bytes, *, max_pixels: int) -> Image:
    """An encoded image as RGB.

    Args:
        content: A JPEG or PNG.
        max_pixels: Larger ones are refused before they are decoded.

    Returns:
        ``(H, W, 3)`` uint8 RGB, turned as its EXIF says.

    Raises:
        DataError: It is neither, too large or damaged.

    Example:
        >>> decode_image(b"GIF89a", max_pixels=100)
        Traceback (most recent call last):
        ...
        deptr.errors.DataError: frame: not an image: expected JPEG or PNG, found 6 bytes of something else
    """
    try:
        with warnings.catch_warnings(), Pillow.open(io.BytesIO(content), formats=_FORMATS) as head:
            width, height = head.size
    except Exception as error:  # Pillow's readers of damaged heads have no common error
        found = f"{len(content)} bytes of something else"
        raise DataError("frame", "not an image", expected="JPEG or PNG", found=found) from error
    if width * height > max_pixels:
        found, expected = f"{width}x{height}", f"at most {max_pixels} pixels"
        raise DataError("frame", "too large", expected=expected, found=found)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise DataError("frame", "damaged", expected="a whole JPEG or PNG")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
