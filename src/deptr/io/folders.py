"""What lies in a folder, and which frame an image is: the one place that numbers frames from names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deptr.errors import DataError
from deptr.io.time_stamps import stamps_of

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".avif"})
LARGEST_FRAME = 100_000_000
# of the numbers between the first and the last that have an image, where names count frames
_LEAST_SHARE = 0.5
_LEAST_OF_STEPS = 3
_EXPORT_ENDING = re.compile(r"([_.-](jpe?g|png|bmp|tiff?|webp|avif))?\.rf\.[0-9a-f]{8,}$", re.IGNORECASE)


@dataclass(frozen=True)
class NumberedImages:
    """Images of a folder with their frames.

    Attributes:
        images: Number of the frame, from 1 and ascending, and the file.
        notes: What the user should know about the numbers, in sentences.
        by_place: Whether names told nothing, so that frames are numbered by the order of the files.
    """

    images: tuple[tuple[int, Path], ...]
    notes: tuple[str, ...] = ()
    by_place: bool = False


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sorting key that counts as people do.

    Example:
        >>> sorted(["f10.jpg", "f9.jpg", "F1.jpg"], key=natural_key)
        ['F1.jpg', 'f9.jpg', 'f10.jpg']
    """
    parts = re.split(r"(\d+)", name.lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def is_hidden(path: Path) -> bool:
    """Whether a system left it there for itself, such as macOS's ``._000001.jpg`` and ``__MACOSX``."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, in natural order, without what systems hide there.

    Raises:
        DataError: It cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if not is_hidden(path)]
    except OSError as error:
        raise DataError(folder, "cannot be read", found=error.strerror or str(error)) from error
    return sorted(found, key=lambda path: (natural_key(path.name), path.name))


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [path for path in entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def text_files(folder: Path) -> list[Path]:
    """The ``.txt`` files of a folder in the order of their names; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in entries(folder) if path.suffix.lower() == ".txt" and path.is_file())


def name_numbers(names: Sequence[str]) -> list[int | None]:
    """The frame number in each file name, None where there is none or it cannot be told which one it is.

    Names that differ in one number only (``cam1_0010.png``, ``cam1_0011.png``) carry the frame there; where
    several numbers differ it is the last. A longer number behind it that stays the same leaves it open, as in
    ``cam1_0010.png``, ``cam2_0010.png``.

    Example:
        >>> name_numbers(["cam1_0010.png", "cam1_0011.png"]), name_numbers(["7.jpg", "front.jpg"])
        ([10, 11], [7, None])
        >>> name_numbers(["frame13_left2.jpg", "frame14_left2.jpg"])
        [13, 14]
    """
    if not names:
        return []
    stems = [_EXPORT_ENDING.sub("", Path(name).stem) for name in names]
    runs = [re.findall(r"\d+", stem) for stem in stems]
    if len({re.sub(r"\d+", "0", stem) for stem in stems}) == 1 and runs[0]:
        last = len(runs[0]) - 1
        differing = [place for place in range(last + 1) if len({run[place] for run in runs}) > 1] or [last]
        place = differing[-1]
        if any(len(run[place]) <= len(run[last]) for run in runs) and place < last:
            return [None] * len(runs)
        return [int(run[place]) for run in runs]
    return [int(run[0]) if len(run) == 1 else None for run in runs]


def number_by_name(images: Sequence[Path], *, first: int = 1) -> NumberedImages:
    """Images of a recorded sequence by the number in their names, the only one that its boxes can mean.

    Args:
        images: At least one.
        first: Number that names give to the first frame: 1, or 0 for KITTI.

    Raises:
        DataError: A name carries no number, one below `first`, or the number of another image.
    """
    numbered: dict[int, Path] = {}
    for path, number in zip(images, name_numbers([path.name for path in images]), strict=True):
        if number is None or not first <= number <= LARGEST_FRAME:
            expected = f"a name such as 000001.jpg, counted from {first}"
            hint = None if number is None else f"rename the images, the first to number {first}"
            raise DataError(path, "not a frame number", expected=expected, found=path.name, hint=hint)
        if number in numbered:
            found = f"{numbered[number].name}, {path.name}"
            raise DataError(path, f"frame {number} has two images", found=found)
        numbered[number] = path
    return NumberedImages(tuple((number + 1 - first, numbered[number]) for number in sorted(numbered)))


def number_images(images: Sequence[Path]) -> NumberedImages:
    """Images of any folder: by their names where these count frames, else by their place, and told.

    Names count frames when each carries a number of its own and at least every second number between the
    first and the last is there, or every k-th of them. Names that begin at 0 are counted from 1. Names that
    are times put the images in their order.

    Args:
        images: In natural order, at least one.
    """
    stamps, name = stamps_of([path.name for path in images]), images[0].parent.name
    if stamps is not None:
        ordered = sorted(zip(stamps, images, strict=True))
        note = f"{name}: the names are times: numbered in their order, from 1"
        return NumberedImages(tuple(enumerate((path for _, path in ordered), 1)), (note,))
    by_place = tuple(enumerate(images, 1))
    if len(images) < 2:
        return NumberedImages(by_place)
    known = [number for number in name_numbers([path.name for path in images]) if number is not None]
    dense = bool(known) and len(known) >= _LEAST_SHARE * (max(known) - min(known) + 1)
    if len(set(known)) < len(images) or not (dense or _every_kth(known)) or max(known) > LARGEST_FRAME:
        note = "the images' names do not count frames: numbered by their place, from 1"
        return NumberedImages(by_place, (f"{name}: {note}",), by_place=True)
    shift = 1 if min(known) == 0 else 0
    by_name = tuple(sorted((number + shift, path) for number, path in zip(known, images, strict=True)))
    if by_name == by_place:
        from_zero = f"{name}: the images' names count from 0: {by_name[0][1].name} is frame 1"
        return NumberedImages(by_place, (from_zero,) if shift else ())
    note = f"frames are numbered {by_name[0][0]} to {by_name[-1][0]}, as the images' names say"
    return NumberedImages(by_name, (f"{name}: {note}",))


def _every_kth(numbers: Sequence[int]) -> bool:
    """Whether numbers are some of a count, all as far apart, as where every k-th frame was kept."""
    ordered = sorted(numbers)
    steps = {ordered[place + 1] - ordered[place] for place in range(len(ordered) - 1)}
    return len(ordered) >= _LEAST_OF_STEPS and len(steps) == 1
