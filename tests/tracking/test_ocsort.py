"""What each of OC-SORT's mechanisms decides: OCM, OCR, ORU and the BYTE option."""

from __future__ import annotations

from mutations import without
from scenes import Seen, identities, tracker_of


def person(x: float, score: float = 0.9) -> Seen:
    return Seen("A", x, score=score)


def ghost(x: float) -> Seen:
    return Seen("ghost", x)


def test_momentum_prefers_the_detection_ahead() -> None:
    """OCM: the false box overlaps more but lies behind."""
    frames = [[person(100 + 2 * k)] for k in range(10)] + [[person(134), ghost(109)]] * 4
    assert identities(tracker_of("ocsort"), frames)[10] == {"A": 1}
    assert identities(tracker_of("ocsort", inertia=0.0), frames)[10] == {"ghost": 1}
    with without("OC-SORT: momentum (OCM)"):
        assert identities(tracker_of("ocsort"), frames)[10] == {"ghost": 1}


def test_momentum_is_measured_over_several_frames() -> None:
    """One step back by jitter does not turn someone round who walks on."""
    walk = [[person(100 + 3 * k)] for k in range(10)] + [[person(124)]]
    frames = [*walk, [person(141), ghost(112)]]
    assert identities(tracker_of("ocsort"), frames)[-1] == {"A": 1}
    assert identities(tracker_of("ocsort", delta_seconds=1 / 30), frames)[-1] == {"ghost": 1}
    with without("OC-SORT: direction over a window"):
        assert identities(tracker_of("ocsort"), frames)[-1] == {"ghost": 1}


def test_recovery_looks_where_the_track_was_last_seen() -> None:
    """OCR: he stopped when he went out of sight; his filter walked on."""
    frames = [[person(100 + 10 * k)] for k in range(9)] + [[]] * 6 + [[person(180)]] * 4
    assert identities(tracker_of("ocsort"), frames)[-1] == {"A": 1}
    with without("OC-SORT: recovery (OCR)"):
        assert identities(tracker_of("ocsort"), frames)[-1] == {"A": 2}


def test_reupdate_forgets_where_the_filter_went_unseen() -> None:
    """ORU: found where he was lost, he is not still walking on at his old speed."""
    walk = [[person(100 + 6 * k)] for k in range(10)] + [[]] * 8
    frames = [*walk, [person(148)], [person(142), ghost(160)]]
    tracker = tracker_of("ocsort", inertia=0.0, confirm_frames=1)
    assert identities(tracker, frames)[-1] == {"A": 1}
    with without("OC-SORT: re-update (ORU)"):
        tracker = tracker_of("ocsort", inertia=0.0, confirm_frames=1)
        assert identities(tracker, frames)[-1] == {"ghost": 1}


def test_byte_option_follows_through_low_scores() -> None:
    frames = [[person(100)]] * 5 + [[person(100, score=0.3)]] * 40 + [[person(100)]] * 4
    assert identities(tracker_of("ocsort", byte=True), frames) == [{"A": 1}] * 49
    assert identities(tracker_of("ocsort"), frames)[-1] == {"A": 2}
    with without("OC-SORT: BYTE option"):
        assert identities(tracker_of("ocsort", byte=True), frames)[-1] == {"A": 2}
