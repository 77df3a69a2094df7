"""Which track takes which detection: dense and sparse solvers of the assignment problem, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import lap
import numpy as np
import numpy.typing as npt

from deptr.records import BoolArray, FloatArray

Indices = npt.NDArray[np.intp]
Bonus = Callable[[Indices, Indices], FloatArray]  # of rows and columns, which broadcast


class Matches(NamedTuple):
    """Pairs of rows (tracks) and columns (detections) of a cost matrix."""

    rows: Indices
    columns: Indices


class Listed(NamedTuple):
    """A cost matrix of which only some pairs, row by row, have a cost, ``(P,)``; no other may be made."""

    pairs: Matches
    costs: FloatArray
    shape: tuple[int, ...]

    def where(self, chosen: BoolArray) -> Listed:
        """Those of the pairs."""
        if chosen.all():
            return self
        pairs = Matches(self.pairs.rows[chosen], self.pairs.columns[chosen])
        return Listed(pairs, self.costs[chosen], self.shape)

    def less(self, bonus: Bonus | None) -> Listed:
        """The same with a bonus subtracted."""
        return self if bonus is None else self._replace(costs=self.costs - bonus(*self.pairs))


CROWD = 90_000  # pairs, from which on only the feasible ones are looked at
FEW_PAIRS = 10_000  # up to which the dense solver is the faster one, whatever the pairs
_NOTHING = Matches(np.empty(0, np.intp), np.empty(0, np.intp))


def pairs_where(table: BoolArray) -> Matches:
    """Pairs that are True, row by row; for large tables several times as fast as `nonzero`.

    Example:
        >>> pairs_where(np.array([[False, True], [True, True]]))
        Matches(rows=array([0, 1, 1]), columns=array([1, 0, 1]))
    """
    return Matches(*np.divmod(table.ravel().nonzero()[0], table.shape[1]))


def overlap_costs(similarity: FloatArray, weights: FloatArray | float = 1.0) -> FloatArray | Listed:
    """``1 - similarity x weight``, ``(T, D)``; in crowds only that of the pairs that overlap.

    Args:
        similarity: ``(T, D)``, 0 without overlap.
        weights: ``(D,)`` in [0, 1].

    Example:
        >>> overlap_costs(np.array([[0.5, 0.0]]), np.array([0.5, 1.0]))
        array([[0.75, 1.  ]])
    """
    if similarity.size >= CROWD:
        pairs = pairs_where(similarity > 0)
        weight = weights[pairs.columns] if isinstance(weights, np.ndarray) else weights
        return Listed(pairs, 1.0 - similarity[pairs] * weight, similarity.shape)
    costs = similarity * weights
    return np.asarray(np.subtract(1.0, costs, out=costs))


def mutually_best(pairs: Matches, similarity: FloatArray, shape: tuple[int, ...]) -> BoolArray:
    """Which pairs are the best of their row and of their column; of equal ones, the first.

    Args:
        pairs: ``P`` rows and columns, in the order of `pairs_where`.
        similarity: ``(P,)`` higher is better.
        shape: Number of rows and columns.

    Example:
        >>> pairs = Matches(np.array([0, 0, 1]), np.array([0, 1, 1]))
        >>> mutually_best(pairs, np.array([0.9, 0.5, 0.5]), (2, 2)).tolist()
        [True, False, False]
    """
    # from the worst to the best, the first of equal ones last: what is written last stays
    rising = len(similarity) - 1 - similarity[::-1].argsort(kind="stable")
    of_row, of_column = np.empty(shape[0], np.intp), np.empty(shape[1], np.intp)
    of_row[pairs.rows[rising]] = rising
    of_column[pairs.columns[rising]] = rising
    return np.asarray(of_row[pairs.rows] == of_column[pairs.columns])


def assign(
    costs: FloatArray | Listed, *, cost_limit: float | None = None, allowed: BoolArray | None = None
) -> Matches:
    """Pair rows with columns at the least total cost.

    Args:
        costs: ``(T, D)`` finite costs, lower is better; or those of some pairs, which need a limit.
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
    if isinstance(costs, Listed):
        assert cost_limit is not None
        return _assign_listed(costs, cost_limit, allowed)
    if costs.size == 0:
        return _NOTHING
    feasible = allowed
    if cost_limit is not None:
        feasible = costs <= cost_limit if allowed is None else (costs <= cost_limit) & allowed
        if costs.size >= CROWD:
            pairs = pairs_where(feasible)
            return _solve_sparse(costs[pairs], cost_limit, pairs, costs.shape)
        # a pair at the limit is worth as much as none, so a full assignment is also the best partial one
        costs = np.where(feasible, costs, cost_limit)
    return _solve_dense(costs, feasible)


def _assign_listed(listed: Listed, cost_limit: float, allowed: BoolArray | None) -> Matches:
    good = listed.costs <= cost_limit
    pairs, costs, shape = listed.where(good if allowed is None else good & allowed[listed.pairs])
    if not len(costs):
        return _NOTHING
    if shape[0] * shape[1] >= CROWD:
        return _solve_sparse(costs, cost_limit, pairs, shape)
    table, feasible = np.full(shape, cost_limit), np.zeros(shape, bool)
    table[pairs], feasible[pairs] = costs, True
    return _solve_dense(table, feasible)


