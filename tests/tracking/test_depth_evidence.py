"""What depth's evidence decides between boxes that overlap, and what keeps bad depth from deciding."""

from __future__ import annotations

import numpy as np
import pytest
from mutations import without
from scenes import Seen, crowd, identities, standing, tracker_of, whose

RIGHT, SWAPPED = {"A": "A", "B": "B"}, {"A": "B", "B": "A"}
Frames = list[list[Seen]]


def pair(a: float, b: float, depths: tuple[float, float]) -> list[Seen]:
    """A and B beside each other at these places in metres and depths."""
    return [standing("A", a, depths[0]), standing("B", b, depths[1])]


def alike(a: float, b: float, told_a: float, told_b: float) -> list[Seen]:
    """A and B with boxes of one size, whatever depth they are told to have."""
    return [standing("A", a, 8.0, told=told_a), standing("B", b, 8.0, told=told_b)]


def beside(people: Frames, then: list[Seen], *last: Seen) -> Frames:
    """The crowd with `then` in each frame, and with `last` in one frame more."""
    return [[*frame, *then] for frame in people] + [[*people[-1], *last]]


def changed_places() -> Frames:
    """A and B have changed places between two frames: boxes say the wrong thing, depth the right one."""
    return beside(crowd(60), pair(-0.2, 0.24, (8.0, 9.5)), *pair(0.04, -0.05, (8.0, 9.5)))


def result(
    frames: Frames, *, name: str = "bytetrack", rate: float = 10.0, depth: str = "adaptive"
) -> dict[str, str]:
    return whose(identities(tracker_of(name, depth=depth, frame_rate=rate), frames))


@pytest.mark.parametrize("name", ["sort", "bytetrack", "ocsort", "botsort", "hybridsort"])
def test_likelihood_ratio_tells_who_changed_places(name: str) -> None:
    frames = changed_places()
    assert result(frames, name=name) == RIGHT
    assert result(frames, name=name, depth="none") == SWAPPED
    with without("depth: likelihood ratio"):
        assert result(frames, name=name) == SWAPPED


@pytest.mark.parametrize("mode", ["fixed:0.4", "kalman:0.4"])
def test_fixed_and_kalman_tell_who_changed_places(mode: str) -> None:
    frames = changed_places()
    assert result(frames, depth=mode) == RIGHT
    with without("depth: fixed formula", "depth: kalman formula"):
        assert result(frames, depth=mode) == SWAPPED


def test_kalman_compares_with_the_predicted_depth() -> None:
    """A comes and B goes, and they pass each other at the same moment in the same place."""
    frames = [[*people, *alike(-0.3, 0.3, 9.3 - 0.2 * k, 6.7 + 0.2 * k)] for k, people in enumerate(crowd(7))]
    frames.append([*crowd(1)[0], *alike(-0.08, 0.08, 7.9, 8.1)])
    assert result(frames, depth="kalman:0.8") == RIGHT
    assert result(frames, depth="fixed:0.8") == SWAPPED
    with without("depth: predicted depth"):
        assert result(frames, depth="kalman:0.8") == SWAPPED


def test_depth_noise_is_learned() -> None:
    frames = beside(crowd(60), pair(-0.24, 0.28, (8.0, 9.5)), *pair(0.08, -0.09, (8.0, 9.5)))
    assert result(frames) == RIGHT
    for learned in ("depth: learned noise", "depth: learned noise under occlusion"):
        with without(learned):
            assert result(frames) == SWAPPED


def test_noise_is_learned_from_clear_pairs_only() -> None:
    """Depths of people who overlap say little about the noise of those who stand free."""
    rng = np.random.default_rng(1)
    groups = [
        [
            Seen(
                f"{side}{k}", 600 + 100 * k + shift, 350, 40, 100, depth=8 * (1 + 0.4 * rng.standard_normal())
            )
            for k in range(3)
            for side, shift in (("l", 0), ("r", 15))
        ]
        for _ in range(30)
    ]
    frames = [[*frame, *group] for frame, group in zip(crowd(30), groups, strict=True)]

    def learned() -> float:
        tracker = tracker_of("bytetrack", depth="kalman", frame_rate=10.0)
        identities(tracker, frames)
        return float(tracker._depth.noise.covered.value)

    assert learned() < 0.02
    with without("depth: learns from clear pairs"):
        assert learned() > 0.04


