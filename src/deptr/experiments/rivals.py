"""AP50 of a detector beside others, of whatever project, on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deptr.detector.inference import Detector
from deptr.errors import UsageError
from deptr.evaluation.tables import Table
from deptr.records import LabelledFrame
from deptr.training.evaluate import average_precision

if TYPE_CHECKING:
    import supervision as sv

PERSON = "person"


def rivals_table(detectors: Mapping[str, Detector], sets: Mapping[str, Sequence[LabelledFrame]]) -> Table:
    """Person AP50 of each detector on each set, and the mean over the sets.

    Args:
        detectors: By the name of their column; other classes than persons are left out.
        sets: Held-out frames of persons.

    Raises:
        UsageError: A detector knows no class ``person``.
    """
    numbers = {name: _person_of(name, detector) for name, detector in detectors.items()}
    note = "The same held-out images, each detector at its own input size; persons alone."
    table = Table("AP50 beside other detectors", ["set", "images", *detectors], note=note)
    scores = []
    for name, frames in sets.items():
        row = []
        for own, detector in detectors.items():
            found = [_persons(detector, frame, numbers[own]) for frame in frames]
            row.append(average_precision(frames, found)["AP50"])
        scores.append(row)
        table.rows.append([name, str(len(frames)), *(f"{score:.3f}" for score in row)])
    means = np.mean(scores, axis=0)
    count = sum(len(frames) for frames in sets.values())
    table.rows.append(["mean", str(count), *(f"{mean:.3f}" for mean in means)])
    return table


def _person_of(name: str, detector: Detector) -> int:
    for number, word in detector.names.items():
        if word == PERSON:
            return int(number)
    known = ", ".join(list(detector.names.values())[:8])
    raise UsageError(f"--rival {name}: expected a detector with a class {PERSON!r}, its classes are {known}")


def _persons(detector: Detector, frame: LabelledFrame, number: int) -> sv.Detections:
    found = detector(frame.image, min_score=0.01)
    persons: sv.Detections = found[found.class_id == number]  # type: ignore[assignment]
    persons.class_id = np.zeros(len(persons), int)
    return persons
