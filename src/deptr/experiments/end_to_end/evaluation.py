"""Tracking the benchmark with the decoders of all arms; what is measured is kept, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from deptr.errors import DataError
from deptr.evaluation.bootstrap import mean_paired_bootstrap
from deptr.evaluation.judge import check_tracks, combine
from deptr.evaluation.methods import track_rows
from deptr.evaluation.tables import Table
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.experiments.end_to_end.arms import ARMS, NO_DEPTH, TRUE, Arm
from deptr.experiments.end_to_end.knowledge import knowledge_table
from deptr.experiments.end_to_end.rendering import JITTERS
from deptr.experiments.end_to_end.views import Given, read_given
from deptr.files import atomic_write
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.progress import Progress, SilentProgress
from deptr.records import DepthKind, FloatArray

INTRO = """Identity decoders on the query states of a detector, with and without depth. All arms follow the
same boxes, those of deptr-crowd's detections. Two detectors were trained on the same images: `plain`, whose
depth module reads states through which nothing flows back, and `distilled`, whose depth losses reach all
features. Each is asked for the query at each box.

| arm | states of | depth shown |
|:--|:--|:--|
"""
OWN_INTRO = """What the released detector finds in sequences of deptr-crowd-v1, followed by all trackers, by
those that read looks with and without them (`--looks person`), and by identity decoders where there are some.
"""
CONTRASTS = (("B", "A"), ("C", "A"), ("D", "A"), ("D", "C"), ("C", "E"), ("E", "A"), ("F", "A"))
LEVELS = ("easy", "busy", "dense")
SHOWN, JUDGED = ("HOTA", "DetA", "AssA", "IDF1", "IDSW"), ("HOTA", "AssA", "IDF1")


class Named(Hashable, Protocol):
    """What is measured once and kept in a file of its name."""

    @property
    def name(self) -> str:
        """Of its file."""


NamedT = TypeVar("NamedT", bound=Named)


@dataclass(frozen=True)
class Cell:
    """One decoder on one version of the benchmark at one stride.

    Attributes:
        arm: Of the decoder.
        seed: Of the decoder.
        version: From 1: boxes exact, or 5 % off.
        stride: Every `stride`-th frame.
    """

    arm: Arm
    seed: int
    version: int
    stride: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.arm.name}-{self.seed}-v{self.version}-{self.stride}"


def end_to_end_tables(
    folder: Path, strides: Sequence[int], *, workers: int = 1, progress: Progress | None = None
) -> list[Table]:
    """Measure what is not measured yet, and make the tables.

    Args:
        folder: What `teach` made.
        strides: Keep every k-th frame, for each k.
        workers: Processes.
        progress: Told after each cell.

    Raises:
        DataError: There are no decoders or no sequences.
    """
    cells = [
        Cell(arm, seed, version, stride)
        for stride in strides
        for version in reversed(range(1, len(JITTERS) + 1))
        for arm, seed in _decoders(folder)
    ]
    if not cells:
        raise DataError(folder, "no decoders", hint="run the experiment without --no-evaluate")
    found = measured(folder, cells, measure, workers=workers, progress=progress)
    tables = [knowledge_table(folder)]
    for stride in strides:
        for version in range(1, len(JITTERS) + 1):
            part = {c: raw for c, raw in found.items() if (c.version, c.stride) == (version, stride)}
            often = "every frame" if stride == 1 else f"every {stride}th frame"
            tables += _tables(part, f"deptr-crowd-v{version}, {often}")
    return tables


def _decoders(folder: Path) -> list[tuple[Arm, int]]:
    """Arms and seeds of the decoders that are there, all arms of a seed together."""
    return sorted(
        (
            (arm, int(path.name.removeprefix(f"{arm.name}-")))
            for arm in ARMS
            for path in (folder / "decoders").glob(f"{arm.name}-[0-9]*")
            if (path / "config.json").is_file()
        ),
        key=lambda decoder: decoder[1],
    )


def measured(
    folder: Path,
    cells: Sequence[NamedT],
    measure: Callable[[Path, NamedT], None],
    *,
    workers: int,
    progress: Progress | None,
) -> dict[NamedT, dict[str, RawScores]]:
    """Scores of all cells; those that no earlier run kept are measured first.

    Args:
        folder: What `teach` made.
        cells: What is tracked; their names are those of their files.
        measure: Tracks one and keeps its scores by `save_scores`.
        workers: Processes.
        progress: Told after each cell.
    """
    told = progress or SilentProgress()
    missing = [cell for cell in cells if not scores_file(folder, cell).is_file()]
    if missing:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            work = [pool.submit(measure, folder, cell) for cell in missing]
            for done, future in enumerate(as_completed(work), len(cells) - len(missing) + 1):
                future.result()
                told.update(done, len(cells))
    return {cell: load_scores(scores_file(folder, cell)) for cell in cells}


def _tables(found: Mapping[Cell, dict[str, RawScores]], title: str) -> list[Table]:
    by_level = [f"HOTA {level}" for level in LEVELS]
    scores = Table(title, ["arm", "decoders", *SHOWN, *by_level])
    for arm in ARMS:
        own = [raw for cell, raw in found.items() if cell.arm == arm]
        if own:
            figures = [combine(raw) for raw in own]
            row = [_spread([f[name] for f in figures]) for name in SHOWN]
            for level in LEVELS:
                parts = [_of_level(raw, level) for raw in own]
                row.append(_spread([combine(part)["HOTA"] for part in parts]) if parts[0] else "-")
            scores.rows.append([arm.name, str(len(own)), *row])
    against = Table(f"{title}: differences", ["arms", *JUDGED, *by_level])
    for ours, theirs in CONTRASTS:
        pairs = _pairs(found, ours, theirs)
        if pairs:
            row = [str(mean_paired_bootstrap(pairs, metric=metric)) for metric in JUDGED]
            for level in LEVELS:
                part = [(_of_level(a, level), _of_level(b, level)) for a, b in pairs]
                row.append(str(mean_paired_bootstrap(part)) if part[0][0] else "-")
            against.rows.append([f"{ours} - {theirs}", *row])
    return [scores, against]


def _pairs(
    found: Mapping[Cell, dict[str, RawScores]], ours: str, theirs: str
) -> list[tuple[dict[str, RawScores], dict[str, RawScores]]]:
    """Both sides' scores of each seed that both have."""
    by_name = {(cell.arm.name, cell.seed): raw for cell, raw in found.items()}
    seeds = sorted({seed for _, seed in by_name})
    return [
        (by_name[ours, seed], by_name[theirs, seed])
        for seed in seeds
        if (ours, seed) in by_name and (theirs, seed) in by_name
    ]


