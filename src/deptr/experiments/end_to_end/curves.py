"""How the decoders learned, as tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.end_to_end.arms import View

NOTE = """Share of the detections of held-out clips whose identity the averaged weights find, %, mean and
spread over the decoders of an arm. The learning rate falls to nearly nothing until the end."""


def curve_tables(folder: Path) -> list[Table]:
    """The learning curves that are there.

    Args:
        folder: What `teach` made.
    """
    tables = []
    for view in View:
        path = folder / f"curve-{view.value}.csv"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            (_, _, *names), *rows = csv.reader(file)
        arms = [name.rpartition("-")[0] for name in names]
        shown = list(dict.fromkeys(arms))
        table = Table(f"Learning curves, {view.value} boxes", ["steps", "seconds", *shown], note=NOTE)
        for step, seconds, *values in rows:
            right = 100 * np.array(values, float)
            of_arm = [right[[name == arm for name in arms]] for arm in shown]
            table.rows.append([step, seconds, *(f"{own.mean():.1f} ± {own.std():.1f}" for own in of_arm)])
        tables.append(table)
    return tables
