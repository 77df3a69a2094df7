"""What each rule of SORT decides, which OC-SORT and Hybrid-SORT inherit."""

from __future__ import annotations

import pytest
from mutations import without
from scenes import Seen, identities, tracker_of

ALL = pytest.mark.parametrize("name", ["sort", "bytetrack", "ocsort", "botsort", "hybridsort"])
KIN = pytest.mark.parametrize("name", ["sort", "ocsort", "hybridsort"])
PERSON = Seen("A", 100.0)


@KIN
def test_min_hits_hold_a_new_track_back(name: str) -> None:
    frames = [[]] * 5 + [[PERSON]] * 4
    assert identities(tracker_of(name), frames)[5:] == [{}, {}, {}, {"A": 1}]
    assert identities(tracker_of(name, confirm_frames=1), frames)[5:] == [{}, {"A": 1}, {"A": 1}, {"A": 1}]
    with without("SORT: min hits"):
        assert identities(tracker_of(name), frames)[5:] == [{"A": 1}] * 4


@KIN
def test_min_hits_are_counted_in_time_not_in_frames(name: str) -> None:
    """At 10 fps one frame lasts as long as three at 30 fps, which is what the authors count."""
    frames = [[]] * 5 + [[PERSON]] * 2
    assert identities(tracker_of(name, frame_rate=10.0), frames)[5:] == [{}, {"A": 1}]
    with without("SORT: min hits in time"):
        assert identities(tracker_of(name, frame_rate=10.0), frames)[5:] == [{}, {}]


@KIN
def test_in_the_first_frames_everything_is_reported(name: str) -> None:
    assert identities(tracker_of(name), [[PERSON]]) == [{"A": 1}]
    with without("SORT: first frames report all"):
        assert identities(tracker_of(name), [[PERSON]]) == [{}]


@KIN
def test_max_age_lets_a_track_go(name: str) -> None:
    frames = [[PERSON]] * 6 + [[]] * 10 + [[PERSON]] * 5
    assert identities(tracker_of(name), frames)[-1] == {"A": 1}
    assert identities(tracker_of(name, lost_seconds=0.2), frames)[-1] == {"A": 2}
    with without("all trackers: lost tracks expire"):
        assert identities(tracker_of(name, lost_seconds=0.2), frames)[-1] == {"A": 1}


@KIN
def test_a_new_track_needs_its_score(name: str) -> None:
    frames = [[Seen("A", 100.0, score=0.65)]] * 5
    assert identities(tracker_of(name), frames)[-1] == {"A": 1}
    assert identities(tracker_of(name, new_score=0.7), frames)[-1] == {}
    with without("SORT: score of new tracks"):
        assert identities(tracker_of(name, new_score=0.7), frames)[-1] == {"A": 1}


@KIN
def test_a_pair_below_the_least_similarity_is_dropped(name: str) -> None:
    """A box that moves 30 pixels leaves an overlap of 1/7 with itself: somebody else."""
    frames = [[PERSON]] * 6 + [[Seen("B", 130.0)]] * 5
    assert identities(tracker_of(name), frames)[-1] == {"B": 2}
    assert identities(tracker_of(name, match_iou=0.1), frames)[-1] == {"B": 1}
    with without("SORT: least similarity"):
        assert identities(tracker_of(name), frames)[-1] == {"B": 1}


def test_a_pair_without_a_choice_is_not_given_up_for_two_poor_ones() -> None:
    """A to 119 (overlap 0.36), or A to 78 and B to 119 (0.29 each, more in sum and both too little)."""
    frames = [[PERSON, Seen("B", 141.0)]] * 6 + [[Seen("A", 119.0), Seen("C", 78.0)]] * 4
    assert identities(tracker_of("sort"), frames)[-1] == {"A": 1, "C": 3}
    with without("SORT and kin: clear pairs first"):
        assert identities(tracker_of("sort"), frames)[-1] == {"A": 3, "C": 4}


@ALL
def test_a_sure_detection_is_reported_at_once(name: str) -> None:
    frames = [[]] * 5 + [[Seen("A", 100.0, score=0.95)]]
    assert identities(tracker_of(name), frames)[-1] == {}
    assert identities(tracker_of(name, sure_score=0.9), frames)[-1] == {"A": 1}
    with without("SORT and kin: sure detections", "ByteTrack, BoT-SORT: sure detections"):
        assert identities(tracker_of(name, sure_score=0.9), frames)[-1] == {}
