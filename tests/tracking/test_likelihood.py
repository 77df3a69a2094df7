"""The likelihood tracker: each of its mechanisms, and what holds whatever it is given."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.evaluation.fingerprint import code_of
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.redundancy import Redundancy
from deptr.tracking.lifecycle import TrackState
from deptr.tracking.likelihood import camera
from deptr.tracking.likelihood.evidence import Pairs, box_ratios, depth_ratios
from deptr.tracking.likelihood.motion import LikelihoodMotion, states_of
from deptr.tracking.likelihood.noise import LearnedNoise
from deptr.tracking.likelihood.tracker import MOST_LOST_EVIDENCE, LikelihoodTracker
from deptr.tracking.likelihood.worth import Worth
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Step

SPREAD = np.array([1e5, 1e4, 0.5, 0.5, 0.5])
SAME = np.array([25.0, 16.0, 4e-3, 4e-2, 1e-3])


def people(
    x: FloatArray, y: FloatArray, height: FloatArray, depth: FloatArray | None = None, score: float = 0.9
) -> sv.Detections:
    x, y, height = np.broadcast_arrays(*(np.asarray(values, np.float64) for values in (x, y, height)))
    boxes = np.stack([x - height / 5, y - height / 2, x + height / 5, y + height / 2], axis=-1)
    return sv.Detections(
        xyxy=boxes.reshape(-1, 4).astype(np.float32),
        confidence=np.full(boxes.size // 4, score, np.float32),
        data={} if depth is None else {"depth": np.asarray(depth, np.float32)},
        metadata={"depth_kind": "metric"},
    )


def identities(tracker: LikelihoodTracker, frames: list[sv.Detections]) -> FloatArray:
    """Identity of each detection, ``(frames, N)``, 0 = none; needs boxes reported as detected."""
    table = np.zeros((len(frames), max(len(frame) for frame in frames)))
    for row, frame in zip(table, frames, strict=True):
        tracks = tracker.update(frame)
        for identity, box in zip(tracks.tracker_id, tracks.xyxy, strict=True):
            row[np.abs(frame.xyxy - box).sum(1).argmin()] = identity
    return table


def pair(errors: FloatArray, variances: FloatArray = SAME) -> Pairs:
    errors = np.atleast_2d(errors)
    index: Indices = np.arange(len(errors))
    sizes = np.tile([40.0, 100.0], (len(errors), 1))
    return Pairs(index, index, errors, np.broadcast_to(variances, errors.shape), sizes)


def learned(rate: float) -> LearnedNoise:
    """Noise learned from a hundred objects that tremble slowly and change their speed, at a frame rate."""
    rng, fine, count = np.random.default_rng(0), 100, 100
    steps = fine * 12
    speed = np.cumsum(rng.normal(0, 0.4 / np.sqrt(fine), (steps, count, 5)), axis=0)
    tremble = np.zeros((steps, count, 5))
    for step in range(1, steps):  # a tremble that lasts for a tenth of a second
        tremble[step] = 0.9 * tremble[step - 1] + rng.normal(0, 0.03 * np.sqrt(1 - 0.81), (count, 5))
    path = np.cumsum(speed / fine, axis=0) + tremble
    noise, every = LearnedNoise(), round(fine / rate)
    noise.append(path[0])
    rows = np.arange(count)
    for step in range(every, steps, every):
        noise.step(1 / rate)
        noise.remember(rows, path[step])
        noise.learn(rows, np.ones((count, 5)))
    return noise


@pytest.mark.parametrize("rate", [20.0, 10.0, 4.0])
def test_learned_noise_is_that_of_the_stream_at_any_frame_rate(rate: float) -> None:
    noise = learned(rate)
    np.testing.assert_allclose(np.sqrt(noise.measurement), 0.03, rtol=0.25)
    np.testing.assert_allclose(np.sqrt(noise.acceleration), 0.4, rtol=0.25)


def test_an_uneven_clock_teaches_nothing_wrong() -> None:
    noise, rows = LearnedNoise(), np.arange(4)
    noise.append(np.zeros((4, 5)))
    before = noise.acceleration.copy()
    for frame in range(200):  # a steady walk seen at steps that change all the time
        noise.step(0.1 if frame % 2 else 0.3)
        noise.remember(rows, np.full((4, 5), 0.2 * frame))
        noise.learn(rows, np.ones((4, 5)))
    np.testing.assert_allclose(noise.acceleration, before)


@given(st.lists(st.floats(-40, 40), min_size=4, max_size=4), st.floats(-3, 3), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_a_box_moved_towards_its_track_is_never_less_likely(
    edges: list[float], depth: float, share: float
) -> None:
    """All four edges in proportion: a single one may be taken for wrong, and then tells nothing."""
    expected = np.array([[0.0, 0.0, 100.0, 200.0]])
    states = [states_of(expected + part * np.array(edges))[0] for part in (1.0, share)]
    errors = np.stack(states) - states_of(expected)[0]
    errors[:, 4] = depth * np.array([1.0, share]) * np.sqrt(SAME[4])
    pairs = replace(pair(errors), sizes=np.full((2, 2), [100.0, 200.0]))
    boxes, says = box_ratios(pairs, SPREAD), depth_ratios(pairs, SPREAD)
    assert boxes[1] >= boxes[0] - 1e-9
    assert says[1] >= says[0] - 1e-9


@given(st.floats(-5, 5), st.floats(0.5, 10))
def test_depth_as_wide_as_the_crowd_says_nothing(error: float, variance: float) -> None:
    variances = SAME.copy()
    variances[4] = variance
    says = depth_ratios(pair(np.array([[1, 1, 0, 0, error]], float), variances), SPREAD)
    assert says[0] == pytest.approx(0, abs=1e-9)


def test_no_depth_forbids_a_pair_alone() -> None:
    says = depth_ratios(pair(np.array([[0, 0, 0, 0, 9.0], [0, 0, 0, 0, np.nan]])), SPREAD)
    assert -3.5 < says[0] < 0
    assert np.isnan(says[1])


@pytest.mark.parametrize("axis", range(3))
def test_what_is_outside_the_gate_is_no_pair(axis: int) -> None:
    """Outside with both its edges: one alone may be cut."""
    errors = np.zeros(5)
    errors[axis] = 13 * np.sqrt(SAME[axis])
    assert box_ratios(pair(errors), SPREAD)[0] == -np.inf


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_detections_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 12
    start, speed = rng.uniform(0, 600, (count, 2)), rng.normal(0, 3, (count, 2))
    height, depth = rng.uniform(40, 120, count), rng.uniform(3, 20, count)
    frames = []
    for time in range(15):
        place = start + time * speed + rng.normal(0, 1, (count, 2))
        seen = rng.random(count) < 0.8
        frames.append(people(place[seen, 0], place[seen, 1], height[seen], depth[seen]))
    mixed = [frame[rng.permutation(len(frame))] for frame in frames]
    one, other = (LikelihoodTracker(frame_rate=10, boxes="observed") for _ in range(2))
    names: dict[int, int] = {}
    for frame, again in zip(frames, mixed, strict=True):
        a, b = one.update(frame), other.update(again)
        here = {tuple(box): int(i) for box, i in zip(a.xyxy.tolist(), a.tracker_id, strict=True)}
        there = {tuple(box): int(i) for box, i in zip(b.xyxy.tolist(), b.tracker_id, strict=True)}
        assert here.keys() == there.keys()
        for box, identity in here.items():
            assert names.setdefault(identity, there[box]) == there[box]


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_tracks_does_not_matter(seed: int) -> None:
    tracker, (x, y, height, depth) = LikelihoodTracker(frame_rate=5), walkers()
    for frame in range(20):
        tracker.update(people(x[frame], y[frame], height[frame], depth[frame]))
    twin = copy.deepcopy(tracker)
    twin._select(np.random.default_rng(seed).permutation(len(twin.tracks)))
    for frame in range(20, 40):
        seen = people(x[frame], y[frame], height[frame], depth[frame])
        one, other = tracker.update(seen), twin.update(seen)
        assert one.tracker_id.tolist() == other.tracker_id.tolist()
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-3)


def test_fast_objects_at_a_low_rate_keep_their_identities() -> None:
    """At 2.5 fps each moves 0.8 of its height from frame to frame, and the boxes do not overlap."""
    lanes = np.arange(8)
    frames = [people(50 + 40 * (frame - 2 * lanes), 100.0 * lanes, np.full(8, 50.0)) for frame in range(25)]
    table = identities(LikelihoodTracker(frame_rate=2.5, boxes="observed"), frames)
    for lane in lanes:
        values, counts = np.unique(table[2:, lane], return_counts=True)
        assert values[counts.argmax()] > 0
        assert counts.max() >= 22


def shaken(frames: int = 60) -> list[sv.Detections]:
    """People who stand at uneven distances before a camera that begins to jump."""
    rng = np.random.default_rng(3)
    jumps = rng.choice([-8.0, 8.0], frames)
    jumps[:20] = 0
    place = np.cumsum(rng.uniform(25, 60, 12))
    return [people(place + jump, 200 + 0.3 * jump, np.full(12, 90.0)) for jump in jumps]


def test_a_jump_of_the_camera_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = LikelihoodTracker(frame_rate=20, boxes="observed")
    table = identities(tracker, shaken())
    assert (table[20:] == table[19]).all()
    assert np.abs(tracker._motion.filters.velocity[:, 0]).max() < 1, "nobody walked"
    monkeypatch.setattr(camera, "LEAST_GAIN", np.inf)
    table = identities(LikelihoodTracker(frame_rate=20, boxes="observed"), shaken())
    assert (table[20:] != table[19]).any()


def test_a_hidden_track_needs_no_more_evidence_than_one_that_is_seen() -> None:
    tracker = LikelihoodTracker(frame_rate=10)
    place, depth = np.array([100.0, 110.0, 400.0]), np.array([4.0, 8.0, 8.0])
    for _ in range(5):
        tracker.update(people(place, 200.0 + 0 * place, 400 / depth, depth))
    for _ in range(2):  # only the nearest is seen: it hides the second and not the third
        tracker.update(people(place[:1], 200.0 + 0 * place[:1], 400 / depth[:1], depth[:1]))
    tracker._rows.predict(Step.of(0.1))
    needs = tracker._search_needs()
    assert needs[0] == needs[1] == 0
    assert needs[2] == pytest.approx(0.3 * tracker.lost_evidence)
    tracker._rows.predict(Step.of(9.0))
    assert tracker._search_needs()[2] == MOST_LOST_EVIDENCE


def test_births_are_reported_at_once_where_such_births_proved_real() -> None:
    """After the first frame a birth waits, until births of its score were borne out."""
    tracker = LikelihoodTracker(frame_rate=10)
    waited = []
    for frame in range(12):
        x = 100.0 + 150 * np.arange(frame + 1)
        tracks = tracker.update(people(x, 200 + 0 * x, 0 * x + 80, score=0.75))
        waited.append(frame + 1 - len(tracks))
    assert waited[0] == 0
    assert waited[1] == 1
    assert waited[-3:] == [0, 0, 0]


def test_false_births_are_not_reported() -> None:
    rng, tracker = np.random.default_rng(0), LikelihoodTracker(frame_rate=10)
    tracker.update(sv.Detections.empty())
    told = [len(tracker.update(people(*rng.uniform(0, 5000, (2, 2)), np.full(2, 40.0)))) for _ in range(40)]
    assert sum(told) == 0


def test_a_low_score_confirms_no_track_and_starts_none() -> None:
    tracker = LikelihoodTracker(frame_rate=10)
    tracker.update(sv.Detections.empty())
    for score in (0.9, 0.3, 0.3):
        assert (
            len(tracker.update(people(np.array([50.0]), np.array([50.0]), np.array([40.0]), score=score)))
            == 0
        )
    assert len(tracker.tracks) == 0


def test_a_known_track_goes_on_with_low_scores() -> None:
    tracker = LikelihoodTracker(frame_rate=10)
    box = [np.array([value]) for value in (50.0, 50.0, 40.0)]
    reported = [tracker.update(people(*box, score=score)).tracker_id.tolist() for score in (0.9, 0.9, 0.3)]
    assert reported[-1] == [1]
    assert tracker.tracks[0].state is TrackState.CONFIRMED


@pytest.mark.parametrize("depth", [None, DepthFusion.none()])
def test_depth_parts_two_who_pass_in_one_place(depth: DepthFusion | None) -> None:
    """Two people of equal boxes meet in one place and turn back: only depth can tell."""
    rng = np.random.default_rng(1)
    way = np.concatenate([np.linspace(60, 0, 30), np.linspace(0, 60, 30)])
    frames = [
        people(
            np.array([200 - x, 200 + x]) + rng.normal(0, 1, 2),
            np.full(2, 200.0),
            np.full(2, 100.0),
            np.array([6.0, 8.0]) * np.exp(rng.normal(0, 0.01, 2)),
        )
        for x in way
    ]
    table = identities(LikelihoodTracker(depth=depth, frame_rate=20, boxes="observed"), frames)
    kept = bool((table[-1] == table[5]).all())
    assert kept == (depth is None)


def test_stored_results_depend_on_all_of_the_trackers_modules() -> None:
    names = {path.stem for path in code_of(LikelihoodTracker.__module__)}
    assert {"tracker", "evidence", "noise", "camera", "hiding", "base", "kalman"} <= names
    assert "hybridsort" not in names


def walkers(frames: int = 60, count: int = 26) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Place, height and depth of people who walk about at uneven distances and meet, ``(frames, count)``."""
    rng = np.random.default_rng(7)
    depth = rng.uniform(4, 16, count) + np.cumsum(rng.normal(0, 0.05, (frames, count)), axis=0)
    side = rng.uniform(-3, 3, count) + np.linspace(0, 1, frames)[:, None] * rng.uniform(-4, 4, count)
    tremble, size = rng.normal(0, 1, (2, frames, count)), rng.normal(1, 0.03, (frames, count))
    return 400 + 500 * side / depth + tremble[0], 200 + 750 / depth + tremble[1], 850 / depth * size, depth


