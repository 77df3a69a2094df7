"""How adaptive fusion finds out what depth is worth: by pairs that boxes alone chose, and a control."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from mutations import without
from scenes import crowd, identities, tracker_of
from test_depth_evidence import RIGHT, SWAPPED, Frames, alike, beside, pair, result

# people in twos, whose boxes overlap
TWOS = [(side + shift, depth) for side, depth in ((-6, 9.5), (-3, 8.5), (3, 9), (6, 8)) for shift in (0, 0.3)]


def noise_after(frames: Frames, name: str = "bytetrack") -> Any:
    tracker = tracker_of(name, depth="adaptive", frame_rate=10.0)
    identities(tracker, frames)
    return tracker._depth.noise


def test_scale_of_the_noise_is_learned() -> None:
    """Where depths agree to a third of a percent, three percent tell two people apart."""
    people = crowd(60, places=TWOS, noise=0.003)
    frames = beside(people, pair(-0.24, 0.28, (8.0, 8.24)), *pair(0.04, -0.05, (8.0, 8.24)))
    assert result(frames) == RIGHT
    with without("depth: learned scale"):
        assert result(frames) == SWAPPED


def test_scale_is_that_of_contested_pairs() -> None:
    """How well depths of people who stand free agree says nothing of those who overlap."""
    assert noise_after(crowd(60)).recent.scale == 1.0
    assert noise_after(crowd(60, places=TWOS, noise=0.003)).recent.scale < 0.1
    with without("depth: scale from contested pairs"):
        assert noise_after(crowd(60)).recent.scale < 0.5


def test_tail_keeps_the_boxes_word_where_every_tenth_depth_is_wrong() -> None:
    people = crowd(100, wrong=0.1, places=TWOS)
    frames = beside(people, alike(-0.3, 0.3, 8.0, 12.8), *alike(-0.11, 0.11, 12.8, 8.0))
    assert result(frames) == RIGHT
    with without("depth: tail of the noise"):
        assert result(frames) == SWAPPED


@pytest.mark.parametrize("told", [lambda frame, k: 8.0, lambda frame, k: 8.0 + (7 * frame + 3 * k) % 5])
def test_depth_that_no_pair_needs_has_no_say(told: Any) -> None:
    """Constant depths and shuffled ones fit their own track no better than another detection's does."""
    frames = [
        [type(one)(**{**one.__dict__, "depth": told(number, k)}) for k, one in enumerate(frame)]
        for number, frame in enumerate(crowd(60, places=TWOS))
    ]
    assert noise_after(frames).trust == 0
    assert noise_after(crowd(60, places=TWOS)).trust > 0.5


def test_control_is_what_the_same_depths_say_when_handed_on() -> None:
    frames = [
        [type(one)(**{**one.__dict__, "depth": 8.0}) for one in frame] for frame in crowd(60, places=TWOS)
    ]
    assert noise_after(frames).trust == 0
    with without("depth: control"):
        assert noise_after(frames).trust == 1


def test_the_same_evidence_counts_more_from_more_pairs() -> None:
    def log_ratio(count: int) -> float:
        recent = import_module("deptr.tracking.depth.noise").RecentPairs()
        recent.add(np.full(count, 1e-4), np.ones(count), np.full(count, 0.25), np.ones(count, bool))
        return float(recent.log_ratio())

    assert log_ratio(3) < 1.1 < log_ratio(20) < log_ratio(200) - 0.3
    with without("depth: safe bound"):
        assert abs(log_ratio(20) - log_ratio(200)) < 0.01


def test_a_few_frames_are_enough_where_everybody_overlaps() -> None:
    """Nobody stands free, so pairs that are clear by boxes alone never come: depth is judged all the same."""
    places = [(side + shift, depth) for side, depth in ((-6, 9.5), (6, 8)) for shift in (0, 0.1, 0.2)]
    assert noise_after(crowd(8, places=places)).telling
    with without("depth: judged by contested pairs too"):
        assert not noise_after(crowd(8, places=places)).telling
