"""One contract for every tracker: what a user may rely on whichever they choose."""

from __future__ import annotations

import gc
import hashlib
import pickle
import resource
import subprocess
import sys

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.errors import UsageError
from deptr.records import FloatArray
from deptr.tracking.base import Tracker
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, parameters_of, tracker_class

ALL = pytest.mark.parametrize("name", TRACKER_NAMES)
FUSIONS = {
    "none": DepthFusion.none(),
    "fixed": DepthFusion.fixed(),
    "kalman": DepthFusion.kalman(),
    "adaptive": DepthFusion.adaptive(),
}
TAKEN = [(name, mode) for name in TRACKER_NAMES for mode in tracker_class(name).fusion_modes]


def detections(
    boxes: FloatArray, scores: FloatArray | float = 0.9, depths: FloatArray | None = None
) -> sv.Detections:
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    data = {} if depths is None else {"depth": np.asarray(depths, np.float32).reshape(len(boxes))}
    return sv.Detections(
        xyxy=boxes,
        confidence=np.broadcast_to(np.asarray(scores, np.float32), len(boxes)).copy(),
        class_id=np.zeros(len(boxes), int),
        data=data,
        metadata={"depth_kind": "metric"},
    )


def crossing(frame: int, count: int = 6, *, jitter: float = 1.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes, scores and depths of people who walk both ways at different distances."""
    rng = np.random.default_rng(frame)
    index = np.arange(count)
    depths = 4.0 + 2.0 * index
    heights = 600 / depths
    x = 100 + 90 * index + np.where(index % 2, -1, 1) * 4.0 * frame
    y = np.full(count, 200.0)
    boxes = np.stack([x - heights / 5, y - heights / 2, x + heights / 5, y + heights / 2], axis=1)
    boxes += rng.normal(0, jitter, boxes.shape)
    scores = rng.choice([0.9, 0.8, 0.4], count, p=[0.6, 0.3, 0.1])
    return boxes, scores, depths * (1 + rng.normal(0, 0.02, count))


def random_frame(rng: np.random.Generator) -> sv.Detections:
    count = int(rng.choice([0, 0, 1, 3, 8, 30]))
    corner = rng.uniform(-50, 700, (count, 2)) * rng.choice([1, 1, 1, 1000])
    size = rng.choice([0.0, 0.5, 20.0, 100.0], (count, 2)) + rng.uniform(0, 5, (count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    if count > 3 and rng.random() < 0.3:
        boxes[1] = boxes[0]
    depths = rng.choice([np.nan, 0.0, -1.0, np.inf, 1e-9, 5.0, 7.0, 1e9], count)
    return detections(boxes, rng.choice([0.0, 0.05, 0.3, 0.6, 0.7, 0.95, 1.0], count), depths)


def run(tracker: Tracker, frames: range, **kwargs: float) -> list[tuple[int, int, tuple[float, ...]]]:
    """Frame, identity and box of everything reported."""
    rows = []
    for frame in frames:
        tracks = tracker.update(detections(*crossing(frame)), **kwargs)
        for identity, box in zip(tracks.tracker_id, tracks.xyxy, strict=True):
            rows.append((frame, int(identity), tuple(map(float, box))))
    return rows


@pytest.mark.parametrize(("name", "fusion"), TAKEN)
def test_random_input_never_breaks_it(name: str, fusion: str) -> None:
    rng = np.random.default_rng(1)
    tracker = create_tracker(name, depth=FUSIONS[fusion])
    time = 0.0
    for _ in range(150):
        frame = random_frame(rng)
        time += float(rng.choice([0.0, 0.001, 0.03, 0.5, 5.0, -3.0]))
        with np.errstate(all="raise", under="ignore"):
            tracks = tracker.update(frame, timestamp=time)
        assert len(np.unique(tracks.tracker_id)) == len(tracks)
        assert (tracks.tracker_id >= 1).all()
        assert np.isfinite(tracks.xyxy).all()
        assert len(tracks) <= len(frame)


@ALL
def test_input_is_not_changed(name: str) -> None:
    tracker = create_tracker(name)
    for frame in range(4):
        given_ = detections(*crossing(frame))
        before = (given_.xyxy.copy(), given_.confidence.copy(), given_.data["depth"].copy())
        tracker.update(given_)
        for old, new in zip(before, (given_.xyxy, given_.confidence, given_.data["depth"]), strict=True):
            np.testing.assert_array_equal(old, new)
        assert given_.tracker_id is None
        assert set(given_.data) == {"depth"}


@ALL
def test_follows_each_person_through_a_crossing(name: str) -> None:
    rows = run(create_tracker(name), range(60))
    assert {identity for _, identity, _ in rows} == set(range(1, 7))


@ALL
def test_identities_belong_to_the_instance_and_reset_starts_again(name: str) -> None:
    first, second = create_tracker(name), create_tracker(name)
    expected = run(first, range(20))
    assert run(second, range(20)) == expected
    first.reset()
    assert run(first, range(20)) == expected


@ALL
def test_same_input_same_output_in_another_process(name: str) -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/tracking')\n"
        "import hashlib, test_tracker_contract as contract\n"
        f"rows = contract.run(contract.create_tracker({name!r}), range(40))\n"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    here = hashlib.sha256(repr(run(create_tracker(name), range(40))).encode()).hexdigest()
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


@ALL
def test_empty_frames_and_a_thousand_boxes(name: str) -> None:
    tracker = create_tracker(name, lost_seconds=1.0)
    assert len(tracker.update(sv.Detections.empty())) == 0
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(25)), axis=-1).reshape(-1, 2) * 30.0
    for _ in range(4):
        tracks = tracker.update(detections(np.concatenate([grid, grid + 20], axis=1)))
    assert len(tracks) == 1000
    for _ in range(40):
        assert len(tracker.update(sv.Detections.empty())) == 0
    assert len(tracker.tracks) == 0


@ALL
@pytest.mark.parametrize("shape", [(0, 16), (0,)])
def test_empty_frames_may_carry_embeddings_of_nobody(name: str, shape: tuple[int, ...]) -> None:
    tracker, nobody = create_tracker(name), sv.Detections.empty()
    nobody.data["embedding"] = np.zeros(shape)
    for step in range(10):
        somebody = detections([10.0, 10.0, 60.0, 90.0])
        somebody.data["embedding"] = np.eye(1, 16)
        tracks = tracker.update(nobody if step == 3 else somebody)
    assert tracks.tracker_id.tolist() == [1]


@ALL
def test_unknown_depth_and_gamma_zero_are_as_no_depth(name: str) -> None:
    def follow(depth: DepthFusion, *, known: bool) -> list[tuple[object, ...]]:
        tracker, rows = create_tracker(name, depth=depth), []
        for frame in range(40):
            boxes, scores, depths = crossing(frame, jitter=4.0)
            tracks = tracker.update(detections(boxes, scores, depths if known else np.full(6, np.nan)))
            rows.append((tracks.tracker_id.tolist(), tracks.xyxy.tolist()))
        return rows

    plain = follow(DepthFusion.none(), known=True)
    for mode in set(tracker_class(name).fusion_modes) - {"none"}:
        assert follow(FUSIONS[mode], known=False) == plain
        assert follow(getattr(DepthFusion, mode)(gamma=0.0), known=True) == plain


@ALL
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_order_of_detections_does_not_matter(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sorted_, shuffled = create_tracker(name), create_tracker(name)
    names: dict[int, int] = {}
    for frame in range(12):
        boxes, scores, depths = crossing(frame + seed, jitter=3.0)
        order = rng.permutation(len(boxes))
        a = sorted_.update(detections(boxes, scores, depths))
        b = shuffled.update(detections(boxes[order], scores[order], depths[order]))
        assert len(a) == len(b)
        where = {
            tuple(box): int(identity) for box, identity in zip(b.xyxy.round(2), b.tracker_id, strict=True)
        }
        for box, identity in zip(a.xyxy.round(2), a.tracker_id, strict=True):
            other = where[tuple(box)]
            assert names.setdefault(int(identity), other) == other


@ALL
def test_answer_keeps_the_order_and_data_of_the_detections(name: str) -> None:
    tracker = create_tracker(name, boxes="observed")
    for frame in range(8):
        boxes, _, depths = crossing(frame)
        given_ = detections(boxes, 0.9, depths)
        given_.data["index"] = np.arange(6)
        tracks = tracker.update(given_)
    assert tracks.data["index"].tolist() == sorted(tracks.data["index"].tolist())
    np.testing.assert_array_equal(tracks.xyxy, given_.xyxy[tracks.data["index"]])


@ALL
def test_duplicates_do_not_share_an_identity(name: str) -> None:
    tracker = create_tracker(name)
    for _ in range(10):
        tracks = tracker.update(detections(np.tile([10.0, 10.0, 60.0, 90.0], (3, 1))))
        assert len(set(tracks.tracker_id.tolist())) == len(tracks)


@ALL
def test_a_huge_jump_starts_a_new_track(name: str) -> None:
    tracker = create_tracker(name)
    for _ in range(6):
        before = tracker.update(detections([10.0, 10.0, 60.0, 90.0]))
    for _ in range(6):
        after = tracker.update(detections([1010.0, 510.0, 1060.0, 590.0]))
    assert set(before.tracker_id.tolist()).isdisjoint(after.tracker_id.tolist())


@ALL
def test_time_that_goes_back_counts_as_no_time(name: str) -> None:
    tracker = create_tracker(name, lost_seconds=1.0)
    for time in (100.0, 100.033, 100.067, 3.0, 3.033, 3.067):
        tracks = tracker.update(detections([10.0, 10.0, 60.0, 90.0]), timestamp=time)
    assert tracks.tracker_id.tolist() == [1]
    for frame in range(60):
        tracker.update(sv.Detections.empty(), timestamp=3.1 + frame / 30)
    assert len(tracker.tracks) == 0
    with pytest.raises(UsageError, match="timestamp"):
        tracker.update(sv.Detections.empty(), timestamp=float("nan"))


@ALL
@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0, 60.0])
def test_timestamps_skipped_frames_and_rates_mean_the_same(name: str, rate: float) -> None:
    def walker(time: float) -> sv.Detections:
        x = 50.0 + 60.0 * time
        return detections([x, 100.0, x + 40.0, 200.0])

    times = np.arange(0.0, 3.0, 1 / rate)
    stamped, counted = create_tracker(name, frame_rate=rate), create_tracker(name, frame_rate=rate)
    for time in times:
        a = stamped.update(walker(time), timestamp=float(time))
        b = counted.update(walker(time))
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=1e-3)
    assert a.tracker_id.tolist() == b.tracker_id.tolist() == [1]
    # half a second without frames: the object is where its speed has taken it
    for late in (3.5, 3.5 + 1 / rate, 3.5 + 2 / rate, 3.5 + 3 / rate):
        again = stamped.update(walker(late), timestamp=float(late))
    assert again.tracker_id.tolist() == [1]


@ALL
@pytest.mark.parametrize("rate", [5.0, 10.0, 30.0, 60.0])
def test_lost_tracks_are_remembered_for_seconds(name: str, rate: float) -> None:
    tracker = create_tracker(name, frame_rate=rate, lost_seconds=1.0)
    for _ in range(int(rate)):
        tracker.update(detections([10.0, 10.0, 60.0, 90.0]))
    assert len(tracker.tracks) == 1
    for _ in range(round(0.8 * rate)):
        tracker.update(sv.Detections.empty())
    assert len(tracker.tracks) == 1
    for _ in range(round(0.4 * rate) + 2):
        tracker.update(sv.Detections.empty())
    assert len(tracker.tracks) == 0


@ALL
def test_classes_stay_apart_when_asked(name: str) -> None:
    box = [10.0, 10.0, 60.0, 90.0]
    for agnostic in (True, False):
        tracker = create_tracker(name, class_agnostic=agnostic)
        seen: list[list[int]] = []
        for frame in range(12):
            given_ = detections(box)
            given_.class_id = np.array([frame // 6])
            seen.append(tracker.update(given_).tracker_id.tolist())
        assert (seen[5] == seen[11]) is agnostic
        assert seen[11]


@ALL
def test_parameters_refuse_what_cannot_be_meant(name: str) -> None:
    legal = [parameter.name for parameter in parameters_of(name)]
    with pytest.raises(UsageError) as unknown:
        create_tracker(name, no_such_thing=1)
    assert all(word in str(unknown.value) for word in ["no_such_thing", *legal])
    for parameter in parameters_of(name):
        if parameter.high is not None:
            for bad in (parameter.high + 1, parameter.low - 1, "much", float("nan"), None):
                with pytest.raises(UsageError, match=parameter.name):
                    create_tracker(name, **{parameter.name: bad})
    with pytest.raises(UsageError, match="frame_rate"):
        create_tracker(name, frame_rate=0)
    with pytest.raises(UsageError, match="bytetrack"):
        create_tracker("nosuchtracker")


def test_a_fusion_that_a_tracker_does_not_have_is_refused() -> None:
    refused = []
    for name in TRACKER_NAMES:
        for mode in set(FUSIONS) - set(tracker_class(name).fusion_modes):
            with pytest.raises(UsageError, match=f"fusion: {name} takes .* got '{mode}'"):
                create_tracker(name, depth=mode)
            refused.append((name, mode))
    assert sorted(refused) == [
        (name, mode) for name in ("learned", "likelihood") for mode in ("fixed", "kalman")
    ]


@ALL
def test_bad_detections_are_refused_by_name(name: str) -> None:
    tracker = create_tracker(name)
    with pytest.raises(UsageError, match=r"supervision\.Detections"):
        tracker.update(np.zeros((3, 4)))  # type: ignore[arg-type]
    broken = detections([0.0, 0.0, 1.0, 1.0])
    broken.confidence = np.ones(2)
    with pytest.raises(UsageError, match="confidence: expected one number for each of 1 boxes, got shape"):
        tracker.update(broken)


@ALL
def test_detections_without_scores_count_as_sure(name: str) -> None:
    tracker = create_tracker(name)
    for _ in range(5):
        tracks = tracker.update(sv.Detections(xyxy=np.array([[10.0, 10.0, 60.0, 90.0]])))
    assert tracks.tracker_id.tolist() == [1]


@ALL
def test_what_a_tracker_keeps_does_not_grow(name: str) -> None:
    tracker, sizes = create_tracker(name, lost_seconds=0.5), []
    for frame in range(600):
        tracker.update(detections(*crossing(frame % 30)))
        if frame % 30 == 29:
            sizes.append(len(pickle.dumps(tracker)))
    assert max(sizes[-4:]) <= max(sizes[8:12]) + 64  # bytes; whole numbers take more as they grow


@pytest.mark.slow
@ALL
def test_memory_stays_flat(name: str) -> None:
    tracker = create_tracker(name)
    scenes = [detections(*crossing(frame)) for frame in range(0, 400, 4)]
    peaks = []
    for frame in range(100_000):
        tracker.update(scenes[frame % 100])
        if frame in (5_000, 99_999):
            gc.collect()
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 2_000  # KiB