def _of_level(raw: dict[str, RawScores], level: str) -> dict[str, RawScores]:
    """Sequences of one level."""
    return {name: scores for name, scores in raw.items() if name.startswith(level)}


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values):.2f}"


def measure(folder: Path, cell: Cell) -> None:
    """Track all sequences of a cell and keep the scores."""
    network = network_of(folder / "decoders" / f"{cell.arm.name}-{cell.seed}")
    benchmark = benchmark_of("mot")
    raw = {}
    for sequence in find_sequences(benchmark, folder / "test"):
        seen = read_given(folder / "test" / f"{sequence.name}-v{cell.version}.npz")
        thin = sequence.strided(cell.stride)
        tracks = follow(network, seen, cell)
        raw[sequence.name] = raw_scores(benchmark, thin, check_tracks(thin, tracks))
    save_scores(scores_file(folder, cell), raw)


def follow(network: Path, seen: Given, cell: Cell) -> FloatArray:
    """Tracks ``(N, 7)`` of one sequence."""
    import supervision as sv

    from deptr.tracking.learned.tracker import LearnedTracker

    arm = cell.arm
    fusion = "none" if arm.depth == NO_DEPTH else "adaptive"
    tracker = LearnedTracker(network=network, depth=fusion, frame_rate=seen.rate / cell.stride)
    log_z, std = seen.depth(arm.depth)
    depth, states = np.exp(log_z), seen.states[arm.states]
    kind = DepthKind.METRIC if arm.depth == TRUE else DepthKind.RELATIVE
    ends = np.cumsum(seen.counts)
    rows = []
    for number, frame in enumerate(range(0, len(seen.counts), cell.stride), 1):
        own = slice(ends[frame] - seen.counts[frame], ends[frame])
        found = sv.Detections(
            xyxy=seen.boxes[own].astype(np.float64),
            confidence=seen.scores[own],
            data={
                "depth": depth[own],
                "depth_std": (std * depth)[own],
                "query_state": states[own].astype(np.float64),
            },
            metadata={"depth_kind": kind.value},
        )
        rows.append(track_rows(number, tracker.update(found)))
    return np.concatenate(rows)


def network_of(folder: Path) -> Path:
    """The decoder as a file for ONNX Runtime, written when first asked for."""
    from deptr.training.identity.decoder import IdentityDecoder
    from deptr.training.identity.export import export_identity

    path = folder / "identity.onnx"
    if not path.is_file():
        export_identity(IdentityDecoder.from_pretrained(folder), path, tolerance=1e-2)
    return path


def scores_file(folder: Path, cell: Named) -> Path:
    """Where the scores of a cell are kept."""
    return folder / "cells" / f"{cell.name}.json"


def save_scores(path: Path, raw: Mapping[str, RawScores]) -> None:
    """Keep the scores of each sequence."""
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as file:
        json.dump(raw, file, default=_plain)


def load_scores(path: Path) -> dict[str, RawScores]:
    """What `save_scores` kept."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: {family: _arrays(fields) for family, fields in own.items()} for name, own in content.items()
    }


def _arrays(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) if isinstance(value, list) else value for name, value in fields.items()}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else dict(value)


INTRO += "".join(f"| {arm.name} | {arm.states} | {arm.says} |\n" for arm in ARMS)
