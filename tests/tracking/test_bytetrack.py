"""What each mechanism of ByteTrack decides, in scenes of one or two boxes."""

from __future__ import annotations

from mutations import without
from scenes import Seen, identities, tracker_of


def person(x: float = 100.0, score: float = 0.9, **more: float) -> Seen:
    return Seen("A", x, score=score, **more)


def ghost(x: float, score: float) -> Seen:
    """A false detection."""
    return Seen("ghost", x, score=score)


def test_second_association_follows_through_low_scores() -> None:
    hidden = [[person()]] * 4 + [[person(score=0.3)]] * 40 + [[person()]] * 3
    assert identities(tracker_of("bytetrack"), hidden) == [{"A": 1}] * 47
    high_only = identities(tracker_of("bytetrack", low_score=0.6), hidden)
    assert high_only[4:44] == [{}] * 40
    assert high_only[-1] == {"A": 2}
    with without("ByteTrack: second association"):
        assert identities(tracker_of("bytetrack"), hidden) == high_only


def test_second_association_is_not_for_lost_tracks() -> None:
    """A weak detection where nothing was seen for a while does not keep a memory alive."""
    gap = [[person()]] * 4 + [[]] * 20 + [[person(score=0.3)]] + [[]] * 20 + [[person()]] * 2
    assert identities(tracker_of("bytetrack"), gap)[-1] == {"A": 2}
    with without("ByteTrack: second association for tracks in sight only"):
        assert identities(tracker_of("bytetrack"), gap)[-1] == {"A": 1}


def test_score_fusion_prefers_the_sure_detection() -> None:
    frames = [[person()]] * 4 + [[person(109.4, score=0.95), ghost(94.3, score=0.65)]]
    assert identities(tracker_of("bytetrack"), frames)[-1] == {"A": 1}
    with without("ByteTrack: score fusion"):
        assert identities(tracker_of("bytetrack"), frames)[-1] == {"ghost": 1}


def test_lost_tracks_are_found_again_within_their_time() -> None:
    absent = [[person()]] * 4 + [[]] * 20 + [[person(108)]] * 2
    assert identities(tracker_of("bytetrack"), absent)[-1] == {"A": 1}
    assert identities(tracker_of("bytetrack", lost_seconds=0.5), absent)[-1] == {"A": 2}
    with without("ByteTrack: lost tracks"):
        assert identities(tracker_of("bytetrack"), absent)[-1] == {"A": 2}


def test_size_of_a_lost_track_is_held() -> None:
    """Someone who came nearer and stopped out of sight has the size at which he was lost."""
    growing = [[person(width=40 + 2 * k, height=80 + 4 * k)] for k in range(10)]
    larger = Seen("ghost", 100.0, width=88.0, height=176.0, score=0.65)
    frames = growing + [[]] * 15 + [[person(width=58, height=116, score=0.65), larger]]
    assert identities(tracker_of("bytetrack"), frames)[-1] == {"A": 1}
    with without("ByteTrack: held size of lost tracks"):
        assert identities(tracker_of("bytetrack"), frames)[-1] == {"ghost": 1}


def test_duplicate_removal_keeps_the_longer_followed_track() -> None:
    """A detector's slip makes a second track of somebody, until both tracks are at one place."""
    frames = [[person()]] * 20 + [[person(150 - 4 * k)] for k in range(16)]
    history = identities(tracker_of("bytetrack"), frames)
    assert history[25] == {"A": 2}
    assert history[-1] == {"A": 1}
    with without("ByteTrack: duplicate removal"):
        assert identities(tracker_of("bytetrack"), frames)[-1] == {"A": 2}


def test_an_unconfirmed_track_must_be_seen_in_the_next_frame() -> None:
    flicker = [[]] + [[person()], [], [], [person()], [], []] * 2
    assert identities(tracker_of("bytetrack"), flicker) == [{}] * 13
    with without("ByteTrack: unconfirmed tracks die at once"):
        assert {"A": 1} in identities(tracker_of("bytetrack"), flicker)


def test_in_the_first_frame_tracks_are_confirmed_at_once() -> None:
    assert identities(tracker_of("bytetrack"), [[person()]]) == [{"A": 1}]
    assert identities(tracker_of("bytetrack"), [[], [person()], [person()]]) == [{}, {}, {"A": 1}]
    with without("ByteTrack: first frame confirms"):
        assert identities(tracker_of("bytetrack"), [[person()]]) == [{}]


def test_a_new_track_needs_a_high_score() -> None:
    frames = [[]] + [[person(score=0.65)]] * 4
    assert identities(tracker_of("bytetrack"), frames) == [{}] * 5
    assert identities(tracker_of("bytetrack", new_score=0.6), frames)[-1] == {"A": 1}
    with without("ByteTrack: score of new tracks"):
        assert identities(tracker_of("bytetrack"), frames)[-1] == {"A": 1}
