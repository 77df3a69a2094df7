"""The end-to-end experiment: what a detector sees, lessons of all arms, stacked decoders, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch
from tiny_detector import tiny_detector

from deptr.errors import DataError
from deptr.experiments.end_to_end.arms import ARMS, DEPTHS, DISTILLED, PLAIN, SHUFFLED, STATES, Budget, View
from deptr.experiments.end_to_end.curves import curve_tables
from deptr.experiments.end_to_end.evaluation import end_to_end_tables
from deptr.experiments.end_to_end.lessons import BY_DEPTH, Pool
from deptr.experiments.end_to_end.likeness import likeness_table
from deptr.experiments.end_to_end.own import own_tables
from deptr.experiments.end_to_end.run import Places, look_at_tests, teach
from deptr.experiments.end_to_end.stacked import Learner, Stack
from deptr.experiments.end_to_end.views import Given, looks_file
from deptr.training.identity.criterion import ClipTensors, IdentityLossSettings, Room, arrays_of
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.detections import NOTHING
from deptr.training.identity.examples import AugmentSettings, lesson
from deptr.training.identity.sightings import Bodies, clip_of, load_clips, part_of, save_clips, states_of

SMALL = IdentityConfig(
    identities=12, memory=3, width=16, heads=2, layers=1, inner=16, pair_width=8, state_width=6
)
ROOM = Room(6, 5, 12)


def given(frames: int = 6) -> Given:
    """Three people side by side, whose depths both detectors misjudge in their own way."""
    rng = np.random.default_rng(0)
    lefts = np.array([[20.0 + 2 * frame + 60 * person for person in range(3)] for frame in range(frames)])
    boxes = np.column_stack(
        [lefts.ravel(), np.full(lefts.size, 10), lefts.ravel() + 30, np.full(lefts.size, 90)]
    )
    names = np.tile(np.arange(3), frames)
    depth = 4.0 + names
    own = {kind: rng.normal(size=(len(boxes), 6)).astype(np.float16) for kind in (PLAIN, DISTILLED)}
    said = {kind: np.log(depth) + rng.normal(0, 0.05, len(boxes)) for kind in own}
    std = {kind: np.full(len(boxes), 0.05) for kind in own}
    scores = np.full(len(boxes), 0.9)
    return Given(10.0, (240.0, 96.0), np.full(frames, 3), boxes, scores, names, boxes, depth, own, said, std)


def lessons(count: int) -> list[dict[str, np.ndarray]]:
    """As `lessons_of` makes them, of the three people."""
    made = []
    for number in range(count):
        parts = []
        for word in DEPTHS[View.GIVEN]:
            clip = given().clip(PLAIN, word)
            rng = np.random.default_rng(number)
            own = lesson(clip, rng, capacity=12, depth=3, lost_seconds=2.0, augment=AugmentSettings())
            parts.append(arrays_of(own, IdentityLossSettings(), ROOM))
        out = {name: values for name, values in parts[0].items() if name not in BY_DEPTH}
        out |= {name: np.stack([part[name] for part in parts]) for name in BY_DEPTH}
        out["states"] = np.stack([out["states"], -out["states"]])
        made.append(out)
    return made


def stack_of(learners: list[Learner]) -> Stack:
    decoders = []
    for learner in learners:
        torch.manual_seed(learner.seed)
        decoders.append(IdentityDecoder(SMALL))
    pools = [Pool.of(lessons(4), "cpu")]
    budget = Budget(decoder_steps=4, clips=2, identities=12)
    return Stack(learners, decoders, pools=pools, held_out=pools, budget=budget, device="cpu")


def test_decoders_of_a_stack_learn_as_they_would_alone() -> None:
    a, c = Learner(ARMS[0], 3), Learner(ARMS[2], 3)
    found = {}
    for name, learners in (("both", [a, c]), ("first", [a]), ("second", [c])):
        stack = stack_of(learners)
        torch.manual_seed(7)
        found[name] = stack.train().decoders
    both = found["both"]
    for together, alone in zip(both, (found["first"][0], found["second"][0]), strict=True):
        for name, value in together.state_dict().items():
            torch.testing.assert_close(value, alone.state_dict()[name], atol=2e-4, rtol=1e-3)
    assert not torch.equal(both[0].pairs[0].weight, both[1].pairs[0].weight)


def test_arms_see_the_same_clips_but_for_depths_and_states() -> None:
    pool = Pool.of(lessons(2), "cpu")
    rows = torch.tensor([[0, 1]] * len(ARMS))
    depth = torch.tensor([DEPTHS[View.GIVEN].index(arm.depth) for arm in ARMS])
    states = torch.tensor([STATES[View.GIVEN].index(arm.states) for arm in ARMS])
    clips = pool.take(rows, depth, states)
    for name in ClipTensors._fields:
        values = getattr(clips, name)
        if name not in (*BY_DEPTH, "states"):
            assert all(torch.equal(values[0], other) for other in values[1:]), name
    log_z = clips.seen[..., 4]
    assert log_z[:2].isnan().all()
    assert not torch.equal(clips.states[0], clips.states[1])
    assert torch.equal(clips.seen[2, ..., :4], clips.seen[4, ..., :4])
    shown = clips.present[0, 0]
    for frame in range(6):
        plain, shuffled = (log_z[arm, 0, frame][shown[frame]] for arm in (2, 4))
        assert torch.equal(plain.sort().values, shuffled.sort().values)
    assert not torch.equal(log_z[2][clips.present[2]], log_z[4][clips.present[4]])


def test_shuffled_depths_stay_in_their_frame() -> None:
    own = given()
    shuffled, _ = own.depth(SHUFFLED)
    for frame in range(6):
        rows = own.frames == frame
        assert sorted(shuffled[rows]) == sorted(own.log_z[PLAIN][rows])


def bodies(boxes: np.ndarray) -> Bodies:
    count = len(boxes)
    return Bodies(boxes, np.arange(count) + 5, np.full(count, 4.0), np.ones(count), 100.0)


def test_detections_take_the_name_of_the_body_that_they_lie_on(tmp_path: Path) -> None:
    there = np.array([[10.0, 10, 30, 60], [50, 10, 70, 60]])
    found = sv.Detections(
        xyxy=np.array([[51.0, 10, 71, 60], [10, 10, 30, 60], [100, 0, 110, 20]]),
        confidence=np.array([0.9, 0.8, 0.3]),
        data={"depth": np.array([4.0, 5, 6]), "query_state": np.eye(3, 4)},
    )
    clip = clip_of([found, found], [bodies(there), bodies(there[::-1])], rate=5.0, size=(80, 120))
    assert clip.identities.tolist() == [1, 0, NOTHING, 0, 1, NOTHING]
    assert clip.states[:3].tolist() == np.eye(3, 4).tolist()
    save_clips(tmp_path / "clips.npz", [clip, part_of(clip, 1, 1)])
    whole, part = load_clips(tmp_path / "clips.npz")
    assert whole.identities.tolist() == clip.identities.tolist()
    assert part.frames.tolist() == [0, 0, 0]
    assert part.states.dtype == np.float16
    written = (tmp_path / "clips.npz").read_bytes()
    for damaged in (b"half", written[: len(written) // 2]):
        (tmp_path / "clips.npz").write_bytes(damaged)
        with pytest.raises(DataError, match="clips that identity training wrote"):
            load_clips(tmp_path / "clips.npz")


def test_what_is_a_persons_own_tells_people_apart_where_places_do_not(tmp_path: Path) -> None:
    rng, looks = np.random.default_rng(0), np.eye(4)
    found, there = [], []
    for _ in range(6):
        lefts = 30.0 * rng.permutation(4)
        boxes = np.column_stack([lefts, np.full(4, 10), lefts + 20, np.full(4, 60)])
        data = {"depth": np.full(4, 4.0), "query_state": looks}
        found.append(sv.Detections(xyxy=boxes, confidence=np.full(4, 0.9), data=data))
        there.append(bodies(boxes))
    (tmp_path / "test-own").mkdir()
    clip = tmp_path / "test-own" / "crowd.npz"
    save_clips(clip, [clip_of(found, there, rate=5.0, size=(80, 150))])
    np.save(looks_file(clip), np.tile(np.eye(4, 6), (6, 1)))
    ((name, seconds, asked, chance, place, state, _, look), (_, later, none, *_)) = likeness_table(
        tmp_path
    ).rows
    assert (name, seconds, asked, chance, state, look) == ("crowd", "0.2", "20", "25", "100", "100")
    assert float(place) < 60
    assert (later, none) == ("1", "4")


def test_curves_are_means_over_the_decoders_of_an_arm(tmp_path: Path) -> None:
    (tmp_path / "curve-given.csv").write_text("step,seconds,A-0,A-1,B-0\n0,0.0,0.5,0.7,0.25\n")
    (table,) = curve_tables(tmp_path)
    assert list(table.columns) == ["steps", "seconds", "A", "B"]
    assert table.rows == [["0", "0.0", "60.0 ± 10.0", "25.0 ± 0.0"]]


def test_a_frame_without_detections_has_none_in_its_clip() -> None:
    there = bodies(np.array([[10.0, 10, 30, 60]]))
    found = sv.Detections(
        xyxy=np.array([[11.0, 10, 31, 60]]),
        confidence=np.array([0.9]),
        data={"depth": np.array([4.0]), "query_state": np.ones((1, 4))},
    )
    clip = clip_of([found, found[:0], found], [there] * 3, rate=5.0, size=(80, 120))
    assert clip.frames.tolist() == [0, 2]
    assert clip.states.shape == (2, 4)


def test_a_detector_that_finds_nothing_still_says_how_wide_its_states_are(tmp_path: Path) -> None:
    detector = tiny_detector(num_queries=5, num_labels=1)
    detector.save_pretrained(tmp_path)
    (found,) = states_of(str(tmp_path), [np.zeros((40, 60, 3), np.uint8)], 1.0)
    assert len(found) == 0
    assert found.data["query_state"].shape == (0, detector.config.d_model)


@pytest.mark.slow
def test_the_experiment_from_worlds_to_tables(tmp_path: Path) -> None:
    tiny_detector(num_queries=20, num_labels=1).save_pretrained(tmp_path / "released")
    tiny_detector(num_queries=20, num_labels=1, depth_head="light").save_pretrained(tmp_path / "start")
    budget = Budget(
        scenes=4,
        frames=5,
        size=(64, 96),
        rates=(5.0,),
        detector_steps=1,
        detector_batch=2,
        detector_sizes=((64, 96),),
        windows=1,
        window=5,
        seeds=1,
        decoder_steps=1,
        clips=1,
        rooms=(Room(5, 36, 200),),
        identities=64,
        workers=1,
        tests=1,
        test_frames=5,
    )
    run = tmp_path / "run"
    places = Places(run, tmp_path / "scratch", str(tmp_path / "released"), str(tmp_path / "start"))
    teach(places, budget, arms=ARMS[:3])
    decoders = sorted(path.name for path in (run / "decoders").iterdir())
    assert decoders == ["A-0", "B-0", "C-0", "boxes-0", "queries-0", "queries-without-depth-0"]
    tables = end_to_end_tables(run, [1])
    assert [row[0] for row in tables[1].rows] == ["A", "B", "C"]
    assert [row[0] for row in tables[2].rows] == ["B - A", "C - A"]
    followed = own_tables(run, [1])[0]
    decoders = ["queries-0", "queries-without-depth-0", "boxes-0"]
    assert [row[0] for row in followed.rows[:10:2]] == [*decoders, "learned", "learned"]
    assert [row[2] for row in followed.rows[6:10]] == ["", "", "yes", "yes"]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    teach(places, replace(budget), arms=ARMS[:3])
    end_to_end_tables(run, [1])
    own_tables(run, [1])
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_own_detections_are_measured_without_training_anything(tmp_path: Path) -> None:
    tiny_detector(num_queries=20, num_labels=1).save_pretrained(tmp_path / "released")
    run = tmp_path / "run"
    budget = Budget(size=(64, 96), workers=1, tests=1, test_frames=5)
    look_at_tests(Places(run, tmp_path / "scratch", str(tmp_path / "released")), budget)
    (table,) = own_tables(run, [1])
    ways = {(row[0], row[2]) for row in table.rows}
    assert {("likelihood", "yes"), ("likelihood", ""), ("sort", "")} <= ways
    assert ("sort", "yes") not in ways
    assert not (run / "decoders").exists()
