"""How much more likely a detection is if it is a track's own than if it is another object's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.likelihood.motion import DEPTH, HEIGHT, LikelihoodMotion
from deptr.tracking.likelihood.noise import COORDINATES

GATE = 36.0  # squared standard deviations that no coordinate of place and size may exceed
FREEDOM = 4.0  # of Student's distribution: rare large errors of boxes cost less than a Gaussian says
WRONG_DEPTHS = 0.05  # share of depths that may be plainly wrong, so that no depth alone forbids a pair
USED = np.array([True, True, True, False, True])  # limbs and cuts change the aspect more than identities do
FIRST_SPREAD = np.array([1e5, 1e4, 0.5, 0.5, 0.5])  # pixels squared for the place
MEMORY = 50  # frames over which the spread of the objects is averaged


class Population:
    """How much different objects of this stream differ: twice the variance over the detections of a frame."""

    def __init__(self) -> None:
        self.spread: FloatArray = FIRST_SPREAD.copy()
        self._frames: FloatArray = np.full(COORDINATES, 3.0)

    def learn(self, states: FloatArray) -> None:
        """Take the detections of one frame in, ``(N, 5)``."""
        known = np.isfinite(states).sum(0) > 2
        if not known.any():
            return
        spread = 2 * np.nanvar(states[:, known], axis=0)
        self._frames[known] = np.minimum(self._frames[known] + 1, MEMORY)
        self.spread[known] += (spread - self.spread[known]) / self._frames[known]


@dataclass(frozen=True)
class Pairs:
    """Tracks and detections that may belong together.

    Attributes:
        rows: ``(P,)`` tracks.
        columns: ``(P,)`` detections.
        errors: ``(P, 5)`` detection minus prediction, NaN = unknown.
        variances: ``(P, 5)`` of the errors if they are one object.
    """

    rows: Indices
    columns: Indices
    errors: FloatArray
    variances: FloatArray

    def take(self, chosen: Indices) -> Pairs:
        """Those pairs."""
        return Pairs(self.rows[chosen], self.columns[chosen], self.errors[chosen], self.variances[chosen])

    def shifted(self, offset: FloatArray) -> Pairs:
        """The same pairs after all predictions moved by ``(2,)`` pixels."""
        errors = self.errors.copy()
        errors[:, :2] -= offset
        return replace(self, errors=errors)


def near_pairs(
    motion: LikelihoodMotion, states: FloatArray, own: FloatArray, *, reach: float, period: float | None
) -> Pairs:
    """Pairs whose places are within the gate.

    Args:
        motion: The tracks.
        states: ``(D, 5)`` detections as `LikelihoodMotion.observe` gives them.
        own: ``(D,)`` the detector's own variances of the depths, NaN = not given.
        reach: Heights by which the camera may have moved all predictions, a standard deviation.
        period: Width of a panorama in pixels, None for a plain image.
    """
    mean, scales = motion.filters.mean, motion.scales()
    same = motion.filters.covariance[0] + motion.noise.measurement * scales**2
    limits = GATE * (same[:, :2] + (reach * scales[:, :2]) ** 2)
    across = states[:, 0] - mean[:, 0, None]
    if period is not None:
        across -= np.rint(across / period) * period
    near = (across**2 < limits[:, 0, None]) & ((states[:, 1] - mean[:, 1, None]) ** 2 < limits[:, 1, None])
    rows, columns = near.nonzero()
    errors = states[columns] - mean[rows]
    errors[:, 0] = across[rows, columns]
    variances = same[rows]
    surplus = own[columns] - motion.noise.measurement[DEPTH]
    variances[:, DEPTH] += np.maximum(np.nan_to_num(surplus), 0.0)
    return Pairs(rows, columns, errors, variances)


def log_ratios(pairs: Pairs, spread: FloatArray) -> FloatArray:
    """Log-likelihood ratio of each pair, ``(P,)`` nats; -inf outside the gate.

    Args:
        pairs: What is compared.
        spread: ``(5,)`` mean square difference of different objects, as `Population` learns it.

    Example:
        >>> errors, same = np.zeros((1, 5)), np.ones((1, 5))
        >>> pair = Pairs(np.array([0]), np.array([0]), errors, same)
        >>> log_ratios(pair, np.full(5, np.e**2)).round(2).tolist()
        [3.97]
    """
    squares = pairs.errors**2
    different = np.maximum(spread, pairs.variances)
    normed = squares / pairs.variances
    terms = 0.5 * np.log(different / pairs.variances) - (FREEDOM + 1) / 2 * (
        np.log1p(normed / FREEDOM) - np.log1p(squares / different / FREEDOM)
    )
    terms[:, DEPTH] = np.log(WRONG_DEPTHS + (1 - WRONG_DEPTHS) * np.exp(terms[:, DEPTH]))
    total = np.where(USED & np.isfinite(terms), terms, 0.0).sum(1)
    inside = (normed[:, : HEIGHT + 1] < GATE).all(1)
    return np.where(inside, total, -np.inf)


def mutual_best(pairs: Pairs, values: FloatArray, shape: tuple[int, int]) -> Indices:
    """Pairs of positive value in which each is the other's best, as indices of `pairs`."""
    table = np.zeros(shape)
    table[pairs.rows, pairs.columns] = np.maximum(values, 0.0)
    best = (table[pairs.rows, pairs.columns] == table.max(1)[pairs.rows]) & (values > 0)
    return np.flatnonzero(best & (values == table.max(0)[pairs.columns]))
