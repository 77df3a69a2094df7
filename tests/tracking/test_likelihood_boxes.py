"""The likelihood tracker where boxes are cut, restless or suppressed."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from deptr.records import FloatArray
from deptr.tracking.depth.redundancy import CLOSE, Redundancy
from deptr.tracking.likelihood.tracker import LikelihoodTracker
from deptr.tracking.likelihood.unrest import Unrest

WIDTH = 400.0


def seen(
    boxes: FloatArray, scores: FloatArray | float = 0.9, depth: FloatArray | None = None
) -> sv.Detections:
    return sv.Detections(
        xyxy=boxes.astype(np.float32),
        confidence=np.broadcast_to(scores, len(boxes)).astype(np.float32),
        data={} if depth is None else {"depth": depth.astype(np.float32)},
        metadata={"depth_kind": "metric"},
    )


def standing(places: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Boxes of people 100 high at these places, trembling by a pixel."""
    boxes = np.stack(
        [places - 20, np.full(len(places), 100.0), places + 20, np.full(len(places), 200.0)], axis=1
    )
    return boxes + rng.normal(0, 1, boxes.shape)


@pytest.mark.parametrize("edge", [0, 1, 2, 3])
def test_a_box_that_is_cut_at_one_edge_keeps_its_identity(edge: int) -> None:
    rng, tracker = np.random.default_rng(0), LikelihoodTracker(frame_rate=20)
    places = 100.0 + 120 * np.arange(5)
    for _ in range(30):
        before = tracker.update(seen(standing(places, rng)))
    boxes = standing(places, rng)
    boxes[2, edge] += (22, 32, -22, -32)[edge]
    assert tracker.update(seen(boxes)).tracker_id.tolist() == before.tracker_id.tolist()


def test_a_restless_one_is_known_by_its_own_surprises() -> None:
    """One of six jumps to and fro by half its height, and keeps its identity as soon as that is known."""
    rng, tracker = np.random.default_rng(1), LikelihoodTracker(frame_rate=10)
    places, names = 100.0 + 200 * np.arange(6), []
    for frame in range(60):
        moved = places.copy()
        moved[3] += 2.0 * min(frame, 25) * (-1) ** (frame // 2)
        names.append(tracker.update(seen(standing(moved, rng))).tracker_id.tolist())
    assert names[-1] == names[20]
    factor = tracker._motion.unrest.factor[:, 0]
    assert factor[3] > 3 * np.delete(factor, 3).max()


def test_nobody_is_steadier_than_the_stream() -> None:
    unrest = Unrest()
    unrest.append(1)
    for _ in range(50):
        unrest.learn(np.array([0]), np.zeros((1, 5)))
    assert (unrest.factor == 1).all()


@pytest.mark.parametrize(("factor", "taken"), [(1.0, True), (1.6, False)])
def test_what_was_suppressed_comes_back_where_box_and_depth_agree(factor: float, taken: bool) -> None:
    rng, tracker = np.random.default_rng(2), LikelihoodTracker(frame_rate=10)
    places, depth = 100.0 + 120 * np.arange(8), 4.0 + np.arange(8)
    scores = np.full(8, 0.9)
    for _ in range(30):
        tracker.update(seen(standing(places, rng), scores, depth))
    scores[4], told = 0.02, depth.copy()
    told[4] *= factor
    assert len(tracker.update(seen(standing(places, rng), scores, told))) == (8 if taken else 7)


def test_without_depth_nothing_suppressed_comes_back() -> None:
    rng, tracker = np.random.default_rng(2), LikelihoodTracker(frame_rate=10)
    places, scores = 100.0 + 120 * np.arange(8), np.full(8, 0.9)
    for _ in range(30):
        tracker.update(seen(standing(places, rng), scores))
    scores[4] = 0.02
    assert len(tracker.update(seen(standing(places, rng), scores))) == 7


def test_between_close_frames_less_of_a_depth_may_be_the_boxs() -> None:
    """A third of its tremble: too much at 10 frames a second, where speeds change little between frames."""
    redundancy, rng = Redundancy(own_scale=True), np.random.default_rng(0)
    box, apart = rng.normal(0, 0.03, (500, 2)), rng.normal(0, 0.042, 500)
    redundancy.learn(np.column_stack([box, apart - box[:, 0]]), rng.uniform(0, 900, 500))
    assert 0.3 < redundancy.share < 0.42
    redundancy.step(2 * CLOSE)
    assert redundancy.say > 0.3
    redundancy.step(CLOSE)
    assert redundancy.say == 0.0
