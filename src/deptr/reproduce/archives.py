"""The official archives of a data set: what is in them, without unpacking, and unpacking what is needed."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.io.folders import IMAGE_SUFFIXES
from deptr.progress import Progress

PARTS = ("img1", "gt", "det", "depth")
FILES = ("seqinfo.ini", "annotations.json")


@dataclass(frozen=True)
class Member:
    """A file of a sequence in an archive.

    Attributes:
        archive: The archive.
        entry: Its name there.
        sequence: Whose file it is.
        place: Its place in the sequence's folder.
        size: In bytes.
        checksum: CRC-32 of its content.
    """

    archive: Path
    entry: str
    sequence: str
    place: str
    size: int
    checksum: int

    @property
    def is_image(self) -> bool:
        """Whether it is a frame."""
        return self.place.startswith("img1/") and Path(self.place).suffix.lower() in IMAGE_SUFFIXES


def members(archive: Path, split: str, pattern: str) -> list[Member]:
    """Files of the sequences of a split.

    Args:
        archive: The ``.zip``.
        split: ``train``, ...; where the archive holds several splits, only this one's are taken.
        pattern: Of the sequences' names.

    Raises:
        DataError: It is truncated, no archive, or holds no such sequence.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        size = archive.stat().st_size if archive.is_file() else 0
        hint = "truncated? download it again"
        raise DataError(
            archive, "not a whole archive", found=f"{size:,} bytes: {error}", hint=hint
        ) from error
    found = [member for info in infos for member in _member(archive, info, split)]
    named = [member for member in found if fnmatchcase(member.sequence, pattern)]
    if not any(member.is_image for member in named):
        inside = ", ".join(sorted({info.filename.split("/")[0] for info in infos})[:3]) or "nothing"
        expected = f"folders {pattern}/img1 of the split {split}"
        raise DataError(archive, "another archive", expected=expected, found=inside)
    return named


def _member(archive: Path, info: zipfile.ZipInfo, split: str) -> Iterator[Member]:
    words = info.filename.split("/")
    for place in range(len(words) - 1):
        inside = words[place + 1]
        if inside in PARTS or (inside in FILES and place + 2 == len(words)):
            above = words[place - 1] if place else ""
            if re.sub(r"\d+$", "", above) in ("train", "val", "test") and not above.startswith(split):
                return
            rest = "/".join(words[place + 1 :])
            if ".." not in words and words[place]:
                yield Member(archive, info.filename, words[place], rest, info.file_size, info.CRC)
            return


def fingerprint(found: list[Member]) -> str:
    """Stands for the content of all these files."""
    lines = sorted(f"{member.sequence}/{member.place} {member.size} {member.checksum}" for member in found)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def unpack(
    folder: Path, progress: Progress, *, archives: dict[str, list[Path]], pattern: str
) -> dict[str, int]:
    """Unpack splits into a folder, going on from what is there.

    Args:
        folder: Gets a folder for each split.
        progress: Told of files.
        archives: Split to its archives.
        pattern: Of the sequences' names.

    Raises:
        DataError: An archive cannot be read or the folder not be written.
    """
    listed = {
        split: [member for path in paths for member in members(Path(path), split, pattern)]
        for split, paths in archives.items()
    }
    total, done = sum(len(found) for found in listed.values()), 0
    for split, found in listed.items():
        opened: dict[Path, zipfile.ZipFile] = {}
        for member in found:
            target = folder / split / member.sequence / member.place
            if not (target.is_file() and target.stat().st_size == member.size):
                opened.setdefault(member.archive, zipfile.ZipFile(member.archive))
                _extract(opened[member.archive], member, target)
            done += 1
            progress.update(done, total)
        for archive in opened.values():
            archive.close()
    return {split: len(found) for split, found in listed.items()}


def _extract(archive: zipfile.ZipFile, member: Member, target: Path) -> None:
    try:
        with archive.open(member.entry) as source, atomic_path(target) as temporary:
            with temporary.open("wb") as written:
                shutil.copyfileobj(source, written)
    except (zipfile.BadZipFile, EOFError) as error:
        hint = "download the archive again"
        raise DataError(member.archive, f"{member.entry} is damaged", found=str(error), hint=hint) from error
