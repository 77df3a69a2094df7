"""How good a stream of depths is: flicker, drift, scale jumps, order where objects overlap, error.

Depth is compared as a logarithm, so that a relative difference counts the same near and far and a scale
cancels. Inverse depth is turned into ``1 / value`` first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.evaluation.readings import ground_truth_of
from deptr.evaluation.switches import counting
from deptr.evaluation.trackeval_memory import corners, split_frames
from deptr.io.ground_truth import GroundTruth
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import FloatArray, IntArray
from deptr.tracking.boxes import iou

MATCH_IOU = 0.5
JUMP = 0.1  # common change of all log depths between two frames that counts as a jump of the scale
LEAST_COMMON = 3  # objects that have to agree on it
GAUSSIAN = 0.6745  # median of |x| of a standard normal variable
SECOND_DIFFERENCE = np.sqrt(6.0)  # standard deviation of its second differences


@dataclass(frozen=True)
class Matched:
    """Detections with the object they lie on, sorted by object and then frame.

    Attributes:
        objects: ``(N,)`` identity.
        frames: ``(N,)`` frame from 1.
        boxes: ``(N, 4)`` xyxy of the detection.
        depth: ``(N,)`` log depth of the detection, NaN = unknown.
        true_depth: ``(N,)`` log true depth, NaN = unknown.
    """

    objects: IntArray
    frames: IntArray
    boxes: FloatArray
    depth: FloatArray
    true_depth: FloatArray


@dataclass(frozen=True)
class DepthQuality:
    """Figures of one sequence; NaN where there was nothing to measure.

    Attributes:
        matched: Detections on an object.
        known: Share of them with a depth.
        flicker: Noise from frame to frame, as a relative standard deviation: from the second differences of
            each object's log depth over three frames in a row, which steady motion leaves at zero.
        jumps: Frames per 1000 in which all objects' depths change together by more than 10 %.
        drift: Change of the log scale against truth from the first to the last third of the sequence.
        error: Median absolute log difference to truth, after the sequence's common scale is taken out.
        bias: That common scale minus 1: 0 for metric depth without a bias.
        order: Share of overlapping pairs whose order is right.
        order_close: The same for pairs within 15 % of each other.
        pairs: Number of overlapping pairs with known order.
    """

    matched: int
    known: float
    flicker: float
    jumps: float
    drift: float
    error: float
    bias: float
    order: float
    order_close: float
    pairs: int

    @classmethod
    def names(cls) -> list[str]:
        """Names of the figures."""
        return [entry.name for entry in fields(cls)]

    @classmethod
    def typical(cls, parts: list[DepthQuality]) -> DepthQuality:
        """Over several sequences: the sum of counts, the median of the rest where it is known."""
        values: dict[str, Any] = {}
        for name in cls.names():
            column = np.array([getattr(part, name) for part in parts], float)
            column = column[np.isfinite(column)]
            if name in ("matched", "pairs"):
                values[name] = int(column.sum())
            else:
                values[name] = float(np.median(column)) if len(column) else np.nan
        return cls(**values)


def match(benchmark: Benchmark, sequence: Sequence, table: DetectionTable) -> Matched:
    """Detections on scored objects, one to one per frame."""
    truth = ground_truth_of(benchmark, sequence)
    rows, columns = _pairs(benchmark, truth, table, sequence.length)
    depth = log_depth(table.depth[columns], inverse=table.depth_kind.larger_is_nearer)
    order = np.lexsort((truth.frames[rows], truth.ids[rows]))
    rows, columns, depth = rows[order], columns[order], depth[order]
    true_depth = log_depth(truth.depth[rows])
    return Matched(truth.ids[rows], truth.frames[rows], table.xyxy[columns], depth, true_depth)


def log_depth(values: FloatArray, *, inverse: bool = False) -> FloatArray:
    """Logarithm of depths, NaN where unknown or not positive.

    Example:
        >>> log_depth(np.array([1.0, -1.0, np.nan])).tolist()
        [0.0, nan, nan]
    """
    logs = np.full(len(values), np.nan)
    usable = np.asarray(values > 0)
    logs[usable] = np.log(values[usable])
    return -logs if inverse else logs


def _pairs(
    benchmark: Benchmark, truth: GroundTruth, table: DetectionTable, length: int
) -> tuple[IntArray, IntArray]:
    counted = np.flatnonzero(counting(benchmark, truth))
    boxes = corners(truth.boxes_xywh)
    rows: list[int] = []
    columns: list[int] = []
    detections = split_frames(table.frame, length)
    for own, others in zip(split_frames(truth.frames[counted], length), detections, strict=True):
        overlap = iou(boxes[counted[own]], table.xyxy[others])
        overlap[overlap < MATCH_IOU] = 0
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, column] > 0:
                rows.append(int(counted[own[row]]))
                columns.append(int(others[column]))
    return np.array(rows, np.int64), np.array(columns, np.int64)


def quality(matched: Matched, length: int) -> DepthQuality:
    """All figures of one sequence of `length` frames."""
    known = np.isfinite(matched.depth)
    both = known & np.isfinite(matched.true_depth)
    residual = matched.depth[both] - matched.true_depth[both]
    scale = float(np.median(residual)) if len(residual) else np.nan
    right, close, pairs = _order(matched)
    return DepthQuality(
        matched=len(known),
        known=float(known.mean()) if len(known) else np.nan,
        flicker=flicker(matched),
        jumps=1000 * jumps(matched) / max(length - 1, 1),
        drift=_drift(residual, matched.frames[both], length),
        error=float(np.median(np.abs(residual - scale))) if len(residual) else np.nan,
        bias=float(np.expm1(scale)),
        order=right,
        order_close=close,
        pairs=pairs,
    )


def flicker(matched: Matched) -> float:
    """Relative noise from frame to frame: robust scale of the second differences over three frames."""
    depth, frames, objects = matched.depth, matched.frames, matched.objects
    row = (objects[2:] == objects[:-2]) & (frames[2:] - frames[:-2] == 2)
    second = (depth[2:] - 2 * depth[1:-1] + depth[:-2])[row]
    second = second[np.isfinite(second)]
    return float(np.median(np.abs(second)) / GAUSSIAN / SECOND_DIFFERENCE) if len(second) else np.nan


def jumps(matched: Matched) -> int:
    """Frames in which the depths of at least three objects change together by more than 10 %.

    The true change is taken out where truth is known.
    """
    depth, frames, objects = matched.depth, matched.frames, matched.objects
    next_frame = (objects[1:] == objects[:-1]) & (frames[1:] - frames[:-1] == 1)
    change = np.diff(depth)
    true_change = np.diff(matched.true_depth)
    change = np.where(np.isfinite(true_change), change - true_change, change)
    usable = next_frame & np.isfinite(change)
    change, at = change[usable], frames[1:][usable]
    count = 0
    for frame in np.unique(at):
        together = change[at == frame]
        count += len(together) >= LEAST_COMMON and abs(float(np.median(together))) > JUMP
    return int(count)


def _drift(residual: FloatArray, frames: IntArray, length: int) -> float:
    first, last = residual[frames <= length / 3], residual[frames > 2 * length / 3]
    if not len(first) or not len(last):
        return np.nan
    return float(np.median(last) - np.median(first))


def _order(matched: Matched) -> tuple[float, float, int]:
    """Share of right orders among overlapping pairs, among the close ones, and number of pairs."""
    right: list[bool] = []
    gaps: list[float] = []
    usable = np.flatnonzero(np.isfinite(matched.depth) & np.isfinite(matched.true_depth))
    for frame in np.unique(matched.frames[usable]):
        rows = usable[matched.frames[usable] == frame]
        touching = np.triu(iou(matched.boxes[rows], matched.boxes[rows]) > 0, 1)
        for a, b in zip(*np.nonzero(touching), strict=True):
            true_gap = matched.true_depth[rows[a]] - matched.true_depth[rows[b]]
            gap = matched.depth[rows[a]] - matched.depth[rows[b]]
            if true_gap:
                right.append(bool(true_gap * gap > 0))
                gaps.append(abs(float(true_gap)))
    close = [answer for answer, gap in zip(right, gaps, strict=True) if gap < np.log(1.15)]
    share = float(np.mean(right)) if right else np.nan
    return share, float(np.mean(close)) if close else np.nan, len(right)
