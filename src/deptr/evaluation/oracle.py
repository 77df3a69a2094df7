"""The ceiling: the same detections with the identities that ground truth gives them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.evaluation.readings import ground_truth_of
from deptr.evaluation.trackeval_memory import corners, split_frames
from deptr.io.columns import class_table
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import FloatArray
from deptr.tracking.boxes import iou

MATCH_IOU = 0.5
ORACLE_SCORE: dict[str, float] = {"mot": 0.6, "kitti": 0.8}  # the families' high thresholds


def perfect_identities(
    benchmark: Benchmark, sequence: Sequence, table: DetectionTable, *, min_score: float
) -> FloatArray:
    """Detections above a score, each with the identity of the object it lies on.

    A detection on no object keeps an identity of its own: association cannot remove it.

    Args:
        benchmark: Whose sequence it is.
        sequence: The (thinned) sequence.
        table: Its (thinned) detections.
        min_score: Least score.

    Returns:
        ``(N, 7)`` frame, identity, left, top, width, height, score.
    """
    truth = ground_truth_of(benchmark, sequence)
    sure = np.flatnonzero(table.score > min_score)
    target = np.flatnonzero(truth.class_ids == class_table(benchmark)[benchmark.target])
    boxes, objects_xyxy = table.xyxy[sure], corners(truth.boxes_xywh[target])
    ids = np.arange(len(sure)) + (truth.ids.max(initial=0) + 1)
    own = split_frames(table.frame[sure], sequence.length)
    objects = split_frames(truth.frames[target], sequence.length)
    for rows, others in zip(own, objects, strict=True):
        overlap = iou(boxes[rows], objects_xyxy[others])
        pairs = linear_sum_assignment(np.where(overlap >= MATCH_IOU, -overlap, 0.0))
        for row, other in zip(*pairs, strict=True):
            if overlap[row, other] >= MATCH_IOU:
                ids[rows[row]] = truth.ids[target[others[other]]]
    return np.column_stack(
        [table.frame[sure], ids, boxes[:, :2], boxes[:, 2:] - boxes[:, :2], table.score[sure]]
    )
