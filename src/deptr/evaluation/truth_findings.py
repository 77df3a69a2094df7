"""What is wrong with a ground truth, so that no result can score rightly on it."""

from __future__ import annotations

import numpy as np

from deptr.evaluation.result_files import Finding
from deptr.io.columns import class_table
from deptr.io.ground_truth import GroundTruth
from deptr.io.sequences import Benchmark, Sequence


def truth_findings(truth: GroundTruth, benchmark: Benchmark, sequence: Sequence) -> list[Finding]:
    """What keeps a ground truth from judging any result rightly, the most serious only.

    Args:
        truth: As it was read.
        benchmark: Says which class is scored.
        sequence: Whose truth it is.
    """
    source = str(sequence.ground_truth)
    named = truth.ids >= 0  # distractors of KITTI may share -1
    names = np.column_stack([truth.frames, truth.ids])[named]
    pairs, counts = np.unique(names, axis=0, return_counts=True)
    if (counts > 1).any():
        frame, identity = pairs[int(np.argmax(counts > 1))].tolist()
        problem, expected = (
            "an identity of the ground truth stands twice in a frame",
            "each id once per frame",
        )
        found = f"id {identity} in frame {frame}"
        return [Finding("error", source, problem, None, int((counts > 1).sum()), expected, found)]
    target = truth.scored & (truth.class_ids == class_table(benchmark)[benchmark.target])
    if not target.any():
        expected = f"rows of class {benchmark.target}, not 0 in column 7"
        hint = "nothing here can be found; official scores need a sequence with objects"
        return [Finding("warning", source, "no row counts", None, 0, expected, "none", hint)]
    flat = target & (truth.boxes_xywh[:, 2:] <= 0).any(axis=1)
    if flat.any():
        row = int(np.argmax(flat))
        problem, expected = "boxes of the ground truth without extent", "positive width and height"
        found, hint = (
            f"{truth.boxes_xywh[row].tolist()} in frame {truth.frames[row]}",
            "each counts as missed",
        )
        return [Finding("warning", source, problem, None, int(flat.sum()), expected, found, hint)]
    return []
