"""Data as the later steps want it: both halves of each training video of MOT17."""

from __future__ import annotations

import os
from pathlib import Path

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.folders import image_files, number_by_name
from deptr.io.sequences import Sequence, find_sequences
from deptr.io.text_files import lines_of, read_text
from deptr.progress import Progress
from deptr.reproduce.steps.step import Outcome


def halve(folder: Path, progress: Progress, *, benchmark: str, root: Path, split: str) -> Outcome:
    """Write ``train`` with the first half of each video and ``val`` with the second, images as links.

    Args:
        folder: Gets both.
        progress: Told of videos.
        benchmark: Whose videos.
        root: Where they lie.
        split: Which of its splits.

    Raises:
        DataError: They cannot be read, or the folder not be written.
    """
    sequences = find_sequences(benchmark, root, split=split)
    frames = {"train": 0, "val": 0}
    for done, sequence in enumerate(sequences, 1):
        middle = sequence.recorded_length // 2
        for name, first, last in (("train", 1, middle), ("val", middle + 1, sequence.recorded_length)):
            _part(sequence, folder / name / sequence.name, first, last)
            frames[name] += last - first + 1
        progress.update(done, len(sequences))
    return {"videos": len(sequences), "frames": frames}


def _part(sequence: Sequence, target: Path, first: int, last: int) -> None:
    """Frames `first` to `last` of a sequence as one of its own, numbered from 1."""
    if sequence.images is None or sequence.ground_truth is None:
        raise DataError(sequence.name, "no images or no ground truth", expected="img1 and gt/gt.txt")
    images = target / "img1"
    try:
        images.mkdir(parents=True, exist_ok=True)
        for number, path in number_by_name(image_files(sequence.images)).images:
            link = images / f"{number - first + 1:06d}{path.suffix}"
            if first <= number <= last and not link.exists():
                link.unlink(missing_ok=True)
                os.symlink(path.resolve(), link)
    except OSError as error:
        hint = "the file system of --output must know symbolic links"
        raise DataError(images, "cannot be written", found=error.strerror, hint=hint) from error
    rows = [line.split(",", 1) for line in lines_of(read_text(sequence.ground_truth)) if line.strip()]
    with atomic_write(target / "gt" / "gt.txt") as file:
        for frame, rest in rows:
            if first <= float(frame) <= last:
                file.write(f"{int(float(frame)) - first + 1},{rest.strip()}\n")
    width, height = sequence.size or (0, 0)
    size = f"imWidth={width}\nimHeight={height}\n" if width else ""
    with atomic_write(target / "seqinfo.ini") as file:
        file.write(
            f"[Sequence]\nname={sequence.name}\nimDir=img1\nframeRate={sequence.recorded_rate or 30:g}\n"
            f"seqLength={last - first + 1}\n{size}imExt={image_files(images)[0].suffix}\n"
        )
