"""What BoT-SORT's appearance decides, and which detections it is learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mutations import without
from scenes import Seen, detections_of, identities, tracker_of

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
A, B = Seen("A", 100.0, look=RED), Seen("B", 116.0, look=BLUE)
SIDE_BY_SIDE = [[A, B]] * 6
CHANGED_PLACES = [replace(A, x=112.0), replace(B, x=104.0)]
RIGHT, SWAPPED = {"A": 1, "B": 2}, {"A": 2, "B": 1}


def test_appearance_tells_who_changed_places() -> None:
    frames = [*SIDE_BY_SIDE, CHANGED_PLACES]
    assert identities(tracker_of("botsort"), frames)[-1] == RIGHT
    plain = [[replace(one, look=None) for one in frame] for frame in frames]
    assert identities(tracker_of("botsort"), plain)[-1] == SWAPPED
    with without("BoT-SORT: appearance"):
        assert identities(tracker_of("botsort"), frames)[-1] == SWAPPED


def test_appearance_is_not_learned_from_low_scores() -> None:
    """Who is half hidden looks like the one in front."""
    hidden = [[replace(A, look=BLUE, score=0.3), B]] * 20
    frames = [*SIDE_BY_SIDE, *hidden, CHANGED_PLACES]
    assert identities(tracker_of("botsort"), frames)[-1] == RIGHT
    with without("BoT-SORT: appearance of sure detections only"):
        assert identities(tracker_of("botsort"), frames)[-1] == SWAPPED


def test_appearance_remembers_more_than_the_last_look() -> None:
    odd = [replace(A, look=BLUE), replace(B, look=RED)]
    frames = [*SIDE_BY_SIDE, odd, CHANGED_PLACES]
    assert identities(tracker_of("botsort"), frames)[-1] == RIGHT
    with without("BoT-SORT: memory of appearance"):
        assert identities(tracker_of("botsort"), frames)[-1] == SWAPPED


def test_appearance_counts_only_nearby() -> None:
    """Somebody else in the same coat, a step away, does not take over."""
    frames = [[A]] * 6 + [[Seen("twin", 132.0, look=RED)]] * 3
    assert identities(tracker_of("botsort"), frames)[-1] == {"twin": 2}
    assert identities(tracker_of("botsort", proximity_cost=1.0), frames)[-1] == {"twin": 1}
    with without("BoT-SORT: appearance only nearby"):
        assert identities(tracker_of("botsort"), frames)[-1] == {"twin": 1}


def test_appearance_counts_only_when_alike() -> None:
    """A look that is as much the one as the other leaves the choice to the boxes."""
    like, unlike = (0.4, 0.0, 0.9165), (0.0, 0.0, 1.0)
    frames = [[A]] * 6 + [[Seen("A", 108.0, look=unlike), Seen("ghost", 112.0, score=0.65, look=like)]]
    assert identities(tracker_of("botsort"), frames)[-1] == {"A": 1}
    assert identities(tracker_of("botsort", appearance_cost=0.35), frames)[-1] == {"ghost": 1}
    with without("BoT-SORT: appearance only when alike"):
        assert identities(tracker_of("botsort"), frames)[-1] == {"ghost": 1}


@pytest.mark.parametrize("nobody", [np.zeros((0, 3)), np.zeros(0), np.zeros((0, 5))])
def test_births_of_nobody_erase_no_appearance(nobody: np.ndarray) -> None:
    tracker, empty = tracker_of("botsort"), detections_of([])
    empty.data["embedding"] = nobody
    identities(tracker, SIDE_BY_SIDE)
    tracker.update(empty)
    assert identities(tracker, [CHANGED_PLACES])[-1] == RIGHT


def test_embeddings_of_another_length_start_anew() -> None:
    """Another network's embeddings are no evidence about the old ones, and no error."""
    tracker = tracker_of("botsort")
    identities(tracker, SIDE_BY_SIDE)
    longer = [
        [replace(one, look=(*one.look, 0.0, 0.0)) for one in frame]
        for frame in [*SIDE_BY_SIDE, CHANGED_PLACES]
    ]
    assert identities(tracker, longer)[-1] == RIGHT
