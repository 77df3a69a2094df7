"""Identities across the seam of a 360 degree image (BCIC: border-crossing identity consistency).

A crossing is an object of the ground truth whose centre passes from one border to the other between two of
its frames. BCIC is the share of crossings, among those with a matched prediction within a few frames on both
sides, for which the predicted identity before and after is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.errors import UsageError
from deptr.evaluation.readings import ground_truth_of
from deptr.evaluation.switches import counting
from deptr.evaluation.trackeval_memory import corners, split_frames
from deptr.io.ground_truth import GroundTruth
from deptr.io.sequences import Benchmark, Sequence
from deptr.records import FloatArray, IntArray
from deptr.tracking.boxes import iou

MATCH_IOU = 0.5
REACH_FRAMES = 10  # how far from the crossing a matched prediction may lie, on each side


@dataclass(frozen=True)
class SeamConsistency:
    """What happens at the seam.

    Attributes:
        crossings: Crossings in the ground truth.
        judged: Those with a matched prediction near enough on both sides.
        consistent: Those of them with one identity.
    """

    crossings: int
    judged: int
    consistent: int

    @property
    def bcic(self) -> float:
        """Share of judged crossings with one identity, in percent; NaN when none could be judged."""
        return 100 * self.consistent / self.judged if self.judged else float("nan")

    @classmethod
    def total(cls, parts: Iterable[SeamConsistency]) -> SeamConsistency:
        """All sequences together.

        Example:
            >>> SeamConsistency.total([SeamConsistency(4, 2, 1), SeamConsistency(3, 2, 2)]).bcic
            75.0
        """
        listed = list(parts)
        counts = (
            sum(getattr(part, name) for part in listed) for name in ("crossings", "judged", "consistent")
        )
        return cls(*counts)


def seam_consistency(
    benchmark: Benchmark, sequence: Sequence, tracks: FloatArray, *, reach: int = REACH_FRAMES
) -> SeamConsistency:
    """Identities across the seam of one sequence.

    Args:
        benchmark: Whose scored objects count.
        sequence: The (thinned) sequence, with the size of its images.
        tracks: As for `evaluate`; boxes may reach beyond a border.
        reach: Frames before and after the crossing in which a prediction is looked for.

    Raises:
        UsageError: The width of the images is not known, or `reach` is below 1.
    """
    if sequence.size is None:
        raise UsageError(
            f"sequence {sequence.name}: image width is not known; expected imWidth in seqinfo.ini"
        )
    if reach < 1:
        raise UsageError(f"reach: expected a whole number of frames from 1, got {reach}")
    width = float(sequence.size[0])
    truth = ground_truth_of(benchmark, sequence)
    counted = np.flatnonzero(counting(benchmark, truth))
    owners = _owners(truth, counted, tracks, sequence.length, width)
    crossings = judged = consistent = 0
    for identity in np.unique(truth.ids[counted]):
        rows = np.flatnonzero(truth.ids[counted] == identity)
        rows = rows[np.argsort(truth.frames[counted[rows]])]
        frames = truth.frames[counted[rows]]
        centre = truth.boxes_xywh[counted[rows], 0] + truth.boxes_xywh[counted[rows], 2] / 2
        for at in np.flatnonzero(np.abs(np.diff(centre % width)) > width / 2):
            crossings += 1
            before = _nearest(owners[rows], frames, (frames[at] - reach + 1, frames[at]), last=True)
            after = _nearest(owners[rows], frames, (frames[at + 1], frames[at + 1] + reach - 1), last=False)
            judged += before >= 0 and after >= 0
            consistent += before >= 0 and before == after
    return SeamConsistency(crossings, judged, consistent)


def _owners(truth: GroundTruth, counted: IntArray, tracks: FloatArray, length: int, width: float) -> IntArray:
    """Track on each counted row, matched one to one around the circle; -1 where there is none."""
    owners: IntArray = np.full(len(counted), -1, np.int64)
    boxes, own = corners(truth.boxes_xywh[counted]), corners(tracks[:, 2:6])
    by_frame = split_frames(tracks[:, 0].astype(np.int64), length)
    for rows, others in zip(split_frames(truth.frames[counted], length), by_frame, strict=True):
        overlap = iou(boxes[rows], own[others], period=width)
        overlap[overlap < MATCH_IOU] = 0
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[row, column] > 0:
                owners[rows[row]] = int(tracks[others[column], 1])
    return owners


def _nearest(owners: IntArray, frames: IntArray, window: tuple[int, int], *, last: bool) -> int:
    """Track of the last (or first) matched row in a window of frames, -1 without any."""
    inside = np.flatnonzero((frames >= window[0]) & (frames <= window[1]) & (owners >= 0))
    return int(owners[inside[-1 if last else 0]]) if len(inside) else -1
