"""Which box to report: the detection's own, the filter's, or in between, as learned from what came next.

A filter removes a detector's jitter but lags behind objects that turn or brake; which of the two costs
more differs from detector to detector. Three frames later it can be seen who was right: the parabola
through three later detections, run back, is an independent witness of where the object was. The share
of the filter that would have been nearest to the witness (least squares, for each of centre x, centre y,
width and height) is the share that is reported from then on.
"""

from __future__ import annotations

import math

import numpy as np

from deptr.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements
from deptr.tracking.motion import BoxMotion
from deptr.tracking.part import Part, Step

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


class BoxReport(Part):
    """Learns the share of the filter, and blends.

    Args:
        motion: The filter, a part that is called before this one.
        longest_step: Seconds between frames up to which boxes are smoothed at all.

    Attributes:
        share: ``(4,)`` share of the filter's box in centre x, centre y, width and height, in [0, 1].
    """

    def __init__(self, motion: BoxMotion, longest_step: float = math.inf) -> None:
        self._longest_step = longest_step
        self.share: FloatArray = PRIOR_SHARE.copy()
        self._motion = motion
        self._power = np.full(4, PRIOR_PAIRS * PRIOR_GAP**2)
        self._agreement = PRIOR_SHARE * self._power
        # what was detected and filtered in the last frames, as a ring over the second axis; NaN: not seen
        self._boxes: FloatArray = np.full((2, SLOTS, 0, 4), np.nan)
        self._frame, self._slot, self._judged = 0, 0, 0
        self._seconds: float | None = None

    def predict(self, step: Step) -> None:
        """A new frame; an uneven step starts the history anew."""
        if self._seconds is None or abs(step.seconds - self._seconds) > 0.2 * self._seconds:
            self._boxes[:] = np.nan
            self._seconds = step.seconds
        self._frame += 1
        self._slot = self._frame % SLOTS
        self._boxes[:, self._slot] = np.nan

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Remember what was detected, and what the filter makes of it."""
        self._boxes[0, self._slot, rows] = taken.boxes
        self._boxes[1, self._slot, rows] = self._motion.boxes()[rows]

    def append(self, taken: Measurements) -> None:
        """New tracks, whose history begins."""
        fresh = np.full((2, SLOTS, len(taken), 4), np.nan)
        fresh[0, self._slot], fresh[1, self._slot] = taken.boxes, self._motion.boxes()[-len(taken) :]
        self._boxes = np.concatenate([self._boxes, fresh], axis=2)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._boxes = self._boxes[:, :, kept]

    def learn(self) -> None:
        """Compare what was reported three frames ago with what has been detected since."""
        ring = (self._frame + 1 + np.arange(SLOTS)) % SLOTS
        known = np.flatnonzero(np.isfinite(self._boxes[0, :, :, 0]).all(0))
        if not len(known):
            return
        then, first, second, third = (xyxy_to_cxcywh(self._boxes[0, slot, known]) for slot in ring)
        witness = 3 * first - 3 * second + third
        height = then[:, 3:4]
        gap = (then - xyxy_to_cxcywh(self._boxes[1, ring[0], known])) / height
        error = (then - witness) / height
        usual = (np.abs(error) < LARGEST_GAP) & (np.abs(gap) < LARGEST_GAP)
        self._agreement = MEMORY * self._agreement + np.where(usual, gap * error, 0.0).sum(0)
        self._power = MEMORY * self._power + np.where(usual, gap**2, 0.0).sum(0)
        self.share = np.clip(self._agreement / self._power, 0.0, 1.0)
        self._judged += len(known)

    def blend(self, detected: FloatArray, filtered: FloatArray) -> FloatArray:
        """Boxes to report, ``(N, 4)`` xyxy, once this frame has taught what it can.

        Args:
            detected: ``(N, 4)`` xyxy.
            filtered: ``(N, 4)`` xyxy, the filter's boxes of the same tracks.
        """
        if self._seconds is not None and self._seconds > self._longest_step:
            return detected
        if self._judged < ENOUGH or self._frame % LEARN_EVERY == 0:
            self.learn()
        own = xyxy_to_cxcywh(detected)
        return cxcywh_to_xyxy(own - self.share * (own - xyxy_to_cxcywh(filtered)))