def _solve_dense(costs: FloatArray, feasible: BoolArray | None) -> Matches:
    """The optimum of a whole table, less the pairs that are not feasible."""
    _, column_of_row, _ = lap.lapjv(np.ascontiguousarray(costs, np.float64), extend_cost=True)
    rows = (column_of_row >= 0).nonzero()[0]
    columns = column_of_row[rows].astype(np.intp)
    if feasible is None:
        return Matches(rows, columns)
    keep = feasible[rows, columns]
    return Matches(rows[keep], columns[keep])


def _solve_sparse(costs: FloatArray, cost_limit: float, pairs: Matches, shape: tuple[int, ...]) -> Matches:
    """The same optimum from the feasible pairs alone, most of which have no rival in a large table."""
    rows, columns = pairs
    single = np.bincount(rows, minlength=shape[0])[rows] == 1
    single &= np.bincount(columns, minlength=shape[1])[columns] == 1
    taken = (single & (costs < cost_limit)).nonzero()[0]
    rivals = (~single).nonzero()[0]
    if len(rivals):
        index_of_row, r = np.unique(rows[rivals], return_inverse=True)
        index_of_column, c = np.unique(columns[rivals], return_inverse=True)
        best = _solve_rivals(costs[rivals], cost_limit, r, c, (len(index_of_row), len(index_of_column)))
        rows = np.concatenate([rows[taken], index_of_row[best.rows]])
        columns = np.concatenate([columns[taken], index_of_column[best.columns]])
        order = rows.argsort()
        return Matches(rows[order], columns[order])
    return Matches(rows[taken], columns[taken])


def _solve_rivals(
    costs: FloatArray, cost_limit: float, rows: Indices, columns: Indices, shape: tuple[int, int]
) -> Matches:
    """The optimum of pairs, row by row; a row may also take a place of its own at the limit."""
    if shape[0] * shape[1] <= FEW_PAIRS:
        table, feasible = np.full(shape, cost_limit), np.zeros(shape, bool)
        table[rows, columns], feasible[rows, columns] = costs, costs <= cost_limit
        np.minimum(table, cost_limit, out=table)
        return _solve_dense(table, feasible)
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    count, width = shape
    ends = np.cumsum(np.bincount(rows, minlength=count) + 1)
    own, places = ends - 1, np.arange(len(rows)) + rows  # each row's own place follows its pairs
    prices, targets = np.empty(len(rows) + count), np.empty(len(rows) + count, np.int32)
    prices[places], targets[places] = costs, columns
    prices[own], targets[own] = cost_limit, np.arange(width, width + count)
    prices += 1.0 - prices.min()  # a price of zero would be no edge
    starts = np.concatenate([[0], ends]).astype(np.int32)
    graph = csr_array((prices, targets, starts), shape=(count, width + count))
    taken_rows, taken = min_weight_full_bipartite_matching(graph)
    paired = taken < width
    return Matches(taken_rows[paired].astype(np.intp), taken[paired].astype(np.intp))


def assign_most(
    similarity: FloatArray,
    bonus: Bonus | None = None,
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
            return pairs_where(good)
    if similarity.size >= CROWD:
        # among so many, pairs that would be dropped do not take part
        pairs = pairs_where(similarity >= at_least)
        worth = similarity[pairs] if bonus is None else similarity[pairs] + bonus(*pairs)
        return _solve_sparse(-worth, 0.0, pairs, similarity.shape)
    if bonus is None:
        matches = assign(-similarity)
    else:
        rows, columns = np.ogrid[: similarity.shape[0], : similarity.shape[1]]
        matches = assign(-(similarity + bonus(rows, columns)))
    keep = similarity[matches] >= at_least
    return Matches(matches.rows[keep], matches.columns[keep])


def assign_pairs(rows: Indices, columns: Indices, costs: FloatArray, shape: tuple[int, int]) -> Indices:
    """Which of some pairs to take so that their total cost is least, each row and column at most once.

    Args:
        rows: ``(P,)`` of the pairs, each pair at most once.
        columns: ``(P,)``
        costs: ``(P,)`` negative: a pair is better than none.
        shape: Number of rows and columns.

    Returns:
        Indices of the pairs, their rows rising.

    Example:
        >>> rows, columns = np.array([0, 0, 1]), np.array([0, 1, 0])
        >>> assign_pairs(rows, columns, np.array([-3.0, -2.0, -2.0]), (2, 2)).tolist()
        [1, 2]
    """
    single = np.bincount(rows, minlength=shape[0])[rows] == 1
    single &= np.bincount(columns, minlength=shape[1])[columns] == 1
    open_ = (~single).nonzero()[0]
    if not len(open_):
        return rows.argsort()
    index_of_row, r = np.unique(rows[open_], return_inverse=True)
    index_of_column, c = np.unique(columns[open_], return_inverse=True)
    table = np.zeros((len(index_of_row), len(index_of_column)))
    place = np.full(table.shape, -1)
    table[r, c], place[r, c] = costs[open_], open_
    matches = assign(table, cost_limit=0.0, allowed=place >= 0)
    taken = np.concatenate([single.nonzero()[0], place[matches]])
    return np.asarray(taken[rows[taken].argsort()])


def without(indices: Indices, places: Indices) -> Indices:
    """All of `indices` but those at these places; order kept.

    Example:
        >>> without(np.array([4, 2, 7]), np.array([1])).tolist()
        [4, 7]
    """
    if not len(places):
        return indices
    free = np.empty(len(indices), bool)
    free.fill(True)
    free[places] = False
    return indices[free]
