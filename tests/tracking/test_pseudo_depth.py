"""Pseudo-depth against a world in which the ground, the camera and everybody's depth are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from deptr.errors import UsageError
from deptr.io.mot_text import read_detections
from deptr.io.sequences import folder_sequence
from deptr.tracking.pseudo_depth import PseudoDepth

WIDTH, HEIGHT = 1280, 720


def crowd(
    rng: np.random.Generator, count: int, *, camera: float = 3.0, horizon: float = 150.0, noise: float = 0.01
):
    """Boxes of standing people in a pinhole camera over flat ground, and their depths in metres."""
    focal = 900.0
    depth = rng.uniform(6, 40, count)
    foot = horizon + focal * camera / depth
    height = focal * rng.normal(1.7, 0.1, count) / depth
    left = rng.uniform(0, WIDTH, count)
    boxes = np.stack([left, foot - height, left + 0.4 * height, foot], axis=1)
    boxes[:, 3] += noise * height * rng.standard_normal(count)
    return boxes, depth


def scale_error(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Logarithmic error after the best scale."""
    error = np.log(estimate / truth)
    return np.abs(error - np.median(error))


def test_depth_is_right_up_to_scale() -> None:
    rng = np.random.default_rng(0)
    pseudo = PseudoDepth((WIDTH, HEIGHT))
    for _ in range(30):
        boxes, depth = crowd(rng, 8)
        result = pseudo.update(sv.Detections(boxes))
    assert pseudo.horizon_row == pytest.approx(150, abs=15)
    error = scale_error(result.data["depth"], depth)
    assert np.median(error) < 0.03
    assert result.metadata["depth_kind"] == "pseudo"
    assert (result.data["depth_std"] > 0).all()


def test_a_tilting_camera_is_followed() -> None:
    rng = np.random.default_rng(1)
    pseudo = PseudoDepth((WIDTH, HEIGHT))
    for step in range(800):
        boxes, _ = crowd(rng, 8, horizon=150 if step < 200 else 80)
        pseudo.update(sv.Detections(boxes))
    assert pseudo.horizon_row == pytest.approx(80, abs=15)


def test_some_false_boxes_do_not_tilt_the_ground() -> None:
    rng = np.random.default_rng(2)
    pseudo = PseudoDepth((WIDTH, HEIGHT))
    for _ in range(60):
        boxes, _ = crowd(rng, 8)
        corner = rng.uniform(0, 500, (1, 2))
        boxes = np.vstack([boxes, np.hstack([corner, corner + rng.uniform(20, 200, (1, 2))])])
        pseudo.update(sv.Detections(boxes))
    assert pseudo.horizon_row == pytest.approx(150, abs=25)


def fitted() -> PseudoDepth:
    rng = np.random.default_rng(3)
    pseudo = PseudoDepth((WIDTH, HEIGHT))
    for _ in range(40):
        pseudo.update(sv.Detections(crowd(rng, 8)[0]))
    return pseudo


def test_cut_and_hidden_feet_are_less_certain() -> None:
    whole = np.array([[100.0, 300, 190, 530]])
    nearer = np.array([[80.0, 400, 250, 700]])
    alone = fitted().update(sv.Detections(whole))
    covered = fitted().update(sv.Detections(np.vstack([whole, nearer])))
    assert covered.data["depth_std"][0] > 1.5 * alone.data["depth_std"][0]
    pseudo = fitted()
    foot = 900.0
    slope, offset = pseudo._line or (0.0, 0.0)
    tall = slope * foot + offset
    beyond = sv.Detections(
        np.array([[600, foot - tall, 760, HEIGHT], [100, HEIGHT - 310.0, 220, HEIGHT - 10]])
    )
    cut = pseudo.update(beyond).data
    assert cut["depth"][0] == pytest.approx(HEIGHT / tall, rel=0.05)  # not as far as the cut foot says
    relative = cut["depth_std"] / cut["depth"]
    assert relative[0] > 2 * relative[1]


def test_feet_at_the_horizon_are_unknown() -> None:
    pseudo = fitted()
    row = pseudo.horizon_row
    result = pseudo.update(
        sv.Detections(np.array([[10, row - 40, 30, row - 5], [10, row - 38, 30, row + 0.2]]))
    )
    assert np.isnan(result.data["depth"]).all()
    assert np.isnan(result.data["depth_std"]).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(*[st.floats(-100, 2000)] * 2, *[st.floats(0.01, 3000)] * 2), max_size=5),
        max_size=4,
    )
)
def test_any_boxes_give_positive_depth_or_none(frames: list[list[tuple[float, ...]]]) -> None:
    pseudo = PseudoDepth((WIDTH, HEIGHT))
    for places in frames:
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in places], float).reshape(-1, 4)
        detections = sv.Detections(boxes.copy(), confidence=np.full(len(boxes), 0.9))
        result = pseudo.update(detections)
        depth, std = result.data["depth"], result.data["depth_std"]
        assert depth.shape == std.shape == (len(boxes),)
        assert (np.isnan(depth) | ((depth > 0) & np.isfinite(depth))).all()
        assert (np.isnan(depth) == np.isnan(std)).all()
        assert not detections.data
        assert not detections.metadata
        np.testing.assert_array_equal(detections.xyxy, boxes)


def test_reset_and_wrong_sizes() -> None:
    pseudo = fitted()
    pseudo.reset()
    assert np.isnan(pseudo.horizon_row)
    with pytest.raises(UsageError, match="image_size: expected positive width and height, got 0 x 5"):
        PseudoDepth((0, 5))


@pytest.mark.data
@pytest.mark.parametrize("name", ["kitti/pedestrian/0016", "kitti/pedestrian/0013", "kitti/car/0000"])
def test_real_boxes_are_ordered_as_the_laser_says(data_root: Path, name: str) -> None:
    table = read_detections(data_root / name / "det.txt")
    size = folder_sequence(data_root / name).size
    assert size is not None
    pseudo, told, true = PseudoDepth(size), [], []
    for frame in range(1, table.last_frame + 1):
        seen = table.at(frame)
        seen = seen[np.asarray(seen.confidence) > 0.6]
        told.append(pseudo.update(seen).data["depth"])
        true.append(seen.data.get("depth", np.zeros(0)))
    estimate, truth = np.concatenate(told), np.concatenate(true)
    known = np.isfinite(estimate) & np.isfinite(truth)
    assert known.mean() > 0.9
    assert spearmanr(estimate[known], truth[known]).statistic > 0.93
