"""The shortcuts for crowds give what the full computation gives; the solver is the true optimum."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr import boxes
from deptr.records import FloatArray
from deptr.tracking import assignment
from deptr.tracking.assignment import Matches, assign, assign_most, without


def crowd(rng: np.random.Generator, count: int, side: float) -> FloatArray:
    corner = rng.uniform(0, side, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 60, (count, 2))], axis=1)


def total(costs: FloatArray, limit: float, pairs: Matches) -> float:
    return float((limit - costs[pairs]).sum())


@given(st.integers(0, 100_000))
@settings(max_examples=60, deadline=None)
def test_sparse_solver_reaches_the_same_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 40, 2))
    costs = np.where(rng.random(shape) < 0.2, rng.random(shape), 1.0)
    allowed = None if rng.random() < 0.5 else rng.random(shape) < 0.8
    limit = float(rng.choice([0.3, 0.9]))
    dense = assign(costs, cost_limit=limit, allowed=allowed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "CROWD", 0)
        sparse = assign(costs, cost_limit=limit, allowed=allowed)
    assert total(costs, limit, dense) == pytest.approx(total(costs, limit, sparse))
    for pairs in (dense, sparse):
        assert len(set(pairs.rows)) == len(pairs.rows) and len(set(pairs.columns)) == len(pairs.columns)
        assert (costs[pairs] <= limit).all() and (allowed is None or allowed[pairs].all())


@given(st.integers(0, 100_000))
@settings(max_examples=40, deadline=None)
def test_solver_finds_the_least_cost_of_all_assignments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs, limit = rng.random((4, 4)), 0.6
    best = max(
        sum(max(limit - costs[row, column], 0.0) for row, column in enumerate(order))
        for order in permutations(range(4))
    )
    assert total(costs, limit, assign(costs, cost_limit=limit)) == pytest.approx(best)


@pytest.mark.parametrize("pixel", [0.0, 1.0])
def test_overlaps_of_a_crowd_are_those_of_all_pairs(pixel: float) -> None:
    rng = np.random.default_rng(0)
    a, b = crowd(rng, 400, 900), crowd(rng, 350, 900)
    assert len(a) * len(b) >= boxes.CROWD
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "CROWD", np.inf)
        full, full_height = boxes.iou(a, b, pixel=pixel), boxes.height_modulated_iou(a, b)
    np.testing.assert_allclose(boxes.iou(a, b, pixel=pixel), full, atol=1e-12)
    np.testing.assert_allclose(boxes.height_modulated_iou(a, b), full_height, atol=1e-12)


def test_most_pairs_of_a_crowd_are_those_of_the_full_problem() -> None:
    rng = np.random.default_rng(2)
    a = crowd(rng, 60, 300)
    similarity = boxes.iou(a, a + rng.normal(0, 4, a.shape))
    full = assign_most(similarity, at_least=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "CROWD", 0)
        sparse = assign_most(similarity, at_least=0.3)
    assert len(full.rows) > 40
    np.testing.assert_array_equal(np.stack(full), np.stack(sparse))


def test_nothing_to_pair() -> None:
    for shape in ((0, 0), (0, 3), (3, 0)):
        assert len(assign(np.zeros(shape), cost_limit=1.0).rows) == 0
        assert len(assign_most(np.zeros(shape), at_least=0.3, clear_first=True).rows) == 0
        assert boxes.iou(np.zeros((shape[0], 4)), np.zeros((shape[1], 4))).shape == shape
    assert len(assign(np.ones((2, 2)), cost_limit=0.5).rows) == 0
    assert without(np.array([5, 3, 9]), np.array([1])).tolist() == [5, 9]
