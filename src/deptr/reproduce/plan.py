"""From a request to steps: what is checked, what will be done, and how long it would take here."""

from __future__ import annotations

from dataclasses import dataclass

from deptr.errors import DataError
from deptr.reproduce import data, public_weights, resources
from deptr.reproduce.check import Check, stops
from deptr.reproduce.data import Split
from deptr.reproduce.measure import Costs, Rates, gpu_bytes, measure
from deptr.reproduce.public_weights import Checkpoint
from deptr.reproduce.settings import Machine, Request
from deptr.reproduce.steps.lay_out import Given, lay_out
from deptr.reproduce.steps.step import Step

HOUR = 3600


@dataclass(frozen=True)
class Plan:
    """A reproduction that was checked.

    Attributes:
        request: What is asked.
        machine: Where it is done.
        splits: The data, by name of the split.
        weights: The public checkpoints that are there.
        checks: What was found.
        steps: What will be done, in order.
        costs: What it would take here, None where it was not measured.
    """

    request: Request
    machine: Machine
    splits: dict[str, Split]
    weights: dict[str, Checkpoint]
    checks: list[Check]
    steps: list[Step]
    costs: Costs | None

    def refuse(self) -> None:
        """Raise what keeps work from starting.

        Raises:
            DataError: Something does; the message names the first and counts all.
        """
        found = stops(self.checks)
        if found:
            others = f"; {len(found) - 1} more: see --dry-run" if len(found) > 1 else ""
            raise DataError(self.request.root, f"{found[0].text}{others}", hint=found[0].todo or None)


def make_plan(request: Request, machine: Machine, *, measured: bool = True) -> Plan:
    """Check everything, and lay out the steps as far as they can be.

    Args:
        request: What is asked.
        machine: Where it is done.
        measured: Whether a little of each kind of work is done, to tell what it takes.
    """
    splits, checks = data.look(request.study, request.root)
    weights, of_weights = public_weights.look(request, machine)
    checks += of_weights
    needed = {request.study.train, *([] if request.study.halves else [request.study.scored])}
    complete = needed <= splits.keys() and not stops(of_weights)
    missing = [entry.name for entry in public_weights.needed(request) if entry.name not in weights]
    given = Given(request, machine, splits, weights)
    steps = lay_out(given) if complete and not missing else []
    need = resources.disk_need(request, splits, public_weights.numbers(request, weights))
    checks.append(resources.check_disk(need, request.output))
    costs = None
    if measured or resources.lacks_gpu(machine):  # who has none is told what it would take
        costs = _costs(request, machine, splits, measure(request, machine, weights))
    checks.append(resources.check_device(machine, costs))
    return Plan(request, machine, splits, weights, checks, steps, costs)


def _costs(request: Request, machine: Machine, splits: dict[str, Split], rates: Rates) -> Costs:
    study, training, grid = request.study, request.training, request.grid
    train = splits[study.train].frames if study.train in splits else 0
    scored = 0 if study.halves or study.scored not in splits else splits[study.scored].frames
    if study.halves:
        train, scored = train // 2, train - train // 2
    test = splits[study.test].frames if study.test in splits else 0
    images = training.steps(train) * training.batch_size / machine.processes
    cells = len(grid.trackers) * (len(grid.fusions) + 1) + len(grid.gammas) * len(grid.scales)
    tracked = scored * cells / machine.workers
    by_step = {
        "label": (rates.label.seconds * train, rates.label.how),
        "train-plain": (rates.train.seconds * images, rates.train.how),
        "train-depth": (rates.train.seconds * images, rates.train.how),
        "predict-plain": (rates.predict.seconds * scored, rates.predict.how),
        "predict-depth": (rates.predict.seconds * (scored + test), rates.predict.how),
        "grid": (rates.track.seconds * tracked, rates.track.how),
    }
    hours = {name: (seconds / HOUR, how) for name, (seconds, how) in by_step.items()}
    return Costs(hours, gpu_bytes(request, machine, rates))
