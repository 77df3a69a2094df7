"""What the identity decoder reads of detections, and what is known of each identity from what it was before.

Training and tracking make their inputs here, so that a network never meets numbers it was not trained on.

Paths are those of a steady motion in space: with the distance growing at the relative rate r and g = 1 + r t,
``u -> u + t u' / g``, ``height -> height / g``, ``depth -> g depth``. The rate of the box is read from its
height, that of the depth from the depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices

# columns of an observation
U, V, LOG_W, LOG_H, LOG_Z, LOG_Z_STD, SCORE = range(7)
OBSERVED = 7
PATH = 5  # the columns that move: u, v, log w, log h, log z
UNKNOWN_STD = 0.1  # of a log depth whose detector does not say how sure it is

RECENT = 16  # observations that a path is fitted to
FADING = 0.75  # weight of each relative to the next, at least
FADING_S = 0.4  # seconds in which weights fall to a third, at most: averages jitter at high frame rates, too
NEAREST = 0.3  # what would come nearer than this share of its distance keeps its size
LARGEST_STEP = 1.5  # of a log size from one observation to the next: more is another cut of the body
FIRST_NOISE = np.array([0.05, 0.05, 0.05, 0.05, 0.05])  # until residuals were seen
NOISE_MEMORY = 10.0  # frames
LEAST, LARGEST = 1e-3, 3.0  # of noise and speeds
FIRST_SPEED = np.array([1.0, 0.4, 0.2, 0.2, 0.2])  # per second; places in heights
SPEED_MEMORY = 30.0  # frames
CONTEXT = 8 + PATH  # noise of the columns, spread of depths, frames learned from, seconds of the step, speeds
SPREAD, LESSONS, STEP_S, SPEEDS = PATH, PATH + 1, PATH + 2, PATH + 3  # where they stand there


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
        smooth: ``(N, 5)`` place now by the path fitted to its latest observations; NaN depth = unknown.
        slope: ``(N, 5)`` change per second of that path now.
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
        self._speed: FloatArray = FIRST_SPEED.copy()
        self._speed_lessons: FloatArray = np.zeros(PATH)

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
        return _led(self._smooth[slots], self._slope[slots], since[:, None])

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
        residuals = self._residuals(seconds, slots, now)[known]
        _follow(self._noise, self._lessons, np.median, residuals, memory=NOISE_MEMORY)
        since = np.maximum(seconds - self.times[slots, -1], 1e-3)[:, None]
        step = np.where(known[:, None], _step(self.values[slots, -1], now) / since, 0.0)
        for held, new in ((self.times, seconds), (self.values, now)):
            rows = held[slots]
            rows[:, :-1] = rows[:, 1:]
            rows[:, -1] = new
            held[slots] = rows
        self.count[slots] = np.minimum(self.count[slots] + 1, RECENT)
        smooth, slope = self._fit(slots)
        self._smooth[slots], self._slope[slots] = smooth, slope
        speeds = np.abs(slope[known])
        speeds[:, :2] /= np.exp(smooth[known, LOG_H])[:, None]
        _follow(self._speed, self._speed_lessons, np.mean, speeds, memory=SPEED_MEMORY)
        return Paths(np.nan_to_num(step), smooth, slope, known)

    def context(self, seen: FloatArray, since: float) -> FloatArray:
        """``(13,)`` what the frame is like: logarithms of noise, spread of depths, seconds passed, speeds."""
        depths = seen[np.isfinite(seen[:, LOG_Z]), LOG_Z]
        spread = np.log(depths.std() + 1e-3) if len(depths) > 1 else 0.0
        learned = min(float(self._lessons.max(initial=0.0)) / NOISE_MEMORY, 1.0)
        step = np.log(max(since, 1e-3))
        return np.concatenate([np.log(self._noise), [spread, learned, step], np.log(self._speed)])

    def _residuals(self, seconds: float, slots: Indices, now: FloatArray) -> FloatArray:
        expected = self.expected(slots, seconds)
        residuals = now - expected
        residuals[:, :2] /= np.exp(expected[:, LOG_H])[:, None]
        return np.abs(residuals)

    def _fit(self, slots: Indices) -> tuple[FloatArray, FloatArray]:
        """Paths through the latest observations: place at the newest, ``(N, 5)``, and change per second.

        Distances, and places times distances, change evenly over time; so do logarithms of aspects.
        """
        order = np.arange(RECENT)[::-1]
        held = order < self.count[slots][:, None]
        values = np.where(held[..., None], self.values[slots], np.nan)
        last = values[:, -1].copy()
        last[:, LOG_Z] = _newest(values[..., LOG_Z])
        off = np.clip(values - last[:, None], -1e6, 1e6)
        far = np.exp(-np.clip(off[..., LOG_H], -LARGEST_STEP, LARGEST_STEP))
        x = np.empty_like(off)
        x[..., U], x[..., V] = off[..., U] * far, off[..., V] * far
        x[..., LOG_W], x[..., LOG_H] = off[..., LOG_W] - off[..., LOG_H], far
        x[..., LOG_Z] = np.exp(np.clip(off[..., LOG_Z], -LARGEST_STEP, LARGEST_STEP))
        times = self.times[slots] - self.times[slots, -1:]
        weights = held * np.maximum(FADING**order, np.exp(np.minimum(times, 0.0) / FADING_S))
        place, slope, known = _lines(times, x, weights)
        a, b = np.maximum(place[:, LOG_H], NEAREST), np.maximum(place[:, LOG_Z], NEAREST)
        growth = -slope[:, LOG_H] / a
        smooth, change = np.empty_like(last), np.empty_like(last)
        smooth[:, LOG_H], change[:, LOG_H] = last[:, LOG_H] - np.log(a), growth
        for axis in (U, V):
            smooth[:, axis] = last[:, axis] + place[:, axis] / a
            change[:, axis] = (slope[:, axis] + place[:, axis] * growth) / a
        smooth[:, LOG_W] = last[:, LOG_W] - last[:, LOG_H] + place[:, LOG_W] + smooth[:, LOG_H]
        change[:, LOG_W] = slope[:, LOG_W] + growth
        smooth[:, LOG_Z], change[:, LOG_Z] = last[:, LOG_Z] + np.log(b), slope[:, LOG_Z] / b
        return np.where(known, smooth, np.nan), np.where(known, change, 0.0)


def _follow(
    mean: FloatArray,
    lessons: FloatArray,
    middle: Callable[[FloatArray], Any],
    values: FloatArray,
    *,
    memory: float,
) -> None:
    """Let geometric means ``(5,)`` follow the middle of new values ``(N, 5)``, NaN = unknown, in place."""
    for column in range(PATH):
        known = values[np.isfinite(values[:, column]), column]
        if len(known):
            lessons[column] = min(lessons[column] + 1, memory)
            found = min(max(float(middle(known)), LEAST), LARGEST)
            mean[column] *= (found / mean[column]) ** (1 / (lessons[column] + 1))


def _led(origin: FloatArray, change: FloatArray, since: FloatArray) -> FloatArray:
    """Where paths lead: places ``(N, 5)`` with changes per second, after ``(N, 1)`` seconds."""
    way = change * since
    near = 1 - way[:, LOG_H]
    near = np.where(near < NEAREST, 1.0, near)
    far = 1 + way[:, LOG_Z]
    far = np.where(far < NEAREST, 1.0, far)
    return np.column_stack(
        [
            origin[:, U] + way[:, U] / near,
            origin[:, V] + way[:, V] / near,
            origin[:, LOG_W] + way[:, LOG_W] - way[:, LOG_H] - np.log(near),
            origin[:, LOG_H] - np.log(near),
            origin[:, LOG_Z] + np.log(far),
        ]
    )


def _step(before: FloatArray, now: FloatArray) -> FloatArray:
    """Change of paths ``(N, 5)`` that lead evenly from one place to the next, as it is at the latter."""
    off = now - before
    step = off.copy()
    nearer = np.exp(np.clip(off[:, LOG_H], -LARGEST_STEP, LARGEST_STEP))
    step[:, U], step[:, V] = off[:, U] * nearer, off[:, V] * nearer
    step[:, LOG_H] = nearer - 1
    step[:, LOG_W] = off[:, LOG_W] - off[:, LOG_H] + step[:, LOG_H]
    step[:, LOG_Z] = 1 - np.exp(-np.clip(off[:, LOG_Z], -LARGEST_STEP, LARGEST_STEP))
    return step


def _newest(values: FloatArray) -> FloatArray:
    """``(N,)`` the last known of each row ``(N, R)``, NaN where none is."""
    known = np.isfinite(values[:, ::-1])
    return np.asarray(values[np.arange(len(values)), values.shape[1] - 1 - known.argmax(1)])


def _lines(times: FloatArray, x: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Lines through ``(N, R, 5)`` values at ``(N, R)`` times: values at time 0, slopes, whether known."""
    weight = weights[..., None] * np.isfinite(x)
    x, t = np.nan_to_num(x), times[..., None]
    total = weight.sum(1)
    safe = np.maximum(total, 1e-9)
    mean_t, mean_x = (weight * t).sum(1) / safe, (weight * x).sum(1) / safe
    vary = (weight * (t - mean_t[:, None]) ** 2).sum(1)
    slope = (weight * (t - mean_t[:, None]) * x).sum(1) / (vary + 1e-9)
    return mean_x - slope * mean_t, slope, np.asarray(total > 0)
