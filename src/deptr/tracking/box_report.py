"""Which box to report: the detection's own, the filter's, or in between, as learned from what came next.

A filter removes a detector's jitter but lags behind objects that turn or brake; which of the two costs
more differs from detector to detector. Three frames later it can be seen who was right: the parabola
through three later detections, run back, is an independent witness of where the object was. The share
of the filter that would have been nearest to the witness (least squares, for each of centre x, centre y,
width and height) is the share that is reported from then on.
"""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking import boxes as box
from deptr.tracking.assignment import Indices, where

LATER_FRAMES = 3
SLOTS = LATER_FRAMES + 1
# the starting opinion: objects on the ground change their height and row slowly, whatever their class
PRIOR_SHARE = np.array([0.2, 0.8, 0.2, 0.9])
PRIOR_PAIRS = 30.0  # how many pairs that opinion counts for
PRIOR_GAP = 0.02  # typical distance of detection and filter in such a pair, in heights
LARGEST_GAP = 0.5  # in heights: a witness farther away is a mistaken identity, not noise
MEMORY = 0.9995  # share of what was learned that is kept from one lesson to the next
ENOUGH = 1000  # judged boxes, from which on only every so many frames are judged
LEARN_EVERY = 4


class BoxReport:
    """Learns the share of the filter, and blends.

    Attributes:
        share: ``(4,)`` share of the filter's box in centre x, centre y, width and height, in [0, 1].
    """

    def __init__(self) -> None:
        self.share: FloatArray = PRIOR_SHARE.copy()
        self._power = np.full(4, PRIOR_PAIRS * PRIOR_GAP**2)
        self._agreement = PRIOR_SHARE * self._power
        # what was detected and filtered in the last frames, as a ring over the second axis; NaN: not seen
        self._boxes: FloatArray = np.full((2, SLOTS, 0, 4), np.nan)
        self._frame, self._judged = 0, 0
        self._step: float | None = None

    def append(self, count: int) -> None:
        """New tracks, without history."""
        self._boxes = np.concatenate([self._boxes, np.full((2, SLOTS, count, 4), np.nan)], axis=2)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._boxes = self._boxes[:, :, kept]

    def learn(self, detected: FloatArray, filtered: FloatArray, seen: BoolArray, seconds: float) -> None:
        """Take one frame in and, now and then, judge the one three frames ago.

        Args:
            detected: ``(T, 4)`` xyxy, the last detection of each track.
            filtered: ``(T, 4)`` xyxy, the filter's box after it.
            seen: ``(T,)`` whether the track was detected in this frame.
            seconds: Time since the frame before; an uneven step starts the history anew.
        """
        if self._step is None or abs(seconds - self._step) > 0.2 * self._step:
            self._boxes[:] = np.nan
            self._step = seconds
        self._frame += 1
        slot = self._frame % SLOTS
        self._boxes[0, slot], self._boxes[1, slot] = detected, filtered
        self._boxes[:, slot, ~seen] = np.nan
        if self._judged < ENOUGH or self._frame % LEARN_EVERY == 0:
            self._judge()

    def _judge(self) -> None:
        """Compare what was reported three frames ago with what has been detected since."""
        ring = (self._frame + 1 + np.arange(SLOTS)) % SLOTS
        known = where(np.asarray(np.isfinite(self._boxes[0, :, :, 0]).all(0)))
        if not len(known):
            return
        then, first, second, third = (box.xyxy_to_xywh(self._boxes[0, slot, known]) for slot in ring)
        witness = 3 * first - 3 * second + third
        height = then[:, 3:4]
        gap = (then - box.xyxy_to_xywh(self._boxes[1, ring[0], known])) / height
        error = (then - witness) / height
        usual = (np.abs(error) < LARGEST_GAP) & (np.abs(gap) < LARGEST_GAP)
        self._agreement = MEMORY * self._agreement + np.where(usual, gap * error, 0.0).sum(0)
        self._power = MEMORY * self._power + np.where(usual, gap**2, 0.0).sum(0)
        self.share = np.clip(self._agreement / self._power, 0.0, 1.0)
        self._judged += len(known)

    def blend(self, detected: FloatArray, filtered: FloatArray) -> FloatArray:
        """Boxes to report, ``(N, 4)`` xyxy.

        Example:
            >>> report = BoxReport()
            >>> report.share[:] = 0.5
            >>> report.blend(np.array([[0.0, 0.0, 4.0, 8.0]]), np.array([[2.0, 0.0, 6.0, 8.0]])).tolist()
            [[1.0, 0.0, 5.0, 8.0]]
        """
        own = box.xyxy_to_xywh(detected)
        return box.xywh_to_xyxy(own - self.share * (own - box.xyxy_to_xywh(filtered)))
