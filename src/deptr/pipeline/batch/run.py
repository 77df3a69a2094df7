"""Many runs: finished ones are left alone, one that fails ends no other, one summary tells of all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deptr.engines import Lost, check_workers, in_processes, over_actors, ray_cluster
from deptr.errors import DataError, DeptrError, UsageError
from deptr.files import atomic_write
from deptr.io.run_folder import RUN, VIDEO
from deptr.io.text_files import read_json
from deptr.pipeline.asked import asked
from deptr.pipeline.batch.sources import names_of
from deptr.pipeline.outputs import Outputs
from deptr.pipeline.request import Request
from deptr.pipeline.run import Run
from deptr.progress import Progress, SilentProgress
from deptr.threads import Stop

ENGINES = ("local", "ray")
SUMMARY = "summary.json"
_TRIES = 3  # of a run whose worker on a cluster died


@dataclass(frozen=True)
class Job:
    """One of many runs.

    Attributes:
        name: What it is called; also its folder's name.
        request: What is asked.
        folder: Where its results go.
        outputs: What is handed on besides tracks.
        anew: Whether to do it though it is finished.
    """

    name: str
    request: Request
    folder: Path
    outputs: Outputs
    anew: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of one of many runs.

    Attributes:
        name: Of the job.
        folder: Its results.
        status: ``complete``, ``finished before``, ``interrupted`` or ``failed``.
        frames: Frames that were tracked.
        identities: How many.
        boxes: Rows of tracks.
        seconds: That it took now.
        error: Why it failed.
        notes: Sentences for the user.
    """

    name: str
    folder: str
    status: str
    frames: int = 0
    identities: int = 0
    boxes: int = 0
    seconds: float = 0.0
    error: str | None = None
    notes: tuple[str, ...] = ()


def jobs_of(
    request: Request, sources: Sequence[str], folder: str | Path, *, outputs: Outputs, overwrite: bool = False
) -> list[Job]:
    """A job for each source, all asked the same.

    Raises:
        UsageError: A choice is for one source only, or a folder holds results of another request.
    """
    name = request.spelling.choice
    alone = {"detections": request.detections, "jsonl": outputs.jsonl, "show": outputs.show or None}
    for choice, value in alone.items():
        if value is not None:
            raise UsageError(f"{name(choice)}: is for one source, there are {len(sources)}")
    request.check()
    jobs = []
    for title, source in zip(names_of(sources), sources, strict=True):
        place = str(Path(source).resolve()) if Path(source).exists() else source
        made = Path(folder).resolve() / title
        jobs.append(Job(title, replace(request, source=place), made, outputs, overwrite))
    for job in jobs:
        taken = job.folder.exists() and (not job.folder.is_dir() or any(job.folder.iterdir()))
        if taken and not overwrite and _before(job) is None:
            say = name("overwrite", True)
            raise UsageError(f"{job.folder}: holds something else, or results of another request; say {say}")
    return jobs


def run_many(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
    stop: Stop | None = None,
    progress: Progress | None = None,
    told: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Do many runs.

    Args:
        jobs: From `jobs_of`.
        workers: How many at a time; beyond one each runs in a process of its own.
        engine: ``local``, or ``ray`` for the workers of a cluster that share a file system with this machine.
        address: Of a Ray cluster; None starts one here.
        stop: Ends the runs early, whole as far as they came.
        progress: Told after each run, and after each frame where there is one worker.
        told: Takes in each outcome as it comes.

    Returns:
        An outcome for each job, in their order; those that were never begun are ``interrupted``.

    Raises:
        UsageError: There is no such engine, or no worker.
        MissingExtraError: Ray is not installed.
    """
    if engine not in ENGINES:
        raise UsageError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    check_workers(workers)
    stop, progress = stop or Stop(), progress or SilentProgress()
    found: dict[str, Outcome] = {}
    for job, answer in _spread(jobs, workers, engine, address, stop):
        lost = isinstance(answer, Lost)
        outcome = _ended(job, "failed", error=answer.reason) if isinstance(answer, Lost) else answer
        if lost and stop.requested:
            outcome = _ended(job, "interrupted")
        found[job.name] = outcome
        failed = sum(one.status == "failed" for one in found.values())
        progress.update(len(found), len(jobs), failed=str(failed))
        if told is not None:
            told(outcome)
    return [found.get(job.name) or _ended(job, "interrupted") for job in jobs]


def write_summary(folder: str | Path, outcomes: Sequence[Outcome]) -> Path:
    """One file that tells of all runs; its path.

    Raises:
        DataError: It cannot be written.
    """
    counts = {status: sum(one.status == status for one in outcomes) for status in _STATUSES}
    content = {"counts": counts, "runs": [asdict(outcome) for outcome in outcomes]}
    with atomic_write(Path(folder) / SUMMARY) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return Path(folder) / SUMMARY


_STATUSES = ("complete", "finished before", "interrupted", "failed")


def _spread(
    jobs: Sequence[Job], workers: int, engine: str, address: str | None, stop: Stop
) -> Iterator[tuple[Job, Outcome | Lost]]:
    if engine == "ray":
        with ray_cluster("tracking on many machines", address=address, workers=workers) as ray:
            gpus = int(ray.cluster_resources().get("GPU", 0))
            kind = ray.remote(
                num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=-1, max_task_retries=_TRIES - 1
            )(_Worker)
            actors = [kind.remote() for _ in range(min(workers, len(jobs)))]
            yield from over_actors(ray, lambda one, job: one.do.remote(job), actors, jobs, tries=_TRIES)
    elif workers == 1:
        for job in jobs:
            if stop.requested:
                return
            yield job, do(job, stop)
    else:
        yield from in_processes(do, jobs, workers, stop=stop)


class _Worker:
    """What runs in each Ray actor."""

    def do(self, job: Job) -> Outcome:
        """Do a job."""
        return do(job)


def do(job: Job, stop: Stop | None = None) -> Outcome:
    """Do one run, unless it is finished; whatever goes wrong is its outcome."""
    before = None if job.anew else _before(job)
    if before is not None and before["status"] == "complete":
        if not job.outputs.video or (job.folder / VIDEO).exists():
            counts = {name: before["counts"][name] for name in ("frames", "identities", "boxes")}
            return _ended(job, "finished before", **counts)
    begun = time.perf_counter()
    run: Run | None = None
    status, error = "failed", None
    try:
        run = Run(job.request)
        run.save(job.folder, video=job.outputs.video, overwrite=True, stop=stop)
    except KeyboardInterrupt:
        status = "interrupted"
    except DeptrError as problem:
        error = str(problem)
    except Exception as problem:  # noqa: BLE001 - one run that fails ends no other
        error = repr(problem)
    summary = None if run is None else run.summary
    if summary is None:
        return _ended(job, status, error=error)
    if error is None and status != "interrupted":
        status = summary.status
    return _ended(
        job,
        status,
        error=error,
        frames=summary.frames,
        identities=len(summary.identities),
        boxes=summary.boxes,
        seconds=round(time.perf_counter() - begun, 3),
        notes=tuple(summary.notes),
    )


def _before(job: Job) -> dict[str, Any] | None:
    """What an earlier run of the same request left in the folder, None without one."""
    try:
        content = read_json(job.folder / RUN)
    except DataError:
        return None
    same = isinstance(content, dict) and content.get("asked") == asked(job.request)
    return content if same else None


def _ended(job: Job, status: str, **figures: Any) -> Outcome:
    return Outcome(job.name, str(job.folder), status, **figures)
