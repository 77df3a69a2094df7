"""Whether depth is in a detector's states: what its own module and a plain regression read out of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.end_to_end.arms import DISTILLED, PLAIN
from deptr.experiments.end_to_end.views import Given, read_given

RIDGE = 0.01  # times the number of boxes
NOTE = """Of the given boxes of deptr-crowd-v1. `error`: median relative error of the detector's own depth,
after the sequence's common scale. `explained`: share of the variance of log depth that a ridge regression
predicts from the states, fitted on every other sequence; `beyond the box`: the same once the box's height and
foot have been taken out of both."""


def knowledge_table(folder: Path) -> Table:
    """What each detector's states know of depth: by its own module, and by a line fitted to its states."""
    heads = ["detector", "error %", "explained %", "beyond the box %"]
    table = Table("What the states know of depth", heads, note=NOTE)
    seen = [read_given(path) for path in sorted((folder / "test").glob("*-v1.npz"))]
    for kind in (PLAIN, DISTILLED):
        off = []
        for own in seen:
            gap = own.log_z[kind] - np.log(own.true_depth)
            off.append(np.abs(np.expm1(gap - np.median(gap))))
        error = 100 * float(np.median(np.concatenate(off)))
        shares = [100 * _explained(seen, kind, beyond_box=beyond) for beyond in (False, True)]
        table.rows.append([kind, f"{error:.1f}", *(f"{share:.1f}" for share in shares)])
    return table


def _explained(seen: Sequence[Given], kind: str, *, beyond_box: bool) -> float:
    parts = []
    for own in seen:
        states = own.states[kind].astype(np.float64)
        height = np.log(np.maximum(own.true_boxes[:, 3] - own.true_boxes[:, 1], 1.0))
        box = np.column_stack([height, own.true_boxes[:, 3] / own.size[1], np.ones(len(height))])
        depth = np.log(own.true_depth)[:, None]
        if beyond_box:
            states = states - box @ np.linalg.lstsq(box, states, rcond=None)[0]
            depth = depth - box @ np.linalg.lstsq(box, depth, rcond=None)[0]
        parts.append((states - states.mean(0), depth - depth.mean(0)))
    fit, judge = parts[::2], parts[1::2] or parts
    x, y = (np.concatenate(columns) for columns in zip(*fit, strict=True))
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    x, y = (np.concatenate(columns) for columns in zip(*judge, strict=True))
    return float(1 - ((y - x @ weights) ** 2).sum() / max(float((y**2).sum()), 1e-9))