def test_noise_under_occlusion_keeps_a_covered_box_with_its_track() -> None:
    """Two who overlap get each other's depth: what is covered is not sure."""
    frames = beside(crowd(60), pair(-0.24, 0.28, (8.0, 9.5)))[:-1]
    mixed = [standing("A", -0.065, 8.0, told=9.5), standing("B", 0.07, 9.5, told=8.0)]
    frames.append([*crowd(60)[-1], *mixed])
    assert result(frames) == RIGHT
    for mechanism in ("depth: noise under occlusion", "depth: smallest noise"):
        with without(mechanism):
            assert result(frames) == SWAPPED


def test_outlier_floor_keeps_a_track_through_one_wrong_depth() -> None:
    frames = beside(crowd(60), [standing("A", 0.0, 8.0)], standing("A", 0.1, 8.0, told=20.0))
    assert result(frames) == {"A": "A"}
    with without("depth: outlier floor"):
        assert result(frames) == {}


def test_trust_keeps_useless_depth_out() -> None:
    """Depths that are off by three tenths in every frame do not tell people apart, however far apart."""
    frames = beside(crowd(60, noise=0.3), alike(-0.3, 0.3, 4.0, 16.0), *alike(-0.06, 0.06, 16.0, 4.0))
    assert result(frames) == RIGHT
    with without("depth: trust"):
        assert result(frames) == SWAPPED


def test_unknown_depth_is_neutral() -> None:
    unknown = [standing("A", -0.16, 8.0, told=np.nan), standing("B", 0.19, 9.5, told=np.nan)]
    frames = beside(crowd(60), pair(-0.24, 0.28, (8.0, 9.5)), *unknown)
    assert result(frames) == RIGHT
    with without("depth: neutral unknown"):
        assert result(frames) == {}


def test_a_track_without_depth_starts_at_its_first_known_one() -> None:
    unknown = [[*people, *alike(-0.3, 0.3, np.nan, np.nan)] for people in crowd(10)]
    frames = unknown + beside(crowd(3), alike(-0.3, 0.3, 6.0, 11.0), *alike(0.05, -0.05, 6.0, 11.0))
    assert result(frames) == RIGHT
    with without("depth: first known depth"):
        assert result(frames) == SWAPPED


def test_plain_limit_holds_whatever_depth_says() -> None:
    """Somebody else at the depth of one who left, two steps beside him, is not he."""
    frames = beside(crowd(60), [standing("A", 0.0, 8.0)], standing("A", 0.7, 8.0))
    for mode in ("fixed:0.8", "kalman:0.8", "adaptive"):
        assert result(frames, depth=mode) == {}
        with without("depth: plain limit"):
            assert result(frames, depth=mode) == {"A": "A"}


def test_detectors_own_sigma_makes_a_depth_less_sure() -> None:
    frames = changed_places()
    tracker = tracker_of("bytetrack", depth="adaptive", frame_rate=10.0)
    assert whose(identities(tracker, frames)) == RIGHT
    vague = [Seen(**{**one.__dict__, "depth_std": 8.0}) for one in frames[-1]]
    assert result([*frames[:-1], vague]) == SWAPPED
    with without("depth: detector's own sigma"):
        assert result([*frames[:-1], vague]) == RIGHT


def test_sort_gives_a_pair_up_only_beyond_some_slack() -> None:
    frames = beside(crowd(40), [standing("A", 0.0, 8.0)], standing("A", 0.2, 8.0, told=10.2))
    assert result(frames, name="sort") == {"A": "A"}
    with without("depth: slack of SORT's limit"):
        assert result(frames, name="sort") == {}


def test_rate_of_new_tracks_is_learned() -> None:
    """Where everybody stands, the depth of a track seen once is known well in the next frame."""
    frames = crowd(10) + beside(crowd(1), alike(-0.2, 0.2, 6.4, 10.0), *alike(0.04, -0.04, 6.4, 10.0))
    parameters = {"depth": "adaptive", "frame_rate": 5.0, "sure_score": 0.5}
    assert whose(identities(tracker_of("sort", **parameters), frames)) == RIGHT
    with without("depth: learned rate of new tracks"):
        assert whose(identities(tracker_of("sort", **parameters), frames)) == SWAPPED
