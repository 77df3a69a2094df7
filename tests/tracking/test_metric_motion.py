"""Places and velocities in metres: in the camera's frame, and in the world with its poses."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

CAMERA = Camera.of_focal(600.0, (640, 480))
RATE = 20.0


def seen(place: np.ndarray, *, depth: bool = True) -> sv.Detections:
    """The box of somebody whose middle is at a place before the camera."""
    corners = CAMERA.project(place + np.array([[-0.3, -0.9, 0.0], [0.3, 0.9, 0.0]]))
    data = {"depth": np.array([place[2]]), "depth_std": np.array([0.05])} if depth else {}
    return sv.Detections(corners.reshape(1, 4), confidence=np.array([0.9]), data=data)


def walk(frame: int) -> np.ndarray:
    """Somebody walks to the right and away, in the world."""
    return np.array([-1.0, 0.2, 8.0]) + np.array([0.9, 0.0, 0.6]) * frame / RATE


@pytest.mark.parametrize("name", TRACKER_NAMES)
def test_every_tracker_tells_place_and_velocity(name: str) -> None:
    tracker = create_tracker(name, frame_rate=RATE, camera=CAMERA)
    for frame in range(60):
        tracked = tracker.update(seen(walk(frame)), timestamp=frame / RATE)
    assert tracked.data["position_m"][0] == pytest.approx(walk(59), abs=0.15)
    assert tracked.data["velocity_m_s"][0] == pytest.approx([0.9, 0.0, 0.6], abs=0.15)
    track = tracker.tracks[0]
    assert track.position_m == pytest.approx(tracked.data["position_m"][0])
    assert track.metric_covariance is not None and track.metric_covariance.shape == (6, 6)
    assert (np.linalg.eigvalsh(track.metric_covariance) > 0).all()


def test_the_cameras_own_motion_is_not_the_peoples() -> None:
    tracker = create_tracker("bytetrack", frame_rate=RATE, camera=CAMERA)
    for frame in range(60):
        pose = np.eye(4)
        angle = 0.3 * frame / RATE  # the camera turns and drives while somebody stands
        pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        pose[:3, 3] = [0.0, 0.0, 1.0 * frame / RATE]
        standing = np.array([1.0, 0.0, 9.0])
        local = pose[:3, :3].T @ (standing - pose[:3, 3])
        tracked = tracker.update(seen(local), timestamp=frame / RATE, pose=pose)
    assert tracked.data["position_m"][0] == pytest.approx(standing, abs=0.1)
    assert np.linalg.norm(tracked.data["velocity_m_s"][0]) < 0.1


def test_a_box_without_depth_goes_on_by_its_direction() -> None:
    tracker = create_tracker("bytetrack", frame_rate=RATE, camera=CAMERA)
    for frame in range(40):
        tracker.update(seen(walk(frame)), timestamp=frame / RATE)
    before = tracker.tracks[0].metric_covariance
    for frame in range(40, 50):
        tracked = tracker.update(seen(walk(frame), depth=False), timestamp=frame / RATE)
    after = tracker.tracks[0].metric_covariance
    assert before is not None and after is not None and after[2, 2] > 2 * before[2, 2]
    assert tracked.data["position_m"][0, :2] == pytest.approx(walk(49)[:2], abs=0.2)


def test_one_wrong_depth_hardly_moves_a_track() -> None:
    tracker = create_tracker("bytetrack", frame_rate=RATE, camera=CAMERA)
    for frame in range(40):
        tracker.update(seen(walk(frame)), timestamp=frame / RATE)
    wrong = seen(walk(40))
    wrong.data["depth"] = np.array([4.0])
    tracker.update(wrong, timestamp=40 / RATE)
    position = tracker.tracks[0].position_m
    assert position is not None and position[2] == pytest.approx(walk(40)[2], abs=1.0)


def test_unknown_is_nan_and_not_a_guess() -> None:
    tracker = create_tracker("bytetrack", frame_rate=RATE, camera=CAMERA)
    tracked = tracker.update(seen(walk(0), depth=False))
    assert np.isnan(tracked.data["position_m"]).all()
    relative = seen(walk(1))
    relative.metadata["depth_kind"] = "relative"
    assert np.isnan(tracker.update(relative).data["position_m"]).all()
    tracker.update(seen(walk(2)))
    lost = tracker.update(seen(walk(3)), pose=np.full((4, 4), np.nan))
    assert np.isnan(lost.data["position_m"]).all()
    plain = create_tracker("bytetrack", frame_rate=RATE)
    assert "position_m" not in plain.update(seen(walk(0))).data and plain.tracks[0].position_m is None


def test_what_is_no_pose_and_no_pinhole_is_refused() -> None:
    tracker = create_tracker("sort", frame_rate=RATE, camera=CAMERA)
    with pytest.raises(UsageError, match="pose: expected a rotation and a translation"):
        tracker.update(seen(walk(0)), pose=2 * np.eye(4))
    with pytest.raises(UsageError, match="camera: expected none for a panorama"):
        create_tracker("sort", frame_rate=RATE, camera=CAMERA, panorama=True)
