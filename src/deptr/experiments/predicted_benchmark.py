"""A benchmark's sequences with a detector's boxes and depths in place of the given ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.frame_source import FrameSource
from deptr.io.frames import open_source
from deptr.io.seqinfo import sequence_folders
from deptr.progress import Progress, SilentProgress
from deptr.records import Image, depth_of


def predict_benchmark(
    detector: Detector,
    root: str | Path,
    output: str | Path,
    *,
    sequences: Sequence[str] = (),
    min_score: float = 0.1,
    progress: Progress | None = None,
) -> int:
    """Write each sequence's ground truth and predicted detections, ready for `deptr benchmark`.

    Depth is relative (the focal length is taken as unknown): comparable within a sequence, as trackers need
    it. Sequences that are there already are kept.

    Args:
        detector: Finds the objects.
        root: Sequence folders with ``img1``, ``gt`` and ``seqinfo.ini``.
        output: Folder for the sequences with predicted detections.
        sequences: Names of the sequences to take, all when empty.
        min_score: Boxes below are left out.
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
    for done, folder in enumerate(folders, start=1):
        target = Path(output) / folder.name
        if not (target / "det" / "det.txt").exists():
            shutil.copytree(folder / "gt", target / "gt", dirs_exist_ok=True)
            shutil.copy(folder / "seqinfo.ini", target / "seqinfo.ini")
            _detect(detector, folder, target / "det" / "det.txt", min_score)
        told.update(done, len(folders), sequence=folder.name)
    return len(folders)


def _detect(detector: Detector, folder: Path, path: Path, min_score: float) -> None:
    numbers: list[int] = []

    def images(frames: FrameSource) -> Iterator[Image]:
        for frame in frames:
            numbers.append(frame.index)
            yield frame.image

    with open_source(folder) as frames, atomic_write(path) as file:
        found = detector.stream(images(frames), batch_size=1, min_score=min_score)
        for place, detections in enumerate(found):
            for box, score, depth in zip(
                detections.xyxy, np.asarray(detections.confidence), depth_of(detections), strict=True
            ):
                left, top, right, bottom = box
                shape = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                file.write(f"{numbers[place]},-1,{shape},{score:.4f},{depth:.4f}\n")
