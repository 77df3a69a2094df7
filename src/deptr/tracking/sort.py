"""SORT: predict each box with a constant velocity, match by overlap (arXiv 1602.00763)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices, Matches, assign, assign_most, where, without
from deptr.tracking.base import Tracker
from deptr.tracking.lifecycle import CONFIRMED, LOST, TENTATIVE
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import AreaMotion, BoxMotion
from deptr.tracking.parameters import TrackerParameters, number

DEPTH_SLACK = 0.1  # how far depth may raise a cost above the limit before the pair is given up


@dataclass(frozen=True)
class SortParameters(TrackerParameters):
    """SORT's parameters; defaults as in the paper, with a memory as long as that of the other trackers."""

    new_score: float = number(0.6, 0, 1, "an unmatched detection starts a track from this score on")
    confirm_frames: int = number(
        3, 1, 1000, "frames in a row, of 30 fps video, that a track is matched before it is reported"
    )
    match_iou: float = number(0.3, 0, 1, "least similarity of a pair")


class Sort(Tracker):
    """SORT with depth fusion.

    A track is reported while it is matched `confirm_frames` frames in a row, as the authors count them at
    30 fps: at 10 fps one frame takes as long as three. In the first frames of a video it is reported at once.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracker = Sort(frame_rate=10)
        >>> box = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 90.0]]), confidence=np.array([0.9]))
        >>> tracker.update(box).tracker_id.tolist()
        [1]
    """

    Parameters = SortParameters
    tracker_name = "sort"
    parameters: SortParameters

    def _new_motion(self) -> BoxMotion:
        return AreaMotion()

    def _step(self, seen: Measurements, frames: float) -> None:
        boxes = self._predict(frames)
        rows, high = np.arange(len(boxes)), where(seen.scores > self.parameters.high_score)
        first = self._pair(self._iou(boxes, seen.boxes[high]), rows, seen, high, clear_first=True)
        self._hit(rows[first.rows], seen, high[first.columns])
        _, free = self._recover(seen, without(high, high[first.columns]))
        self._take_in(seen)
        self._keep(~self._expired())
        self._initiate(seen, free)
        self._settle(frames)

    def _pair(
        self,
        similarity: FloatArray,
        rows: Indices,
        seen: Measurements,
        columns: Indices,
        bonus: FloatArray | float = 0.0,
        *,
        clear_first: bool = False,
    ) -> Matches:
        """Pairs of the most total similarity, each at least `match_iou`; arguments as of `assign_most`."""
        least = self.parameters.match_iou
        candidates = seen.take(columns)
        if self._depth.has_say(candidates):
            costs, allowed = self._fuse(1 - similarity, rows, candidates, cost_limit=1 - least)
            matches = assign(costs - bonus, cost_limit=1 - least + DEPTH_SLACK, allowed=allowed)
        else:
            allowed = self._same_class(rows, candidates.classes)
            matches = assign_most(similarity, bonus, at_least=least, allowed=allowed, clear_first=clear_first)
        self._depth.learn(similarity, rows, candidates, matches)
        return matches

    def _initiate(self, seen: Measurements, free: Indices) -> None:
        """Start a track at each sure detection that is left."""
        self._birth(seen, free[seen.scores[free] >= self.parameters.new_score], TENTATIVE)

    def _settle(self, frames: float) -> None:
        """Say of each track in what state it is now."""
        rows, needed = self._rows, self.parameters.confirm_frames - 0.05
        here = rows.misses == 0
        young = self._frame_count <= self.parameters.confirm_frames
        sure = rows.scores > self.parameters.sure_score
        proven = here if young else here & (sure | (rows.streak * frames >= needed))
        lost = ~here & (rows.states != TENTATIVE)
        rows.states[:] = np.where(proven, CONFIRMED, TENTATIVE)
        rows.states[lost] = LOST
