"""What `tracker.tracks` tells of tracks agrees with what was fed in."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from deptr.tracking.fusion import DepthFusion
from deptr.tracking.lifecycle import TrackState
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

ALL = pytest.mark.parametrize("name", TRACKER_NAMES)


def approaching(time: float, kind: str = "metric") -> sv.Detections:
    """Someone who comes nearer at 1.5 m/s from 20 m and drifts to the right at 30 px/s."""
    depth = 20.0 - 1.5 * time
    value = {"metric": depth, "relative_inverse": 100.0 / depth}[kind]
    x, half = 200.0 + 30.0 * time, 300.0 / depth
    return sv.Detections(
        xyxy=np.array([[x - half, 200 - 2 * half, x + half, 200 + 2 * half]]),
        confidence=np.array([0.875]),
        class_id=np.array([3]),
        data={"depth": np.array([value], np.float32)},
        metadata={"depth_kind": kind},
    )


@ALL
def test_a_track_tells_place_motion_range_and_how_sure_it_is(name: str) -> None:
    tracker = create_tracker(name, frame_rate=20)
    for frame in range(60):
        tracker.update(approaching(frame / 20))
    (track,) = tracker.tracks
    assert (track.id, track.state, track.class_id, track.score) == (1, TrackState.CONFIRMED, 3, 0.875)
    np.testing.assert_allclose(track.box, approaching(59 / 20).xyxy[0], atol=1.5)
    np.testing.assert_allclose(track.velocity, [30.0, 0.0], atol=1.0)
    np.testing.assert_allclose(track.covariance, track.covariance.T)
    assert (np.linalg.eigvalsh(track.covariance) > 0).all()
    assert track.depth == pytest.approx(20 - 1.5 * 59 / 20, rel=0.02)
    assert track.depth_velocity == pytest.approx(-1.5, abs=0.3)
    assert 0 < track.depth_std < 1.0
    assert track.age == pytest.approx(59 / 20)
    assert track.unseen == 0.0


@ALL
def test_states_follow_a_life(name: str) -> None:
    tracker = create_tracker(name, frame_rate=30)
    for _ in range(5):
        tracker.update(sv.Detections.empty())
    tracker.update(approaching(0.0))
    assert [track.state for track in tracker.tracks] == [TrackState.TENTATIVE]
    for frame in range(1, 6):
        tracker.update(approaching(frame / 30))
    assert [track.state for track in tracker.tracks] == [TrackState.CONFIRMED]
    tracker.update(sv.Detections.empty())
    assert [track.state for track in tracker.tracks] == [TrackState.LOST]
    assert tracker.tracks[0].unseen == pytest.approx(1 / 30)


@ALL
def test_inverse_depth_is_told_in_its_own_unit(name: str) -> None:
    tracker = create_tracker(name, frame_rate=20)
    for frame in range(60):
        tracker.update(approaching(frame / 20, "relative_inverse"))
    assert tracker.tracks[0].depth == pytest.approx(100.0 / (20 - 1.5 * 59 / 20), rel=0.03)
    assert tracker.tracks[0].depth_velocity > 0


@ALL
def test_without_depth_the_range_is_unknown(name: str) -> None:
    for depth, given in (
        (DepthFusion.none(), approaching(0.0)),
        (None, sv.Detections(xyxy=np.eye(4)[:1] * 0 + [0, 0, 9, 9])),
    ):
        tracker = create_tracker(name, depth=depth)
        tracker.update(given)
        track = tracker.tracks[0]
        assert np.isnan([track.depth, track.depth_velocity, track.depth_std]).all()
