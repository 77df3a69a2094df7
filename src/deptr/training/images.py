"""Reading training images whatever their depth of colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from deptr.errors import DataError
from deptr.records import Image

_ORIENTATION = 0x0112  # EXIF tag; 1 is upright


def orientation(path: str | Path) -> int:
    """EXIF orientation of an image, 1 (upright) to 8; 1 where nothing says it."""
    try:
        with PillowImage.open(path) as image:
            said = image.getexif().get(_ORIENTATION, 1)
            return said if said in range(1, 9) else 1
    except (OSError, ValueError, TypeError, SyntaxError, PillowImage.DecompressionBombError):
        return 1


def image_size(path: str | Path) -> tuple[int, int] | None:
    """Height and width of an image as `read_image` gives it, mostly from its head; None when damaged."""
    try:
        with PillowImage.open(path) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) == 1:
                return height, width
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):
        return None
    try:
        turned = read_image(path)
    except DataError:
        return None
    return turned.shape[0], turned.shape[1]


def read_image(path: str | Path) -> Image:
    """An image file as ``(H, W, 3)`` uint8 RGB; grey, 16-bit and alpha are converted.

    Raises:
        DataError: The file is missing, damaged or no image.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise DataError(path, "cannot be read", found=found) from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise DataError(path, "not an image that can be decoded", hint="is the file damaged or truncated?")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
