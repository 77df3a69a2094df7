"""What the box filters' noise decides at frame rates other than the authors'."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from mutations import without
from scenes import Seen, identities, tracker_of

from deptr.records import FloatArray


def turning(speed: float, back: float) -> list[list[Seen]]:
    """Someone who walks, turns round and walks back, in pixels per frame."""
    places = [300 + speed * k for k in range(20)]
    places += [places[-1] + back * k for k in range(1, 8)]
    return [[Seen("A", x)] for x in places]


@pytest.mark.parametrize(
    ("name", "mechanism", "speed", "back"),
    [
        ("bytetrack", "motion: noise that grows with time (ByteTrack, BoT-SORT)", 12.0, -20.0),
        ("botsort", "motion: noise that grows with time (ByteTrack, BoT-SORT)", 6.0, -20.0),
        ("sort", "motion: noise that grows with time (SORT and kin)", 0.0, 20.0),
    ],
)
def test_noise_grows_with_time_and_lets_people_turn(
    name: str, mechanism: str, speed: float, back: float
) -> None:
    """Between frames at 10 fps people change their way three times as much as between those at 30 fps."""
    frames = turning(speed, back)
    assert identities(tracker_of(name, frame_rate=10.0), frames)[-1] == {"A": 1}
    with without(mechanism):
        assert identities(tracker_of(name, frame_rate=10.0), frames)[-1] == {"A": 2}


def test_jitter_of_boxes_comes_once_a_frame_at_any_rate() -> None:
    """What a place gains in variance beside what its speed's variance brings."""

    def added(frames: float) -> FloatArray:
        motion = import_module("deptr.tracking.motion").HeightScaledMotion(aspect=True)
        motion.append(np.array([[100.0, 50.0, 140.0, 130.0]]))
        before = motion.filters.covariance.copy()
        motion.predict(frames)
        return motion.filters.covariance[0] - before[0] - frames**2 * before[2]

    np.testing.assert_allclose(added(6.0), added(1.0))
    assert (added(1.0) > 0).all()
    assert (added(0.0) == 0).all(), "a frame at the same moment adds nothing"
    with without("motion: jitter once a frame"):
        np.testing.assert_allclose(added(6.0), 6 * added(1.0))


def test_an_area_that_would_fall_below_zero_stops_shrinking() -> None:
    """Someone who shrank fast and goes out of sight is still somewhere when he is seen again."""
    frames = [[Seen("A", 300, 300, 40 - 3 * k, 80 - 6 * k)] for k in range(8)]
    frames += [[]] * 6 + [[Seen("A", 300, 300, 19, 38)]] * 4
    assert identities(tracker_of("sort"), frames)[-1] == {"A": 1}
    with without("motion: areas stay positive"):
        assert identities(tracker_of("sort"), frames)[-1] == {"A": 2}
