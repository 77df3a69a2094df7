"""Depths whose scale drifts, in the likelihood tracker: followed where many tell, doubted where few do."""

from __future__ import annotations

import numpy as np
from test_likelihood import follow, walkers

from deptr.records import FloatArray
from deptr.tracking.likelihood.drift import DepthDrift


def test_depths_that_all_move_at_once_are_followed() -> None:
    """Their scale and its tilt across the image walk by 10 % a frame: neither noise nor motion of anybody."""
    x, _, _, depth = walkers()
    scale, tilt = np.cumsum(np.random.default_rng(2).normal(0, 0.1, (2, len(x), 1)), axis=1)
    _, tracker = follow(depth * np.exp(scale + tilt * (x - 400) / 400))
    noise = tracker._motion.noise
    assert np.sqrt(noise.measurement[4]) < 0.01
    assert np.sqrt(noise.acceleration[4]) < 0.2


def test_where_too_few_tell_how_all_depths_moved_they_are_less_sure() -> None:
    """Two of eight are left: a jump of all depths, as there have been many, must not part them."""

    def doubts(sizes: FloatArray) -> FloatArray:
        drift, places = DepthDrift(), np.linspace(0, 700, 8)
        for size in sizes:
            told = size + np.random.default_rng(0).normal(0, 0.01, 8)
            drift.follow(told, np.full(8, 1e-4), places, places)
        moves, doubts = drift.follow(np.full(2, 0.2), np.full(2, 1e-4), places[:2], places)
        assert not moves.any()
        return doubts

    rng = np.random.default_rng(3)
    assert np.sqrt(doubts(rng.normal(0, 0.1, 60))).min() > 0.05
    assert not doubts(np.zeros(60)).any()
