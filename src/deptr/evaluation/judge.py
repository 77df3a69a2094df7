"""Scoring tracks against ground truth with the official metrics, per sequence and combined."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np

from deptr.errors import DataError, UsageError
from deptr.evaluation.trackeval_memory import RawScores, metrics, raw_scores
from deptr.io.sequences import Benchmark, Sequence, benchmark_of, find_sequences
from deptr.progress import Progress, SilentProgress
from deptr.records import FloatArray

PERCENT_FIELDS = {
    "HOTA": ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr"),
    "CLEAR": ("MOTA", "MOTP"),
    "Identity": ("IDF1", "IDR", "IDP"),
}
COUNT_FIELDS = {
    "CLEAR": ("IDSW", "CLR_TP", "CLR_FP", "CLR_FN", "MT", "PT", "ML", "Frag"),
    "Identity": ("IDTP", "IDFP", "IDFN"),
}
PARALLEL_ROWS = 60_000  # below this many rows starting processes costs more than it saves
PLAIN_COLUMNS = 6


@dataclass(frozen=True)
class EvaluationResult:
    """Official metrics of one set of tracks.

    Attributes:
        benchmark: Name of the benchmark.
        combined: Metric name to value over all sequences; percent, or whole numbers for counts.
        sequences: The same for each sequence.
        raw: What TrackEval returned for each sequence, for combining in other ways.
    """

    benchmark: str
    combined: dict[str, float]
    sequences: dict[str, dict[str, float]]
    raw: dict[str, RawScores]


def evaluate(
    benchmark: str | Benchmark,
    root: str | Path,
    tracks_by_sequence: Mapping[str, FloatArray],
    *,
    stride: int = 1,
    split: str | None = None,
    names: Iterable[str] | None = None,
    workers: int = 2,
    allow_empty: bool = False,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Score tracks on a benchmark with TrackEval.

    Args:
        benchmark: Name or description of the benchmark.
        root: Its folder, as for `find_sequences`.
        tracks_by_sequence: Sequence name to ``(N, >=6)`` rows of frame from 1, identity, left, top,
            width, height in pixels[, score]. Each sequence of the benchmark must be there.
        stride: Every `stride`-th frame counts; the tracks' frames are numbered 1, 2, 3, ... over them.
        split: Split of the benchmark.
        names: Score only these sequences.
        workers: Processes that share the sequences.
        allow_empty: Take tracks without a row as the tracker's answer instead of a mistake.
        progress: Told after each sequence.

    Raises:
        UsageError: No such benchmark, or a stride or worker count below 1.
        DataError: Sequences of the two sides differ, tracks are empty, not finite, outside the sequence,
            or break the rules (duplicate or fractional identities).
    """
    entry = benchmark_of(benchmark) if isinstance(benchmark, str) else benchmark
    found = find_sequences(entry, root, split=split, names=names, copies=tracks_by_sequence)
    return evaluate_sequences(
        entry,
        [sequence.strided(stride) for sequence in found],
        tracks_by_sequence,
        workers=workers,
        allow_empty=allow_empty,
        progress=progress,
    )


def evaluate_sequences(
    benchmark: Benchmark,
    sequences: Iterable[Sequence],
    tracks_by_sequence: Mapping[str, FloatArray],
    *,
    workers: int = 1,
    allow_empty: bool = False,
    progress: Progress | None = None,
) -> EvaluationResult:
    """As `evaluate`, over sequences that are already found (and thinned)."""
    if workers < 1:
        raise UsageError(f"workers: expected a whole number from 1, got {workers}")
    told = progress or SilentProgress()
    listed = list(sequences)
    _check_names(benchmark, listed, tracks_by_sequence)
    tracks = {sequence.name: check_tracks(sequence, tracks_by_sequence[sequence.name]) for sequence in listed}
    _check_empty(benchmark, tracks, allow_empty)
    raw: dict[str, RawScores] = {}
    for name, scores in _score_all(benchmark, listed, tracks, workers):
        raw[name] = scores
        told.update(len(raw), len(listed))
    ordered = {sequence.name: raw[sequence.name] for sequence in listed}
    per_sequence = {name: summary(scores) for name, scores in ordered.items()}
    combined = combine(ordered)
    if listed and combined["CLR_TP"] + combined["CLR_FN"] == 0:
        expected = f"rows of class {benchmark.target} whose column 7 is not 0"
        hint = "is it the ground truth of a test set, without confidences, or of another class?"
        raise DataError(
            f"ground truth of {benchmark.name}", "no row counts", expected=expected, found="none", hint=hint
        )
    return EvaluationResult(benchmark.name, combined, per_sequence, ordered)


