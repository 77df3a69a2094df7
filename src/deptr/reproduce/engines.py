"""Who does the work: this machine, or the workers of a Ray cluster that see the same folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from deptr.errors import DataError, DeptrError, MissingExtraError
from deptr.evaluation.cells import Cell, CellResult, CellStore, run_cell
from deptr.evaluation.grid import run_cells
from deptr.progress import Progress, SilentProgress
from deptr.reproduce.settings import Machine
from deptr.reproduce.steps.step import Outcome, Step, execute
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import LabelSummary, label_locally
from deptr.teacher.labelling import SequenceJob
from deptr.teacher.ray_engine import label_with_ray

RETRIES = 5  # of work whose worker died


class Engine(Protocol):
    """Spreads work."""

    def label(
        self, jobs: Sequence[SequenceJob], store: Path, plan: TeacherPlan, progress: Progress
    ) -> LabelSummary:
        """Label sequences."""

    def cells(
        self, cells: Sequence[Cell], store: CellStore, progress: Progress
    ) -> Iterator[tuple[Cell, CellResult]]:
        """Track and score."""

    def together(self, steps: Sequence[Step], run: Path, progress: Progress) -> list[Outcome]:
        """Do steps that do not need each other."""


def engine_of(machine: Machine) -> Engine:
    """The engine that a machine names."""
    return RayEngine(machine) if machine.engine == "ray" else LocalEngine(machine)


class LocalEngine:
    """One thing after the other, cells in processes.

    Args:
        machine: Its device and workers.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def label(
        self, jobs: Sequence[SequenceJob], store: Path, plan: TeacherPlan, progress: Progress
    ) -> LabelSummary:
        """Label with the devices of this machine."""
        return label_locally(jobs, store, plan, progress=progress)

    def cells(
        self, cells: Sequence[Cell], store: CellStore, progress: Progress
    ) -> Iterator[tuple[Cell, CellResult]]:
        """Track and score in processes."""
        return run_cells(cells, store, workers=self.machine.workers, progress=progress)

    def together(self, steps: Sequence[Step], run: Path, progress: Progress) -> list[Outcome]:
        """One step after the other."""
        return [execute(step, run, progress) for step in steps]


class RayEngine:
    """Sequences, steps and cells on the workers of a cluster.

    Args:
        machine: Address of the cluster; GPUs of a training step.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, machine: Machine) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("--engine ray", "distributed") from error
        self.machine, self.ray = machine, ray

    def _connect(self) -> None:
        if not self.ray.is_initialized():
            address = self.machine.address
            workers = None if address else max(2, self.machine.workers)
            self.ray.init(address=address, log_to_driver=False, include_dashboard=False, num_cpus=workers)

    def label(
        self, jobs: Sequence[SequenceJob], store: Path, plan: TeacherPlan, progress: Progress
    ) -> LabelSummary:
        """One sequence a worker."""
        self._connect()
        return label_with_ray(jobs, store, plan, progress=progress)

    def cells(
        self, cells: Sequence[Cell], store: CellStore, progress: Progress
    ) -> Iterator[tuple[Cell, CellResult]]:
        """One cell a worker; each is kept as it gets ready."""
        self._connect()
        return run_cells(cells, store, progress=progress, compute=self._compute)

    def _compute(self, cells: list[Cell]) -> Iterator[tuple[Cell, CellResult]]:
        task = self.ray.remote(num_cpus=1, max_retries=RETRIES)(run_cell)
        pending = {task.remote(cell): cell for cell in cells}
        while pending:
            (done,), _ = self.ray.wait(list(pending), num_returns=1)
            cell = pending.pop(done)
            yield cell, self._answer(done, cell.method.label)

    def together(self, steps: Sequence[Step], run: Path, progress: Progress) -> list[Outcome]:
        """One step a worker, each with as many GPUs as it has processes; a lost one's goes on elsewhere."""
        self._connect()
        resources: dict[str, float] = self.ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = self.machine.processes if resources.get("GPU") else 0
        waiting = []
        for step in steps:
            cards = gpus if step.gpu else 0
            task = self.ray.remote(num_cpus=1, num_gpus=cards, max_retries=RETRIES)(execute)
            waiting.append(task.remote(step, run, SilentProgress()))
        outcomes = []
        for done, (step, answer) in enumerate(zip(steps, waiting, strict=True), 1):
            outcomes.append(self._answer(answer, step.name))
            progress.update(done, len(steps))
        return outcomes

    def _answer(self, reference: Any, name: str) -> Any:
        """What a task answered; the package's own errors as they are.

        Raises:
            DataError: Its worker was lost too often.
        """
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DeptrError):
                raise error.cause from None
            raise
        except self.ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(name, f"its worker was lost {RETRIES + 1} times", found=reason) from error
