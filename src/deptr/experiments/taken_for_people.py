"""What a detector takes for people that are none: boxes on nobody, and drawn street furniture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deptr.detector.inference import Detector
from deptr.evaluation.tables import Table
from deptr.progress import Progress
from deptr.records import LabelledFrame
from deptr.training.calibrate import right_or_wrong
from deptr.training.data import FrameSource
from deptr.training.decoys import find_decoys

SCORES = (0.3, 0.5)
PIECES = range(1_000_000, 1_002_400)  # of furniture that no training asks about


def false_table(detector: Detector, sets: Mapping[str, Sequence[LabelledFrame]]) -> Table:
    """Boxes on nobody for each image of each set."""
    heads = [f"false a image, score ≥ {score:g}" for score in SCORES]
    note = "Boxes that are not the best one on a labelled person; those in regions to ignore are left out."
    table = Table("Boxes on nobody", ["set", "images", *heads], note=note)
    for name, frames in sets.items():
        wrong = np.zeros(len(SCORES))
        for frame in frames:
            scores, right = right_or_wrong(frame, detector(frame.image, min_score=min(SCORES)))
            wrong += [(~right[scores >= least]).sum() for least in SCORES]
        table.rows.append([name, str(len(frames)), *(f"{count / len(frames):.2f}" for count in wrong)])
    return table


def furniture_table(
    detector: Detector, places: FrameSource, numbers: range = PIECES, *, progress: Progress | None = None
) -> Table:
    """Share of drawn pieces of street furniture that are taken for somebody.

    Args:
        detector: Who looks.
        places: Photos without people.
        numbers: Which pieces.
        progress: Told after each picture.
    """
    heads = ["score of the box", "pieces", "taken", "share"]
    note = "Posts, signs, cones, bins, railings and stands, some behind each other, in photos without people."
    table = Table("Drawn furniture taken for somebody", heads, note=note)
    for least in SCORES:
        found = find_decoys(detector, places, numbers, least_score=least, progress=progress)
        count = len(found.numbers)
        table.rows.append([f"≥ {least:g}", str(found.shown), str(count), f"{count / found.shown:.3f}"])
    return table
