"""`deptr experiment label-quality`: labels read inside masks against labels averaged over boxes.

The summary's second experiment. Both kinds of labels come from the same stand-in teacher with the same
errors, so only the region differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deptr.evaluation.bootstrap import mean_paired_bootstrap
from deptr.evaluation.tables import Table
from deptr.evaluation.trackeval_memory import RawScores
from deptr.experiments.label_students import Budget, StudentFigures, StudentRuns, Teaching, hota_of
from deptr.experiments.paired import paired_gap, spread
from deptr.progress import Progress, SilentProgress
from deptr.teacher.synthetic import SyntheticNoise

NOISE = SyntheticNoise(mask_px=2, depth_rel=0.05, flicker_rel=0.02, blur_px=2.0)
FIGURES = ("relative_error", "correlation", "order", "flicker")
HEADS = ("regions", "relative error", "rank correlation", "order at overlaps", "flicker")


def label_quality_tables(
    folder: str | Path, budget: Budget, *, noise: SyntheticNoise = NOISE, progress: Progress | None = None
) -> list[Table]:
    """Labels against truth, students of both kinds of labels against truth, and what they differ by.

    Args:
        folder: Where worlds, features and labels go; what is there is used again.
        budget: How much work.
        noise: Errors of the stand-in teacher.
        progress: Told after each student.
    """
    told = progress or SilentProgress()
    runs = StudentRuns(folder, budget, told)
    without = runs.raw(None, "none")
    labels = Table("Labels against true depth", HEADS, note=f"Stand-in teacher with {_words(noise)}.")
    students = Table(
        "Students against true depth",
        [*HEADS, "HOTA"],
        note=f"{budget.describe()} The module that came with the detector (weights {runs.mark}) errs by "
        f"{runs.figures(runs.detections(runs.shipped()))['relative_error']:.3f} here. HOTA: ByteTrack with "
        "adaptive fusion on the worlds' own detections, depth lent by the student's; without depth "
        f"{hota_of(without):.2f}, with true depth {hota_of(runs.raw(None, 'adaptive')):.2f}.",
    )
    found: dict[str, StudentFigures] = {}
    for done, regions in enumerate(("mask", "box")):
        teaching = Teaching(noise, regions)
        own = runs.figures(runs.taught(teaching))
        labels.rows.append([regions, *(f"{own[name]:.3f}" for name in FIGURES)])
        found[regions] = StudentFigures.of(runs, teaching)
        hota = np.array([hota_of(raw) for raw in found[regions].raw])
        cells = [spread(found[regions].figures[name]) for name in FIGURES]
        students.rows.append([regions, *cells, spread(hota, 2)])
        told.update(done + 1, 2, regions=regions)
    return [labels, students, _gaps(found, without, len(runs.sequences))]


def _gaps(found: dict[str, StudentFigures], without: Mapping[str, RawScores], sequences: int) -> Table:
    table = Table(
        "What the students differ by",
        ["difference", "relative error", "order at overlaps", "HOTA"],
        note=f"95 % intervals. Error and order: {sequences} sequences and the seeds drawn anew together, "
        "paired; HOTA: mean over the seeds, sequences drawn anew. * where the interval excludes zero.",
    )
    mask, box = found["mask"], found["box"]
    tracked = mean_paired_bootstrap(list(zip(mask.raw, box.raw, strict=True)))
    cells = [paired_gap(mask.shares[key], box.shares[key]).text() for key in ("relative_error", "order")]
    table.rows.append(["mask - box", *cells, f"{tracked}{' *' if tracked.certain else ''}"])
    for name, own in found.items():
        tracked = mean_paired_bootstrap([(raw, without) for raw in own.raw])
        table.rows.append([f"{name} - no depth", "", "", f"{tracked}{' *' if tracked.certain else ''}"])
    return table


def _words(noise: SyntheticNoise) -> str:
    return (
        f"masks off by up to {noise.mask_px} px, depth map blurred by {noise.blur_px:g} px, smooth error of "
        f"{noise.depth_rel:.0%} and flicker of {noise.flicker_rel:.0%}"
    )
