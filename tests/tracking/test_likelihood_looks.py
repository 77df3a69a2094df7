"""The likelihood tracker and embeddings: they part who passes in one place; useless ones change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st

from deptr.tracking.likelihood.evidence import Pairs
from deptr.tracking.likelihood.looks import Looks
from deptr.tracking.likelihood.tracker import LikelihoodTracker
from deptr.tracking.likelihood.worth import Worth
from deptr.tracking.measurements import Measurements


def two(frame: int, looks: str | None) -> sv.Detections:
    """Two people of equal boxes meet in one place and turn back."""
    rng = np.random.default_rng(frame)
    x = 60 - 2.0 * frame if frame < 30 else 2.0 * frame - 60
    centre = np.array([200 - x, 200 + x]) + rng.normal(0, 1, 2)
    boxes = np.stack([centre - 20, np.full(2, 150.0), centre + 20, np.full(2, 250.0)], axis=1)
    seen = sv.Detections(boxes.astype(np.float32), confidence=np.full(2, 0.9))
    if looks is not None:
        own = np.eye(2, 8) if looks == "own" else rng.normal(0, 1, (2, 8))
        seen.data["embedding"] = own + rng.normal(0, 0.1, (2, 8))
    return seen


def follow(looks: str | None, first: int = 0) -> list[list[int]]:
    tracker = LikelihoodTracker(frame_rate=20, boxes="observed")
    return [tracker.update(two(frame, looks)).tracker_id.tolist() for frame in range(first, 60)]


def test_looks_part_two_who_pass_in_one_place() -> None:
    assert follow("own")[-1] == follow("own")[5]
    assert follow(None)[-1] != follow(None)[5]


def test_useless_looks_change_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken for noise after a while; those of a new stream must prove themselves first."""
    starts = range(16, 32)
    without = [follow(None, first) for first in starts]
    assert [follow("noise", first) for first in starts] == without
    monkeypatch.setattr(Worth, "trust", 1.0)
    assert [follow("noise", first) for first in starts] != without


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_more_similar_look_never_makes_a_pair_less_likely(a: float, b: float) -> None:
    looks = Looks(0.5)
    looks.append(Measurements.of(two(0, "own")).take(np.array([0])))
    own = looks.vectors[0]
    across = np.eye(8)[5] - own * own[5]
    across /= np.linalg.norm(across)
    seen = np.array([c * own + np.sqrt(1 - c * c) * across for c in (a, b)])
    nothing = np.empty((0, 5))
    looks.learn(
        Pairs(np.empty(0, np.intp), np.empty(0, np.intp), nothing, nothing, np.zeros((0, 2))), np.eye(3, 8)
    )
    rows = np.zeros(2, np.intp)
    says = looks.ratios(Pairs(rows, np.arange(2), np.zeros((2, 5)), np.ones((2, 5)), np.ones((2, 2))), seen)
    assert says is not None
    assert (says[0] - says[1]) * (a - b) >= -1e-9
