"""Frames from folders of images: any folder, or a MOT sequence, by the numbers in their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.folders import IMAGE_SUFFIXES, NumberedImages, image_files, number_by_name, number_images
from deptr.io.frame_source import FALLBACK_RATE, Frame, FrameSource
from deptr.io.seqinfo import IMAGES, image_folder, read_seqinfo
from deptr.io.sequences import folder_sequence
from deptr.io.time_stamps import stamps_of
from deptr.records import Image


def read_image(path: str | Path) -> Image | None:
    """An image as ``(H, W, 3)`` uint8 RGB, None when the file does not hold a whole one.

    Raises:
        DataError: The file cannot be read at all.
    """
    import cv2

    try:
        content = np.fromfile(path, dtype=np.uint8)
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise DataError(path, "cannot be read", found=found) from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


class ImageFolder(FrameSource):
    """The images of one folder, numbered as `deptr.io.folders.number_images` says.

    The images of a sequence are numbered as the sequence is: boxes that lie beside them mean the names.
    """

    def __init__(self, folder: Path, *, fps: float | None = None) -> None:
        self.name = folder.name or str(folder)
        found = self._find(folder)
        self._numbered = found.images
        self.files = dict(found.images)
        stamps = stamps_of([path.name for _, path in found.images])
        if stamps is not None:
            self.stamps = dict(zip(self.files, stamps, strict=True))
        self._timed = stamps is not None and fps is None and len(stamps) > 1 and min(np.diff(stamps)) > 0
        self.fps = self._rate_of_names() if self._timed else fps
        self._numbering = list(found.notes)
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
            yield Frame(index, self._seconds(index, rate), image)

    def _seconds(self, index: int, rate: float) -> float:
        return self.stamps[index] - self.stamps[1] if self._timed else (index - 1) / rate

    def _rate_of_names(self) -> float:
        """Frames per second by the usual distance of the times that names tell."""
        return round(1 / float(np.median(np.diff(list(self.stamps.values())))), 3)

    def close(self) -> None:
        """Nothing is held open."""

    def notes(self) -> list[str]:
        """How frames are numbered where that is not plain, and names of the damaged images."""
        if not self._damaged:
            return self._numbering
        shown = ", ".join(self._damaged[:3]) + (", ..." if len(self._damaged) > 3 else "")
        damage = f"{self.name}: {len(self._damaged)} image(s) could not be decoded and were skipped: {shown}"
        return [*self._numbering, damage]

    def _find(self, folder: Path) -> NumberedImages:
        return (number_by_name if in_sequence(folder) else number_images)(_images(folder))

    def _first_size(self, folder: Path) -> tuple[int, int]:
        for _, path in self._numbered:
            image = read_image(path)
            if image is not None:
                return image.shape[1], image.shape[0]
        raise DataError(folder, "no image can be decoded", found=f"{len(self._numbered)} damaged files")


class MotFolder(ImageFolder):
    """A MOTChallenge sequence: its images by frame number, with ``seqinfo.ini`` and detections if present."""

    def __init__(self, folder: Path, *, fps: float | None = None) -> None:
        known = folder_sequence(folder)
        super().__init__(folder, fps=fps if fps is not None else known.frame_rate)
        self.detections = known.detections
        self._missing = self.frame_count - len(self._numbered) if self.frame_count else 0

    def notes(self) -> list[str]:
        """Damaged images and gaps in the numbers."""
        gaps = f"{self.name}: {self._missing} frame number(s) have no image in {self._folder.name}"
        return super().notes() + ([gaps] if self._missing else [])

    def _find(self, folder: Path) -> NumberedImages:
        found = image_folder(folder)
        if found is None:
            named = read_seqinfo(folder).images or IMAGES
            expected = f"the folder that imDir names ({named})"
            raise DataError(folder / "seqinfo.ini", "no folder of images", expected=expected, found="none")
        self._folder = found
        return number_by_name(_images(found))


def is_sequence(folder: Path) -> bool:
    """Whether a folder is a MOTChallenge sequence, and not images themselves.

    Raises:
        DataError: Its ``seqinfo.ini`` is malformed.
    """
    described = (folder / "seqinfo.ini").is_file() and not image_files(folder)
    return described or image_folder(folder) is not None


def in_sequence(folder: Path) -> bool:
    """Whether a folder holds the images of a sequence, whose description, truth or detections lie beside it.

    Raises:
        DataError: The ``seqinfo.ini`` beside it is malformed.
    """
    home = folder.resolve().parent
    if not any((home / name).exists() for name in ("seqinfo.ini", "gt/gt.txt", "det/det.txt")):
        return False
    images = image_folder(home)
    return images is not None and images.resolve() == folder.resolve()


def _images(folder: Path) -> list[Path]:
    found = image_files(folder)
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(folder, "the folder holds no image", expected=f"files ending in {endings}")
    return found
