"""Running many cells: in processes, with progress, kept as they finish, to be taken up again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from deptr.errors import DataError
from deptr.evaluation.cells import Cell, CellResult, CellStore, run_cell
from deptr.evaluation.corruption import Corruption
from deptr.evaluation.judge import process_context
from deptr.evaluation.methods import (
    ORACLE,
    PEERS,
    Method,
    our_method,
    peer_method,
)
from deptr.evaluation.oracle import ORACLE_SCORE
from deptr.evaluation.readings import ground_truth_of
from deptr.io.sequences import Benchmark, Sequence, benchmark_of, find_sequences
from deptr.progress import Progress, SilentProgress
from deptr.records import DepthKind

Compute = Callable[[list[Cell]], Iterator[tuple[Cell, CellResult]]]


def scored_sequences(
    benchmark: Benchmark,
    root: str | Path,
    *,
    split: str | None = None,
    names: Iterable[str] | None = None,
    detections: str | Path | None = None,
    everything: bool = False,
) -> tuple[list[Sequence], list[str]]:
    """Sequences with at least one object that counts, and the names of the others.

    A sequence without any scored object only adds false alarms, the same for every association; it is kept
    only when `everything` is asked for. The other arguments are those of `find_sequences`.

    Raises:
        DataError: The folder has another layout, or no sequence has a scored object.
    """
    found = find_sequences(benchmark, root, split=split, names=names, detections=detections)
    if everything:
        return found, []
    scored = [sequence for sequence in found if ground_truth_of(benchmark, sequence).scored.any()]
    if not scored:
        raise DataError(root, f"no scored object in benchmark {benchmark.name}")
    return scored, [sequence.name for sequence in found if sequence not in scored]


def plan(
    benchmark: str | Benchmark,
    sequences: Iterable[Sequence],
    *,
    methods: Iterable[Method],
    strides: Iterable[int] = (1,),
    corruptions: Iterable[Corruption] = (Corruption(),),
    seeds: Iterable[int] = (0,),
    depth_kind: DepthKind | None = None,
) -> list[Cell]:
    """All cells of a benchmark; who uses no depth is measured on clean depth only.

    A corruption that is drawn at random is measured with each of the seeds, another one with the first.
    """
    entry = benchmark_of(benchmark) if isinstance(benchmark, str) else benchmark
    listed, ways, rows, drawn = tuple(sequences), list(corruptions), list(methods), list(seeds)
    cells = []
    for stride in strides:
        for method in rows:
            for corruption in ways if method.uses_depth else [Corruption()]:
                for seed in drawn if corruption.random else drawn[:1]:
                    cells.append(Cell(entry, listed, method, stride, corruption, seed, depth_kind))
    return cells


def rows_of(
    benchmark: Benchmark,
    *,
    trackers: Iterable[str],
    fusions: Iterable[str],
    parameters: dict[str, dict[str, object]] | None = None,
    peers: bool = True,
    oracle: bool = True,
) -> list[Method]:
    """The rows of a benchmark's table.

    Args:
        benchmark: Its family decides the operating points.
        trackers: Names of ours.
        fusions: As for `DepthFusion.parse`, each with each tracker.
        parameters: Tracker name, or ``all``, to parameters that replace the family's.
        peers: Add PyPI `trackers`.
        oracle: Add perfect identities.
    """
    given = parameters or {}
    listed = list(fusions)
    rows = [
        our_method(name, fusion, benchmark.family, {**given.get("all", {}), **given.get(name, {})})
        for name in trackers
        for fusion in listed
    ]
    if peers:
        rows += [peer_method(name, benchmark.family) for name in PEERS]
    if oracle:
        rows.append(Method(ORACLE, "", {"min_score": ORACLE_SCORE[benchmark.family]}))
    return rows


def run_cells(
    cells: Iterable[Cell],
    store: CellStore,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    compute: Compute | None = None,
) -> Iterator[tuple[Cell, CellResult]]:
    """Results of all cells: the finished ones at once, the others as they get ready, each kept on disk.

    Interrupting loses only the cells that are running.

    Args:
        cells: What is measured.
        store: Where finished cells lie.
        workers: Processes.
        progress: Told of cells.
        compute: Does the open cells elsewhere, in any order, instead of `workers` processes here.
    """
    told = progress or SilentProgress()
    listed = list(cells)
    done, open_cells = 0, []
    for cell in listed:
        kept = store.load(cell)
        if kept is None:
            open_cells.append(cell)
            continue
        done += 1
        yield cell, kept
    told.update(done, len(listed))
    for cell, result in compute(open_cells) if compute else _compute(open_cells, workers):
        store.save(cell, result)
        done += 1
        told.update(done, len(listed), HOTA=result.combined["HOTA"])
        yield cell, result


def _compute(cells: list[Cell], workers: int) -> Iterator[tuple[Cell, CellResult]]:
    if workers < 2 or len(cells) < 2:
        for cell in cells:
            yield cell, run_cell(cell)
        return
    pool = ProcessPoolExecutor(workers, mp_context=process_context(), initializer=_leave_interrupts)
    try:
        pending: dict[Future[CellResult], Cell] = {pool.submit(run_cell, cell): cell for cell in cells}
        while pending:
            ready, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in ready:
                yield pending.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """An interrupt is for the parent, which stops handing out work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
