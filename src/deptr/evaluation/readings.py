"""Ground truth and detections of sequences, read once in a process as long as their files stay the same."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from deptr.io.ground_truth import GroundTruth, read_ground_truth
from deptr.io.mot_text import read_detections
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind

KEPT = 128  # sequences whose ground truth and detections a process keeps
Columns = TypeVar("Columns", GroundTruth, DetectionTable)
_State = tuple[int, int, int] | None  # what changes when a file does


def ground_truth_of(benchmark: Benchmark, sequence: Sequence) -> GroundTruth:
    """Ground truth of a sequence, thinned to its stride; its arrays cannot be written.

    Raises:
        DataError: As `deptr.io.ground_truth.read_ground_truth`.
    """
    states = _state(sequence.ground_truth), _state(sequence.ignore)
    return _ground_truth(benchmark, replace(sequence, stride=1), states).thinned(sequence.stride)


def detections_in(path: Path, depth_kind: DepthKind) -> DetectionTable:
    """All detections of a file; the table's arrays cannot be written.

    Raises:
        DataError: As `deptr.io.mot_text.read_detections`.
    """
    return _detections(path, depth_kind, _state(path))


@lru_cache(maxsize=KEPT)
def _ground_truth(benchmark: Benchmark, sequence: Sequence, states: tuple[_State, _State]) -> GroundTruth:
    return _locked(read_ground_truth(benchmark, sequence))


@lru_cache(maxsize=KEPT)
def _detections(path: Path, depth_kind: DepthKind, state: _State) -> DetectionTable:
    return _locked(read_detections(path, depth_kind=depth_kind))


def _state(path: Path | None) -> _State:
    if path is None or not path.exists():
        return None
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _locked(columns: Columns) -> Columns:
    """The same, safe to hand to many."""
    for values in vars(columns).values():
        if isinstance(values, np.ndarray):
            values.flags.writeable = False
    return columns
