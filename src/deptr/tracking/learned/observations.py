"""What the identity decoder reads of detections, and what is known of each identity from what it was before.

Training and tracking make their inputs here, so that a network never meets numbers it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices

# columns of an observation
U, V, LOG_W, LOG_H, LOG_Z, LOG_Z_STD, SCORE = range(7)
OBSERVED = 7
PATH = 5  # the columns that move: u, v, log w, log h, log z
UNKNOWN_STD = 0.1  # of a log depth whose detector does not say how sure it is

RECENT = 6  # observations that a path is fitted to
FADING = 0.75  # weight of each relative to the next
FIRST_NOISE = np.array([0.05, 0.05, 0.05, 0.05, 0.05])  # until residuals were seen
NOISE_MEMORY = 10.0  # frames
CONTEXT = 8  # noise of the five columns, spread of depths, frames learned from, seconds of the step


def observe(
    boxes_xyxy: FloatArray, scores: FloatArray, log_z: FloatArray, log_z_std: FloatArray
) -> FloatArray:
    """Detections as the decoder reads them.

    Args:
        boxes_xyxy: ``(N, 4)`` pixels.
        scores: ``(N,)`` in [0, 1].
        log_z: ``(N,)`` logarithm of depth in any unit, NaN = unknown.
        log_z_std: ``(N,)`` its standard deviation, NaN = not given.

    Returns:
        ``(N, 7)``: centre in pixels, logarithms of width, height and depth, deviation of the last, score.

    Example:
        >>> observe(np.array([[0, 0, 1, 1.0]]), np.ones(1), np.zeros(1), np.full(1, np.nan)).tolist()
        [[0.5, 0.5, 0.0, 0.0, 0.0, 0.1, 1.0]]
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    told = np.isfinite(log_z) & np.isfinite(log_z_std) & (log_z_std > 0)
    stds = np.where(told, log_z_std, UNKNOWN_STD)
    return np.column_stack([centres, np.log(sides), log_z, stds, scores]).astype(np.float64)


@dataclass
class Paths:
    """What each of some observations says of where its identity goes.

    Attributes:
        step: ``(N, 5)`` change per second since the identity's observation before, 0 where there is none.
        smooth: ``(N, 5)`` place now by the line fitted to its latest observations; NaN depth = unknown.
        slope: ``(N, 5)`` change per second of that line.
        known: ``(N,)`` whether the identity was observed before.
    """

    step: FloatArray
    smooth: FloatArray
    slope: FloatArray
    known: BoolArray


