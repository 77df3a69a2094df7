"""Benchmark folders, with the teacher's depth labels if there are any, as one COCO json for training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.io.coco import annotation_entry, image_entry, write_coco
from deptr.io.columns import class_table
from deptr.io.ground_truth import GroundTruth, read_ground_truth
from deptr.io.label_runs import LabelRun, open_run
from deptr.io.labels import SequenceLabels, read_labels
from deptr.io.sequences import Benchmark, Sequence, benchmark_of, find_sequences
from deptr.progress import Progress, SilentProgress
from deptr.records import BoolArray, DepthKind
from deptr.training.images import read_image

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
# classes that look like the target: neither right nor wrong to find
LOOKALIKES = ("person_on_vehicle", "static_person", "distractor", "reflection", "crowd")


def convert_benchmark(
    benchmark: str,
    root: str | Path,
    output: str | Path,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    stride: int = 1,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Write a COCO json with depth; images stay where they are.

    Rows of the target class that count become objects; its other rows and those of look-alike classes become
    regions to ignore. Depth is the teacher's where `labels` has it and trusts it, else the benchmark's own.

    Args:
        benchmark: ``mot17``, ``dancetrack``, ``quadtrack``, ... (see `deptr.io.sequences`).
        root: Its folder.
        output: The json; file names in it are absolute, so that images need not be copied.
        split: As for `find_sequences`.
        labels: Store of `deptr label`, or one of its runs where it holds several.
        stride: Every so many frames are taken.
        progress: Told after each sequence.

    Returns:
        How many images and how many objects were written.

    Raises:
        DataError: The layout is wrong, a sequence has no images or no ground truth, or nothing is left.
    """
    entry = benchmark_of(benchmark)
    told = progress or SilentProgress()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    kinds: set[DepthKind] = set()
    sequences = find_sequences(entry, root, split=split)
    run = None if labels is None else open_run(labels)
    for done, sequence in enumerate(sequences, start=1):
        stored = _stored(run, sequence)
        kinds.add(stored.info.depth_kind if stored is not None else DepthKind.METRIC)
        _add(entry, sequence, stored, stride, images=images, annotations=annotations)
        told.update(done, len(sequences), images=str(len(images)))
    objects = sum(not item["iscrowd"] for item in annotations)
    if not images:
        raise DataError(root, "no frames to convert")
    if len(kinds) > 1:
        found = ", ".join(sorted(kind.value for kind in kinds))
        raise DataError(labels or root, "labels for some sequences only", found=found)
    write_coco(output, images, annotations, depth_kind=kinds.pop(), description=f"{entry.name} from {root}")
    return len(images), objects


def _stored(run: LabelRun | None, sequence: Sequence) -> SequenceLabels | None:
    if run is None or not run.path(sequence.name).is_file():
        return None
    return read_labels(run.path(sequence.name))


def _image_files(sequence: Sequence) -> list[Path]:
    if sequence.ground_truth is None:
        raise DataError(sequence.name, "no ground truth", expected="gt/gt.txt")
    folder = sequence.ground_truth.parent
    folder = (folder.parent if folder.name == "gt" else folder) / "img1"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise DataError(folder, "no images", expected="the frames of the sequence")
    return files


def _add(
    benchmark: Benchmark,
    sequence: Sequence,
    stored: SequenceLabels | None,
    stride: int,
    *,
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> None:
    files = _image_files(sequence)
    truth = read_ground_truth(benchmark, sequence)
    target, lookalikes = _roles(benchmark, truth)
    depths = _teacher_depths(stored)
    height, width = read_image(files[0]).shape[:2]
    for frame in range(1, len(files) + 1, stride):
        number = len(images) + 1
        name = str(files[frame - 1].resolve())
        images.append(image_entry(number, name, (height, width), sequence=sequence.name, frame=frame))
        for row in np.flatnonzero((truth.frames == frame) & (target | lookalikes)):
            left, top, wide, high = truth.boxes_xywh[row]
            box = np.array([left, top, left + wide, top + high])
            inside = left < width and top < height and left + wide > 0 and top + high > 0
            if not inside:
                continue
            own = (float(truth.depth[row]), float("nan"))
            depth, std = depths.get((frame, int(truth.ids[row])), own if stored is None else (np.nan, np.nan))
            annotations.append(
                annotation_entry(
                    number,
                    box,
                    depth=depth,
                    depth_std=std,
                    track_id=int(truth.ids[row]),
                    visibility=float(truth.visibility[row]),
                    ignore=not target[row],
                )
            )


def _roles(benchmark: Benchmark, truth: GroundTruth) -> tuple[BoolArray, BoolArray]:
    table = class_table(benchmark)
    wanted = truth.class_ids == table[benchmark.target]
    target = wanted & truth.scored
    others = [table[name] for name in LOOKALIKES if name in table]
    return target, (wanted & ~truth.scored) | np.isin(truth.class_ids, others)


def _teacher_depths(stored: SequenceLabels | None) -> dict[tuple[int, int], tuple[float, float]]:
    if stored is None:
        return {}
    rows = stored.rows.select(stored.rows.valid)
    return {
        (int(frame), int(identity)): (float(depth), float(std))
        for frame, identity, depth, std in zip(
            rows.frame, rows.object_id, rows.depth, rows.depth_std, strict=True
        )
    }
