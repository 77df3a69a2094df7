"""A training run's figures over its steps, as a table and a picture."""

from __future__ import annotations

import csv
from pathlib import Path

from deptr.errors import DataError
from deptr.evaluation.plots import lines
from deptr.evaluation.tables import Table


def read_curve(path: str | Path) -> dict[int, dict[str, float]]:
    """Figures by step.

    Raises:
        DataError: The file is missing or not a learning curve.
    """
    curve: dict[int, dict[str, float]] = {}
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                curve.setdefault(int(row["step"]), {})[row["figure"]] = float(row["value"])
    except OSError as error:
        raise DataError(path, "cannot be read", found=error.strerror) from error
    except (KeyError, ValueError) as error:
        raise DataError(path, "not a learning curve", expected="columns step, figure, value") from error
    if not curve:
        raise DataError(path, "no evaluation in it yet")
    return curve


def curve_table(curve: dict[int, dict[str, float]], images_per_step: int) -> Table:
    """One row for each evaluation of the averaged weights.

    Example:
        >>> curve_table({100: {"AP50_street": 0.5}}, 8).rows
        [['800', '0.500']]
    """
    names = sorted({name for figures in curve.values() for name in figures if name != "score"})
    table = Table("Learning curve", ["images seen", *names], note="Averaged weights at native size.")
    for step, figures in sorted(curve.items()):
        cells = [f"{figures[name]:.3f}" if name in figures else "-" for name in names]
        table.rows.append([str(step * images_per_step), *cells])
    return table


def draw_curve(curve: dict[int, dict[str, float]], images_per_step: int, path: str | Path) -> None:
    """AP50 by set in one panel, the depth error, where it was measured, in another."""
    steps = sorted(curve)
    panels: dict[str, dict[str, tuple[list[float], list[float]]]] = {"AP50": {}, "relative depth error": {}}
    for name in sorted({name for figures in curve.values() for name in figures if name != "score"}):
        known = [step for step in steps if name in curve[step]]
        x = [float(step * images_per_step) for step in known]
        panel = "relative depth error" if name == "depth_error" else "AP50"
        panels[panel][name.removeprefix("AP50_")] = (x, [curve[step][name] for step in known])
    lines(path, {name: panel for name, panel in panels.items() if panel}, x_label="images seen", y_label="")
