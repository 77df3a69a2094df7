"""SORT: predict each box with a constant velocity, match by overlap (arXiv 1602.00763)."""

from __future__ import annotations

from functools import partial

import numpy as np

from deptr.boxes import iou
from deptr.records import FloatArray
from deptr.tracking.assignment import Bonus, Indices, assign_most, overlap_costs
from deptr.tracking.base import Tracker
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import AreaMotion, BoxMotion
from deptr.tracking.parameters import number
from deptr.tracking.part import Step

DEPTH_SLACK = 0.1  # how far depth may raise a cost above the limit before the pair is given up


class Sort(Tracker):
    """SORT with depth fusion; defaults as in the paper, with a memory as long as the other trackers'.

    A track is reported while it is matched `confirm_frames` frames in a row, as the authors count them at
    30 fps: at 10 fps one frame takes as long as three. In the first frames of a video it is reported at once.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = Sort(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    tracker_name = "sort"

    new_score: float = number(
        default=0.6, low=0, high=1, help="an unmatched detection starts a track from this score on"
    )
    confirm_frames: int = number(
        default=3,
        low=1,
        high=1000,
        help="frames in a row, of 30 fps video, that a track is matched before it is reported",
    )
    match_iou: float = number(default=0.3, low=0, high=1, help="least similarity of a pair")

    def _new_motion(self) -> BoxMotion:
        return AreaMotion()

    def _associate(self, seen: Measurements, boxes: FloatArray, high: Indices, low: Indices) -> Indices:
        similarity = iou(boxes, seen.boxes[high], period=self._period)
        _, free = self._pair(seen, np.arange(len(boxes)), high, similarity, clear_first=True)
        return free

    def _pair(
        self,
        seen: Measurements,
        rows: Indices,
        columns: Indices,
        similarity: FloatArray,
        bonus: Bonus | None = None,
        *,
        clear_first: bool = False,
    ) -> tuple[Indices, Indices]:
        """A stage of the most total similarity, each pair's at least `match_iou`; see `assign_most`."""
        least = self.match_iou
        most = partial(assign_most, similarity, bonus, at_least=least, clear_first=clear_first)
        return self._match(
            seen,
            rows,
            columns,
            overlap_costs(similarity),
            similarity,
            cost_limit=1 - least,
            depth_slack=DEPTH_SLACK,
            bonus=bonus,
            without_depth=lambda allowed: most(allowed=allowed),
        )

    def _revise(self, step: Step) -> None:
        rows, needed = self._rows, self.confirm_frames - 0.05
        here = rows.columns >= 0
        sure = (rows.scores > self.sure_score) | (rows.streak * step.frames >= needed)
        proven = here if self._reported_at_once() else here & sure
        lost = ~here & (rows.states != TENTATIVE)
        rows.states[:] = np.where(proven, CONFIRMED, TENTATIVE)
        rows.states[lost] = LOST

    def _reported_at_once(self) -> bool:
        return self._rows.frame_count <= self.confirm_frames
