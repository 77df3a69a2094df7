"""A plan for people."""

from __future__ import annotations

from collections.abc import Iterator

from deptr.reproduce.check import stops
from deptr.reproduce.plan import Plan
from deptr.reproduce.steps.step import finished

TITLES = {"data": "Data", "weights": "Weights and their licences", "machine": "This machine"}


def lines(plan: Plan) -> Iterator[str]:
    """A plan, line by line: what is there, what would be downloaded, what each step takes here."""
    for topic, title in TITLES.items():
        found = [check for check in plan.checks if check.topic == topic]
        if found:
            yield title
            yield from (f"  {check}" for check in found)
    yield "Steps"
    yield from _steps(plan)
    stopped = stops(plan.checks)
    if stopped:
        yield f"Work cannot start: see MISSING above ({len(stopped)})."
    else:
        yield "Everything is there: the same command without --dry-run starts or goes on."


def _steps(plan: Plan) -> Iterator[str]:
    costs = {} if plan.costs is None else plan.costs.hours_by_step
    if not plan.steps:
        for name, (hours, how) in costs.items():
            yield f"  {name:<15}{_hours(hours):>10}  {how}"
    for step in plan.steps:
        folder = step.folder(plan.request.output)
        state = "to do"
        if finished(step, plan.request.output) is not None:
            state = "done"
        elif folder.is_dir():
            state = "begun"
        hours, how = costs.get(step.name, (0.0, ""))
        time = _hours(hours) if how else "-"
        yield f"  {step.name:<15}{time:>10}  {state:<6}  {step.title}{f' ({how})' if how else ''}"
    if plan.costs is not None:
        yield f"  {'all':<15}{_hours(plan.costs.hours):>10}"


def _hours(hours: float) -> str:
    """Hours for people.

    Example:
        >>> _hours(0.003), _hours(2.34), _hours(1234.5)
        ('< 0.1 h', '2.3 h', '1,234 h')
    """
    if hours < 0.1:
        return "< 0.1 h"
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.1f} h"
