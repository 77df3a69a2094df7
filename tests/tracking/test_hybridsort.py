"""What each of Hybrid-SORT's weak cues decides."""

from __future__ import annotations

from mutations import without
from scenes import Seen, identities, tracker_of


def person(x: float = 100.0, **more: float) -> Seen:
    return Seen("A", x, **more)


def ghost(x: float = 100.0, **more: float) -> Seen:
    return Seen("ghost", x, **more)


def test_score_cue_prefers_the_usual_score() -> None:
    """TCM in the first association: someone seen clearly does not become doubtful at once."""
    frames = [[person(score=0.95)]] * 6 + [[person(109, score=0.95), ghost(95, score=0.62)]]
    assert identities(tracker_of("hybridsort"), frames)[-1] == {"A": 1}
    assert identities(tracker_of("hybridsort", score_weight=0.0), frames)[-1] == {"ghost": 1}
    with without("Hybrid-SORT: score cue (TCM)"):
        assert identities(tracker_of("hybridsort"), frames)[-1] == {"ghost": 1}


def test_low_score_cue_continues_a_falling_score() -> None:
    """TCM in the second association: 0.7, 0.62, then 0.54 is the one who disappears, 0.15 is not."""
    fading = [[person(score=score)] for score in (0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.62)]
    frames = [*fading, [person(107, score=0.54), ghost(97, score=0.15)]]
    assert identities(tracker_of("hybridsort"), frames)[-1] == {"A": 1}
    assert identities(tracker_of("hybridsort", low_score_weight=0.0), frames)[-1] == {"ghost": 1}
    with without("Hybrid-SORT: low-score cue (TCM)"):
        assert identities(tracker_of("hybridsort"), frames)[-1] == {"ghost": 1}


def test_low_score_is_extrapolated_not_repeated() -> None:
    fading = [[person(score=score)] for score in (0.9, 0.9, 0.9, 0.9, 0.85, 0.65)]
    frames = [*fading, [person(104, score=0.45), ghost(97, score=0.58)]]
    assert identities(tracker_of("hybridsort"), frames)[-1] == {"A": 1}
    with without("Hybrid-SORT: extrapolated low scores"):
        assert identities(tracker_of("hybridsort"), frames)[-1] == {"ghost": 1}


def test_height_iou_refuses_a_box_of_another_height() -> None:
    frames = [[person()]] * 6 + [[person(112), ghost(y=187.0, height=54.0)]]
    assert identities(tracker_of("hybridsort"), frames)[-1] == {"A": 1}
    with without("Hybrid-SORT: height IoU"):
        assert identities(tracker_of("hybridsort"), frames)[-1] == {"ghost": 1}


def test_corners_tell_who_comes_nearer() -> None:
    """All corners of a growing box move outwards though its centre stands."""
    growing = [[person(width=40 + 2 * k, height=80 + 4 * k)] for k in range(8)]
    frames = [*growing, [person(width=64, height=128), ghost(width=49.5, height=99)]]
    assert identities(tracker_of("hybridsort"), frames)[-1] == {"A": 1}
    assert identities(tracker_of("hybridsort", inertia=0.0), frames)[-1] == {"ghost": 1}
    with without("Hybrid-SORT: directions of four corners"):
        assert identities(tracker_of("hybridsort"), frames)[-1] == {"ghost": 1}
