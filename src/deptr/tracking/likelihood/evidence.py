"""How much more likely a detection is if it is a track's own than if it is another object's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.likelihood.cuts import beside_a_cut
from deptr.tracking.likelihood.motion import ASPECT, DEPTH, HEIGHT, LikelihoodMotion
from deptr.tracking.likelihood.noise import COORDINATES
from deptr.tracking.likelihood.student import GATE, log_ratios

WRONG_DEPTHS = 0.05  # share of depths that may be plainly wrong, so that no depth alone forbids a pair
DECIDING = 3  # of place, height and aspect: limbs and cuts change the aspect more than identities do
DOUBTFUL = 9.0  # squared standard deviations from which on it is asked whether an edge is wrong
FIRST_SPREAD = np.array([1e5, 1e4, 0.5, 0.5, 0.0])  # pixels squared for the place; depth must prove its own
MEMORY = 50  # frames over which the spread of the objects is averaged


class Population:
    """How much different objects of this stream differ: twice the variance over the detections of a frame."""

    def __init__(self) -> None:
        self.spread: FloatArray = FIRST_SPREAD.copy()
        self._frames: FloatArray = np.full(COORDINATES, 3.0)

    def learn(self, states: FloatArray) -> None:
        """Take the detections of one frame in, ``(N, 5)``."""
        finite = np.isfinite(states)
        count = finite.sum(0)
        known = count > 1
        if not known.any():
            return
        states, count = np.where(finite, states, 0.0)[:, known], count[known]
        apart = np.where(finite[:, known], states - states.sum(0) / count, 0.0)
        spread = 2 * (apart**2).sum(0) / (count - 1)
        if not self.spread[DEPTH] and known[DEPTH]:
            self._frames[DEPTH] = 0
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
        sizes: ``(P, 2)`` width and height of the track, pixels.
    """

    rows: Indices
    columns: Indices
    errors: FloatArray
    variances: FloatArray
    sizes: FloatArray

    def take(self, chosen: Indices) -> Pairs:
        """Those pairs."""
        numbers = (array[chosen] for array in (self.errors, self.variances, self.sizes))
        return Pairs(self.rows[chosen], self.columns[chosen], *numbers)

    def shifted(self, offset: FloatArray) -> Pairs:
        """The same pairs after all predictions moved by ``(2,)`` pixels."""
        errors = self.errors.copy()
        errors[:, :2] -= offset
        return replace(self, errors=errors)

    def nearer(self, moves: FloatArray, doubts: FloatArray) -> Pairs:
        """The same pairs after the predicted depths of all tracks moved, ``(T,)``, and became less sure."""
        errors, variances = self.errors.copy(), self.variances.copy()
        errors[:, DEPTH] -= moves[self.rows]
        variances[:, DEPTH] += doubts[self.rows]
        return replace(self, errors=errors, variances=variances)


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
    same = motion.filters.covariance[0] + motion.measurement()
    limits = GATE * (same[:, :2] + (reach * scales[:, :2]) ** 2)
    rows, columns, across = _beside(mean[:, 0], np.sqrt(limits[:, 0]), states[:, 0], period)
    near = (states[columns, 1] - mean[rows, 1]) ** 2 < limits[rows, 1]
    rows, columns = rows[near], columns[near]
    errors = states[columns] - mean[rows]
    errors[:, 0] = across[near]
    variances = same[rows]
    variances[:, DEPTH] += np.fmax(own[columns] - motion.noise.measurement[DEPTH], 0.0)
    sizes = np.exp(mean[rows, HEIGHT])[:, None] * np.array([1.0, 1.0])
    sizes[:, 0] *= np.exp(mean[rows, ASPECT])
    return Pairs(rows, columns, errors, variances, sizes)


def _beside(
    tracks: FloatArray, reach: FloatArray, detections: FloatArray, period: float | None
) -> tuple[Indices, Indices, FloatArray]:
    """Pairs that are near along one axis, by sorting rather than by comparing all, and their differences."""
    if period is not None:
        tracks, detections = tracks % period, detections % period
    order = np.argsort(detections, kind="stable")
    sorted_ = detections[order]
    turns = (0.0,) if period is None else (-period, 0.0, period)
    parts = []
    for turn in turns:
        first = np.searchsorted(sorted_, tracks - reach + turn)
        count = np.maximum(np.searchsorted(sorted_, tracks + reach + turn, side="right") - first, 0)
        rows = np.repeat(np.arange(len(tracks)), count)
        columns = order[np.arange(len(rows)) + np.repeat(first - np.cumsum(count) + count, count)]
        parts.append((rows, columns, detections[columns] - tracks[rows] - turn))
    rows, columns, across = (np.concatenate(part) for part in zip(*parts, strict=True))
    if period is not None:  # who reaches around the panorama is met once, on the shorter way
        nearest = np.abs(across) <= period / 2
        rows, columns, across = rows[nearest], columns[nearest], across[nearest]
    return rows, columns, across


