"""The paper's first experiment: the weight of depth (gamma) against its scale (lambda)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deptr.evaluation.bootstrap import paired_bootstrap
from deptr.evaluation.cells import Cell, CellResult
from deptr.evaluation.methods import Method, our_method
from deptr.evaluation.tables import Table, figure

GAMMAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SCALES = (0.05, 0.1, 0.2, 0.5, 1.0)
Sweep = dict[tuple[float, float], CellResult]  # (gamma, lambda) to what came out; gamma 0 is without depth
WITHOUT = (0.0, 0.0)


def sweep_methods(
    tracker: str,
    family: str,
    *,
    gammas: Sequence[float] = GAMMAS,
    scales: Sequence[float] = SCALES,
    parameters: dict[str, str] | None = None,
) -> list[Method]:
    """The tracker without depth, then with the paper's fusion at each gamma and lambda.

    Raises:
        UsageError: No such tracker, or a value is out of range.
    """
    words = ["none"]
    words += [f"fixed:gamma={gamma:g},scale={scale:g}" for scale in scales for gamma in gammas if gamma > 0]
    return [our_method(tracker, word, family, parameters or {}) for word in words]


def sweep_of(results: Iterable[tuple[Cell, CellResult]]) -> Sweep:
    """Results by gamma and lambda."""
    found: Sweep = {}
    for cell, result in results:
        if not cell.method.uses_depth:
            found[WITHOUT] = result
            continue
        pairs = dict(part.split("=") for part in cell.method.fusion.partition(":")[2].split(","))
        found[float(pairs["gamma"]), float(pairs["scale"])] = result
    return found


def sweep_table(sweep: Sweep, title: str, metric: str = "HOTA") -> Table:
    """Rows are lambdas, columns gammas; the first column is the tracker without depth."""
    gammas = sorted({gamma for gamma, _ in sweep if gamma > 0})
    scales = sorted({scale for gamma, scale in sweep if gamma > 0})
    note = f"{metric} in percent; * where the 95 % interval of the change against no depth excludes zero."
    table = Table(f"{title}, {metric}", ["lambda", "gamma 0", *(f"{gamma:g}" for gamma in gammas)], note=note)
    plain = sweep[WITHOUT]
    for scale in scales:
        row = [f"{scale:g}", figure(plain.combined[metric])]
        for gamma in gammas:
            result = sweep[gamma, scale]
            certain = paired_bootstrap(result.raw, plain.raw, metric=metric).certain
            row.append(figure(result.combined[metric]) + "*" * certain)
        table.rows.append(row)
    return table


def sweep_curves(sweep: Sweep, metric: str = "HOTA") -> dict[str, tuple[list[float], list[float]]]:
    """One curve per lambda over gamma, starting at the tracker without depth."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for scale in sorted({scale for gamma, scale in sweep if gamma > 0}):
        gammas = sorted(gamma for gamma, other in sweep if other == scale and gamma > 0)
        values = [sweep[gamma, scale].combined[metric] for gamma in gammas]
        curves[f"lambda {scale:g}"] = ([0.0, *gammas], [sweep[WITHOUT].combined[metric], *values])
    return curves
