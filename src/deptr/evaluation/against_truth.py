"""One result against one file of ground truth, wherever either lies."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deptr.evaluation.judge import check_tracks, evaluate_sequences
from deptr.evaluation.switches import Links, links
from deptr.io.annotation.mot_sequence import write_mot_sequence
from deptr.io.formats import read_sequence
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.sequences import Benchmark, Sequence, benchmark_of, folder_sequence
from deptr.records import FloatArray


@dataclass(frozen=True)
class Judged:
    """What ground truth says of a result.

    Attributes:
        links: From sighting to sighting of each object.
        scores: Official metrics.
    """

    links: Links
    scores: dict[str, float]


def judge_run(result: SequenceTracks, truth: str | Path, benchmark: str = "mot") -> Judged:
    """Score a result against ground truth.

    Args:
        result: The result.
        truth: ``gt.txt`` of MOTChallenge, a label file of KITTI, the folder of a sequence, or tracks in any
            format of `deptr.io.formats`.
        benchmark: Whose rules hold.

    Raises:
        UsageError: There is no such benchmark.
        DataError: The ground truth is not there, is damaged or does not fit.
    """
    entry = benchmark_of(benchmark)
    with tempfile.TemporaryDirectory() as folder:
        sequence = _sequence(result, Path(truth), entry, Path(folder))
        rows = check_tracks(sequence, _rows(result))
        scored = evaluate_sequences(entry, [sequence], {sequence.name: rows}, allow_empty=True)
        return Judged(links(entry, sequence, rows), scored.combined)


def _sequence(result: SequenceTracks, truth: Path, entry: Benchmark, folder: Path) -> Sequence:
    if truth.is_dir() and folder_sequence(truth).ground_truth is not None:
        return folder_sequence(truth)
    if truth.suffix == ".txt":
        return Sequence(truth.stem, result.length, result.fps, result.size, ground_truth=truth)
    written = replace(read_sequence(truth), video=None, frame_count=result.length)
    write_mot_sequence(folder / truth.stem, written)
    return folder_sequence(folder / truth.stem)


def _rows(result: SequenceTracks) -> FloatArray:
    table = result.tracks
    size = table.xyxy[:, 2:] - table.xyxy[:, :2]
    _, names = np.unique(table.track_id, return_inverse=True)
    exact = table.track_id if table.track_id.max(initial=0) < 2**53 else names
    return np.column_stack([table.frame, exact, table.xyxy[:, :2], size, table.score])
