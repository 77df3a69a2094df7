"""Reading the ground truth of one sequence, MOTChallenge's or KITTI's, into one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.io.columns import (
    KITTI_CLASSES,
    MOT_CLASSES,
    NOT_SAID,
    TRUE,
    Columns,
    class_table,
    counts,
    kitti_class,
    known_depth,
    known_visibility,
    true_columns,
)
from deptr.io.identities import LARGEST_EXACT
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.text_files import lines_of, read_text
from deptr.io.text_rows import parse_rows, refuse_comment
from deptr.records import BoolArray, FloatArray, IntArray

KITTI_VISIBILITY = (1.0, 0.66, 0.33, 0.0)  # of KITTI's occlusion levels 0 to 3
KITTI_MAX_OCCLUSION = 2  # objects above this level are not scored
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


def read_ground_truth(benchmark: Benchmark, sequence: Sequence) -> GroundTruth:
    """Ground truth of a sequence, thinned to its stride.

    Raises:
        DataError: There is none, a line is wrong, or a frame lies behind the end of the sequence.
    """
    if sequence.ground_truth is None:
        raise DataError(sequence.name, "sequence has no ground truth", expected="gt/gt.txt")
    if benchmark.family == "mot":
        truth = _mot(benchmark, sequence.ground_truth, sequence)
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
        lines = enumerate(lines_of(text), 1)
        text = "\n".join(_numbered(path, number, line, separator, class_column) for number, line in lines)
    return parse_rows(text, path, columns=columns, names=NAMES)


def _numbered(path: Path, number: int, line: str, separator: str, column: int) -> str:
    """A line with commas, its class name replaced by the class's number."""
    refuse_comment(path, number, line)
    words = [word.strip() for word in (line.split() if separator == " " else line.split(separator))]
    if len(words) <= column:
        return ",".join(words)
    known_class = kitti_class(words[column])
    if known_class is None:
        known = ", ".join(KITTI_CLASSES)
        raise DataError(
            path, "unknown class", line=number, expected=f"one of {known}", found=repr(words[column])
        )
    words[column] = str(known_class)
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


def _boxes(path: Path, boxes_xywh: FloatArray) -> FloatArray:
    """Boxes, which must be finite: no scorer can place another one."""
    wrong = np.flatnonzero(~np.isfinite(boxes_xywh).all(axis=1))
    if len(wrong):
        found = f"{boxes_xywh[wrong[0]].tolist()} in row {wrong[0] + 1}"
        raise DataError(path, "wrong box", expected="finite left, top, width and height", found=found)
    return boxes_xywh


def _no_regions() -> dict[str, np.ndarray]:
    return {"ignore_frames": np.zeros(0, np.int64), "ignore_boxes_xywh": np.zeros((0, 4))}


def _mot(benchmark: Benchmark, path: Path, sequence: Sequence) -> GroundTruth:
    table = _read(path, tuple(TRUE))
    _refuse_nan_confidence(path, table)
    columns = true_columns(table)
    zeros = np.zeros(len(table), np.int64)
    return GroundTruth(
        frames=_frames(path, table[:, 0], sequence, 1),
        ids=_integers(path, table[:, 1], "identity", 0),
        boxes_xywh=_boxes(path, table[:, 2:6]),
        class_ids=_mot_classes(benchmark, path, table, columns),
        scored=counts(table[:, 6]),
        visibility=known_visibility(_column(table, columns.visibility)),
        depth=known_depth(_column(table, columns.depth)),
        truncation=zeros,
        occlusion=zeros,
        **_no_regions(),
    )


def _column(table: FloatArray, place: int | None) -> FloatArray:
    """A column, NaN where the file has none."""
    return np.full(len(table), np.nan) if place is None else table[:, place]


def _refuse_nan_confidence(path: Path, table: FloatArray) -> None:
    unknown = np.flatnonzero(~np.isfinite(table[:, 6]))
    if len(unknown):
        found = f"{table[unknown[0], 6]:g} in row {unknown[0] + 1}"
        raise DataError(path, "wrong confidence", expected="0 (ignored) or another number", found=found)


def _mot_classes(benchmark: Benchmark, path: Path, table: FloatArray, columns: Columns) -> IntArray:
    """Class of each row; the scored one where the benchmark knows no classes or the row says none.

    Raises:
        DataError: A class is none of the benchmark's, or may be a depth.
    """
    numbers = class_table(benchmark)
    target = np.full(len(table), numbers[benchmark.target])
    if not benchmark.has_classes:
        return target
    if table.shape[1] == 8 and columns.depth is None and not np.isin(table[:, 7], (1, NOT_SAID)).all():
        hint = "write nine columns (class, visibility) for a class; take the benchmark mot for a depth"
        problem = "column 8 of 8 may be a class or a depth"
        raise DataError(path, problem, expected="7, 9 or 10 columns", found="whole numbers", hint=hint)
    if columns.class_id is None:
        return target
    found = table[:, columns.class_id]
    strange = np.flatnonzero(~(np.isin(found, list(numbers.values())) | (found == NOT_SAID)))
    if len(strange):
        legal = f"1 to {len(MOT_CLASSES)}, 1 is {benchmark.target}"
        shown = f"{found[strange[0]]:g} in row {strange[0] + 1}"
        hint = "for classes of your own take the benchmark mot, which ignores them"
        raise DataError(path, "invalid gt classes in column 8", expected=legal, found=shown, hint=hint)
    return np.where(found == NOT_SAID, target, found).astype(np.int64)


def _official_kitti(benchmark: Benchmark, path: Path, sequence: Sequence) -> GroundTruth:
    table = _read(path, KITTI_COLUMNS, separator=" ", class_column=2)
    frames = _frames(path, table[:, 0], sequence, 0)
    boxes = _boxes(path, np.concatenate([table[:, 6:8], table[:, 8:10] - table[:, 6:8]], axis=1))
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
        depth=known_depth(depth),
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
    unscored = ~counts(table[:, 6])
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
        boxes_xywh=np.concatenate([_boxes(path, table[:, 2:6]), rest[:, 2:6]]),
        class_ids=np.concatenate(
            [np.full(len(table), table_ids[benchmark.target]), rest[:, 6].astype(np.int64)]
        ),
        scored=np.concatenate([~unscored, np.zeros(len(rest), bool)]),
        visibility=np.array(KITTI_VISIBILITY)[np.clip(occlusion, 0, 3)],
        depth=np.concatenate([known_depth(depth), np.full(len(rest), np.nan)]),
        truncation=np.concatenate([truncation, rest[:, 7].astype(np.int64)]),
        occlusion=occlusion,
        ignore_frames=other_frames[region],
        ignore_boxes_xywh=others[region, 2:6],
    )
