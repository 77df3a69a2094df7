"""Detections once per detector, and the grid of trackers and fusions on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import DataError, UsageError
from deptr.evaluation.cells import Cell, CellStore
from deptr.evaluation.methods import ORACLE, Method, our_method
from deptr.evaluation.oracle import ORACLE_SCORE
from deptr.experiments.predicted_benchmark import predict_benchmark
from deptr.files import atomic_write
from deptr.io.sequences import Sequence, benchmark_of, find_sequences
from deptr.progress import Progress
from deptr.records import DepthKind
from deptr.reproduce.data import folder_of, sequences_of
from deptr.reproduce.engines import engine_of
from deptr.reproduce.reduced import reduced
from deptr.reproduce.settings import Grid, Machine
from deptr.reproduce.steps.step import Outcome
from deptr.reproduce.studies import PAPER_FUSION, PAPER_TRACKER, Study
from deptr.tracking.registry import create_tracker
from deptr.training.run import LAST

SCORED, TEST = "scored", "test"
CELLS = "cells.json"
PERSON = "person"


def predict(
    folder: Path,
    progress: Progress,
    *,
    study: Study,
    places: dict[str, tuple[Path, str]],
    model: Path,
    min_score: float,
    machine: Machine,
) -> Outcome:
    """Detections of one detector, with depth if it has any, of each split that is asked for.

    Args:
        folder: Gets a folder of sequences for each split.
        progress: Told of sequences.
        study: Whose data.
        places: ``scored`` and ``test`` to the root of the data and the name of the split.
        model: Folder of the training step.
        min_score: Detections below are left out.
        machine: Its device.

    Raises:
        DataError: The detector finds nothing in a sequence.
    """
    detector = Detector.from_pretrained(model / LAST, device=machine.device)
    names = [PERSON] if PERSON in detector.names.values() else []
    counts = {}
    for word, (root, split) in places.items():
        sequences = sequences_of(study, root, split)
        predict_benchmark(
            detector,
            folder_of(sequences[0]).parent,
            folder / word,
            sequences=[sequence.name for sequence in sequences],
            min_score=min_score,
            classes=names,
            batch_size=1 if machine.device == "cpu" else 8,
            progress=progress,
        )
        counts[word] = {s.name: _rows(folder / word / s.name / "det" / "det.txt") for s in sequences}
        for name, count in counts[word].items():
            if not count:
                hint = "the detector is not trained: more --epochs, or another --min-score"
                raise DataError(folder / word / name, f"no detection above {min_score:g}", hint=hint)
    kind = detector.depth_kind
    return {"detections": counts, "depth_kind": kind.value if kind else None}


def _rows(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def methods_of(grid: Grid, overrides: dict[str, Any]) -> list[Method]:
    """Trackers with the fusions that each has, the sweep of the paper's formula, and the ceiling."""
    pairs = [(name, fusion) for name in grid.trackers for fusion in grid.fusions if _has(name, fusion)]
    sweep = [f"fixed:gamma={gamma:g},scale={scale:g}" for scale in grid.scales for gamma in grid.gammas]
    pairs += [(PAPER_TRACKER, word) for word in ("none", PAPER_FUSION, *sweep)]
    ours = [our_method(name, fusion, "mot", overrides) for name, fusion in dict.fromkeys(pairs)]
    return [*ours, Method(ORACLE, "", {"min_score": ORACLE_SCORE["mot"]})]


def _has(tracker: str, fusion: str) -> bool:
    try:
        create_tracker(tracker, depth=fusion)
    except UsageError:
        return False
    return True


def overrides_of(study: Study, sequences: list[Sequence]) -> dict[str, Any]:
    """What trackers are told of the images: how wide a panorama is.

    Raises:
        DataError: Panoramas of unknown or several widths.
    """
    if not study.panorama:
        return {}
    widths = {sequence.size[0] if sequence.size else 0 for sequence in sequences}
    if len(widths) > 1 or 0 in widths:
        found = ", ".join(map(str, sorted(widths)))
        raise DataError(
            study.name, "panoramas need one width", expected="imWidth in seqinfo.ini", found=found
        )
    return {"panorama": True, "panorama_width": widths.pop()}


def grid(
    folder: Path,
    progress: Progress,
    *,
    study: Study,
    grid: Grid,
    detections: dict[str, Path],
    store: Path,
    machine: Machine,
) -> Outcome:
    """Every tracker with every fusion at every stride on the depth-aware detector's detections.

    The plain detector's are tracked without depth, to tell what learning depth does to the boxes.

    Args:
        folder: Gets the figures of all cells.
        progress: Told of cells.
        study: Whose rules hold.
        grid: What is compared.
        detections: ``depth`` and ``plain`` to the folders of their detections.
        store: Keeps finished cells.
        machine: Who works.

    Returns:
        How many cells there are; the figures stand in ``cells.json``.
    """
    listed = list(_cells(study, grid, detections))
    order = {id(cell): place for place, (_, cell) in enumerate(listed)}
    who = {id(cell): name for name, cell in listed}
    engine = engine_of(machine)
    rows: dict[int, dict[str, Any]] = {}
    cells = [cell for _, cell in listed]
    for cell, result in engine.cells(cells, CellStore(store), progress):
        rows[order[id(cell)]] = {
            "detector": who[id(cell)],
            "tracker": cell.method.tracker,
            "fusion": cell.method.fusion,
            "stride": cell.stride,
            "combined": result.combined,
            "sequences": reduced(result.raw),
        }
    with atomic_write(folder / CELLS) as file:
        json.dump([rows[place] for place in sorted(rows)], file, default=_plain)
    return {"cells": len(rows)}


def _cells(study: Study, grid: Grid, detections: dict[str, Path]) -> Iterator[tuple[str, Cell]]:
    """Who detected, and a cell."""
    entry = benchmark_of(study.name)
    for name, folder in detections.items():
        sequences = find_sequences(entry, folder / SCORED)
        overrides = overrides_of(study, sequences)
        methods = methods_of(grid, overrides)
        if name != "depth":
            methods = [our_method(word, "none", "mot", overrides) for word in grid.trackers]
        for stride in grid.strides:
            for method in methods:
                if stride != grid.strides[0] and _is_sweep(method, grid):
                    continue
                yield name, Cell(entry, tuple(sequences), method, stride, depth_kind=kind_of(folder))


def _is_sweep(method: Method, grid: Grid) -> bool:
    return method.tracker != ORACLE and method.fusion not in (*grid.fusions, "none", PAPER_FUSION)


def kind_of(folder: Path) -> DepthKind | None:
    """What the depths of a prediction step mean."""
    word = json.loads((folder / "done.json").read_text(encoding="utf-8"))["outcome"]["depth_kind"]
    return DepthKind.parse(word) if word else None


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
