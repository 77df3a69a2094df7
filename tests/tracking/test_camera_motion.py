"""A camera that moves is followed, one that stands still costs nothing, and every tracker makes use of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import supervision as sv
from scenes import measured, passing

from deptr.boxes import warp
from deptr.errors import UsageError
from deptr.records import FloatArray, Image
from deptr.tracking.camera_motion import CameraMotion
from deptr.tracking.motion import AreaMotion, BoxMotion, HeightScaledMotion, ObservationCentricMotion
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

NOTHING = np.zeros((0, 4))


@pytest.fixture(scope="module")
def scene() -> Image:
    """A wide picture with corners at many scales."""
    rng = np.random.default_rng(3)
    layers = [
        cv2.resize(rng.integers(0, 255, (9 * k, 16 * k, 3)).astype(np.uint8), (1600, 900)) for k in (1, 4, 16)
    ]
    return np.mean(layers, axis=0).astype(np.uint8)


def view(
    scene: Image, x: float, y: float, *, zoom: float = 1.0, turn: float = 0.0
) -> tuple[Image, FloatArray]:
    """A 640 x 360 picture of the scene and the matrix that takes scene to picture."""
    matrix = cv2.getRotationMatrix2D((x + 320, y + 180), turn, zoom)
    matrix[:, 2] -= (x, y)
    return cv2.warpAffine(scene, matrix, (640, 360)), matrix


@pytest.mark.parametrize(
    ("x", "y", "zoom", "turn"),
    [(420, 300, 1, 0), (385, 305, 1, 2), (400, 300, 1.05, 0), (380, 290, 0.97, -1)],
)
def test_known_motion_is_found(scene: Image, x: float, y: float, zoom: float, turn: float) -> None:
    before, to_before = view(scene, 400, 300)
    after, to_after = view(scene, x, y, zoom=zoom, turn=turn)
    camera = CameraMotion()
    assert camera.update(before, NOTHING) is None
    found = camera.update(after, NOTHING)
    assert found is not None
    corners = np.array([[0.0, 0], [640, 0], [0, 360], [640, 360]])
    in_scene = (corners - to_before[:, 2]) @ np.linalg.inv(to_before[:, :2]).T
    expected = in_scene @ to_after[:, :2].T + to_after[:, 2]
    np.testing.assert_allclose(corners @ found[:, :2].T + found[:, 2], expected, atol=1.0)


def test_an_object_that_fills_a_third_does_not_pass_for_the_camera(scene: Image) -> None:
    camera = CameraMotion()
    for step in range(6):
        frame, _ = view(scene, 400, 300)
        left = 60 + 25 * step
        frame[60:330, left : left + 220] = scene[500:770, 900:1120]
        box = np.array([[left, 60.0, left + 220.0, 330.0]])
        affine = camera.update(frame, box)
        assert affine is None or np.abs(affine - np.eye(2, 3)).max() < 0.3


def test_a_still_camera_is_not_estimated(scene: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    camera, noise = CameraMotion(), np.random.default_rng(0)
    frame, _ = view(scene, 400, 300)
    camera.update(frame, NOTHING)
    monkeypatch.setattr(cv2, "goodFeaturesToTrack", lambda *_, **__: pytest.fail("estimated"))
    for _ in range(5):
        noisy = frame.astype(np.int16) + noise.integers(-8, 9, frame.shape)
        assert camera.update(np.clip(noisy, 0, 255).astype(np.uint8), NOTHING) is None


def test_nothing_to_see_and_bad_frames() -> None:
    camera = CameraMotion()
    for grey in (0, 255, 0):
        assert camera.update(np.full((360, 640, 3), grey, np.uint8), NOTHING) is None
    with pytest.raises(UsageError, match="size changed"):
        camera.update(np.zeros((100, 100, 3), np.uint8), NOTHING)
    with pytest.raises(UsageError, match="RGB"):
        camera.update(np.zeros((360, 640)), NOTHING)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pass frame"):
        create_tracker("sort", camera_motion=True).update(sv.Detections.empty())


@pytest.mark.parametrize(
    "motion",
    [
        HeightScaledMotion(aspect=True),
        HeightScaledMotion(aspect=False),
        AreaMotion(),
        ObservationCentricMotion(),
    ],
    ids=["cxcyah", "cxcywh", "area", "observation-centric"],
)
def test_filters_move_as_the_image_does(motion: BoxMotion) -> None:
    boxes = np.array([[10.0, 20.0, 50.0, 100.0], [300.0, 40.0, 320.0, 90.0]])
    motion.append(measured(boxes))
    motion.predict(passing(1 / 30))
    motion.correct(np.array([0, 1]), measured(boxes + 2.0))
    motion.predict(passing(1 / 30))
    before, covariance = motion.boxes(), motion.filters.covariance.copy()
    affine = cv2.getRotationMatrix2D((100.0, 50.0), 90.0, 1.1)
    motion.warp(affine)
    np.testing.assert_allclose(motion.boxes(), warp(before, affine), atol=1e-6)
    np.testing.assert_allclose(motion.filters.covariance[..., :2], covariance[..., :2] * 1.1**2)
    motion.warp(cv2.invertAffineTransform(affine))
    np.testing.assert_allclose(motion.boxes(), before, atol=1e-6)
    np.testing.assert_allclose(motion.filters.covariance, covariance, rtol=1e-9)


FROM_BOXES = ("learned",)  # finds such a shift without images


@pytest.mark.parametrize("name", TRACKER_NAMES)
def test_shaken_camera_keeps_identities(name: str, scene: Image) -> None:
    shakes = [(0, 0)] * 4 + [(30, 12), (-30, 0), (32, -15), (-31, 10), (30, 0), (-30, 9)]
    counts = {}
    for followed in (False, True):
        tracker = create_tracker(name, camera_motion=followed)
        identities: set[int] = set()
        for dx, dy in shakes:
            frame, _ = view(scene, 400 + dx, 300 + dy)
            places = np.array([[100.0, 80.0], [250.0, 120.0], [420.0, 100.0]]) - (dx, dy)
            boxes = np.concatenate([places, places + np.array([24.0, 60.0])], axis=1)
            for left, top, right, bottom in boxes.astype(int):
                frame[top:bottom, left:right] = (200, 30, 30)
            tracks = tracker.update(sv.Detections(xyxy=boxes), frame=frame)
            identities |= set(tracks.tracker_id.tolist())
        counts[followed] = (len(identities), len(tracks))
    assert counts[True] == (3, 3)
    assert counts[False] != (3, 3) or name in FROM_BOXES
