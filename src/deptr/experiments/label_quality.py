"""`deptr experiment label-quality`: labels read inside masks against labels averaged over boxes.

The summary's second experiment. Both kinds of labels come from the same stand-in teacher with the same
errors, so only the region differs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.label_students import Budget, StudentRuns, Teaching, spread
from deptr.progress import Progress, SilentProgress
from deptr.teacher.synthetic import SyntheticNoise

NOISE = SyntheticNoise(mask_px=2, depth_rel=0.05, flicker_rel=0.02, blur_px=2.0)
FIGURES = ("relative_error", "correlation", "order", "flicker")


def label_quality_tables(
    folder: str | Path, budget: Budget, *, noise: SyntheticNoise = NOISE, progress: Progress | None = None
) -> list[Table]:
    """Labels against truth, and students of both kinds of labels against truth with their HOTA.

    Args:
        folder: Where worlds and labels go; what is there is used again.
        budget: How much work.
        noise: Errors of the stand-in teacher.
        progress: Told after each student.
    """
    told = progress or SilentProgress()
    runs = StudentRuns(folder, budget)
    heads = ["regions", "relative error", "rank correlation", "order at overlaps", "flicker"]
    labels = Table("Labels against true depth", heads, note=f"Stand-in teacher with {_words(noise)}.")
    students = Table(
        "Students against true depth",
        [*heads, "HOTA"],
        note=f"{budget.describe()} HOTA: ByteTrack with adaptive fusion on the worlds' own detections, depth "
        f"lent by the student's; without depth {runs.hota(None, 'none'):.2f}, with true depth "
        f"{runs.hota(None, 'adaptive'):.2f}.",
    )
    for done, regions in enumerate(("mask", "box")):
        teaching = Teaching(noise, regions)
        own = runs.figures(runs.taught(teaching))
        labels.rows.append([regions, *(f"{own[name]:.3f}" for name in FIGURES)])
        rows: list[list[float]] = []
        for count, seed in enumerate(budget.seeds, start=1):
            found = runs.detections(runs.student(teaching, seed))
            figures = runs.figures(found)
            rows.append([*(figures[name] for name in FIGURES), runs.hota(found, "adaptive")])
            told.update(done * len(budget.seeds) + count, 2 * len(budget.seeds), regions=regions)
        columns = np.array(rows)
        cells = [
            spread(columns[:, index].tolist(), 3 if index < 4 else 2) for index in range(columns.shape[1])
        ]
        students.rows.append([regions, *cells])
    return [labels, students]


def _words(noise: SyntheticNoise) -> str:
    return (
        f"masks off by up to {noise.mask_px} px, depth map blurred by {noise.blur_px:g} px, smooth error of "
        f"{noise.depth_rel:.0%} and flicker of {noise.flicker_rel:.0%}"
    )
