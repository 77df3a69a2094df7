"""Reading the ground truth of one sequence, MOTChallenge's or KITTI's, into one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.identities import LARGEST_EXACT
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.text_rows import parse_rows, read_text
from deptr.records import BoolArray, FloatArray, IntArray

# class numbers of the official scorers; a benchmark uses one of the two tables
MOT_CLASSES = (
    "pedestrian person_on_vehicle car bicycle motorbike non_mot_vehicle static_person distractor occluder "
    "occluder_on_ground occluder_full reflection crowd"
).split()
KITTI_CLASSES = "car van truck pedestrian person cyclist tram misc dontcare".split()
KITTI_VISIBILITY = (1.0, 0.66, 0.33, 0.0)  # of KITTI's occlusion levels 0 to 3
KITTI_MAX_OCCLUSION = 2  # objects above this level are not scored
MOT_COLUMNS = (7, 8, 9, 10, 11)
KITTI_COLUMNS = (17, 18)
FLAT_COLUMNS = (9, 10)
NAMES = ("frame", "id", "left", "top", "width", "height", "confidence", "class", "visibility", "depth")


@dataclass(frozen=True)
class GroundTruth:
    """Everything known about the objects of one sequence, one row per object and frame.

    Attributes:
        frames: ``(N,)`` frame from 1.
        ids: ``(N,)`` identity; distractors of KITTI may share -1.
        boxes_xywh: ``(N, 4)`` left, top, width, height in pixels.
        class_ids: ``(N,)`` number in the benchmark's class table, from 1.
        scored: ``(N,)`` whether the row counts; the others only excuse results that match them.
        visibility: ``(N,)`` in [0, 1], NaN = unknown.
        depth: ``(N,)`` metres from the camera plane, NaN = unknown.
        truncation: ``(N,)`` KITTI's truncation level, 0 elsewhere.
        occlusion: ``(N,)`` KITTI's occlusion level, 0 elsewhere.
        ignore_frames: ``(M,)`` frame of each region in which results are not judged.
        ignore_boxes_xywh: ``(M, 4)`` these regions.
    """

    frames: IntArray
    ids: IntArray
    boxes_xywh: FloatArray
    class_ids: IntArray
    scored: BoolArray
    visibility: FloatArray
    depth: FloatArray
    truncation: IntArray
    occlusion: IntArray
    ignore_frames: IntArray
    ignore_boxes_xywh: FloatArray

    def thinned(self, stride: int) -> GroundTruth:
        """Frames 1, 1 + stride, ... renumbered 1, 2, ..."""
        if stride == 1:
            return self
        keep = (self.frames - 1) % stride == 0
        rows = {name: values[keep] for name, values in vars(self).items() if name not in ("frames", *_IGNORE)}
        kept = (self.ignore_frames - 1) % stride == 0
        return replace(
            self,
            frames=(self.frames[keep] - 1) // stride + 1,
            ignore_frames=(self.ignore_frames[kept] - 1) // stride + 1,
            ignore_boxes_xywh=self.ignore_boxes_xywh[kept],
            **rows,
        )


_IGNORE = ("ignore_frames", "ignore_boxes_xywh")


def class_table(benchmark: Benchmark) -> dict[str, int]:
    """Numbers of the class names of a benchmark.

    Example:
        >>> from deptr.io.sequences import benchmark_of
        >>> class_table(benchmark_of("kitti-pedestrian"))["pedestrian"]
        4
    """
    names = KITTI_CLASSES if benchmark.family == "kitti" else MOT_CLASSES
    return {name: number for number, name in enumerate(names, 1)}


def read_ground_truth(benchmark: Benchmark, sequence: Sequence) -> GroundTruth:
    """Ground truth of a sequence, thinned to its stride.

    Raises:
        DataError: There is none, a line is wrong, or a frame lies behind the end of the sequence.
    """
    if sequence.ground_truth is None:
        raise DataError(sequence.name, "sequence has no ground truth", expected="gt/gt.txt")
    if benchmark.family == "mot":
        truth = _mot(sequence.ground_truth, sequence)
    elif sequence.ground_truth.parent.name == "label_02":
        truth = _official_kitti(benchmark, sequence.ground_truth, sequence)
    else:
        truth = _flat_kitti(benchmark, sequence)
    return truth.thinned(sequence.stride)


def _read(
    path: Path, columns: tuple[int, ...], *, separator: str = ",", class_column: int | None = None
) -> FloatArray:
    """Table of numbers ``(N, C)`` from a text file; a class name of KITTI becomes its number."""
    text = read_text(path)
    if class_column is not None:
        lines = enumerate(text.splitlines(), 1)
        text = "\n".join(_numbered(path, number, line, separator, class_column) for number, line in lines)
    return parse_rows(text, path, columns=columns, names=NAMES)


def _numbered(path: Path, number: int, line: str, separator: str, column: int) -> str:
    """A line with commas, its class name replaced by the class's number."""
    words = [word.strip() for word in (line.split() if separator == " " else line.split(separator))]
    if len(words) <= column:
        return ",".join(words)
    name = words[column].lower()
    if name not in KITTI_CLASSES:
        known = ", ".join(KITTI_CLASSES)
        raise DataError(
            path, "unknown class", line=number, expected=f"one of {known}", found=repr(words[column])
        )
    words[column] = str(KITTI_CLASSES.index(name) + 1)
    return ",".join(words)


