"""What the folder of one sequence says: its ``seqinfo.ini``, where its images are, how long it is."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from deptr.errors import DataError
from deptr.io.folders import LARGEST_FRAME, entries, image_files, name_numbers
from deptr.io.text_files import lines_of, read_text

IMAGES = "img1"  # where the images lie unless seqinfo.ini says otherwise


@dataclass(frozen=True)
class SeqInfo:
    """What a ``seqinfo.ini`` says; 0, None and "" where it says nothing.

    Attributes:
        length: Number of frames.
        rate: Frames per second.
        size: Width and height in pixels.
        images: Folder with the images, from the sequence's own.
    """

    length: int = 0
    rate: float | None = None
    size: tuple[int, int] | None = None
    images: str = ""


def read_seqinfo(folder: Path) -> SeqInfo:
    """The ``seqinfo.ini`` of a sequence, nothing where there is none.

    Raises:
        DataError: It is malformed.
    """
    path = folder / "seqinfo.ini"
    if not path.is_file():
        return SeqInfo()
    info = _sequence_section(path)
    length = _positive(path, info, "seqLength")
    if length is None:
        raise DataError(path, "seqLength is missing", expected="seqLength=<number of frames>")
    width, height = _positive(path, info, "imWidth"), _positive(path, info, "imHeight")
    size = (int(width), int(height)) if width and height else None
    images = info.get("imdir", "").strip().strip("\"'").replace("\\", "/")
    return SeqInfo(int(length), _positive(path, info, "frameRate"), size, images)


def _sequence_section(path: Path) -> dict[str, str]:
    """Names, in small letters, and values of the section ``[Sequence]``."""
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(read_text(path), source=path.name)
    except configparser.DuplicateOptionError as error:
        raise DataError(path, f"{error.option} stands twice", line=error.lineno, expected="once") from error
    except configparser.Error as error:
        found = " ".join(str(error).split())
        raise DataError(path, "not a seqinfo file", expected="lines name=value", found=found) from error
    section = next((name for name in parser.sections() if name.lower() == "sequence"), None)
    if section is None:
        found = ", ".join(f"[{name}]" for name in parser.sections()) or "none"
        raise DataError(path, "not a seqinfo file", expected="a section [Sequence]", found=found)
    return dict(parser[section])


def _positive(path: Path, info: dict[str, str], key: str) -> float | None:
    """A positive number of the file, whole but for the frame rate; None when the key is missing."""
    word = info.get(key.lower())  # configparser lowers the keys
    if word is None:
        return None
    rate = key == "frameRate"
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(?:/([1-9]\d*))?" if rate else r"(\d+)()", word)
    if not match or float(match[1]) <= 0:
        expected = f"a positive {'number' if rate else 'whole number'}"
        raise DataError(path, f"wrong {key}", expected=expected, found=repr(word))
    return float(match[1]) / float(match[2] or 1)


def image_folder(folder: Path) -> Path | None:
    """Where the images of a sequence lie: what ``imDir`` of its ``seqinfo.ini`` says, else ``img1``.

    Raises:
        DataError: Its ``seqinfo.ini`` is malformed.
    """
    named = read_seqinfo(folder).images
    places = [folder / word for word in (named, IMAGES) if word]
    return next((place for place in places if place.is_dir()), None)


def sequence_folders(root: Path, depth: int = 3) -> list[Path]:
    """Folders of sequences with images below a folder, in the order of their names.

    Args:
        root: The folder, itself no sequence.
        depth: How many levels below it are looked at.
    """
    if depth < 1 or not root.is_dir():
        return []
    found: list[Path] = []
    for folder in (path for path in entries(root) if path.is_dir()):
        found += [folder] if image_folder(folder) else sequence_folders(folder, depth - 1)
    return sorted(found)


def last_image(folder: Path | None, *, first: int = 1) -> int:
    """Number of the last frame that has an image, 0 without any."""
    names = [path.name for path in image_files(folder)] if folder else []
    known = [number for number in name_numbers(names) if number is not None and number <= LARGEST_FRAME]
    return max([len(names), *(number + 1 - first for number in known)])


def last_frame(path: Path | None) -> int:
    """Largest number in the first column of a text file: the least length that a sequence can have."""
    if path is None:
        return 0
    firsts = (re.match(r"\s*([0-9][0-9.eE+-]*)", line) for line in lines_of(read_text(path)))
    return max((_whole(match.group(1)) for match in firsts if match), default=0)


def _whole(word: str) -> int:
    """A number written any way, 0 for what is none; its reader tells what is wrong with it."""
    try:
        value = float(word)
    except ValueError:
        return 0
    return int(value) if value < LARGEST_FRAME else 0
