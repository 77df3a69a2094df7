"""A reproduction from beginning to end; killed anywhere, the same call goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path

from deptr.files import locked
from deptr.progress import Progress
from deptr.reproduce import public_weights
from deptr.reproduce.engines import engine_of
from deptr.reproduce.plan import Plan, make_plan
from deptr.reproduce.result import document, write_result
from deptr.reproduce.settings import Machine, Request
from deptr.reproduce.steps.step import Outcome, Step, execute, finished

LOCK = ".lock"
Shown = Callable[[str], AbstractContextManager[Progress]]


def reproduce(request: Request, machine: Machine, shown: Shown, tell: Callable[[str], None]) -> Path:
    """Do all that is not done, and write the result.

    Args:
        request: What is asked.
        machine: Where it is done.
        shown: Opens the progress of a step of that name.
        tell: Is told of each step.

    Returns:
        The JSON of the result; the page lies beside it.

    Raises:
        DataError: Something is missing that keeps work from starting, or a step failed. What is done stays.
    """
    plan = make_plan(request, machine, measured=False)
    plan.refuse()
    if machine.download:
        public_weights.fetch(request)
        plan = make_plan(request, machine, measured=False)
        plan.refuse()
    with locked(request.output / LOCK, hint="wait for it, or name another --output"):
        outcomes = follow(plan, shown, tell)
        return write_result(request.output, document(plan, outcomes))


def follow(plan: Plan, shown: Shown, tell: Callable[[str], None]) -> dict[str, Outcome]:
    """Do the steps of a plan; those of one group at once where the engine can."""
    engine, run = engine_of(plan.machine), plan.request.output
    outcomes: dict[str, Outcome] = {}
    for _, group in groupby(plan.steps, key=_together):
        steps = list(group)
        for step in steps:
            state = "is done" if finished(step, run) is not None else step.title
            tell(f"{step.name}-{step.key}: {state}")
        with shown(_together(steps[0])) as progress:
            if len(steps) == 1:  # it spreads its own work
                answers = [execute(steps[0], run, progress)]
            else:
                answers = engine.together(steps, run, progress)
        outcomes |= {step.name: answer for step, answer in zip(steps, answers, strict=True)}
    return outcomes


def _together(step: Step) -> str:
    return step.group or step.name
