"""`deptr experiment teacher-student`: does the teacher put a ceiling or a bias on the student?

The paper's third open question, on synthetic worlds where the truth is known: teachers of several
qualities, a student of each, both against true depth, and the student against its own teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deptr.evaluation.tables import Table
from deptr.experiments.label_students import Budget, StudentFigures, StudentRuns, Teaching, label_lookup
from deptr.experiments.paired import paired_gap, spread
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
        folder: Where worlds, features and labels go; what is there is used again.
        budget: How much work.
        teachers: Name to teacher; the students of the others are compared with those of the first.
        progress: Told after each teacher.
    """
    told = progress or SilentProgress()
    runs = StudentRuns(folder, budget, told)
    shipped = runs.figures(runs.detections(runs.shipped()))
    note = (
        f"{budget.describe()} Difference: of the relative error from the first teacher's students, with its "
        "95 % interval (sequences and seeds drawn anew, paired), * where it excludes zero. The module that "
        f"came with the detector (weights {runs.mark}) errs by {shipped['relative_error']:.3f} here."
    )
    truth = Table(
        "Teacher and student against true depth",
        ["teacher", "who", "relative error", "difference", *HEADS[1:]],
        note=note,
        words=2,
    )
    gap = Table(
        "Student against its own teacher",
        ["teacher", "student's error against the teacher", "teacher's error", "student's error"],
        note="Relative errors on objects that the student found and the teacher labelled; the last two "
        "against the truth. A student below its teacher has averaged errors out; the exact teacher's row is "
        "what the student itself cannot do yet.",
    )
    first: StudentFigures | None = None
    for done, (name, teaching) in enumerate(teachers.items(), start=1):
        taught = runs.taught(teaching)
        own = runs.figures(taught)
        cells = [f"{own[figure]:.3f}" for figure in FIGURES]
        truth.rows.append([name, "teacher", cells[0], "", *cells[1:]])
        students = StudentFigures.of(runs, teaching, track=False)
        first = first or students
        other = paired_gap(students.shares[FIGURES[0]], first.shares[FIGURES[0]])
        cells = [spread(students.figures[figure]) for figure in FIGURES]
        truth.rows.append([name, "student", cells[0], "-" if students is first else other.text(), *cells[1:]])
        teacher = label_lookup(runs.matched(taught))
        gaps = np.array([_gaps(runs, teacher, found) for found in students.tables])
        gap.rows.append([name, *(spread(column) for column in gaps.T)])
        told.update(done, len(teachers), teacher=name)
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