def box_ratios(pairs: Pairs, spread: FloatArray) -> FloatArray:
    """What place and size say: log-likelihood ratio of each pair, ``(P,)`` nats, -inf outside the gate.

    Where one axis disagrees, one edge along it may be wrong (`deptr.tracking.likelihood.cuts`).

    Args:
        pairs: What is compared.
        spread: ``(5,)`` mean square difference of different objects, as `Population` learns it.

    Example:
        >>> pair = Pairs(np.array([0]), np.array([0]), np.zeros((1, 5)), np.ones((1, 5)), np.ones((1, 2)))
        >>> box_ratios(pair, np.full(5, np.e**2)).round(2).tolist()
        [3.0]
    """
    variances = pairs.variances[:, :DECIDING]
    terms, normed = log_ratios(pairs.errors[:, :DECIDING], variances, spread[:DECIDING])
    terms[normed >= GATE] = -np.inf
    values = terms.sum(1)
    doubtful = normed > DOUBTFUL
    axes = doubtful[:, 0], doubtful[:, 1] | doubtful[:, 2]
    for axis, kept in ((0, slice(1, 3)), (1, slice(0, 1))):
        cut = np.flatnonzero(axes[axis] & ~axes[1 - axis])
        if len(cut):
            of = pairs.take(cut)
            said = beside_a_cut(axis, of.errors, of.variances, spread, of.sizes) + terms[cut, kept].sum(1)
            values[cut] = np.maximum(values[cut], said)
    return np.asarray(values)


def depth_ratios(pairs: Pairs, spread: FloatArray) -> FloatArray:
    """What depth says, ``(P,)`` nats, NaN = unknown; never less than the share of wrong depths allows.

    Example:
        >>> pair = Pairs(np.array([0]), np.array([0]), np.zeros((1, 5)), np.ones((1, 5)), np.ones((1, 2)))
        >>> depth_ratios(pair, np.full(5, np.e**2)).round(2).tolist()
        [0.97]
    """
    terms, _ = log_ratios(pairs.errors[:, DEPTH], pairs.variances[:, DEPTH], spread[DEPTH])
    return np.asarray(np.log(WRONG_DEPTHS + (1 - WRONG_DEPTHS) * np.exp(terms)))


def leads(pairs: Pairs, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """By how much each pair is worth more than the best other one of its track or detection, ``(P,)`` nats.

    Pairs that are worth nothing are no rivals and lead by -inf; without any rival a lead is inf.

    Example:
        >>> rows, columns = np.array([0, 0, 1]), np.array([0, 1, 2])
        >>> pairs = Pairs(rows, columns, np.zeros((3, 5)), np.ones((3, 5)), np.ones((3, 2)))
        >>> leads(pairs, np.array([5.0, 2.0, 1.0]), (2, 3)).tolist()
        [3.0, -3.0, inf]
    """
    good = np.flatnonzero(values > 0)
    worth, rival = values[good], np.full(len(good), -np.inf)
    for owner, count in ((pairs.rows[good], shape[0]), (pairs.columns[good], shape[1])):
        best, second = np.full(count, -np.inf), np.full(count, -np.inf)
        order = np.lexsort((worth, owner))
        of = owner[order]
        last = np.flatnonzero(np.append(of[1:] != of[:-1], True)) if len(of) else of
        best[of[last]] = worth[order[last]]
        before = last[(last > 0) & (of[last - 1] == of[last])] - 1 if len(of) else last
        second[of[before]] = worth[order[before]]
        is_best = np.zeros(len(good), bool)
        is_best[order[last]] = True
        rival = np.maximum(rival, np.where(is_best, second[owner], best[owner]))
    lead = np.full(len(values), -np.inf)
    lead[good] = worth - rival
    return lead


def mutual_best(pairs: Pairs, values: FloatArray, shape: tuple[int, int]) -> Indices:
    """Pairs of positive value in which each is the other's best, as indices of `pairs`."""
    good = np.flatnonzero(values > 0)
    rows, columns, worth = pairs.rows[good], pairs.columns[good], values[good]
    of_row, of_column = np.zeros(shape[0]), np.zeros(shape[1])
    np.maximum.at(of_row, rows, worth)
    np.maximum.at(of_column, columns, worth)
    return np.asarray(good[(worth == of_row[rows]) & (worth == of_column[columns])])
