"""Which box to report: the detection's own, the filter's, or in between, as learned from later frames.

A filter removes a detector's jitter but lags behind objects that turn or brake; which of the two costs
more differs from detector to detector. A few frames later it can be seen who was right: the mean of what was
detected at equal times before and after is an independent witness of what was there, in which steady change
cancels out. The share of the filter that would have been nearest to the witness (least absolute error, for
each of centre x, centre y, aspect and height) is the share that is reported from then on, a little on the
cautious side: errors that last longer than the witness looks do not show in it.
"""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking import boxes as box
from deptr.tracking.assignment import Indices, where

REACH = 3  # frames before and after that bear witness
FEWEST_PAIRS = 2  # of a frame before and one after, that a witness is made of
SHARES: FloatArray = np.linspace(0.0, 1.0, 11)  # that are tried
# the starting opinion: objects on the ground change their height and row slowly, whatever their class
PRIOR_SHARE = np.array([0.2, 0.8, 0.1, 0.9])
PRIOR_LOSS = 0.3  # what missing that opinion by a whole share costs, in heights or logarithms
CAUTION = 0.2  # what a move away from the detection must gain, as a share of the move
LARGEST_ERROR = 0.5  # in heights or logarithms: a witness farther away is a mistaken identity, not noise
MEMORY = 0.9995  # share of what was learned that is kept from one lesson to the next
ENOUGH = 1000  # judged boxes, from which on only every so many frames are judged
LEARN_EVERY = 4
SLOTS = 2 * REACH + 1


class BoxReport:
    """Learns the share of the filter, and blends.

    Attributes:
        share: ``(4,)`` share of the filter's box in centre x, centre y, aspect and height, in [0, 1].
    """

    def __init__(self) -> None:
        self.share: FloatArray = PRIOR_SHARE.copy()
        self._losses = PRIOR_LOSS * np.abs(SHARES[:, None] - PRIOR_SHARE)
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
        """Take one frame in and, now and then, judge the one `REACH` frames ago.

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
        ring = (self._frame + 1 + np.arange(SLOTS)) % SLOTS
        there = np.isfinite(self._boxes[0, :, :, 0])[ring]
        both = there[:REACH] & there[:REACH:-1]
        known = where((both.sum(0) >= FEWEST_PAIRS) & there[REACH])
        if not len(known):
            return
        detected = _coordinates(self._boxes[0][ring[:, None], known])
        both = both[:, known, None]
        pairs = np.where(both, detected[:REACH] + detected[:REACH:-1], 0.0).sum(0)
        then = detected[REACH]
        unit = np.ones_like(then)
        unit[:, :2] = np.exp(then[:, 3:])
        error = (then - pairs / (2 * both.sum(0))) / unit
        gap = (then - _coordinates(self._boxes[1, ring[REACH], known])) / unit
        usual = (np.abs(error) < LARGEST_ERROR) & (np.abs(gap) < LARGEST_ERROR)
        error, gap = np.where(usual, error, 0.0), np.where(usual, gap, 0.0)
        move = SHARES[:, None, None] * gap
        self._losses = MEMORY * self._losses + (np.abs(error - move) + CAUTION * np.abs(move)).sum(1)
        self.share = SHARES[self._losses.argmin(0)]
        self._judged += len(known)

    def blend(self, detected: FloatArray, filtered: FloatArray) -> FloatArray:
        """Boxes to report, ``(N, 4)`` xyxy.

        Example:
            >>> report = BoxReport()
            >>> report.share = np.full(4, 0.5)
            >>> detected, filtered = np.array([[0.0, 0.0, 4.0, 8.0]]), np.array([[2.0, 0.0, 6.0, 8.0]])
            >>> report.blend(detected, filtered).round(6).tolist()
            [[1.0, 0.0, 5.0, 8.0]]
        """
        own = _coordinates(detected)
        mixed = own - self.share * (own - _coordinates(filtered))
        mixed[:, 3] = np.exp(mixed[:, 3])
        mixed[:, 2] = np.exp(mixed[:, 2]) * mixed[:, 3]
        return box.xywh_to_xyxy(mixed)


def _coordinates(boxes_xyxy: FloatArray) -> FloatArray:
    """Centre x, centre y, logarithm of the aspect (width / height) and of the height, ``(..., 4)``."""
    out = np.empty_like(boxes_xyxy)
    np.subtract(boxes_xyxy[..., 2:], boxes_xyxy[..., :2], out=out[..., 2:])
    np.add(boxes_xyxy[..., :2], boxes_xyxy[..., 2:], out=out[..., :2])
    out[..., :2] /= 2
    np.log(np.maximum(out[..., 2:], 1e-3), out=out[..., 2:])
    out[..., 2] -= out[..., 3]
    return out
