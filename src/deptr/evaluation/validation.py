"""Explaining a wrong result before it scores zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from deptr.evaluation.result_files import Finding, ResultFile, read_result, result_paths
from deptr.evaluation.trackeval_memory import corners, split_frames
from deptr.evaluation.truth_findings import truth_findings
from deptr.io.columns import KITTI_CLASSES, class_table
from deptr.io.ground_truth import read_ground_truth
from deptr.io.sequences import Benchmark, Sequence, find_sequences
from deptr.records import BoolArray, FloatArray
from deptr.tracking.boxes import iou

MAJORITY = 0.5
FEW_MATCHES = 0.1  # share of boxes on an object below which something must be wrong
SHIFTS = (-2, -1, 1, 2)
SHIFT_GAIN = 1.5
LONE_TRACKS = 0.95
SCALES = (0.5, 2.0, 0.25, 4.0, 2 / 3, 1.5)


def validate(
    tracks: str | Path,
    *,
    benchmark: Benchmark | None = None,
    root: str | Path | None = None,
    split: str | None = None,
    image_size: tuple[int, int] | None = None,
    stride: int = 1,
) -> list[Finding]:
    """Everything wrong with a result, most serious first; empty when it can be scored.

    Args:
        tracks: A result file, or a folder with one per sequence.
        benchmark: With `root`, also compares with the benchmark's sequences and ground truth.
        root: Folder of the benchmark.
        split: Split of the benchmark.
        image_size: Width and height in pixels, where no benchmark says it.
        stride: Every `stride`-th frame was tracked.

    Raises:
        DataError: There is no such result, or the benchmark's folder is wrong.
    """
    files = [read_result(path) for path in result_paths(tracks)]
    sequences: dict[str, Sequence] = {}
    if benchmark is not None and root is not None:
        names = [result.name for result in files]
        found = find_sequences(benchmark, root, split=split, copies=names)
        sequences = {sequence.name: sequence.strided(stride) for sequence in found}
    findings: list[Finding] = []
    if sequences:
        findings += _names(tracks, files, sequences)
    for result in files:
        sequence = sequences.get(result.name)
        findings += _file(result, benchmark, sequence, image_size)
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _names(tracks: str | Path, files: list[ResultFile], sequences: dict[str, Sequence]) -> Iterator[Finding]:
    known = ", ".join(sequences)
    for result in files:
        if result.name not in sequences:
            hint = "the file's name must be the sequence's, with .txt"
            yield Finding(
                "error", str(result.path), "unknown sequence", None, 0, f"one of {known}", result.name, hint
            )
    missing = [name for name in sequences if name not in {result.name for result in files}]
    if missing and Path(tracks).is_dir():
        hint = "official scores need every sequence"
        yield Finding(
            "error", str(tracks), "sequence missing", None, 0, f"{missing[0]}.txt", ", ".join(missing), hint
        )


def _file(
    result: ResultFile,
    benchmark: Benchmark | None,
    sequence: Sequence | None,
    image_size: tuple[int, int] | None,
) -> list[Finding]:
    findings = list(result.findings)
    if not len(result.table):
        return findings
    size = (sequence.size if sequence else None) or image_size
    for check in (_numbers, _frames, _identities, _sizes):
        findings += check(result)
    if sequence is not None:
        findings += _length(result, sequence)
    if benchmark is not None:
        findings += _classes(result, benchmark)
    if size is not None:
        findings += _inside(result, size)
    if benchmark is not None and sequence is not None and not any(f.severity == "error" for f in findings):
        findings += _overlap(result, benchmark, sequence)
    return findings


def _report(
    result: ResultFile, severity: str, wrong: BoolArray, describe: Callable[[int], dict[str, str]]
) -> list[Finding]:
    """One finding for all rows that are wrong, pointing to the first."""
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return []
    line = int(result.lines[rows[0]])
    return [Finding(severity, str(result.path), line=line, count=len(rows), **describe(int(rows[0])))]


def _numbers(result: ResultFile) -> list[Finding]:
    wrong = np.asarray(~np.isfinite(result.table[:, :6]).all(axis=1))
    return _report(
        result,
        "error",
        wrong,
        lambda row: {
            "problem": "not a finite number",
            "expected": "finite frame, id and box",
            "found": str(result.table[row, :6].tolist()),
        },
    )


def _frames(result: ResultFile) -> list[Finding]:
    shift = 1 if result.kitti else 0
    frames = result.table[:, 0]
    if (frames == 0).any() and not result.kitti:
        return _report(
            result,
            "error",
            frames == 0,
            lambda row: {
                "problem": "frames count from 0",
                "expected": "frames from 1",
                "found": "frame 0",
                "hint": "add 1 to every frame",
            },
        )
    findings = _report(
        result,
        "error",
        np.isfinite(frames) & (frames != np.round(frames)),
        lambda row: {
            "problem": "frame is not a whole number",
            "expected": "1, 2, 3, ...",
            "found": f"{frames[row] - shift:g}",
            "hint": "is the first column the frame? Seconds and file names are not frames",
        },
    )
    return findings + _report(
        result,
        "error",
        frames < 1,
        lambda row: {
            "problem": "frame is negative",
            "expected": f"{1 - shift} or more",
            "found": f"{frames[row] - shift:g}",
        },
    )


def _identities(result: ResultFile) -> list[Finding]:
    frames, ids = result.table[:, 0], result.table[:, 1]
    findings = _report(
        result,
        "error",
        np.isfinite(ids) & (ids != np.round(ids)),
        lambda row: {
            "problem": "identity is not a whole number",
            "expected": "0, 1, 2, ...",
            "found": f"{ids[row]:g}",
            "hint": "the second column is the identity; is it the score?",
        },
    )
    negative = ids < 0
    findings += _report(
        result,
        "error",
        negative,
        lambda row: {
            "problem": "identity is negative",
            "expected": "0 or more",
            "found": f"{ids[row]:g}",
            "hint": "these look like detections: track them first"
            if negative.all()
            else "leave such rows out",
        },
    )
    order = np.lexsort((ids, frames))
    again = (np.diff(frames[order]) == 0) & (np.diff(ids[order]) == 0) & (ids[order][1:] >= 0)
    duplicate = np.zeros(len(ids), bool)
    duplicate[order[1:][again]] = True
    findings += _report(
        result,
        "error",
        duplicate,
        lambda row: {
            "problem": "duplicate identity in a frame",
            "expected": "each id once per frame",
            "found": f"id {result.identity(row)} again in frame {frames[row] - result.kitti:g}",
            "hint": "was the file written twice, or are ids counted per class?",
        },
    )
    _, counts = np.unique(ids, return_counts=True)
    if len(counts) > 10 and np.mean(counts == 1) > LONE_TRACKS and not findings:
        found = f"{np.mean(counts == 1):.0%} of {len(counts)} ids"
        hint = "is the second column a row number?"
        findings.append(
            Finding(
                "warning",
                str(result.path),
                "identities seen in one frame only",
                None,
                0,
                "tracks",
                found,
                hint,
            )
        )
    return findings


def _sizes(result: ResultFile) -> list[Finding]:
    width, height = result.table[:, 4], result.table[:, 5]
    wrong = (width <= 0) | (height <= 0)
    return _report(
        result,
        "error",
        wrong,
        lambda row: {
            "problem": "box without extent",
            "expected": "positive width and height",
            "found": f"{width[row]:g} x {height[row]:g}",
            "hint": "columns 3 to 6 are left, top, width, height",
        },
    )


def _length(result: ResultFile, sequence: Sequence) -> list[Finding]:
    frames = result.table[:, 0]
    if result.kitti and frames.min() == 2 and frames.max() == sequence.length + 1:
        problem, hint = "frames count from 1", "subtract 1 from every frame: KITTI text counts from 0"
        return [
            Finding("error", str(result.path), problem, None, len(frames), "frames from 0", "frame 1", hint)
        ]
    last = sequence.length - result.kitti
    return _report(
        result,
        "error",
        frames > sequence.length,
        lambda row: {
            "problem": "frame behind the end of the sequence",
            "expected": f"frames up to {last}",
            "found": f"{frames[row] - result.kitti:g}",
            "hint": "another sequence, or another frame rate? See --stride",
        },
    )


def _classes(result: ResultFile, benchmark: Benchmark) -> list[Finding]:
    if result.kitti:
        target = class_table(benchmark)[benchmark.target]
        if benchmark.family == "kitti" and not (result.classes == target).any():
            names = ", ".join(sorted({KITTI_CLASSES[number - 1] for number in result.classes}))
            problem = f"no row of class {benchmark.target}"
            return [Finding("error", str(result.path), problem, None, 0, benchmark.target.title(), names)]
        return []
    if not benchmark.has_classes:
        return []
    wrong = result.classes > 1
    return _report(
        result,
        "error",
        wrong,
        lambda row: {
            "problem": "class column names another class",
            "expected": f"1 ({benchmark.target}) or -1 in column 8",
            "found": str(result.classes[row]),
            "hint": "write -1 there, or keep only the rows of the scored class",
        },
    )


def _inside(result: ResultFile, size: tuple[int, int]) -> list[Finding]:
    left, top, width, height = (result.table[:, column] for column in range(2, 6))
    source, extent = str(result.path), f"{size[0]} x {size[1]}"
    if np.nanmax(result.table[:, 2:6]) <= 2:
        hint = f"multiply by the image size {extent}"
        return [
            Finding(
                "error", source, "boxes in shares of the image", None, len(left), "pixels", "0 to 1", hint
            )
        ]
    outside = (left >= size[0]) | (top >= size[1]) | (left + width <= 0) | (top + height <= 0)
    beyond = (left + width > 1.05 * size[0]) | (top + height > 1.05 * size[1])
    corner = (width > left) & (height > top)
    if corner.mean() > 0.99 and beyond.mean() > 0.2:
        found = f"{beyond.mean():.0%} of the boxes reach beyond {extent}"
        hint = "subtract left from column 5 and top from column 6"
        problem = "columns 5 and 6 look like right and bottom"
        return [Finding("error", source, problem, None, len(left), "width and height", found, hint)]
    findings = _report(
        result,
        "error" if outside.mean() > MAJORITY else "warning",
        outside,
        lambda row: {
            "problem": "box outside the image",
            "expected": f"boxes within {extent}",
            "found": f"left {left[row]:g}, top {top[row]:g}",
            "hint": "were boxes made on images of another size?",
        },
    )
    return findings


def _overlap(result: ResultFile, benchmark: Benchmark, sequence: Sequence) -> list[Finding]:
    """Boxes that lie on nothing: shifted frames or another scale."""
    truth = read_ground_truth(benchmark, sequence)
    doubts = truth_findings(truth, benchmark, sequence)
    if doubts:
        return doubts
    table = result.of_target(benchmark)
    objects = split_frames(truth.frames, sequence.length)
    boxes = corners(truth.boxes_xywh)

    def hits(frames: FloatArray, xyxy: FloatArray) -> float:
        """Share of boxes that overlap an object by half."""
        found = 0
        for frame, rows in enumerate(split_frames(frames.astype(np.int64), sequence.length)):
            if len(rows) and len(objects[frame]):
                found += int((iou(xyxy[rows], boxes[objects[frame]]).max(axis=1) >= 0.5).sum())
        return found / max(len(frames), 1)

    own = corners(table[:, 2:6])
    share = hits(table[:, 0], own)
    shifted = {shift: hits(table[:, 0] + shift, own) for shift in SHIFTS}
    shift = max(shifted, key=lambda key: shifted[key])
    found = f"{share:.0%} of the boxes on an object"
    if shifted[shift] > max(SHIFT_GAIN * share, FEW_MATCHES) or (
        share < 0.9 and shifted[shift] > share + 0.1
    ):
        problem, hint = "frames seem shifted", f"add {shift:+d} to every frame: then {shifted[shift]:.0%} are"
        return [Finding("error", str(result.path), problem, None, len(table), "", found, hint)]
    if share >= FEW_MATCHES:
        return []
    scaled = {scale: hits(table[:, 0], own * scale) for scale in SCALES}
    scale = max(scaled, key=lambda key: scaled[key])
    if scaled[scale] > max(SHIFT_GAIN * share, FEW_MATCHES):
        hint = f"multiply the boxes by {scale:.3g}: then {scaled[scale]:.0%} are"
        return [
            Finding(
                "error", str(result.path), "boxes of another image size", None, len(table), "", found, hint
            )
        ]
    hint = "another sequence, another box format, or a detector that finds something else?"
    return [Finding("warning", str(result.path), "boxes lie on no object", None, len(table), "", found, hint)]


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that keep a result from being scored rightly."""
    return [finding for finding in findings if finding.severity == "error"]
