"""Frames from folders of images: any folder in natural order, or a MOT sequence by frame number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.frames import FALLBACK_RATE, Frame, FrameSource
from deptr.io.sequences import folder_sequence
from deptr.records import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sorting key that counts as people do.

    Example:
        >>> sorted(["f10.jpg", "f9.jpg", "F1.jpg"], key=natural_key)
        ['F1.jpg', 'f9.jpg', 'f10.jpg']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def read_image(path: str | Path) -> Image | None:
    """An image as ``(H, W, 3)`` uint8 RGB, None when the file does not hold a whole one.

    Raises:
        DataError: The file cannot be read at all.
    """
    import cv2

    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DataError(path, "cannot be read", found=error.strerror or str(error)) from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


class ImageFolder(FrameSource):
    """The images of one folder in natural order of their names, numbered 1, 2, ..."""

    def __init__(self, folder: Path, *, fps: float | None = None) -> None:
        self.name = folder.name or str(folder)
        self.fps = fps
        self._numbered = self._find(folder)
        self.frame_count = self._numbered[-1][0]
        self._damaged: list[str] = []
        self.size = self._first_size(folder)

    def __iter__(self) -> Iterator[Frame]:
        """The images, in order; damaged ones are left out and counted."""
        rate = self.fps or FALLBACK_RATE
        for index, path in self._numbered:
            image = read_image(path)
            if image is None:
                self._damaged.append(path.name)
                self.skipped += 1
                continue
            yield Frame(index, (index - 1) / rate, image)

    def close(self) -> None:
        """Nothing is held open."""

    def notes(self) -> list[str]:
        """Names of the damaged images."""
        if not self._damaged:
            return []
        shown = ", ".join(self._damaged[:3]) + (", ..." if len(self._damaged) > 3 else "")
        return [f"{self.name}: {len(self._damaged)} image(s) could not be decoded and were skipped: {shown}"]

    def _find(self, folder: Path) -> list[tuple[int, Path]]:
        images = _images(folder)
        return list(enumerate(images, 1))

    def _first_size(self, folder: Path) -> tuple[int, int]:
        for _, path in self._numbered:
            image = read_image(path)
            if image is not None:
                return image.shape[1], image.shape[0]
        raise DataError(folder, "no image can be decoded", found=f"{len(self._numbered)} damaged files")


class MotFolder(ImageFolder):
    """A MOTChallenge sequence: ``img1/`` by frame number, with ``seqinfo.ini`` and detections if present."""

    def __init__(self, folder: Path, *, fps: float | None = None) -> None:
        known = folder_sequence(folder)
        super().__init__(folder, fps=fps if fps is not None else known.frame_rate)
        self.detections = known.detections
        self._missing = self.frame_count - len(self._numbered) if self.frame_count else 0

    def notes(self) -> list[str]:
        """Damaged images and gaps in the numbers."""
        gaps = f"{self.name}: {self._missing} frame number(s) have no image in img1"
        return super().notes() + ([gaps] if self._missing else [])

    def _find(self, folder: Path) -> list[tuple[int, Path]]:
        numbered = []
        for path in _images(folder / "img1"):
            if not path.stem.isdecimal() or int(path.stem) < 1:
                raise DataError(
                    path, "not a frame number", expected="a name such as 000001.jpg", found=path.name
                )
            numbered.append((int(path.stem), path))
        numbered.sort()
        for (number, first), (following, second) in pairwise(numbered):
            if number == following:
                raise DataError(
                    second, f"frame {number} has two images", found=f"{first.name}, {second.name}"
                )
        return numbered


def _images(folder: Path) -> list[Path]:
    try:
        found = [
            path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        ]
    except OSError as error:
        raise DataError(folder, "cannot be read", found=error.strerror or str(error)) from error
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(folder, "the folder holds no image", expected=f"files ending in {endings}")
    return sorted(found, key=lambda path: natural_key(path.name))
