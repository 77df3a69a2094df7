"""Refining a finished result: what is filled is true, what is merged is one object, and no more than that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.errors import UsageError
from deptr.tracking.boxes import paired_iou, xywh_to_xyxy
from deptr.tracking.refinement import FILLED_SCORE, Tracks, refine
from deptr.tracking.smoothing import between, smooth_tracks

FPS = 10.0


def track(
    identity: int, frames: np.ndarray, centre: np.ndarray, size: np.ndarray, depth: np.ndarray
) -> Tracks:
    """One track; centre and size are ``(N, 2)``."""
    boxes = xywh_to_xyxy(np.concatenate([centre, size], axis=1))
    names, scores, classes = (np.full(len(frames), value) for value in (identity, 0.9, -1))
    return Tracks(frames, names, boxes, scores, depth, classes)


def passing(frames: np.ndarray) -> Tracks:
    """An object that comes nearer while it crosses the image, in perspective."""
    depth = 20.0 - frames / FPS
    x = -6 + 2.0 * frames / FPS
    centre = np.stack([600 + 700 * x / depth, 180 + 700 / depth], axis=1)
    size = np.stack([490 / depth, 1190 / depth], axis=1)
    return track(1, frames, centre, size, depth)


def standing(identity: int, frames: np.ndarray, x: float, depth: float, height: float = 80.0) -> Tracks:
    rng = np.random.default_rng([identity, int(frames[0])])
    centre = np.array([x, 200.0]) + rng.normal(0, 0.8, (len(frames), 2))
    size = np.tile([0.4 * height, height], (len(frames), 1))
    return track(identity, frames, centre, size, depth * (1 + rng.normal(0, 0.005, len(frames))))


def together(*parts: Tracks) -> Tracks:
    every = parts[0]
    for part in parts[1:]:
        every = every.joined(part)
    return every.sorted()


def changed_places() -> Tracks:
    """Two of one size pass each other unseen: 1 becomes 11 and 2 becomes 12; the nearest is the other."""
    early, late = np.arange(1, 31), np.arange(36, 66)
    bystanders = [
        standing(21, np.arange(1, 66), 60, 20, 40),
        standing(22, np.arange(1, 66), 1100, 35, 25),
        standing(23, np.arange(1, 66), 800, 8, 120),
    ]
    return together(
        standing(1, early, 495, 9.0),
        standing(2, early, 505, 12.0),
        standing(11, late, 505, 9.0),
        standing(12, late, 495, 12.0),
        *bystanders,
    )


def lasting(tracks: Tracks, frame: int) -> dict[int, float]:
    """Depth of each identity near the crossing at a frame."""
    rows = (tracks.frame == frame) & (tracks.track_id < 20)
    return {int(i): float(d) for i, d in zip(tracks.track_id[rows], tracks.depth[rows], strict=True)}


def columns(tracks: Tracks) -> np.ndarray:
    return np.column_stack([tracks.frame, tracks.track_id, tracks.xyxy, tracks.score, tracks.depth])


def test_smoothing_is_the_exact_posterior() -> None:
    # a dense Gaussian over all states, conditioned at once, says the same as the recursion
    seconds = np.array([0.0, 0.1, 0.4, 0.5, 1.1])
    values = np.array([1.0, 1.4, np.nan, 2.5, 2.0])
    noise, speed, power = 0.2, 4.0, 1.5
    every = np.sort(np.append(seconds, 0.8))
    mean, joint = np.array([values[0], 0.0]), np.diag([noise, speed])
    means, covariance = [mean], joint
    for step in np.diff(every):
        move = np.array([[1, step], [0, 1]])
        added = power * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        across = covariance[:, -2:] @ move.T
        covariance = np.block(
            [[covariance, across], [across.T, move @ covariance[-2:, -2:] @ move.T + added]]
        )
        means.append(move @ means[-1])
    seen = [2 * int(np.flatnonzero(every == seconds[k])[0]) for k in (1, 3, 4)]
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)] + noise * np.eye(3))
    prior = np.concatenate(means)
    posterior = prior + gain @ (values[[1, 3, 4]] - prior[seen])
    spread = covariance - gain @ covariance[seen]
    one = np.ones((5, 1))
    states = smooth_tracks(
        np.array([0]),
        seconds,
        values[:, None],
        variances=noise * one,
        speed_variances=speed * one,
        powers=power * one,
    )
    rows = 2 * np.flatnonzero(np.isin(every, seconds))
    np.testing.assert_allclose(states[0, :, 0], posterior[rows], atol=1e-9)
    np.testing.assert_allclose(states[1, :, 0], posterior[rows + 1], atol=1e-9)
    np.testing.assert_allclose(states[2, :, 0], np.diag(spread)[rows], atol=1e-9)
    np.testing.assert_allclose(states[4, :, 0], np.diag(spread)[rows + 1], atol=1e-9)
    middle = between(states[:, 3:4], states[:, 4:5], np.array([[0.6]]), np.array([[0.5]]))
    np.testing.assert_allclose(middle.item(), posterior[2 * int(np.flatnonzero(every == 0.8)[0])], atol=1e-9)


def test_tracks_of_any_length_are_smoothed_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    lengths = [3, 9, 1, 5]
    starts = np.cumsum([0, *lengths[:-1]])
    seconds = np.concatenate([np.cumsum(rng.uniform(0.05, 0.3, n)) for n in lengths])
    measured = rng.normal(size=(sum(lengths), 2))
    noise = {name: rng.uniform(0.1, 1, measured.shape) for name in ("variances", "speed_variances", "powers")}
    states = smooth_tracks(starts, seconds, measured, **noise)
    for start, length in zip(starts, lengths, strict=True):
        rows = slice(start, start + length)
        own = {name: values[rows] for name, values in noise.items()}
        alone = smooth_tracks(np.array([0]), seconds[rows], measured[rows], **own)
        np.testing.assert_allclose(states[:, rows], alone, atol=1e-12)


@pytest.mark.parametrize("gap", [1, 4, 8])
def test_a_known_gap_is_filled_with_what_was_there(gap: int) -> None:
    truth = passing(np.arange(1, 61))
    hidden = (truth.frame > 30) & (truth.frame <= 30 + gap)
    refined = refine(truth.at(np.flatnonzero(~hidden)), frame_rate=FPS)
    assert (refined.gaps, refined.rows, refined.merged) == (1, gap, 0)
    filled = refined.tracks.score == FILLED_SCORE
    np.testing.assert_array_equal(refined.tracks.frame, truth.frame)
    np.testing.assert_array_equal(filled, hidden)
    assert paired_iou(refined.tracks.xyxy, truth.xyxy)[filled].min() > 0.95
    np.testing.assert_allclose(refined.tracks.depth[filled], truth.depth[filled], rtol=0.01)
    np.testing.assert_array_equal(refined.tracks.xyxy[~filled], truth.xyxy[~filled])


def test_gaps_beyond_the_limit_stay() -> None:
    truth = passing(np.arange(1, 61))
    seen = truth.at(np.flatnonzero((truth.frame <= 30) | (truth.frame > 45)))
    assert refine(seen, frame_rate=FPS, max_gap_seconds=1.5).rows == 0
    assert refine(seen, frame_rate=FPS, max_gap_seconds=1.6).rows == 15
    assert refine(seen, frame_rate=2 * FPS, max_gap_seconds=0.8).rows == 15
    assert refine(seen, frame_rate=FPS, max_gap_seconds=1.6, fill=False).rows == 0


@pytest.mark.parametrize("kind", ["metric", "relative_inverse"])
def test_two_who_changed_places_unseen_are_told_apart_by_depth(kind: str) -> None:
    tracks = changed_places()
    if kind == "relative_inverse":
        tracks = replace(tracks, depth=30 / tracks.depth)
    refined = refine(tracks, frame_rate=FPS, depth_kind=kind)
    assert refined.merged == 2
    before, after = lasting(refined.tracks, 30), lasting(refined.tracks, 40)
    assert set(before) == set(after) == {1, 2}
    for identity, depth in before.items():
        assert after[identity] == pytest.approx(depth, rel=0.05)
        assert lasting(refined.tracks, 33)[identity] == pytest.approx(depth, rel=0.05)


def test_unknown_depth_is_neutral_and_depth_that_says_nothing_weighs_nothing() -> None:
    tracks = changed_places()
    unknown = refine(replace(tracks, depth=np.full(len(tracks), np.nan)), frame_rate=FPS)
    same = refine(replace(tracks, depth=np.full(len(tracks), 7.0)), frame_rate=FPS)
    shuffled = np.random.default_rng(0).permutation(tracks.depth)
    senseless = refine(replace(tracks, depth=shuffled), frame_rate=FPS)
    for other in (same, senseless):
        np.testing.assert_array_equal(other.tracks.track_id, unknown.tracks.track_id)
        np.testing.assert_allclose(other.tracks.xyxy, unknown.tracks.xyxy)
    assert np.isnan(unknown.tracks.depth).all()
    # boxes alone take the nearest, which here is the wrong one
    left = unknown.tracks.xyxy[:, 0]
    assert unknown.merged == 2
    for frame in (30, 40):
        rows = unknown.tracks.frame == frame
        first, second = (left[rows & (unknown.tracks.track_id == k)].item() for k in (1, 2))
        assert first < second


def test_depth_known_only_for_some_rows_is_used_where_it_is() -> None:
    tracks = changed_places()
    late = (tracks.track_id == 1) & (tracks.frame < 20)
    refined = refine(replace(tracks, depth=np.where(late, np.nan, tracks.depth)), frame_rate=FPS)
    assert lasting(refined.tracks, 40)[1] == pytest.approx(9.0, rel=0.05)
    untouched = refined.tracks.at(
        np.flatnonzero((refined.tracks.track_id == 1) & (refined.tracks.frame < 20))
    )
    assert np.isnan(untouched.depth).all()


def test_what_overlaps_in_time_is_never_merged() -> None:
    whole = passing(np.arange(1, 61))
    first = whole.at(np.flatnonzero(whole.frame <= 30))
    for begins, expected in ((30, 0), (31, 1), (34, 1)):
        rest = whole.at(np.flatnonzero(whole.frame >= begins))
        tracks = together(first, replace(rest, track_id=np.full(len(rest), 5)))
        assert refine(tracks, frame_rate=FPS).merged == expected
    # rows that were filled in hold their time as well
    rest = whole.at(np.flatnonzero(whole.frame >= 34))
    held = whole.at(np.flatnonzero((whole.frame > 30) & (whole.frame < 36)))
    tracks = together(
        first,
        replace(held, score=np.full(len(held), FILLED_SCORE)),
        replace(rest, track_id=np.full(len(rest), 5)),
    )
    assert refine(tracks, frame_rate=FPS).merged == 0


def test_another_depth_forbids_a_merge_that_boxes_allow() -> None:
    whole = passing(np.arange(1, 61))
    first, rest = (whole.at(np.flatnonzero(part)) for part in (whole.frame <= 30, whole.frame > 33))
    rest = replace(rest, track_id=np.full(len(rest), 5))
    assert refine(together(first, rest), frame_rate=FPS).merged == 1
    assert refine(together(first, replace(rest, depth=2 * rest.depth)), frame_rate=FPS).merged == 0


def test_a_chain_of_tracklets_gets_the_earliest_identity() -> None:
    whole = passing(np.arange(1, 61))
    names = np.select([whole.frame <= 20, whole.frame <= 40], [9, 3], 6)
    kept = np.flatnonzero(~np.isin(whole.frame, (19, 20, 41, 42)))
    refined = refine(replace(whole, track_id=names).at(kept), frame_rate=FPS)
    assert refined.merged == 2
    assert set(refined.tracks.track_id.tolist()) == {9}


def test_smoothing_takes_noise_out() -> None:
    truth = passing(np.arange(1, 61))
    noisy = replace(truth, xyxy=truth.xyxy + np.random.default_rng(1).normal(0, 3, truth.xyxy.shape))
    refined = refine(noisy, frame_rate=FPS, smooth=True).tracks
    error = np.abs(refined.xyxy - truth.xyxy)[5:-5].mean()
    assert error < 0.7 * np.abs(noisy.xyxy - truth.xyxy)[5:-5].mean()


@st.composite
def results(draw: st.DrawFn) -> Tracks:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for identity in range(draw(st.integers(1, 7))):
        start, length = int(rng.integers(1, 30)), int(rng.integers(1, 30))
        frames = start + np.flatnonzero(rng.random(length) < draw(st.sampled_from([0.4, 0.8, 1.0])))
        centre = rng.uniform(0, 400, 2) + np.outer(frames, rng.normal(0, draw(st.sampled_from([0, 3])), 2))
        size = np.tile(rng.uniform(5, 90, 2), (len(frames), 1))
        depth = np.where(
            rng.random(len(frames)) < 0.2, np.nan, rng.uniform(2, 40) * rng.uniform(0.9, 1.1, len(frames))
        )
        parts.append(track(3 * identity - 4, frames, centre, size, depth))
    return together(*parts)


@settings(max_examples=60, deadline=None)
@given(results(), st.sampled_from([0.0, 0.5, 3.0]))
def test_refining_twice_changes_nothing_more(tracks: Tracks, gap: float) -> None:
    once = refine(tracks, frame_rate=FPS, max_gap_seconds=gap, min_evidence=0.0)
    twice = refine(once.tracks, frame_rate=FPS, max_gap_seconds=gap, min_evidence=0.0)
    assert (twice.merged, twice.gaps, twice.rows) == (0, 0, 0)
    np.testing.assert_array_equal(columns(twice.tracks), columns(once.tracks))
    # identities vanish only by merging, detected rows stay, and none stands twice in a frame
    before, after = set(tracks.track_id.tolist()), set(once.tracks.track_id.tolist())
    assert after <= before
    assert len(after) == len(before) - once.merged
    detected = once.tracks.at(np.flatnonzero(once.tracks.score != FILLED_SCORE))
    boxes = [columns(part)[:, [0, 2, 3, 4, 5, 7]] for part in (tracks, detected)]
    np.testing.assert_array_equal(*(rows[np.lexsort(rows.T)] for rows in boxes))
    pairs = columns(once.tracks)[:, :2]
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert np.isfinite(once.tracks.xyxy).all()
    assert (once.tracks.xyxy[:, 2:] > once.tracks.xyxy[:, :2]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_gap_seconds": -1.0},
        {"max_gap_seconds": np.nan},
        {"frame_rate": 0.0},
        {"frame_rate": np.inf},
        {"min_evidence": -0.1},
        {"depth_kind": "feet"},
    ],
    ids=str,
)
def test_numbers_that_cannot_be_meant_are_refused(wrong: dict[str, float | str]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}: expected"):
        refine(passing(np.arange(1, 9)), **{"frame_rate": FPS, **wrong})  # type: ignore[arg-type]
