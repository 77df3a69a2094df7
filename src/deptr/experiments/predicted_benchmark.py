"""A benchmark's sequences with a detector's boxes and depths in place of the given ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.frame_source import FrameSource
from deptr.io.frames import open_source
from deptr.io.seqinfo import sequence_folders
from deptr.progress import Progress, SilentProgress
from deptr.records import Image, depth_kind_of, depth_of


def predict_benchmark(
    detector: Detector,
    root: str | Path,
    output: str | Path,
    *,
    sequences: Sequence[str] = (),
    min_score: float = 0.1,
    classes: Sequence[str] = (),
    batch_size: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write each sequence's ground truth and predicted detections, ready for `deptr benchmark`.

    Depth is relative (the focal length is taken as unknown): comparable within a sequence, as trackers need
    it. Sequences that are there already are kept. A sequence without ground truth, as test sets have it, is
    written without.

    Args:
        detector: Finds the objects.
        root: Sequence folders with ``img1``, ``seqinfo.ini`` and, where it is known, ``gt``.
        output: Folder for the sequences with predicted detections.
        sequences: Names of the sequences to take, all when empty.
        min_score: Boxes below are left out.
        classes: Names of the model's classes that are kept, all when empty.
        batch_size: Images per pass of the network.
        progress: Told after each sequence.

    Returns:
        How many sequences there are.

    Raises:
        DataError: There is no sequence under `root`.
    """
    told = progress or SilentProgress()
    folders = sequence_folders(Path(root), depth=1)
    folders = [folder for folder in folders if not sequences or folder.name in sequences]
    if not folders:
        raise DataError(root, "no sequences", expected="folders with img1, gt and seqinfo.ini")
    how = _How(min_score, _class_ids(detector, classes), batch_size)
    for done, folder in enumerate(folders, start=1):
        target = Path(output) / folder.name
        if not (target / "det" / "det.txt").exists():
            target.mkdir(parents=True, exist_ok=True)
            if (folder / "gt").is_dir():
                shutil.copytree(folder / "gt", target / "gt", dirs_exist_ok=True)
            if (folder / "seqinfo.ini").is_file():
                shutil.copy(folder / "seqinfo.ini", target / "seqinfo.ini")
            _detect(detector, folder, target / "det" / "det.txt", how)
        told.update(done, len(folders), sequence=folder.name)
    return len(folders)


@dataclass(frozen=True)
class _How:
    """What is kept of the detections, and how many images go at once."""

    min_score: float
    class_ids: tuple[int, ...]
    batch_size: int


def _class_ids(detector: Detector, classes: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the model's classes of those names; none means all.

    Raises:
        DataError: The model has no such class.
    """
    numbers = {name: number for number, name in detector.names.items()}
    for name in classes:
        if name not in numbers:
            raise DataError("detector", "no such class", expected=f"one of {', '.join(numbers)}", found=name)
    return tuple(numbers[name] for name in classes)


def _detect(detector: Detector, folder: Path, path: Path, how: _How) -> None:
    numbers: list[int] = []

    def images(frames: FrameSource) -> Iterator[Image]:
        for frame in frames:
            numbers.append(frame.index)
            yield frame.image

    with open_source(folder) as frames, atomic_write(path) as file:
        found = detector.stream(images(frames), batch_size=how.batch_size, min_score=how.min_score)
        for place, detections in enumerate(found):
            depths = depth_of(detections)
            if depth_kind_of(detections).larger_is_nearer:
                depths = np.maximum(depths, 0.0)  # nothing is farther than an inverse depth of 0
            for box, score, depth, label in zip(
                detections.xyxy,
                np.asarray(detections.confidence),
                depths,
                np.asarray(detections.class_id),
                strict=True,
            ):
                if how.class_ids and int(label) not in how.class_ids:
                    continue
                left, top, right, bottom = box
                shape = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                file.write(f"{numbers[place]},-1,{shape},{score:.4f},{depth:.4f}\n")