def _integers(path: Path, values: FloatArray, what: str, least: int) -> IntArray:
    """A column as whole numbers."""
    wrong = np.flatnonzero(~((values == np.round(values)) & (values >= least) & (values < LARGEST_EXACT)))
    if len(wrong):
        found = f"{values[wrong[0]]:.15g} in row {wrong[0] + 1}"
        expected = f"a whole number from {least} to {LARGEST_EXACT - 1}"
        raise DataError(path, f"wrong {what}", expected=expected, found=found)
    return values.astype(np.int64)


def _frames(path: Path, values: FloatArray, sequence: Sequence, first: int) -> IntArray:
    frames = _integers(path, values, "frame", first) - first + 1
    if len(frames) and frames.max() > sequence.recorded_length:
        raise DataError(
            path,
            "ground truth is longer than its sequence",
            expected=f"frames up to {sequence.recorded_length + first - 1}",
            found=f"frame {frames.max() + first - 1}",
            hint="check seqLength in seqinfo.ini or the sequence map",
        )
    return frames


def _no_regions() -> dict[str, np.ndarray]:
    return {"ignore_frames": np.zeros(0, np.int64), "ignore_boxes_xywh": np.zeros((0, 4))}


def _mot(path: Path, sequence: Sequence) -> GroundTruth:
    table = _read(path, MOT_COLUMNS)
    count, width = table.shape
    has_class = width > 7 and bool(np.all(table[:, 7] == np.round(table[:, 7])))
    zeros = np.zeros(count, np.int64)
    depth = table[:, 9] if has_class and width > 9 else np.full(count, np.nan)
    return GroundTruth(
        frames=_frames(path, table[:, 0], sequence, 1),
        ids=_integers(path, table[:, 1], "identity", 0),
        boxes_xywh=table[:, 2:6],
        class_ids=table[:, 7].astype(np.int64) if has_class else zeros + 1,
        scored=table[:, 6].astype(np.int64) != 0,
        visibility=_unknown_below_zero(table[:, 8] if has_class and width > 8 else np.full(count, np.nan)),
        depth=_unknown_below_zero(depth),
        truncation=zeros,
        occlusion=zeros,
        **_no_regions(),
    )


def _unknown_below_zero(values: FloatArray) -> FloatArray:
    return np.where(values < 0, np.nan, values)


def _official_kitti(benchmark: Benchmark, path: Path, sequence: Sequence) -> GroundTruth:
    table = _read(path, KITTI_COLUMNS, separator=" ", class_column=2)
    frames = _frames(path, table[:, 0], sequence, 0)
    boxes = np.concatenate([table[:, 6:8], table[:, 8:10] - table[:, 6:8]], axis=1)
    classes = table[:, 2].astype(np.int64)
    region = classes == KITTI_CLASSES.index("dontcare") + 1
    keep = ~region & (table[:, 1] >= 0)
    truncation, occlusion = table[keep, 3].astype(np.int64), table[keep, 4].astype(np.int64)
    target = classes[keep] == class_table(benchmark)[benchmark.target]
    depth = table[keep, 15]
    return GroundTruth(
        frames=frames[keep],
        ids=_integers(path, table[keep, 1], "identity", 0),
        boxes_xywh=boxes[keep],
        class_ids=classes[keep],
        scored=target & (truncation <= 0) & (occlusion <= KITTI_MAX_OCCLUSION),
        visibility=np.array(KITTI_VISIBILITY)[np.clip(occlusion, 0, 3)],
        depth=np.where(depth > 0, depth, np.nan),
        truncation=truncation,
        occlusion=occlusion,
        ignore_frames=frames[region],
        ignore_boxes_xywh=boxes[region],
    )


def _flat_kitti(benchmark: Benchmark, sequence: Sequence) -> GroundTruth:
    """Targets from gt.txt (column 7 is 0 where KITTI does not score them), the rest from ignore.txt."""
    assert sequence.ground_truth is not None
    path = sequence.ground_truth
    table = _read(path, FLAT_COLUMNS)
    levels = np.abs(table[:, 8:9] - np.array(KITTI_VISIBILITY)).argmin(axis=1)
    unscored = table[:, 6] == 0
    truncation = (unscored & (levels <= KITTI_MAX_OCCLUSION)).astype(np.int64)
    table_ids = class_table(benchmark)
    others: FloatArray = np.zeros((0, 9))
    other_frames: IntArray = np.zeros(0, np.int64)
    if sequence.ignore is not None:
        others = _read(sequence.ignore, FLAT_COLUMNS[:1], class_column=6)
        other_frames = _frames(sequence.ignore, others[:, 0], sequence, 1)
    region = others[:, 6] == table_ids["dontcare"]
    rest = others[~region]
    frames = _frames(path, table[:, 0], sequence, 1)
    depth = table[:, 9] if table.shape[1] > 9 else np.full(len(table), np.nan)
    occlusion = np.concatenate([levels, rest[:, 8].astype(np.int64)])
    return GroundTruth(
        frames=np.concatenate([frames, other_frames[~region]]),
        ids=np.concatenate([_integers(path, table[:, 1], "identity", 0), rest[:, 1].astype(np.int64)]),
        boxes_xywh=np.concatenate([table[:, 2:6], rest[:, 2:6]]),
        class_ids=np.concatenate(
            [np.full(len(table), table_ids[benchmark.target]), rest[:, 6].astype(np.int64)]
        ),
        scored=np.concatenate([~unscored, np.zeros(len(rest), bool)]),
        visibility=np.array(KITTI_VISIBILITY)[np.clip(occlusion, 0, 3)],
        depth=np.concatenate([_unknown_below_zero(depth), np.full(len(rest), np.nan)]),
        truncation=np.concatenate([truncation, rest[:, 7].astype(np.int64)]),
        occlusion=occlusion,
        ignore_frames=other_frames[region],
        ignore_boxes_xywh=others[region, 2:6],
    )
