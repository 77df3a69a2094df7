"""Benchmark folders, with the teacher's depth labels if there are any, as one COCO json for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.io.coco import annotation_entry, image_entry, write_coco
from deptr.io.columns import class_table
from deptr.io.folders import image_files, number_by_name
from deptr.io.ground_truth import GroundTruth, read_ground_truth
from deptr.io.label_runs import LabelRun, open_run
from deptr.io.labels import SequenceLabels, read_labels
from deptr.io.sequences import Benchmark, Sequence, benchmark_of, find_sequences
from deptr.progress import Progress, SilentProgress
from deptr.records import BoolArray, DepthKind, IntArray
from deptr.training.images import image_size

# classes that look like the target: neither right nor wrong to find, as the official scorers have it
LOOKALIKES = {
    "mot": ("person_on_vehicle", "static_person", "distractor", "reflection", "crowd"),
    "kitti-car": ("van",),
    "kitti-pedestrian": ("person",),
}


@dataclass(frozen=True)
class Conversion:
    """What a conversion came to.

    Attributes:
        images: How many images were written.
        objects: How many objects were written.
        notes: What the user should know about what was left out, in sentences.
    """

    images: int
    objects: int
    notes: tuple[str, ...] = ()


def convert_benchmark(
    benchmark: str,
    root: str | Path,
    output: str | Path,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    stride: int = 1,
    progress: Progress | None = None,
) -> Conversion:
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

    Raises:
        DataError: The layout is wrong, a sequence has no images or no ground truth, names carry no frame
            numbers, or nothing is left.
    """
    entry = benchmark_of(benchmark)
    told = progress or SilentProgress()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    notes: list[str] = []
    kinds: set[DepthKind] = set()
    sequences = find_sequences(entry, root, split=split)
    run = None if labels is None else open_run(labels)
    for done, sequence in enumerate(sequences, start=1):
        stored = _stored(run, sequence)
        kinds.add(stored.info.depth_kind if stored is not None else DepthKind.METRIC)
        notes += _add(entry, sequence, stored, stride, images=images, annotations=annotations)
        told.update(done, len(sequences), images=str(len(images)))
    objects = sum(not item["iscrowd"] for item in annotations)
    if not images:
        raise DataError(root, "no frames to convert")
    if not objects:
        expected = f"rows of class {entry.target} whose column 7 is not 0, on frames with an image"
        raise DataError(root, "no object to learn from", expected=expected, found="none")
    if len(kinds) > 1:
        found = ", ".join(sorted(kind.value for kind in kinds))
        raise DataError(labels or root, "labels for some sequences only", found=found)
    write_coco(output, images, annotations, depth_kind=kinds.pop(), description=f"{entry.name} from {root}")
    return Conversion(len(images), objects, tuple(notes))


def _stored(run: LabelRun | None, sequence: Sequence) -> SequenceLabels | None:
    if run is None or not run.path(sequence.name).is_file():
        return None
    return read_labels(run.path(sequence.name))


def _numbered_images(benchmark: Benchmark, sequence: Sequence) -> tuple[tuple[int, Path], ...]:
    if sequence.ground_truth is None:
        raise DataError(sequence.name, "no ground truth", expected="gt/gt.txt")
    files = image_files(sequence.images) if sequence.images else []
    if not files:
        where = sequence.images or sequence.ground_truth.parent
        expected = "the frames of the sequence in img1, or where imDir of seqinfo.ini says"
        raise DataError(where, "no images", expected=expected)
    kitti = sequence.ground_truth.parent.name == "label_02"
    return number_by_name(files, first=0 if kitti else 1).images


def _add(
    benchmark: Benchmark,
    sequence: Sequence,
    stored: SequenceLabels | None,
    stride: int,
    *,
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> list[str]:
    """Add a sequence's images and objects; returns what was left out, in sentences."""
    numbered = [entry for entry in _numbered_images(benchmark, sequence) if (entry[0] - 1) % stride == 0]
    truth = read_ground_truth(benchmark, sequence)
    target, lookalikes = _roles(benchmark, truth)
    depths = _teacher_depths(stored)
    damaged: list[str] = []
    outside = 0
    for frame, path in numbered:
        size = image_size(path)
        if size is None:
            damaged.append(path.name)
            continue
        _check_size(sequence, path, size)
        number = len(images) + 1
        images.append(image_entry(number, str(path.resolve()), size, sequence=sequence.name, frame=frame))
        for row in np.flatnonzero((truth.frames == frame) & (target | lookalikes)):
            left, top, wide, high = truth.boxes_xywh[row]
            inside = left < size[1] and top < size[0] and left + wide > 0 and top + high > 0
            if not inside or wide <= 0 or high <= 0:
                outside += int(target[row])
                continue
            own = (float(truth.depth[row]), float("nan"))
            depth, std = depths.get((frame, int(truth.ids[row])), own if stored is None else (np.nan, np.nan))
            annotations.append(
                annotation_entry(
                    number,
                    np.array([left, top, left + wide, top + high]),
                    depth=depth,
                    depth_std=std,
                    track_id=int(truth.ids[row]),
                    visibility=float(truth.visibility[row]),
                    ignore=not target[row],
                )
            )
        annotations += _regions(number, truth, frame, size)
    notes = _left_out(sequence.name, damaged, truth.frames[target], [frame for frame, _ in numbered], stride)
    if outside:
        notes.append(
            f"{sequence.name}: {outside} object(s) outside their image, or without extent, were left out"
        )
    return notes


def _check_size(sequence: Sequence, path: Path, size: tuple[int, int]) -> None:
    """Refuse an image whose boxes were made on another size: they would mean other pixels."""
    said = sequence.size
    if said is None or said == (size[1], size[0]):
        return
    expected = f"{said[0]}x{said[1]} as seqinfo.ini says"
    hint = "take the images that were labelled, or set imWidth and imHeight right"
    raise DataError(path, "another size", expected=expected, found=f"{size[1]}x{size[0]}", hint=hint)


def _regions(image: int, truth: GroundTruth, frame: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Regions of a frame in which nothing is judged, as annotations to ignore."""
    boxes = truth.ignore_boxes_xywh[truth.ignore_frames == frame]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    inside = (corners[:, :2] < (size[1], size[0])).all(axis=1) & (corners[:, 2:] > 0).all(axis=1)
    kept = corners[inside & (boxes[:, 2:] > 0).all(axis=1)]
    return [annotation_entry(image, box, ignore=True) for box in kept]


def _left_out(name: str, damaged: list[str], objects: IntArray, frames: list[int], stride: int) -> list[str]:
    """Sentences about images that cannot be read, and objects on frames that have no image."""
    notes = []
    if damaged:
        notes.append(f"{name}: {len(damaged)} image(s) could not be decoded and were left out: {damaged[0]}")
    lost = int(((objects - 1) % stride == 0).sum() - np.isin(objects, frames).sum())
    if lost:
        notes.append(f"{name}: {lost} object(s) on frames without an image were left out")
    return notes


def _roles(benchmark: Benchmark, truth: GroundTruth) -> tuple[BoolArray, BoolArray]:
    table = class_table(benchmark)
    wanted = truth.class_ids == table[benchmark.target]
    target = wanted & truth.scored
    others = [table[name] for name in LOOKALIKES.get(benchmark.name, LOOKALIKES["mot"])]
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
