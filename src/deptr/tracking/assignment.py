"""The package's one solver call: which track takes which detection."""

from __future__ import annotations

from typing import NamedTuple

import lap
import numpy as np
import numpy.typing as npt

from deptr.records import BoolArray, FloatArray

Indices = npt.NDArray[np.intp]


class Matches(NamedTuple):
    """Pairs of rows (tracks) and columns (detections) of a cost matrix."""

    rows: Indices
    columns: Indices


def assign(
    costs: FloatArray, *, cost_limit: float | None = None, allowed: BoolArray | None = None
) -> Matches:
    """Pair rows with columns at the least total cost.

    Args:
        costs: ``(T, D)`` finite costs, lower is better.
        cost_limit: A pair above this is worse than leaving both alone; None pairs as many as possible.
        allowed: ``(T, D)``; pairs that are False are never returned.

    Returns:
        Rows in rising order and their columns.

    Example:
        >>> assign(np.array([[0.1, 0.9], [0.8, 0.95]]), cost_limit=0.85)
        Matches(rows=array([0]), columns=array([0]))
        >>> assign(np.zeros((0, 3)))
        Matches(rows=array([], dtype=int64), columns=array([], dtype=int64))
    """
    if costs.size == 0 or (allowed is not None and not allowed.any()):
        return Matches(np.empty(0, np.intp), np.empty(0, np.intp))
    if allowed is not None and cost_limit is not None:
        # a finite price just beyond the limit: an infinite one would poison every joint assignment
        costs = np.where(allowed, costs, cost_limit + abs(cost_limit) + 1.0)
    limit = np.inf if cost_limit is None else cost_limit
    _, column_of_row, _ = lap.lapjv(
        np.ascontiguousarray(costs, np.float64), extend_cost=True, cost_limit=limit
    )
    rows = np.flatnonzero(column_of_row >= 0)
    columns = column_of_row[rows].astype(np.intp)
    if allowed is not None:
        keep = allowed[rows, columns]
        rows, columns = rows[keep], columns[keep]
    return Matches(rows, columns)


def assign_most(
    similarity: FloatArray,
    bonus: FloatArray | float = 0.0,
    *,
    at_least: float,
    allowed: BoolArray | None = None,
    clear_first: bool = False,
) -> Matches:
    """Pair as many rows and columns as possible at the most total similarity, then drop the poor pairs.

    This is how SORT and its kin associate.

    Args:
        similarity: ``(T, D)`` higher is better.
        bonus: Added to the similarity for the choice of pairs only.
        at_least: Pairs less similar than this are dropped.
        allowed: ``(T, D)`` pairs that may be made; None allows all.
        clear_first: Where no row or column has a choice between good pairs, take these as they are.

    Example:
        >>> assign_most(np.array([[0.9, 0.8], [0.7, 0.1]]), at_least=0.3)
        Matches(rows=array([0, 1]), columns=array([1, 0]))
    """
    if allowed is not None:
        similarity = np.where(allowed, similarity, -1e3)
    if clear_first and similarity.size:
        good = similarity > at_least
        if good.sum(1).max() == 1 and good.sum(0).max() == 1:
            return Matches(*np.nonzero(good))
    matches = assign(-(similarity + bonus))
    keep = similarity[matches] >= at_least
    return Matches(matches.rows[keep], matches.columns[keep])


def without(indices: Indices, taken: Indices) -> Indices:
    """Those of `indices` that are not in `taken`, order kept.

    Example:
        >>> without(np.array([4, 2, 7]), np.array([2])).tolist()
        [4, 7]
    """
    if not len(taken):
        return indices
    return indices[~np.isin(indices, taken)]
