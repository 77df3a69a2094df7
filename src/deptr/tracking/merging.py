"""Which tracklet continues which: ends and starts that predict each other, paired in one assignment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices, assign
from deptr.tracking.depth.likelihood import surprise
from deptr.tracking.depth.space import DepthSpace
from deptr.tracking.kalman import KalmanBatch
from deptr.tracking.smoothing import advance

GATE = 9.0  # squared standard deviations that no coordinate may exceed
SIZE_SPREAD = 0.5  # standard deviation of the log size of different objects, where none stand side by side
ENOUGH = 30  # objects beside another one that tell how different objects are


class Path(NamedTuple):
    """Smoothed tracks, row by row.

    Attributes:
        rows: ``(N,)`` row of the result each row comes from.
        starts: ``(T,)`` first row of each track.
        frames: ``(N,)`` whole numbers.
        seconds: ``(N,)`` time.
        states: ``(5, N, 5)`` of centre x, y, log width, log height and depth, as `smooth_tracks` gives;
            NaN depth where a track has none.
        powers: ``(N, 5)`` variance that a velocity gains in one second.
        space: In which the depth coordinate is.
    """

    rows: Indices
    starts: Indices
    frames: IntArray
    seconds: FloatArray
    states: FloatArray
    powers: FloatArray
    space: DepthSpace


def merge_once(
    path: Path, track_id: IntArray, frames: IntArray, max_gap_seconds: float, min_evidence: float
) -> IntArray | None:
    """Identities after one round of merging, None when nothing merges.

    Args:
        path: Smoothed tracks.
        track_id: ``(M,)`` identity of each row of the result.
        frames: ``(M,)`` their frames.
        max_gap_seconds: Longest gap.
        min_evidence: Nats that a pair must exceed.
    """
    ends = np.append(path.starts[1:], len(path.rows)) - 1
    earlier, later = _candidates(path, ends, max_gap_seconds)
    names = track_id[path.rows[path.starts]]
    first, last = _spans(names, track_id, frames)
    apart = last[earlier] < first[later]
    earlier, later = earlier[apart], later[apart]
    if not len(earlier):
        return None
    evidence, plausible = compare(path, ends[earlier], path.starts[later])
    good = plausible & (evidence > min_evidence)
    if not good.any():
        return None
    rows, row_of = np.unique(earlier[good], return_inverse=True)
    columns, column_of = np.unique(later[good], return_inverse=True)
    costs = np.zeros((len(rows), len(columns)))
    allowed = np.zeros(costs.shape, bool)
    costs[row_of, column_of] = min_evidence - evidence[good]
    allowed[row_of, column_of] = True
    pairs = assign(costs, cost_limit=0.0, allowed=allowed)
    into = np.arange(len(names))
    into[columns[pairs.columns]] = rows[pairs.rows]
    while (into[into] != into).any():  # chains end at their earliest tracklet
        into = into[into]
    order = np.argsort(names)
    at = np.minimum(np.searchsorted(names, track_id, sorter=order), len(names) - 1)
    whose = order[at]
    return np.where(names[whose] == track_id, names[into[whose]], track_id)


def _candidates(path: Path, ends: Indices, max_gap_seconds: float) -> tuple[Indices, Indices]:
    """Tracks of which one starts at most so long after the other ended."""
    order = np.argsort(path.seconds[path.starts], kind="stable")
    begins, over = path.seconds[path.starts][order], path.seconds[ends]
    low = np.searchsorted(begins, over, side="right")
    high = np.searchsorted(begins, over + max_gap_seconds + 1e-9, side="right")
    count = np.maximum(high - low, 0)
    earlier = np.repeat(np.arange(len(ends)), count)
    place = np.arange(len(earlier)) - np.repeat(np.cumsum(count) - count, count)
    return earlier, order[np.repeat(low, count) + place]


def _spans(names: IntArray, track_id: IntArray, frames: IntArray) -> tuple[IntArray, IntArray]:
    """First and last frame of each of these identities, filled rows too."""
    order = np.lexsort((frames, track_id))
    left = np.searchsorted(track_id[order], names, side="left")
    right = np.searchsorted(track_id[order], names, side="right") - 1
    return frames[order[left]], frames[order[right]]


def compare(path: Path, ends: Indices, starts: Indices) -> tuple[FloatArray, BoolArray]:
    """Whether the object that ends at one row is the one that starts at another.

    Args:
        path: Smoothed tracks.
        ends: ``(P,)`` last rows of tracks.
        starts: ``(P,)`` first rows of later tracks.

    Returns:
        ``(P,)`` log-likelihood ratio of one object to two, and whether no coordinate contradicts it.
    """
    filters = KalmanBatch(coordinates=5)
    here, there = path.states[:, ends], path.states[:, starts]
    filters.append(here[0].copy(), here[2].copy(), here[4].copy())
    filters.put(np.arange(len(ends)), here)
    advance(filters, (path.seconds[starts] - path.seconds[ends])[:, None], path.powers[ends])
    ahead = filters.state(np.arange(len(ends)))
    error = there[:2] - ahead[:2]
    same = there[2:] + ahead[2:]
    different = same.copy()
    different[::2] += spread(path)[:, None]
    terms = 0.5 * (surprise(error, different) - surprise(error, same))
    plausible = (error**2 < GATE * same[::2]) | np.isnan(error)
    return np.nansum(terms, axis=1), np.asarray(plausible.all(axis=(0, 2)))


def spread(path: Path) -> FloatArray:
    """Mean square difference of two objects in one frame: ``(2, 5)`` of positions and of velocities."""
    _, group = np.unique(path.frames, return_inverse=True)
    found = np.zeros((2, 5))
    for kind in range(2):
        for coordinate in range(5):
            values = path.states[kind, :, coordinate]
            known = np.isfinite(values)
            counts = np.bincount(group[known])
            sums = np.bincount(group[known], weights=values[known])
            centred = values[known] - (sums / np.maximum(counts, 1))[group[known]]
            others = int(np.maximum(counts - 1, 0).sum())
            if others >= ENOUGH:
                found[kind, coordinate] = 2 * np.sum(centred**2) / others
            elif kind == 0 and coordinate < 2:
                found[kind, coordinate] = np.ptp(values) ** 2 / 6
            elif kind == 0 and coordinate < 4:
                found[kind, coordinate] = 2 * SIZE_SPREAD**2
    return found
