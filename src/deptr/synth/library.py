"""Many sequences: splits, the fixed benchmark, workers, and continuing where an earlier run stopped."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2

from deptr.errors import DataError, DeptrError, UsageError
from deptr.files import atomic_write
from deptr.io.coco import merge_coco
from deptr.progress import Progress, SilentProgress
from deptr.synth.journey import CameraMotion
from deptr.synth.scene import LEVELS, Folders, Scene, SceneOptions, World
from deptr.synth.writer import PARTIAL, WriteOptions, write_sequence

LEVEL_NAMES = MappingProxyType({1: "easy", 2: "busy", 3: "dense"})
SPLIT_SEEDS: Mapping[str, int] = MappingProxyType({"train": 0, "val": 1_000_000, "test": 2_000_000})
SPLIT_LENGTH = 1_000_000
# the fixed benchmarks and how far their detected boxes are off
BENCHMARKS: Mapping[str, float] = MappingProxyType({"deptr-crowd-v1": 0.0, "deptr-crowd-v2": 0.05})
_BENCHMARK_SEED = 9_000_000
_SETTINGS = "world.json"


@dataclass(frozen=True)
class SequenceJob:
    """One sequence to write."""

    name: str
    seed: int
    options: SceneOptions


@dataclass(frozen=True)
class LibraryPlan:
    """What a folder of sequences shall hold.

    Attributes:
        jobs: The sequences.
        write: What is written of each.
        cutouts: Folder of cut-outs, for the composite world.
        backgrounds: Folder of backgrounds, for the composite world.
    """

    jobs: tuple[SequenceJob, ...]
    write: WriteOptions
    cutouts: str | None = None
    backgrounds: str | None = None

    @property
    def world(self) -> World:
        """Who the people are."""
        return World.COMPOSITE if self.cutouts else World.CROWD


def split_seeds(split: str, first: int, count: int) -> range:
    """Seeds of a split, which no other split has.

    Args:
        split: ``train``, ``val`` or ``test``.
        first: First seed within the split, from 0.
        count: How many.

    Raises:
        UsageError: No such split, or more seeds than it has.

    Example:
        >>> split_seeds("val", 0, 3)
        range(1000000, 1000003)
    """
    if split not in SPLIT_SEEDS:
        raise UsageError(f"split: expected one of {', '.join(SPLIT_SEEDS)}, got {split!r}")
    if count < 1:
        raise UsageError(f"sequences: expected at least 1, got {count}")
    if first < 0 or first + count > SPLIT_LENGTH:
        raise UsageError(f"seed: expected a number in [0, {SPLIT_LENGTH - count}], got {first}")
    start = SPLIT_SEEDS[split] + first
    return range(start, start + count)


def sequence_jobs(world: World, seeds: range, options: SceneOptions) -> tuple[SequenceJob, ...]:
    """A job for each seed; without a fixed level the three levels take turns.

    Example:
        >>> [job.name for job in sequence_jobs(World.CROWD, range(3), SceneOptions())]
        ['crowd-easy-0000000', 'crowd-busy-0000001', 'crowd-dense-0000002']
    """
    jobs = []
    for seed in seeds:
        level = options.level or LEVELS[seed % len(LEVELS)]
        name = f"{world.value}-{LEVEL_NAMES[level]}-{seed:07d}"
        jobs.append(SequenceJob(name, seed, replace(options, level=level)))
    return tuple(jobs)


def benchmark_jobs(name: str) -> tuple[SequenceJob, ...]:
    """The sequences of a fixed benchmark; its options never change under the same name.

    ``deptr-crowd-v1``: 20 sequences of 200 frames at 20 frames/s, 384 x 640: 7 easy, 7 busy, 6 dense; in
    each level the camera is in turn still, panning, shaking, on a quadruped, and zooming. ``deptr-crowd-v2``:
    the same sequences, whose detected boxes are off by 5 % (`BENCHMARKS`).

    Raises:
        UsageError: There is no such benchmark.

    Example:
        >>> jobs = benchmark_jobs("deptr-crowd-v1")
        >>> len(jobs), jobs[0].name, jobs[19].name
        (20, 'easy-01', 'dense-06')
    """
    if name not in BENCHMARKS:
        raise UsageError(f"benchmark: expected one of {', '.join(BENCHMARKS)}, got {name!r}")
    motions = (
        CameraMotion.STATIC,
        CameraMotion.PAN,
        CameraMotion.SHAKE,
        CameraMotion.GAIT,
        CameraMotion.ZOOM,
    )
    jobs = []
    for level, count in zip(LEVELS, (7, 7, 6), strict=True):
        for index in range(count):
            options = SceneOptions(level=level, camera=motions[index % len(motions)])
            seed = _BENCHMARK_SEED + 1000 * level + index
            jobs.append(SequenceJob(f"{LEVEL_NAMES[level]}-{index + 1:02d}", seed, options))
    return tuple(jobs)


def write_library(
    plan: LibraryPlan,
    output: str | Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Write all sequences of a plan; what an interrupted run left whole is kept.

    Args:
        plan: What to write.
        output: Folder of the sequence folders; beside them stand ``world.json`` (the plan) and
            ``annotations.json`` (all sequences in one COCO json).
        workers: Processes.
        overwrite: Whether to delete what is there first.
        progress: Told of frames (one worker) or sequences (several).

    Returns:
        How many sequences were written now, and how many were there already.

    Raises:
        UsageError: `workers` is not positive.
        DataError: The folder holds something else, or cannot be written.
    """
    if workers < 1:
        raise UsageError(f"workers: expected at least 1, got {workers}")
    folder = Path(output)
    if plan.cutouts and plan.backgrounds:
        _folders(plan.cutouts, plan.backgrounds)
    _prepare(plan, folder, overwrite)
    missing = [job for job in plan.jobs if not (folder / job.name).is_dir()]
    report = progress or SilentProgress()
    if workers == 1 or len(missing) <= 1:
        _write_here(plan, missing, folder, report)
    else:
        _write_in_processes(plan, missing, folder, workers, report)
    parts = {job.name: folder / job.name / "annotations.json" for job in plan.jobs}
    merge_coco(parts, folder / "annotations.json", description=f"{plan.world.value} world")
    return len(missing), len(plan.jobs) - len(missing)


