"""Which sequences to label: a video, a sequence folder or a whole data set."""

from __future__ import annotations

from pathlib import Path

from deptr.errors import DataError, UsageError
from deptr.io.seqinfo import image_folder, sequence_folders
from deptr.teacher.boxes import DETECTIONS, GROUND_TRUTH, read_boxes
from deptr.teacher.labelling import SequenceJob

PLACES = {GROUND_TRUTH: ("gt/gt.txt", "gt.txt"), DETECTIONS: ("det/det.txt", "det.txt")}


def find_jobs(sources: list[str], boxes: str | None = None) -> list[SequenceJob]:
    """Sequences under some paths, with their boxes.

    Args:
        sources: Videos, folders of images, MOT sequence folders (``img1/`` or ``imDir`` inside), or folders
            that hold such sequences at any depth up to three.
        boxes: ``"gt"`` or ``"det"`` for the file of that name in each sequence, a MOT text file for a
            single sequence, or None: ground truth where there is some, detections elsewhere.

    Returns:
        Jobs sorted by name.

    Raises:
        DataError: A source does not exist, holds no sequence, or a sequence has no boxes.
        UsageError: One file of boxes for many sequences, or two sequences of the same name.
    """
    paths = [path for source in sources for path in _sequences(Path(source))]
    names = [path.stem if path.is_file() else path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two sequences are named {twice[0]}: label them into two stores")
    is_file = boxes is not None and boxes not in PLACES
    if is_file and len(paths) > 1:
        raise UsageError(f"boxes: {boxes} is one file, but there are {len(paths)} sequences; say gt or det")
    jobs = [
        SequenceJob(name, str(path), read_boxes(Path(boxes) if boxes and is_file else _boxes_of(path, boxes)))
        for name, path in zip(names, paths, strict=True)
    ]
    return sorted(jobs, key=lambda job: job.name)


def _sequences(source: Path) -> list[Path]:
    if not source.exists():
        raise DataError(source, "no such file or folder")
    if source.is_file() or image_folder(source):
        return [source]
    return sequence_folders(source) or [source]


def _boxes_of(path: Path, wanted: str | None) -> Path:
    kinds = (GROUND_TRUTH, DETECTIONS) if wanted is None else (wanted,)
    places = [path / place for kind in kinds for place in PLACES[kind]]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        hint = "say --boxes FILE with frame,id,left,top,width,height,score rows"
        if path.is_file():
            raise DataError(path, "no boxes to label", hint=hint)
        looked = ", ".join(str(place.relative_to(path)) for place in places)
        raise DataError(path, "no boxes to label", expected=f"one of {looked}", hint=hint)
    return found
