"""How people look: a vector for each box that is near those of the same person and far from others'.

A thumbnail of each box, projected by one matrix that was learned from rendered crowds: what is left of people
at the sizes at which detectors see them is mostly colours and where they are. It works with the boxes
of any detector, and costs a crop and a product each.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import cv2
import numpy as np

from deptr.detector.postprocess import check_image
from deptr.errors import DataError
from deptr.records import FloatArray, Image

if TYPE_CHECKING:
    import supervision as sv

BUNDLED_LOOKS = "person"
WIDTH, HEIGHT = 8, 24  # pixels of a thumbnail
NUMBERS = WIDTH * HEIGHT * 3


class LooksReader:
    """Gives each detection a look, which trackers read as ``data["embedding"]``.

    Args:
        name_or_path: The file of a run of `deptr train` (``looks.npz``); ``"person"`` for the one that comes
            with the package.

    Attributes:
        width: Numbers of a look.

    Raises:
        DataError: The file is missing, damaged or something else.

    Example:
        >>> import supervision as sv
        >>> reader = LooksReader()
        >>> found = sv.Detections(xyxy=np.array([[10.0, 10.0, 30.0, 70.0]]))
        >>> reader(np.zeros((96, 128, 3), np.uint8), found).data["embedding"].shape
        (1, 64)
    """

    def __init__(self, name_or_path: str | Path = BUNDLED_LOOKS) -> None:
        path = Path(name_or_path)
        if str(name_or_path) == BUNDLED_LOOKS:
            path = Path(str(files("deptr.detector").joinpath("weights", f"looks-{BUNDLED_LOOKS}.npz")))
        self._matrix, self._shift = _read(path)
        self.width = len(self._shift)

    def __call__(self, image: Image, detections: sv.Detections) -> sv.Detections:
        """A copy with ``data["embedding"]`` ``(N, E)`` of unit length.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            detections: Boxes in its pixels; all they carry is kept.

        Raises:
            UsageError: The image has another form.
        """
        from copy import copy

        found = copy(detections)
        found.data = {**detections.data, "embedding": self.looks(image, np.asarray(detections.xyxy))}
        return found

    def looks(self, image: Image, boxes: FloatArray) -> FloatArray:
        """``(N, E)`` float32 of unit length, of boxes ``(N, 4)`` in pixels of the image."""
        numbers = numbers_of(thumbnails(check_image(image), boxes))
        looks = numbers @ self._matrix.T + self._shift
        return np.asarray(looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-9), np.float32)


def thumbnails(image: Image, boxes: FloatArray) -> Image:
    """``(N, 24, 8, 3)`` what is inside each box ``(N, 4)``, as far as it is in the image."""
    height, width = image.shape[:2]
    out = np.zeros((len(boxes), HEIGHT, WIDTH, 3), np.uint8)
    for row, box in enumerate(boxes):
        left, right = np.clip(np.rint(box[[0, 2]]), 0, width).astype(int)
        top, bottom = np.clip(np.rint(box[[1, 3]]), 0, height).astype(int)
        if left < right and top < bottom:
            inside = image[top:bottom, left:right]
            out[row] = cv2.resize(inside, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return out


def numbers_of(thumbs: Image) -> FloatArray:
    """Thumbnails as the matrix reads them, ``(N, 576)`` in [-0.5, 0.5]."""
    return thumbs.reshape(len(thumbs), NUMBERS).astype(np.float32) / 255 - 0.5


def _read(path: Path) -> tuple[FloatArray, FloatArray]:
    try:
        with np.load(path) as stored:
            matrix, shift = (np.asarray(stored[name], np.float32) for name in ("matrix", "shift"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(path, "no looks of `deptr train`", found=str(error)[:160]) from error
    if matrix.ndim != 2 or matrix.shape[1] != NUMBERS or shift.shape != matrix.shape[:1]:
        expected = f"a matrix (E, {NUMBERS}) and a shift (E,)"
        raise DataError(path, "looks of another version", expected=expected, found=f"{matrix.shape}")
    return matrix, shift
