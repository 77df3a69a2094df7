"""What motion in space decides: where boxes are expected, who is found again, how new tracks start."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from mutations import without
from scenes import CROWD, Seen, crowd, identities, standing, tracker_of, whose

NEAR_AND_FAR = ((-9.0, 9.5), (6.0, 8.0), (-2.5, 2.5), (12.0, 14.0))
Frames = list[list[Seen]]


def result(frames: Frames, rate: float, *, name: str = "bytetrack", **parameters: Any) -> dict[str, str]:
    tracker = tracker_of(name, depth="adaptive", frame_rate=rate, **parameters)
    return whose(identities(tracker, frames))


def driven(frame: int, speed: float, first_depth: float = 22.0) -> list[Seen]:
    """A standing world before a camera that moves ahead, in metres per second at 2.5 frames per second."""
    depths = [first_depth + 3.0 * number - speed * frame / 2.5 for number in range(8)]
    return [standing(f"crowd {k}", -4 + 1.1 * k, depth) for k, depth in enumerate(depths) if depth > 1.5]


def jump(frames: int, metres: float, **then: Any) -> Frames:
    """A stands for some frames and then leaves his box behind, to the side."""
    noise, places, told = then.get("noise", 0.01), then.get("places", CROWD), then.get("told", 8.0)
    people = crowd(frames + 1, noise=noise, places=places)
    before = [[*frame, standing("A", 0.0, 8.0)] for frame in people[:-1]]
    return [*before, [*people[-1], standing("A", metres, 8.0, told=told)]]


def test_motion_in_space_leads_where_it_foresees_boxes_better() -> None:
    """The camera moves ahead fast: at constant speed in the image A would be where the ghost is."""
    frames = [[*driven(k, 6.0, 30.0), standing("A", 1.5, 26 - 2.4 * k)] for k in range(8)]
    ghost = Seen("ghost", 597.2, 242.1, 38.8, 110.2, depth=6.8)
    frames.append([*driven(8, 6.0, 30.0), standing("A", 1.5, 6.8), ghost])
    assert result(frames, 2.5) == {"A": "A"}
    with without("depth: leads"):
        assert result(frames, 2.5) == {"ghost": "A"}


def test_motion_in_space_does_not_lead_where_it_foresees_nothing() -> None:
    """Nobody moves; depths that shrink though the box stays are no reason to expect a larger box."""
    frames = [[*people, Seen("A", 400, 250, 40, 110, depth=14.0 - k)] for k, people in enumerate(crowd(12))]
    larger = Seen("ghost", 400, 250, 58.8, 161.8, depth=2.0)
    frames.append([*crowd(13)[-1], Seen("A", 400, 250, 40, 110, depth=2.0), larger])
    assert result(frames, 10.0) == {"A": "A"}
    with without("depth: leads only where it foresees better"):
        assert result(frames, 10.0) == {"ghost": "A"}


@pytest.mark.parametrize("name", ["bytetrack", "botsort"])
def test_recovery_finds_who_left_his_box_behind(name: str) -> None:
    frames = jump(9, 0.7)
    assert result(frames, 4.0, name=name) == {"A": "A"}
    with without("depth: recovery"):
        assert result(frames, 4.0, name=name) == {}


def test_recovery_gate_bounds_each_coordinate() -> None:
    """Place and size agree so well that a depth three sigma off would pass in the sum."""
    frames = jump(9, 0.66, told=10.1, places=NEAR_AND_FAR)
    assert result(frames, 3.0) == {}
    with without("depth: recovery gate"):
        assert result(frames, 3.0) == {"A": "A"}


def test_recovery_asks_for_evidence() -> None:
    frames = jump(9, 0.66, told=9.3)
    assert result(frames, 4.0) == {}
    with without("depth: evidence that recovery asks for"):
        assert result(frames, 4.0) == {"A": "A"}


def test_recovery_of_a_lost_track_asks_for_more_evidence() -> None:
    frames = jump(8, 0.8)
    frames.insert(-1, [one for one in frames[-1] if one.who != "A"])
    assert result(frames, 4.0) == {}
    with without("depth: more evidence for lost tracks"):
        assert result(frames, 4.0) == {"A": "A"}


def test_recovery_rests_where_boxes_meet_anyway() -> None:
    """After 50 clear pairs that hardly moved, a box that jumps is somebody else."""
    frames = jump(60, 0.7)
    assert result(frames, 4.0) == {}
    with without("depth: recovery rests where boxes meet"):
        assert result(frames, 4.0) == {"A": "A"}


def test_recovery_needs_depth_that_tells() -> None:
    frames = jump(9, 0.68, noise=0.3)
    assert result(frames, 4.0) == {}
    with without("depth: recovery only by telling depth"):
        assert result(frames, 4.0) == {"A": "A"}


def test_recovery_keeps_classes_apart_when_asked() -> None:
    frames = jump(9, 0.68)
    frames[-1][-1] = replace(frames[-1][-1], class_id=1)
    assert result(frames, 4.0) == {"A": "A"}
    assert result(frames, 4.0, class_agnostic=False) == {}
    with without("depth: recovery keeps classes apart"):
        assert result(frames, 4.0, class_agnostic=False) == {"A": "A"}


@pytest.mark.parametrize("name", ["sort", "bytetrack"])
def test_new_tracks_start_with_the_common_motion(name: str) -> None:
    """Who comes into view near a driving camera moves like the world from the first frame on."""
    frames = [driven(k, 5.0) for k in range(7)]
    frames[5].append(standing("A", 2.0, 6.0))
    frames[6].append(standing("A", 2.0, 4.0))
    assert result(frames, 2.5, name=name, sure_score=0.5) == {"A": "A"}
    with without("depth: start with the common motion"):
        assert result(frames, 2.5, name=name, sure_score=0.5) == {"A": "new"}


@pytest.mark.parametrize("part", ["size", "speed", "depth", "rate from depth and height"])
def test_perspective_foresees_the_box_of_who_comes_near(part: str) -> None:
    """At 8 m/s towards a camera that he passes 4 m beside, his box grows faster and faster."""

    def error_px() -> float:
        motion = import_module("deptr.tracking.depth_motion").PerspectiveMotion()
        for step, depth in enumerate(depths):
            box = np.array([standing("A", 4.0, depth).box])
            if step == 0:
                motion.append(box, np.log([depth]), np.array([1e-4]))
                continue
            motion.predict(0.2)
            if step < len(depths) - 1:
                motion.correct(np.array([0]), box, np.log([depth]), np.array([1e-4]))
        return float(np.abs(motion.boxes()[0] - box).max())

    depths = 6.0 + 1.6 * np.arange(8, -1, -1)
    assert error_px() < 0.2
    with without(f"perspective: {part}"):
        assert error_px() > 2.0


def test_first_known_depth_takes_its_rate_from_the_height() -> None:
    """Someone who came nearer while his depth was unknown does not start at rest."""

    def rate_of_depth() -> float:
        tracker = tracker_of("bytetrack", depth="adaptive", frame_rate=10.0)
        depths = 20 - 0.5 * np.arange(20)
        frames = [[standing("A", 0.0, depth, told=np.nan), standing("B", 4.0, 9.0)] for depth in depths]
        frames.append([standing("A", 0.0, 10.0), standing("B", 4.0, 9.0)])
        identities(tracker, frames)
        return float(tracker.tracks[0].depth_velocity)

    assert rate_of_depth() == pytest.approx(-5.0, abs=1.0)
    with without("depth: first rate from the height"):
        assert rate_of_depth() == pytest.approx(0.0, abs=0.1)