def _score_all(
    benchmark: Benchmark, sequences: list[Sequence], tracks: Mapping[str, FloatArray], workers: int
) -> Iterator[tuple[str, RawScores]]:
    """Scores of each sequence as they get ready, in processes when there is enough to do."""
    rows = sum(len(values) for values in tracks.values())
    if min(workers, len(sequences)) < 2 or rows < PARALLEL_ROWS:
        for sequence in sequences:
            yield sequence.name, raw_scores(benchmark, sequence, tracks[sequence.name])
        return
    # the longest first, so that no process is left alone with it at the end
    queue = sorted(sequences, key=lambda sequence: len(tracks[sequence.name]), reverse=True)
    with ProcessPoolExecutor(min(workers, len(queue)), mp_context=process_context()) as pool:
        pending = {
            pool.submit(raw_scores, benchmark, sequence, tracks[sequence.name]): sequence.name
            for sequence in queue
        }
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def process_context() -> BaseContext:
    """How to start processes: forking where it is safe, because that saves a second of imports each."""
    forks = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if forks else "spawn")


def summary(scores: RawScores) -> dict[str, float]:
    """The usual figures out of TrackEval's fields, percentages where it prints percentages."""
    values: dict[str, float] = {}
    for family, fields in PERCENT_FIELDS.items():
        values |= {field: 100.0 * float(np.mean(scores[family][field])) for field in fields}
    for family, fields in COUNT_FIELDS.items():
        values |= {field: int(scores[family][field]) for field in fields}
    return values


def combine(raw: Mapping[str, RawScores]) -> dict[str, float]:
    """The usual figures over several sequences, combined as TrackEval does."""
    combined: RawScores = {}
    for family, metric in metrics().items():
        combined[family] = metric.combine_sequences({name: scores[family] for name, scores in raw.items()})
    return summary(combined)


def check_tracks(sequence: Sequence, tracks: FloatArray) -> FloatArray:
    """Tracks as float64 rows when they can be scored.

    Raises:
        DataError: The message names the sequence, the row and the value.
    """
    table = np.asarray(tracks, dtype=np.float64)
    source = f"tracks of {sequence.name}"
    if table.size == 0:
        return np.zeros((0, PLAIN_COLUMNS))
    if table.ndim != 2 or table.shape[1] < PLAIN_COLUMNS:
        expected = "rows of frame, id, left, top, width, height"
        raise DataError(source, "wrong shape", expected=expected, found=str(table.shape))
    frames, ids = table[:, 0], table[:, 1]
    rules = (
        (~np.isfinite(table[:, :PLAIN_COLUMNS]).all(axis=1), "a value is not finite", "numbers", ""),
        (frames != np.round(frames), "a frame is not a whole number", "1, 2, 3, ...", ""),
        (frames < 1, "frames count from 1", "1 or more", "shift the frames by one"),
        (
            frames > sequence.length,
            "tracks are longer than the ground truth",
            f"frames up to {sequence.length}",
            "wrong sequence, frame rate or stride",
        ),
        (ids != np.round(ids), "an identity is not a whole number", "0, 1, 2, ...", ""),
        (ids < 0, "an identity is negative", "0 or more", "leave out what has no identity"),
    )
    for broken, problem, expected, hint in rules:
        if broken.any():
            row = int(np.flatnonzero(broken)[0])
            found = f"frame {frames[row]:g}, id {ids[row]:g} in row {row + 1}"
            raise DataError(source, problem, expected=expected, found=found, hint=hint or None)
    _check_unique(source, frames, ids)
    return table


def _check_unique(source: str, frames: FloatArray, ids: FloatArray) -> None:
    order = np.lexsort((ids, frames))
    same = (np.diff(frames[order]) == 0) & (np.diff(ids[order]) == 0)
    if same.any():
        row = int(order[np.flatnonzero(same)[0]])
        found = f"id {ids[row]:g} twice in frame {frames[row]:g}"
        raise DataError(source, "duplicate identity", expected="each id once per frame", found=found)


def _check_names(benchmark: Benchmark, sequences: list[Sequence], tracks: Mapping[str, FloatArray]) -> None:
    known = [sequence.name for sequence in sequences]
    missing = [name for name in known if name not in tracks]
    unknown = [name for name in tracks if name not in known]
    if missing or unknown:
        parts = [f"no tracks for {', '.join(missing)}"] if missing else []
        parts += [f"no such sequence as {', '.join(unknown)}"] if unknown else []
        raise DataError(
            f"benchmark {benchmark.name}",
            "tracks and ground truth cover different sequences",
            expected=", ".join(known),
            found="; ".join(parts),
            hint="name sequences explicitly to score a part of them",
        )


def _check_empty(benchmark: Benchmark, tracks: Mapping[str, FloatArray], allow_empty: bool) -> None:
    empty = [name for name, values in tracks.items() if len(values) == 0]
    if empty and not allow_empty:
        raise DataError(
            f"benchmark {benchmark.name}",
            "empty result",
            expected="tracks in each sequence",
            found=f"none in {', '.join(empty)}",
            hint="allow empty sequences when the tracker really found nothing",
        )
