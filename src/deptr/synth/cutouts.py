"""Pictures that the user brings: people cut out along their outline, and places without people."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from deptr.errors import DataError
from deptr.io.folders import IMAGE_SUFFIXES, entries
from deptr.records import FloatArray, Image
from deptr.synth.paint import OPAQUE, Sprite

_MIN_SIDE = 8
_MAX_BACKGROUND = 960
_KEPT_CUTOUTS = 1500
_KEPT_BACKGROUNDS = 200


class PictureFolder:
    """The pictures of a folder in the order of their names, decoded when first needed.

    Args:
        folder: Where they lie; sub-folders are not searched.
        purpose: What the folder is for, for messages.
        leave_out: Beginnings of the names of pictures that are passed over.

    Raises:
        DataError: The folder is missing or holds no picture.
    """

    def __init__(self, folder: str | Path, purpose: str, leave_out: Collection[str] = ()) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(self.folder, f"no such folder of {purpose}", hint="give an existing folder")
        self.paths = sorted(
            (path for path in entries(self.folder) if path.suffix.lower() in IMAGE_SUFFIXES),
            key=lambda path: path.name,
        )
        if leave_out:
            self.paths = [path for path in self.paths if not path.name.startswith(tuple(leave_out))]
        if not self.paths:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            raise DataError(self.folder, f"holds no {purpose}", expected=f"pictures ({suffixes})")

    def __len__(self) -> int:
        return len(self.paths)


class CutoutFolder(PictureFolder):
    """People as RGBA pictures, cropped to their outline, standing on their lower edge.

    Raises:
        DataError: The folder is missing or empty; on use: a picture cannot be read, has no alpha
            channel, or nothing or everything in it is transparent.
    """

    def __init__(self, folder: str | Path, leave_out: Collection[str] = ()) -> None:
        super().__init__(folder, "cut-outs", leave_out)
        self._kept: OrderedDict[int, tuple[Sprite, FloatArray]] = OrderedDict()

    def sprite(self, index: int) -> tuple[Sprite, FloatArray]:
        """The person of that index and the mean colour ``(3,)`` of their pixels."""
        if index not in self._kept:
            self._kept[index] = _read_cutout(self.paths[index])
            if len(self._kept) > _KEPT_CUTOUTS:
                self._kept.popitem(last=False)
        return self._kept[index]


class BackgroundFolder(PictureFolder):
    """Places without people.

    Raises:
        DataError: The folder is missing or empty; on use: a picture cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder, "backgrounds")
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def image(self, index: int) -> Image:
        """The place of that index, ``(H, W, 3)`` uint8 RGB with sides up to 960; do not write to it."""
        if index not in self._kept:
            image: Any = read_picture(self.paths[index], "RGB")
            largest = max(image.shape[:2])
            if largest > _MAX_BACKGROUND:
                factor = _MAX_BACKGROUND / largest
                image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            self._kept[index] = image
            if len(self._kept) > _KEPT_BACKGROUNDS:
                self._kept.popitem(last=False)
        return self._kept[index]


def read_picture(path: Path, mode: str) -> Image:
    """A picture as an array of `mode` ("RGB" or "RGBA").

    Raises:
        DataError: It cannot be read, is too small, or RGBA is wanted and it has no alpha.
    """
    try:
        with PillowImage.open(path) as picture:
            if mode == "RGBA" and "A" not in picture.getbands() and "transparency" not in picture.info:
                hint = "cut-outs are PNG or WebP pictures whose alpha says what belongs to the person"
                raise DataError(path, "has no alpha channel", found=picture.mode, hint=hint)
            image = np.array(picture.convert(mode))
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(path, "cannot be read as a picture", found=str(error)) from error
    if min(image.shape[:2]) < _MIN_SIDE:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise DataError(path, "too small", expected=f"sides of at least {_MIN_SIDE} pixels", found=size)
    return image


def _read_cutout(path: Path) -> tuple[Sprite, FloatArray]:
    rgba = read_picture(path, "RGBA")
    opaque = rgba[:, :, 3] >= OPAQUE
    if not opaque.any() or opaque.all():
        found = "everything is opaque" if opaque.any() else "everything is transparent"
        raise DataError(path, "alpha shows no outline", found=found, hint="mask the person in the alpha")
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    rgba = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mean = np.array(cv2.mean(rgba[:, :, :3], (rgba[:, :, 3] >= OPAQUE).astype(np.uint8))[:3])
    sprite = premultiplied(np.pad(rgba, ((1, 1), (1, 1), (0, 0))))
    height, width = rgba.shape[:2]
    return Sprite(sprite, (width / 2 + 1, height + 1.0), float(height)), mean


def premultiplied(rgba: Image) -> Image:
    """Colours multiplied by alpha.

    Example:
        >>> premultiplied(np.array([[[200, 100, 0, 51]]], np.uint8)).tolist()
        [[[40, 20, 0, 51]]]
    """
    alpha = rgba[:, :, 3:].astype(np.uint16)
    result = rgba.copy()
    result[:, :, :3] = (rgba[:, :, :3] * alpha + 127) // 255
    return result
