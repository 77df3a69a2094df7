"""People who walk across the seam of a 360 degree image keep their identity in every tracker."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from deptr.errors import UsageError
from deptr.records import FloatArray
from deptr.tracking.boxes import iou
from deptr.tracking.panorama import merge_at_seam, unwrap, wrap, yaw_shift
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

WIDTH = 1000.0
ALL = pytest.mark.parametrize("name", TRACKER_NAMES)


def cut(boxes_xyxy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a detector sees of boxes anywhere on the circle, and which person each part is of."""
    parts, owners = [], []
    for owner, (left, top, right, bottom) in enumerate(wrap(boxes_xyxy, WIDTH)):
        for shift in (-WIDTH, 0.0, WIDTH):
            a, b = max(left + shift, 0.0), min(right + shift, WIDTH)
            if b - a > 3:
                parts.append([a, top, b, bottom])
                owners.append(owner)
    return np.array(parts).reshape(-1, 4), np.array(owners)


def people(time: float) -> FloatArray:
    """Three people: one crosses the seam to the right, one to the left, one stays far away."""
    centres = np.array([[900 + 120 * time, 300.0], [90 - 110 * time, 520.0], [500 + 20 * time, 310.0]])
    size = np.array([[30.0, 80.0], [26.0, 70.0], [28.0, 75.0]])
    return np.concatenate([centres - size, centres + size], axis=1)


def follow(name: str, *, split: bool, turn: float = 0.0, **parameters: object) -> list[list[tuple[int, int]]]:
    """Person and identity of each reported box in each frame."""
    tracker = create_tracker(name, panorama_width=int(WIDTH), frame_rate=15, **parameters)
    history = []
    for frame in range(40):
        boxes = people(frame / 15)
        if frame > 15:
            boxes[:, [0, 2]] += turn * (frame - 15)
        whole = wrap(boxes, WIDTH)
        seen = cut(whole)[0] if split else whole
        tracks = tracker.update(sv.Detections(xyxy=seen, confidence=np.full(len(seen), 0.9)))
        nearest = iou(tracks.xyxy.astype(float), whole, period=WIDTH).argmax(1)
        history.append(list(zip(nearest.tolist(), tracks.tracker_id.tolist(), strict=True)))
    return history


@ALL
@pytest.mark.parametrize("split", [False, True], ids=["whole boxes", "boxes cut at the seam"])
def test_identity_survives_the_seam(name: str, split: bool) -> None:
    history = follow(name, split=split, panorama=True)
    assert len({pair for pairs in history for pair in pairs}) == 3
    assert all(len(pairs) == 3 for pairs in history[3:])


@ALL
def test_without_panorama_the_seam_breaks_identities(name: str) -> None:
    history = follow(name, split=True)
    assert len({pair for pairs in history for pair in pairs}) > 3


@ALL
def test_identity_survives_a_camera_that_starts_to_turn(name: str) -> None:
    history = follow(name, split=True, turn=70.0, panorama=True)
    assert len({pair for pairs in history for pair in pairs}) == 3


@ALL
def test_reported_boxes_have_their_centre_in_the_image_and_speed_does_not_jump(name: str) -> None:
    tracker = create_tracker(name, panorama=True, panorama_width=int(WIDTH), frame_rate=15, boxes="filtered")
    for frame in range(150):  # more than once around
        box = people(frame / 15)[:1]
        tracks = tracker.update(sv.Detections(xyxy=wrap(box, WIDTH), confidence=np.array([0.9])))
        centres = (tracks.xyxy[:, 0] + tracks.xyxy[:, 2]) / 2
        assert ((centres >= 0) & (centres < WIDTH)).all()
        if frame > 10:
            assert tracker.tracks[0].velocity[0] == pytest.approx(120.0, abs=3.0)
            assert 0 <= tracker.tracks[0].box[[0, 2]].mean() < WIDTH
    assert tracks.tracker_id.tolist() == [1]


def test_parts_at_the_seam_become_one_box() -> None:
    boxes = np.array([[960.0, 100, 1000, 200], [0, 105, 20, 202], [0, 400, 30, 500], [300, 0, 340, 90]])
    given = sv.Detections(xyxy=boxes, confidence=np.array([0.9, 0.6, 0.8, 0.7]), data={"depth": np.arange(4)})
    merged = merge_at_seam(given, WIDTH)
    assert merged.xyxy.tolist() == [[960, 100, 1020, 202], [0, 400, 30, 500], [300, 0, 340, 90]]
    assert merged.confidence.tolist() == [0.9, 0.8, 0.7]
    assert merged.data["depth"].tolist() == [0, 2, 3]
    assert len(given) == 4
    assert given.xyxy.tolist() == boxes.tolist()


def test_parts_of_other_classes_or_heights_stay_apart() -> None:
    boxes = np.array([[960.0, 100, 1000, 200], [0, 105, 20, 202], [0, 190, 30, 400]])
    given = sv.Detections(xyxy=boxes, class_id=np.array([0, 1, 0]))
    assert len(merge_at_seam(given, WIDTH)) == 3


def test_a_box_as_wide_as_the_image_is_not_merged_with_itself() -> None:
    assert len(merge_at_seam(sv.Detections(xyxy=np.array([[0.0, 0, WIDTH, 100]])), WIDTH)) == 1


def test_wrapping_and_unwrapping_are_inverse() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(-3000, 3000, (50, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 300, (50, 2))], axis=1)
    np.testing.assert_allclose(unwrap(wrap(boxes, WIDTH), boxes, WIDTH), boxes)


def test_turn_of_the_camera_is_the_distance_most_tracks_agree_on() -> None:
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, WIDTH, (8, 2))
    size = np.stack([rng.uniform(20, 40, 8), rng.uniform(50, 150, 8)], axis=1)
    tracks = np.concatenate([corner, corner + size], axis=1)
    moved = wrap(tracks + np.array([130.0, 0, 130, 0]) + rng.normal(0, 1, (8, 1)), WIDTH)
    assert yaw_shift(tracks, moved[::-1], WIDTH) == pytest.approx(130, abs=3)
    assert yaw_shift(tracks, tracks, WIDTH) == pytest.approx(0, abs=3)
    assert yaw_shift(tracks[:2], moved[:2], WIDTH) == 0


def test_width_is_needed_or_taken_from_the_frame() -> None:
    with pytest.raises(UsageError, match="panorama_width"):
        create_tracker("sort", panorama=True).update(sv.Detections.empty())
    create_tracker("sort", panorama=True).update(
        sv.Detections.empty(), frame=np.zeros((10, 1000, 3), np.uint8)
    )
