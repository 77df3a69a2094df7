"""Files that belong to the frames of a source, such as depth maps and points: which file is whose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.folders import entries, number_images
from deptr.io.frame_source import FrameSource
from deptr.io.time_stamps import nearest, stamps_of


@dataclass(frozen=True)
class Companions:
    """Files by the frame that they belong to.

    Attributes:
        folder: Where they lie.
        by: How they were matched: ``name``, ``time`` or ``number``.
        files: File of each frame that has one.
        notes: What the user should know, in sentences.
    """

    folder: Path
    by: str
    files: Mapping[int, Path]
    notes: tuple[str, ...] = ()


def find_companions(
    folder: Path, suffixes: Collection[str], frames: FrameSource | None, *, max_gap: float, what: str
) -> Companions:
    """Match the files of a folder with frames: by equal names, else by times in names, else by number.

    Args:
        folder: Where the files lie.
        suffixes: Endings of such files.
        frames: The source, None for detections alone, whose frames only have numbers.
        max_gap: Seconds between a frame and its file, where names are times.
        what: What the files are, for messages.

    Raises:
        DataError: There is none, or none belongs to a frame, or it cannot be told which one does.
    """
    files = [path for path in entries(folder) if path.suffix.lower() in suffixes and path.is_file()]
    if not files:
        expected = f"files ending in {', '.join(sorted(suffixes))}"
        raise DataError(folder, f"the folder holds no {what}", expected=expected)
    images: Mapping[int, Path] = {} if frames is None else frames.files
    by_stem = {path.stem: path for path in files}
    same = {index: by_stem[image.stem] for index, image in images.items() if image.stem in by_stem}
    if same and 2 * len(same) >= min(len(images), len(files)):
        return Companions(folder, "name", same)
    stamps = stamps_of([path.name for path in files])
    if stamps is not None and frames is not None and frames.stamps:
        return _by_time(folder, dict(zip(stamps, files, strict=True)), frames.stamps, max_gap, what)
    return _by_number(folder, files, frames, what)


def _by_time(
    folder: Path, files: Mapping[float, Path], stamps: Mapping[int, float], max_gap: float, what: str
) -> Companions:
    times, wanted = np.array(sorted(files)), np.array(list(stamps.values()))
    places = nearest(times, wanted, max_gap=max_gap)
    found = {
        index: files[float(times[place])] for index, place in zip(stamps, places, strict=True) if place >= 0
    }
    if not found:
        spans = f"{times[0]:.3f} to {times[-1]:.3f} s", f"{wanted[0]:.3f} to {wanted[-1]:.3f} s"
        raise DataError(
            folder,
            f"no {what} within {max_gap:.3g} s of any image",
            expected=f"times as those of the images, {spans[1]}",
            found=spans[0],
            hint="are both of one recording, and their clocks the same?",
        )
    return Companions(folder, "time", found)


def _by_number(folder: Path, files: list[Path], frames: FrameSource | None, what: str) -> Companions:
    numbered = number_images(files)
    found = dict(numbered.images)
    total = None if frames is None else frames.frame_count
    indices = set(frames.files) if frames is not None and frames.files else set(range(1, (total or 0) + 1))
    if numbered.by_place and indices and len(indices) != len(files):
        raise DataError(
            folder,
            f"it cannot be told which {what} belongs to which frame",
            expected=f"names like those of the {len(indices)} frames, times, or numbers from 1",
            found=f"{len(files)} files, such as {files[0].name}",
        )
    if numbered.by_place and indices:
        found = dict(zip(sorted(indices), files, strict=True))
    if indices and not indices & set(found):
        expected = f"numbers of the frames, {min(indices)} to {max(indices)}"
        span = f"{min(found)} to {max(found)}"
        raise DataError(folder, f"no {what} belongs to a frame", expected=expected, found=span)
    return Companions(folder, "number", found, numbered.notes)