class History:
    """Latest observations of each identity, and how far they lie from the path that was expected.

    Args:
        capacity: Number of identity slots.

    Attributes:
        count: ``(K,)`` observations of each slot that are kept.
        times: ``(K, R)`` their seconds, the newest last.
        values: ``(K, R, 5)`` their moving columns.
        period: Width of a panorama, whose left and right border touch; None of other images.
    """

    def __init__(self, capacity: int) -> None:
        self.period: float | None = None
        self.count: IntArray = np.zeros(capacity, np.int64)
        self.times: FloatArray = np.zeros((capacity, RECENT))
        self.values: FloatArray = np.zeros((capacity, RECENT, PATH))
        self._smooth: FloatArray = np.zeros((capacity, PATH))
        self._slope: FloatArray = np.zeros((capacity, PATH))
        self._noise: FloatArray = FIRST_NOISE.copy()
        self._lessons: FloatArray = np.zeros(PATH)

    def forget(self, slots: Indices) -> None:
        """Empty these slots."""
        self.count[slots] = 0

    def across_seam(self, offsets: FloatArray) -> FloatArray:
        """Offsets ``(..., 2)`` the shorter way round."""
        if self.period is None:
            return offsets
        turned = offsets.copy()
        turned[..., 0] -= self.period * np.round(offsets[..., 0] / self.period)
        return turned

    def expected(self, slots: Indices, seconds: float) -> FloatArray:
        """``(N, 5)`` where the identities of these slots should be at this time, NaN depth = unknown."""
        since = seconds - self.times[slots, -1]
        return np.asarray(self._smooth[slots] + self._slope[slots] * since[:, None])

    def shift(self, seconds: float, slots: Indices, seen: FloatArray) -> FloatArray:
        """``(2,)`` pixels by which all expected places are off: the camera turned.

        The median over pairs of identity and observation that are each other's nearest in place and size.
        """
        if len(slots) < 3 or len(seen) < 3:
            return np.zeros(2)
        expected = self.expected(slots, seconds)
        height = np.exp(expected[:, LOG_H])[:, None]
        off = self.across_seam(seen[None, :, :2] - expected[:, None, :2]) / height[..., None]
        far = (off**2).sum(-1) + 4 * (seen[None, :, LOG_H] - expected[:, None, LOG_H]) ** 2
        t, d = far.argmin(0)[far.argmin(1)], far.argmin(1)
        mutual = (t == np.arange(len(slots))) & (far[np.arange(len(slots)), d] < 4.0)
        if mutual.sum() < 3:
            return np.zeros(2)
        pixels = self.across_seam(seen[d[mutual], :2] - expected[mutual, :2])
        middle = np.median(pixels, axis=0)
        spread = np.median(np.abs(pixels - middle), axis=0)
        return np.where(np.abs(middle) > spread, middle, 0.0)

    def move(self, shift: FloatArray) -> None:
        """Move all places by ``(2,)`` pixels: the camera turned."""
        self.values[..., :2] += shift
        self._smooth[:, :2] += shift

    def add(self, seconds: float, slots: Indices, seen: FloatArray) -> Paths:
        """Take one frame's observations in, a slot at most once; the noise is learned from their residuals.

        Args:
            seconds: Time of the frame.
            slots: ``(N,)`` which identity each observation is of.
            seen: ``(N, 7)`` the observations.
        """
        known = self.count[slots] > 0
        now = seen[:, :PATH]
        self._learn(self._residuals(seconds, slots, now)[known])
        since = np.maximum(seconds - self.times[slots, -1], 1e-3)[:, None]
        step = np.where(known[:, None], (now - self.values[slots, -1]) / since, 0.0)
        for held, new in ((self.times, seconds), (self.values, now)):
            rows = held[slots]
            rows[:, :-1] = rows[:, 1:]
            rows[:, -1] = new
            held[slots] = rows
        self.count[slots] = np.minimum(self.count[slots] + 1, RECENT)
        smooth, slope = self._fit(slots)
        self._smooth[slots], self._slope[slots] = smooth, slope
        return Paths(np.nan_to_num(step), smooth, slope, known)

    def context(self, seen: FloatArray, since: float) -> FloatArray:
        """``(8,)`` what the frame is like: logarithms of noise, spread of depths and seconds of the step."""
        depths = seen[np.isfinite(seen[:, LOG_Z]), LOG_Z]
        spread = np.log(depths.std() + 1e-3) if len(depths) > 1 else 0.0
        learned = min(float(self._lessons.max(initial=0.0)) / NOISE_MEMORY, 1.0)
        return np.concatenate([np.log(self._noise), [spread, learned, np.log(max(since, 1e-3))]])

    def _residuals(self, seconds: float, slots: Indices, now: FloatArray) -> FloatArray:
        expected = self.expected(slots, seconds)
        residuals = now - expected
        residuals[:, :2] /= np.exp(expected[:, LOG_H])[:, None]
        return np.abs(residuals)

    def _learn(self, residuals: FloatArray) -> None:
        for column in range(PATH):
            known = residuals[np.isfinite(residuals[:, column]), column]
            if len(known):
                self._lessons[column] = min(self._lessons[column] + 1, NOISE_MEMORY)
                share = 1 / (self._lessons[column] + 1)
                middle = np.clip(np.median(known), 1e-3, 1.0)
                self._noise[column] *= (middle / self._noise[column]) ** share  # a mean of logarithms

    def _fit(self, slots: Indices) -> tuple[FloatArray, FloatArray]:
        """Lines through the latest observations: place at the newest, ``(N, 5)``, and slope."""
        order = np.arange(RECENT)[::-1]
        held = order < self.count[slots][:, None]
        values = self.values[slots]
        weight = (held * FADING**order)[..., None] * np.isfinite(values)
        x = np.nan_to_num(values - np.nan_to_num(values[:, -1:]))  # differences, for precision
        t = (self.times[slots] - self.times[slots, -1:])[..., None]
        total = weight.sum(1)
        safe = np.maximum(total, 1e-9)
        mean_t, mean_x = (weight * t).sum(1) / safe, (weight * x).sum(1) / safe
        vary = (weight * (t - mean_t[:, None]) ** 2).sum(1)
        slope = (weight * (t - mean_t[:, None]) * x).sum(1) / (vary + 1e-9)
        place = mean_x - slope * mean_t + np.nan_to_num(values[:, -1])
        return np.where(total > 0, place, np.nan), np.where(total > 0, slope, 0.0)
