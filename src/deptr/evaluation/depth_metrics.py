"""How good depths are: error, order, and whether the stated uncertainty can be believed. Arrays only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.boxes import iou
from deptr.errors import UsageError
from deptr.records import BoolArray, FloatArray, IntArray

MIN_OVERLAP = 0.05
MIN_GAP = 0.02
LAPLACE_WITHIN_ONE_STD = 1 - float(np.exp(-np.sqrt(2)))


@dataclass(frozen=True)
class DepthFigures:
    """Depths of matched detections against the truth.

    Attributes:
        count: Matched objects with a true depth.
        relative_error: Mean of ``|z - z*| / z*``; lower is better.
        within_quarter: Share with ``max(z / z*, z* / z) < 1.25``; higher is better.
        rank_correlation: Mean over images of Spearman's correlation of predicted and true depth.
        order_accuracy: Share of overlapping pairs in the right order.
        pairs: How many pairs that is.
        within_one_std: Share of errors below the stated standard deviation; 0.757 if they were Laplace.
        std_rank_correlation: Spearman's correlation of stated deviation and absolute error.
    """

    count: int
    relative_error: float
    within_quarter: float
    rank_correlation: float
    order_accuracy: float
    pairs: int
    within_one_std: float
    std_rank_correlation: float


def depth_figures(
    predicted: FloatArray, std: FloatArray, true: FloatArray, image: IntArray, boxes: FloatArray
) -> DepthFigures:
    """All figures at once.

    Args:
        predicted: ``(N,)`` positive depths.
        std: ``(N,)`` standard deviations, NaN = not stated.
        true: ``(N,)`` positive depths in the same unit.
        image: ``(N,)`` number of the image of each object.
        boxes: ``(N, 4)`` corner boxes, pixels.

    Raises:
        UsageError: Arrays of different lengths.

    Example:
        >>> z = np.array([2.0, 4.0, 8.0])
        >>> box = np.tile([0.0, 0.0, 1.0, 1.0], (3, 1))
        >>> figures = depth_figures(z * 1.1, z * 0.2, z, np.zeros(3, int), box)
        >>> round(figures.relative_error, 3), figures.order_accuracy, figures.within_one_std
        (0.1, 1.0, 1.0)
    """
    lengths = {len(predicted), len(std), len(true), len(image), len(boxes)}
    if len(lengths) > 1:
        raise UsageError(f"depth figures: expected arrays of one length, got lengths {sorted(lengths)}")
    error = np.abs(predicted - true)
    ratio = np.maximum(predicted / true, true / predicted) if len(true) else np.zeros(0)
    right, pairs = order_at_overlaps(predicted, true, image, boxes)
    known = np.isfinite(std)
    return DepthFigures(
        count=len(true),
        relative_error=_mean(error / true),
        within_quarter=_mean(ratio < 1.25),
        rank_correlation=_mean(_rank_correlations(predicted, true, image)),
        order_accuracy=right / pairs if pairs else float("nan"),
        pairs=pairs,
        within_one_std=_mean(error[known] <= std[known]),
        std_rank_correlation=rank_correlation(std[known], error[known]),
    )


def _mean(values: FloatArray | BoolArray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _rank_correlations(predicted: FloatArray, true: FloatArray, image: IntArray) -> FloatArray:
    found = [
        rank_correlation(predicted[image == number], true[image == number]) for number in np.unique(image)
    ]
    values = np.array(found, dtype=np.float64)
    return values[np.isfinite(values)]


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's rank correlation, NaN for fewer than three values or without any order.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        0.5
    """
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return round(float(spearmanr(first, second).statistic), 12)


def order_at_overlaps(
    predicted: FloatArray, true: FloatArray, image: IntArray, boxes: FloatArray
) -> tuple[int, int]:
    """How many pairs are in the right order, and how many pairs there are.

    A pair is two objects of one image whose boxes have an IoU of at least 0.05 and whose true depths differ
    by at least 2 %: those between which a tracker needs to know who is in front.

    Example:
        >>> z, box = np.array([2.0, 3.0]), np.array([[0, 0, 2, 2], [1, 0, 3, 2.0]])
        >>> order_at_overlaps(np.array([5.0, 4.0]), z, np.zeros(2, int), box)
        (0, 1)
    """
    right = pairs = 0
    for number in np.unique(image):
        own = np.flatnonzero(image == number)
        here = np.asarray(boxes[own], np.float64).reshape(-1, 4)
        overlap = iou(here, here)
        gap = true[own][:, None] - true[own][None]
        clear = np.abs(gap) >= MIN_GAP * np.minimum(true[own][:, None], true[own][None])
        rows, columns = np.nonzero(np.triu((overlap >= MIN_OVERLAP) & clear, k=1))
        guess = predicted[own][rows] - predicted[own][columns]
        right += int(np.sum(np.sign(guess) == np.sign(gap[rows, columns])))
        pairs += len(rows)
    return right, pairs