def _prepare(plan: LibraryPlan, folder: Path, overwrite: bool) -> None:
    """Make the folder, or check that it holds an unfinished run of the same plan."""
    settings = json.loads(json.dumps(asdict(plan)))
    if folder.is_file():
        raise DataError(folder, "is a file", expected="a new or empty folder")
    if folder.is_dir() and any(folder.iterdir()):
        kept = _read_settings(folder / _SETTINGS)
        if overwrite and kept is not None:
            shutil.rmtree(folder)
        elif overwrite:
            hint = "it was not written by deptr synth; delete it yourself or choose another folder"
            raise DataError(folder, "will not be overwritten", hint=hint)
        elif kept is None:
            raise DataError(folder, "exists and is not empty", hint="choose another folder")
        elif kept != settings:
            hint = "give the same options to continue, --overwrite to start anew, or another folder"
            raise DataError(folder, "holds sequences made with other options", hint=hint)
    _remove_unfinished(folder)
    with atomic_write(folder / _SETTINGS) as file:
        json.dump(settings, file, indent=1)


def _read_settings(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_here(plan: LibraryPlan, jobs: Sequence[SequenceJob], folder: Path, report: Progress) -> None:
    total = sum(job.options.frames for job in jobs)
    before = 0
    for job in jobs:
        done = before

        def on_frame(number: int, done: int = done, name: str = job.name) -> None:
            report.update(done + number, total, sequence=name)

        scene = _scene(plan, job)
        with _one_thread():
            write_sequence(scene, folder / job.name, plan.write, on_frame)
        before += job.options.frames


def _write_in_processes(
    plan: LibraryPlan, jobs: Sequence[SequenceJob], folder: Path, workers: int, report: Progress
) -> None:
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_leave_interrupts)
    try:
        waiting: set[Future[str | None]] = {pool.submit(_work, plan, job, folder) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                problem = future.result()
                if problem is not None:
                    raise DeptrError(problem)
                report.update(len(jobs) - len(waiting), len(jobs))
    except BrokenProcessPool as error:
        text = "a worker process was killed, perhaps for memory: run again with fewer --workers to go on"
        raise DeptrError(text) from error
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()  # their unfinished sequences are removed below
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _remove_unfinished(folder)


def _leave_interrupts() -> None:
    """Only the first process answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _remove_unfinished(folder: Path) -> None:
    for stale in folder.glob(f".*{PARTIAL}-*"):
        shutil.rmtree(stale, ignore_errors=True)


def _work(plan: LibraryPlan, job: SequenceJob, folder: Path) -> str | None:
    """In a worker process: one sequence; what went wrong in words, which travel between processes."""
    cv2.setNumThreads(1)
    try:
        write_sequence(_scene(plan, job), folder / job.name, plan.write)
    except DeptrError as error:
        return str(error)
    return None


def scenes_of(plan: LibraryPlan) -> Iterator[Scene]:
    """The scenes of a plan, one after the other."""
    return (_scene(plan, job) for job in plan.jobs)


def _scene(plan: LibraryPlan, job: SequenceJob) -> Scene:
    folders = _folders(plan.cutouts, plan.backgrounds) if plan.cutouts and plan.backgrounds else None
    return Scene(job.seed, job.options, folders)


@lru_cache(maxsize=2)
def _folders(cutouts: str, backgrounds: str) -> Folders:
    return Folders.open(cutouts, backgrounds)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV on one thread, so that workers scale and nobody else is disturbed."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
