"""Label many sequences on this machine, one after the other on each device."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from deptr.errors import DeptrError
from deptr.io.label_runs import LabelRun
from deptr.progress import Progress, SilentProgress
from deptr.teacher.build import TeacherFactory, TeacherPlan, pick_device
from deptr.teacher.labelling import SequenceJob, SequenceReport, label_sequence


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be labelled; what was finished of it stays.

    Attributes:
        name: Name of the sequence.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class LabelSummary:
    """What labelling came to.

    Attributes:
        run: Where the labels are.
        reports: One per labelled sequence, sorted by name.
        failures: One per sequence that failed.
    """

    run: LabelRun
    reports: tuple[SequenceReport, ...]
    failures: tuple[Failure, ...]


def open_label_run(output: str | Path, factory: TeacherFactory) -> LabelRun:
    """The run of a plan in a store, made if there is none."""
    return LabelRun.create(output, factory.plan.run_name, factory.settings())


def label_one(
    job: SequenceJob, output: str | Path, factory: TeacherFactory, progress: Progress
) -> SequenceReport:
    """Label one sequence with loaded models."""
    run = open_label_run(output, factory)
    teachers = factory.teachers(job.source, job.name)
    on_device = factory.device.type == "cuda"
    return label_sequence(job, run, teachers, factory.plan.options, progress=progress, overlap=on_device)


def label_locally(
    jobs: Sequence[SequenceJob],
    output: str | Path,
    plan: TeacherPlan,
    *,
    progress: Progress | None = None,
    load: Callable[[TeacherPlan], TeacherFactory] = TeacherFactory,
) -> LabelSummary:
    """Label sequences with the devices of this machine: every GPU with ``device="auto"``, else the one named.

    Args:
        jobs: What to label.
        output: The store.
        plan: With what.
        progress: Told each finished window.
        load: Makes the teachers of a device.

    Returns:
        Reports and failures; a sequence that fails does not stop the others.

    Raises:
        DataError: Weights are missing or damaged.
    """
    devices = [str(pick_device(plan.device))]
    if plan.device == "auto" and torch.cuda.device_count() > 1:
        devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    factories = [load(replace(plan, device=device)) for device in devices]
    waiting: queue.SimpleQueue[SequenceJob] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    reports: list[SequenceReport] = []
    failures: list[Failure] = []

    def work(factory: TeacherFactory) -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                reports.append(label_one(job, output, factory, progress or SilentProgress()))
            except DeptrError as error:
                failures.append(Failure(job.name, str(error)))

    threads = [threading.Thread(target=work, args=(factory,), daemon=True) for factory in factories[1:]]
    for thread in threads:
        thread.start()
    work(factories[0])
    for thread in threads:
        thread.join()
    return summarise(open_label_run(output, factories[0]), reports, failures)


def summarise(run: LabelRun, reports: list[SequenceReport], failures: list[Failure]) -> LabelSummary:
    """Sorted, so that the order of work does not show."""
    by_name = tuple(sorted(reports, key=lambda report: report.name))
    return LabelSummary(run, by_name, tuple(sorted(failures, key=lambda failure: failure.name)))
