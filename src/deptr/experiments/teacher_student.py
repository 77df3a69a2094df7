"""`deptr experiment teacher-student`: does the teacher put a ceiling or a bias on the student?

The paper's third open question, on synthetic worlds where the truth is known: teachers of several
qualities, a student of each, both against true depth, and the student against its own teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.label_students import Budget, StudentRuns, Teaching, label_lookup, spread
from deptr.io.tables import DetectionTable
from deptr.progress import Progress, SilentProgress
from deptr.teacher.synthetic import SyntheticNoise

TEACHERS: Mapping[str, Teaching] = {
    "exact": Teaching(),
    "5 % smooth error": Teaching(SyntheticNoise(mask_px=1, depth_rel=0.05, flicker_rel=0.02, blur_px=1.0)),
    "20 % smooth error": Teaching(SyntheticNoise(mask_px=2, depth_rel=0.2, flicker_rel=0.1, blur_px=2.0)),
    "box average (biased)": Teaching(SyntheticNoise(blur_px=1.0), "box"),
}
FIGURES = ("relative_error", "bias", "correlation", "order", "flicker")
HEADS = ["relative error", "bias", "rank correlation", "order at overlaps", "flicker"]


def teacher_student_tables(
    folder: str | Path,
    budget: Budget,
    *,
    teachers: Mapping[str, Teaching] = TEACHERS,
    progress: Progress | None = None,
) -> list[Table]:
    """Teachers, students and the gap between them.

    Args:
        folder: Where worlds and labels go; what is there is used again.
        budget: How much work.
        teachers: Name to teacher.
        progress: Told after each student.
    """
    told = progress or SilentProgress()
    runs = StudentRuns(folder, budget)
    truth = Table(
        "Teacher and student against true depth", ["teacher", "who", *HEADS], note=budget.describe(), words=2
    )
    gap = Table(
        "Student against its own teacher",
        ["teacher", "student's error against the teacher", "teacher's error", "student's error"],
        note="Relative errors on objects that the student found and the teacher labelled; the last two "
        "against the truth. A student below its teacher has averaged errors out; the exact teacher's row is "
        "what the student itself cannot do yet.",
    )
    for done, (name, teaching) in enumerate(teachers.items(), start=1):
        taught = runs.taught(teaching)
        own = runs.figures(taught)
        truth.rows.append([name, "teacher", *(f"{own[figure]:.3f}" for figure in FIGURES)])
        teacher = label_lookup(runs.matched(taught))
        rows, gaps = [], []
        for seed in budget.seeds:
            found = runs.detections(runs.student(teaching, seed))
            figures = runs.figures(found)
            rows.append([figures[figure] for figure in FIGURES])
            gaps.append(_gaps(runs, teacher, found))
        told.update(done, len(teachers), teacher=name)
        truth.rows.append([name, "student", *(spread(column.tolist()) for column in np.array(rows).T)])
        gap.rows.append([name, *(spread(column.tolist()) for column in np.array(gaps).T)])
    return [truth, gap]


def _gaps(
    runs: StudentRuns, teacher: Mapping[tuple[str, int, int], float], found: Mapping[str, DetectionTable]
) -> list[float]:
    """Mean relative differences on the same objects: student to teacher, teacher and student to truth."""
    values = []
    for name, part in runs.matched(found).items():
        for row in range(len(part.objects)):
            label = teacher.get((name, int(part.frames[row]), int(part.objects[row])))
            if label is not None:
                values.append((label, part.depth[row], part.true_depth[row]))
    logs = np.array(values, float).reshape(-1, 3)
    logs = logs[np.isfinite(logs).all(1)]
    label, student, true = logs.T
    pairs = ((student, label), (label, true), (student, true))
    return [float(np.abs(np.expm1(first - second)).mean()) for first, second in pairs]
