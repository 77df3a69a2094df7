"""Our own two trackers and embeddings: they part who passes in one place; useless ones change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st

from deptr.tracking.likelihood.looks import Looks
from deptr.tracking.likelihood.worth import Worth
from deptr.tracking.measurements import Measurements
from deptr.tracking.registry import create_tracker

OURS = ("likelihood", "learned")


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


def follow(name: str, looks: str | None, first: int = 0) -> list[list[int]]:
    tracker = create_tracker(name, frame_rate=20, boxes="observed")
    return [tracker.update(two(frame, looks)).tracker_id.tolist() for frame in range(first, 60)]


@pytest.mark.parametrize("name", OURS)
def test_looks_part_two_who_pass_in_one_place(name: str) -> None:
    assert follow(name, "own")[-1] == follow(name, "own")[5]
    assert follow(name, None)[-1] != follow(name, None)[5]


@pytest.mark.parametrize("name", OURS)
def test_useless_looks_change_nothing_at_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken for noise after a while; those of a new stream must prove themselves first."""
    starts = range(16, 32)
    without = [follow(name, None, first) for first in starts]
    assert [follow(name, "noise", first) for first in starts] == without
    monkeypatch.setattr(Worth, "trust", 1.0)
    assert [follow(name, "noise", first) for first in starts] != without


@pytest.mark.parametrize("name", OURS)
def test_a_doubtful_score_is_reported_where_it_looks_like_its_track(name: str) -> None:
    """Low scores mostly lie where nobody is: then the score alone is doubted."""

    def reported(vouched: bool) -> int:
        rng, tracker, count = np.random.default_rng(2), create_tracker(name, frame_rate=10), 0
        for frame in range(60):
            left = np.array([100.0 + 3 * frame, 400, 700, *rng.uniform(900, 8000, 6)])
            boxes = np.stack([left, np.full(9, 100.0), left + 40, np.full(9, 200.0)], axis=1)
            found = sv.Detections(
                boxes, confidence=np.array([0.9, 0.9, 0.3 if frame % 3 else 0.9] + 6 * [0.3])
            )
            if vouched:
                found.data["embedding"] = np.eye(9, 12) + rng.normal(0, 0.02, (9, 12))
            low = tracker.update(found)
            count += int(((low.confidence < 0.5) & (low.xyxy[:, 0] < 800)).sum())
        return count

    assert reported(vouched=True) > reported(vouched=False) + 20


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_more_similar_look_never_makes_a_pair_less_likely(a: float, b: float) -> None:
    looks = Looks(0.5)
    looks.append(Measurements.of(two(0, "own")).take(np.array([0])))
    own = looks.vectors[0]
    across = np.eye(8)[5] - own * own[5]
    across /= np.linalg.norm(across)
    seen = np.array([c * own + np.sqrt(1 - c * c) * across for c in (a, b)])
    nobody = np.empty(0, np.intp)
    looks.learn(nobody, nobody, np.eye(3, 8))
    says = looks.ratios(np.zeros(2, np.intp), np.arange(2), seen)
    assert says is not None
    assert (says[0] - says[1]) * (a - b) >= -1e-9
