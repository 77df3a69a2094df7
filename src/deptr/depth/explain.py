"""Which depths of overlapping bodies explain best what is seen in their boxes, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.boxes import iou
from deptr.records import BoolArray, FloatArray, IntArray

WIDEST_Y = 0.42  # of the height: where a standing body is widest
SPREAD_X, SPREAD_Y = 0.17, 0.37  # of the size: how fast a body thins out towards the borders of its box
FULL = 0.8  # probability that the middle of a box shows its body, if nothing stands before it
WIDE_X = 0.32  # the same across for boxes wider than tall, which a car fills
THICKNESS = 0.08  # in the coordinate of depth: what is seen of one body, and of its sensor's noise
UNEXPLAINED = 0.3  # density of depths that belong to no box, in the coordinate of depth
CANDIDATES = 5  # layers of each box that may be its body
SAME = 0.75  # IoU from which two boxes are two answers about one object
BEYOND = 0.05  # of the size: how far a body may reach out of a box that is a little off
SHARED = 0.5  # weight of samples that others may own, while candidates are looked for
EVIDENCE, FIRST_EVIDENCE = 5.8, 1.65  # samples that all of a box's are worth; less at first: sizes go before
CERTAINTY = 2.0  # times the evidence: from how well depths explain to how probable they are
SWEEPS, FIRST_SWEEPS = 6, 2
LEAST_SIZES = 4  # boxes that tell how large objects are
SIZE_TOLERANCE = 0.15  # in the coordinate of depth: how different sizes may be where all boxes agree
WORST_SIZE = 6.0  # what a size may count against a depth at most
DIFFERENT = 0.12  # in the coordinate of depth: candidates this far apart are different answers
_IMPOSSIBLE = -1e9
_HARDLY = -0.05  # logarithm of the probability that others leave a sample open: less is theirs


@dataclass(frozen=True)
class Samples:
    """Samples of each box; boxes with fewer are filled up with unknown ones.

    Attributes:
        boxes: ``(N, 4)`` xyxy pixels.
        x, y: ``(N, S)`` pixels.
        values: ``(N, S)`` coordinates of depth, NaN = unknown.
        cut: ``(N,)`` boxes that the border of the image cuts: their height tells nothing.
        counts: ``(N,)`` how many samples a box would have if all were known.
        weights: ``(N, S)`` 0 or more, which part of a sample the object owns; None where nothing tells.
    """

    boxes: FloatArray
    x: FloatArray
    y: FloatArray
    values: FloatArray
    cut: BoolArray
    counts: FloatArray
    weights: FloatArray | None = None


def silhouette(x: FloatArray, y: FloatArray, boxes: FloatArray) -> FloatArray:
    """Probability that the body of a box covers pixels ``(N, S)``, one row for each box."""
    x, y, boxes = (given.astype(np.float32) for given in (x, y, boxes))
    size = boxes[:, 2:] - boxes[:, :2]
    wide = np.clip((size[:, [0]] / size[:, [1]] - 0.6) / 0.6, 0.0, 1.0)
    spread = size[:, [0]] * (SPREAD_X + (WIDE_X - SPREAD_X) * wide)
    across = (x - (boxes[:, [0]] + boxes[:, [2]]) / 2) / spread
    down = ((y - boxes[:, [1]]) / size[:, [1]] - WIDEST_Y) / SPREAD_Y
    return np.asarray(FULL * np.exp(-(across * across + down * down) / 2))


@dataclass(frozen=True)
class Explanation:
    """The depths that explain best what is seen.

    Attributes:
        values: ``(N,)`` coordinate of depth, NaN where nothing is known.
        other: ``(N,)`` probability that it is another one.
        spread: ``(N,)`` deviation in the coordinate of depth that this makes.
        left: ``(N,)`` share of the box's known samples that no other body explains that is as near.
    """

    values: FloatArray
    other: FloatArray
    spread: FloatArray
    left: FloatArray


class Scene:
    """Bodies behind boxes: a sample shows the nearest body that covers it, or what belongs to no box.

    A depth of a box is the better the more of its samples are explained by it or by other boxes' bodies, and
    the fewer show what is behind where the body should be. All boxes are solved together, each given the
    others, the most certain change among neighbours first.

    Args:
        samples: Of all boxes of a moment.
        cover: ``(N, S)`` probability that the own body covers a sample.
        overlapping: Whether a box may hold what belongs to another.
    """

    def __init__(self, samples: Samples, cover: FloatArray, *, overlapping: bool) -> None:
        self._samples = samples
        self._values = samples.values.astype(np.float32)
        self._open = np.float32(1) - cover.astype(np.float32)  # probability that the own body leaves it open
        self._row, self._other = _pairs(samples.boxes if overlapping else samples.boxes[:0])
        self._rows, self._starts = np.unique(self._row, return_index=True)
        x, y = samples.x[self._row], samples.y[self._row]
        boxes = _enlarged(samples.boxes)[self._other]
        inside = (x > boxes[:, [0]]) & (x < boxes[:, [2]]) & (y > boxes[:, [1]]) & (y < boxes[:, [3]])
        others = np.where(inside, silhouette(x, y, samples.boxes[self._other]), np.float32(0))
        self._log_open = np.log1p(-others)  # (P, S) logarithm of the same of the other body
        self._there = self._values[self._row]
        height = samples.boxes[:, 3] - samples.boxes[:, 1]
        self._log_height = np.log(np.where(samples.cut, np.nan, height))

    def alone(self) -> FloatArray:
        """Probability that no other body covers the samples, ``(N, S)``."""
        return np.exp(self._over_pairs(self._log_open))

    def explain(self, candidates: FloatArray) -> Explanation:
        """The best of some depths ``(N, K)`` of each box, NaN = none; the search begins at the first."""
        rows = np.arange(len(candidates))
        possible = np.isfinite(candidates)
        with np.errstate(invalid="ignore"):
            away = self._values[:, None, :] - candidates[:, :, None].astype(np.float32)
            own = np.where(np.abs(away) <= THICKNESS / 2, self._open[:, None, :], np.float32(1))
            behind = np.where(away > THICKNESS / 2, np.log(self._open)[:, None, :], np.float32(0)).sum(2)
        worth = 1 / np.maximum(self._samples.counts, 1.0)[:, None]
        chosen = np.zeros(len(candidates), np.intp)
        for sweep in range(SWEEPS):
            values = candidates[rows, chosen]
            hidden = np.exp(self._over_pairs(self._matching(values)))[:, None, :]
            # density of what is seen: of the bodies that are there, or of what belongs to no box
            density = 1 / THICKNESS - (1 / THICKNESS - UNEXPLAINED) * (hidden * own)
            fit = (np.log(density).sum(2) + behind) * worth
            unlikely = self._unusual_size(candidates, values)
            score = fit * (EVIDENCE if sweep >= FIRST_SWEEPS else FIRST_EVIDENCE) - unlikely
            score = np.where(possible, score, _IMPOSSIBLE)
            best = score.argmax(1)
            gain = np.where(possible[rows, best], score[rows, best] - score[rows, chosen], 0.0)
            change = (gain > 1e-6) & (gain > self._largest_beside(gain))
            if not change.any() and sweep >= FIRST_SWEEPS:
                break
            chosen = np.where(change, best, chosen)
        return self._answer(candidates, chosen, CERTAINTY * score)

    def _answer(self, candidates: FloatArray, chosen: IntArray, score: FloatArray) -> Explanation:
        values = candidates[np.arange(len(candidates)), chosen]
        highest = score.max(1, keepdims=True)
        probable = np.exp(score - highest)
        probable /= probable.sum(1, keepdims=True)
        gap = np.where(np.isfinite(candidates), candidates - values[:, None], 0.0)
        probable = np.where(np.abs(gap) > DIFFERENT, probable, 0.0)
        as_near = values[self._other] < values[self._row] + THICKNESS / 2
        taken = self._over_pairs(np.where(as_near[:, None], self._matching(values), np.float32(0)))
        known = np.isfinite(self._values) * (1 - self._open)
        left = (known * (taken > _HARDLY)).sum(1) / np.maximum(known.sum(1), 1e-12)
        return Explanation(values, probable.sum(1), np.sqrt((probable * gap**2).sum(1)), left)

    def _matching(self, values: FloatArray) -> FloatArray:
        """Logarithm of the probability that the other body leaves samples open that lie at its depth."""
        away = self._there - values[self._other, None].astype(np.float32)
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(away) <= THICKNESS / 2, self._log_open, np.float32(0))

    def _over_pairs(self, terms: FloatArray) -> FloatArray:
        """Sums over the others of each box, ``(N, S)``."""
        result = np.zeros(self._values.shape, np.float32)
        if len(self._row):
            result[self._rows] = np.add.reduceat(terms, self._starts, axis=0)
        return result

    def _largest_beside(self, gain: FloatArray) -> FloatArray:
        """The largest gain among the boxes that meet each one; of equal ones the first comes first."""
        result = np.full(len(gain), -np.inf)
        if len(self._row):
            later = 1e-9 * (self._other > self._row)
            result[self._rows] = np.maximum.reduceat(gain[self._other] - later, self._starts)
        return result

    def _unusual_size(self, candidates: FloatArray, values: FloatArray) -> FloatArray:
        """What counts against depths that would make a box's body larger or smaller than the others'."""
        sizes = values + self._log_height
        sizes = np.sort(sizes[np.isfinite(sizes)])
        if len(sizes) < LEAST_SIZES:
            return np.zeros_like(candidates)
        usual = sizes[len(sizes) // 2]
        tolerance = np.hypot(SIZE_TOLERANCE, 3 * np.sort(np.abs(sizes - usual))[len(sizes) // 2])
        away = (candidates + self._log_height[:, None] - usual) / tolerance
        return np.where(np.isnan(away), 0.0, np.minimum(away**2 / 2, WORST_SIZE))


def _enlarged(boxes: FloatArray) -> FloatArray:
    margin = BEYOND * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def _pairs(boxes: FloatArray) -> tuple[IntArray, IntArray]:
    """Boxes whose bodies may cover one another: a box and another one, in the order of the first."""
    reach = _enlarged(boxes)
    low = np.maximum(boxes[:, None, :2], reach[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], reach[None, :, 2:])
    meets = np.asarray((high > low).all(-1))
    meets |= meets.T
    meets &= iou(boxes, boxes) < SAME
    row, other = meets.nonzero()
    return row, other
