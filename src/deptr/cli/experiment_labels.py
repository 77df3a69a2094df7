"""Experiments about depth labels: which region to read, and what a student makes of its teacher."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.cli.extras import need
from deptr.cli.results import show, write_report

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table
    from deptr.experiments.label_students import Budget

app = typer.Typer()
_NEEDS = ("torch", "transformers", "accelerate", "pyarrow")
_START = typer.Option(..., "--start", help="Folder of the detector whose boxes the students keep.")
_STEPS = typer.Option(600, "--steps", min=1, help="Training steps of each student.")
_SEEDS = typer.Option(5, "--seeds", min=2, help="Students per kind of labels.")
_SEQUENCES = typer.Option(80, "--sequences", min=1, help="Training sequences, of four frames each.")
_FRAMES = typer.Option(30, "--frames", min=3, help="Frames of each of the six test sequences.")
_FOLDER = typer.Option(None, "--folder", help="Keep worlds, features and labels here.")
_REPORT = typer.Option(None, "--report", help="Markdown file to write.")


@app.command("label-quality")
def label_quality(
    *,
    start: Path = _START,
    steps: int = _STEPS,
    seeds: int = _SEEDS,
    sequences: int = _SEQUENCES,
    frames: int = _FRAMES,
    folder: Path | None = _FOLDER,
    report: Path | None = _REPORT,
) -> None:
    """Train on mask-mean and on box-mean labels; compare depth error and HOTA."""
    need("this experiment", "train", *_NEEDS)
    from deptr.experiments.label_quality import label_quality_tables

    budget = _budget(start, steps, seeds, sequences, frames)
    tables = _tables(label_quality_tables, folder, budget)
    _finish(tables, report, "Labels inside masks against labels over boxes")


@app.command("teacher-student")
def teacher_student(
    *,
    start: Path = _START,
    steps: int = _STEPS,
    seeds: int = _SEEDS,
    sequences: int = _SEQUENCES,
    frames: int = _FRAMES,
    folder: Path | None = _FOLDER,
    report: Path | None = _REPORT,
) -> None:
    """Compare students with their teachers, and both with true depth: is there a ceiling or a bias?"""
    need("this experiment", "train", *_NEEDS)
    from deptr.experiments.teacher_student import teacher_student_tables

    budget = _budget(start, steps, seeds, sequences, frames)
    tables = _tables(teacher_student_tables, folder, budget)
    _finish(tables, report, "Teacher and student against true depth")


def _budget(start: Path, steps: int, seeds: int, sequences: int, frames: int) -> Budget:
    from deptr.experiments.label_students import Budget

    return Budget(
        str(start), steps=steps, train_sequences=sequences, test_frames=frames, seeds=tuple(range(seeds))
    )


def _tables(make: Callable[..., list[Table]], folder: Path | None, budget: Budget) -> list[Table]:
    from deptr.cli.terminal import progress

    place: Any = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory()
    with place as name, progress("students") as told:
        return make(name, budget, progress=told)


def _finish(tables: list[Table], report: Path | None, title: str) -> None:
    for table in tables:
        show(table)
    if report is not None:
        write_report(report, title, "", tables)