def follow(depths: FloatArray | None) -> tuple[list[tuple[list[int], list[list[float]]]], LikelihoodTracker]:
    """What is reported of the walkers when their depths are told like this."""
    x, y, height, _ = walkers()
    tracker, told = LikelihoodTracker(frame_rate=5), []
    for frame in range(len(x)):
        tracks = tracker.update(
            people(x[frame], y[frame], height[frame], None if depths is None else depths[frame])
        )
        told.append((tracks.tracker_id.tolist(), tracks.xyxy.tolist()))
    return told, tracker


def useless(kind: str) -> FloatArray:
    rng, depth = np.random.default_rng(5), walkers()[3]
    if kind == "shuffled":
        return rng.permuted(depth, axis=1)
    if kind == "constant":
        return np.full_like(depth, 8.0)
    return depth * np.exp(rng.normal(0, 0.4, depth.shape))


@pytest.mark.parametrize("kind", ["shuffled", "constant", "noisy"])
def test_useless_depth_changes_nothing_at_all(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without, _ = follow(None)
    assert follow(useless(kind))[0] == without
    if kind != "constant":  # which says nothing even when it is believed
        monkeypatch.setattr(Worth, "trust", 1.0)
        assert follow(useless(kind))[0] != without


def test_depth_that_tells_people_apart_earns_its_say() -> None:
    told, tracker = follow(walkers()[3])
    assert tracker._motion.depth_worth.trust == 1.0
    assert told != follow(None)[0]


@pytest.mark.parametrize("right", [True, False])
def test_rates_of_depth_move_boxes_only_where_they_foresee_them(right: bool) -> None:
    """Objects come nearer at uneven rates; their heights tremble, and depth tells the truth or not."""
    rng, count, seconds = np.random.default_rng(2), 30, 0.4
    rows, motion = np.arange(count), LikelihoodMotion(use_depth=True)
    motion.depth_worth.add(np.full(300, 2.0))
    depth, side = rng.uniform(20, 60, count), rng.uniform(-5, 5, count)
    speed = rng.uniform(-6, 2, count)
    for step in range(12):
        told = depth if right else np.exp(rng.normal(3.5, 0.4, count))
        size = 900 / depth * np.exp(rng.normal(0, 0.06, count))
        taken = Measurements.of(people(500 * side / depth, 700 / depth, size, told))
        if not step:
            motion.append(taken)
        else:
            motion.predict(Step.of(seconds))
            states, _ = motion.observe(taken)
            motion.learn(rows, states, rows)
            motion.correct(rows, taken)
        depth = np.maximum(depth + seconds * speed, 4)
    assert motion.rate_worth.trust == (1.0 if right else 0.0)
    by_height = -motion.filters.velocity[:, 2]
    assert (motion.rates(motion.rate_worth.trust)[0] == by_height).all() != right


def test_depth_computed_from_the_box_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ground-plane depth, a function of the foot, agrees with the box wherever pairs are clear."""
    _, y, height, _ = walkers()
    ground = 1600 / (y + height / 2 - 200 + 5)
    told, tracker = follow(ground)
    assert tracker._motion.depth_worth.trust == 1.0
    assert tracker._motion.depth_trust == 0.0
    monkeypatch.setattr(Redundancy, "say", 1.0)
    assert follow(ground)[0] != told


@pytest.mark.parametrize(("rate", "steadier"), [(20, True), (5, False)])
def test_boxes_are_smoothed_only_between_close_frames(rate: float, steadier: bool) -> None:
    rng, tracker = np.random.default_rng(0), LikelihoodTracker(frame_rate=rate)
    detected, told = [], []
    for _ in range(80):
        seen = people(100 + rng.normal(0, 3, 6) + 200 * np.arange(6), np.full(6, 200.0), np.full(6, 90.0))
        detected.append(seen.xyxy[:, 0])
        told.append(tracker.update(seen).xyxy[:, 0])
    same = bool((np.array(told) == np.array(detected)).all())
    assert same != steadier
    assert (np.std(told[40:], axis=0) < 0.9 * np.std(detected[40:], axis=0)).all() == steadier
