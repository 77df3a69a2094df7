"""Reading training images whatever their depth of colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deptr.errors import DataError
from deptr.records import Image


def read_image(path: str | Path) -> Image:
    """An image file as ``(H, W, 3)`` uint8 RGB; grey, 16-bit and alpha are converted.

    Raises:
        DataError: The file is missing, damaged or no image.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DataError(path, "cannot be read", found=error.strerror) from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise DataError(path, "not an image that can be decoded", hint="is the file damaged or truncated?")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
