"""What every tracker lets in and gives out: real boxes as floats, and each kind of trouble told once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from deptr.errors import InputWarning, UsageError
from deptr.tracking.boxes import have_extent
from deptr.tracking.registry import TRACKER_NAMES, create_tracker

ALL = pytest.mark.parametrize("name", TRACKER_NAMES)
NAN, INF = float("nan"), float("inf")
WITHOUT_EXTENT = {
    "empty": (50, 50, 50, 50),
    "flat": (50, 50, 90, 50),
    "thin": (50, 50, 50, 90),
    "thinner than what can be written": (50, 50, 50.0004, 90),
    "swapped left and right": (90, 50, 50, 130),
    "swapped top and bottom": (50, 130, 90, 50),
    "swapped corners": (90, 130, 50, 50),
    "nan": (NAN, 50, 90, 130),
    "all nan": (NAN, NAN, NAN, NAN),
    "infinite": (50, 50, INF, 130),
    "infinite both ways": (-INF, -INF, INF, INF),
    "absurd": (0, 0, 4e10, 100),
    "far away": (5e9, 5e9, 5e9 + 40, 5e9 + 80),
}


def walkers(frame: int) -> np.ndarray:
    """Two people who walk side by side."""
    left = 100.0 + 3.0 * frame
    return np.array([[left, 40, left + 40, 140], [left + 200, 60, left + 250, 180]])


def frame_of(boxes: np.ndarray, *, score: float = 0.9) -> sv.Detections:
    """Detections whose data tells the rows apart; boxes set afterwards, since the library looks at them."""
    count = len(boxes)
    found = sv.Detections(
        np.tile([0.0, 0.0, 1.0, 1.0], (count, 1)),
        confidence=np.full(count, score),
        class_id=np.arange(count),
        mask=np.zeros((count, 2, 2), bool),
        data={"depth": 5.0 + np.arange(count), "name": [f"row {row}" for row in range(count)]},
    )
    found.xyxy = boxes
    return found


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    """Every warning that the test brings about."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


@ALL
@pytest.mark.parametrize("panorama", [0, 2000])
@pytest.mark.parametrize("kind", WITHOUT_EXTENT)
def test_a_bad_row_never_comes_out_and_costs_no_other(
    name: str, kind: str, panorama: int, told: list[warnings.WarningMessage]
) -> None:
    options = {"panorama": True, "panorama_width": panorama} if panorama else {}
    with_it, without = create_tracker(name, **options), create_tracker(name, **options)
    for frame in range(12):
        good = walkers(frame)
        expected = without.update(frame_of(good))
        given_ = frame_of(np.insert(good, 1, WITHOUT_EXTENT[kind], axis=0))
        tracked = with_it.update(given_)
        np.testing.assert_array_equal(tracked.xyxy, expected.xyxy)
        assert tracked.tracker_id.tolist() == expected.tracker_id.tolist()
        assert "row 1" not in tracked.data["name"]
        assert len(tracked.data["depth"]) == len(tracked.mask) == len(tracked.class_id) == len(tracked)
        assert len(given_.xyxy) == len(given_.data["name"]) == 3  # what came in stays as it is
        tracked[tracked.confidence > 0.5]  # supervision takes it
    assert expected.tracker_id.tolist() == [1, 2]
    assert [str(one.message)[:33] for one in told] == ["detections: 1 of 3 left out, the "]
    assert told[0].category is InputWarning
    assert told[0].filename == __file__


@ALL
def test_a_score_that_is_no_number_costs_only_its_row(name: str) -> None:
    tracker = create_tracker(name)
    for frame in range(5):
        found = frame_of(walkers(frame))
        found.confidence[1] = NAN
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            tracked = tracker.update(found)
    assert (tracked.tracker_id.tolist(), tracked.data["name"]) == ([1], ["row 0"])


@ALL
def test_nothing_but_bad_rows_is_an_empty_frame(name: str) -> None:
    tracker = create_tracker(name)
    for frame in range(5):
        tracker.update(frame_of(walkers(frame)))
    bad = frame_of(np.array([WITHOUT_EXTENT["nan"], WITHOUT_EXTENT["flat"]]))
    bad.data["embedding"] = np.ones((2, 4))
    with pytest.warns(InputWarning, match="2 of 2"):
        assert len(tracker.update(bad)) == 0
    assert [track.id for track in tracker.tracks] == [1, 2]


@ALL
@pytest.mark.parametrize("boxes", ["observed", "filtered", "adaptive"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_boxes_that_jump_in_size_come_out_with_extent(name: str, boxes: str, seed: int) -> None:
    """A filter that is surprised may believe in a height below zero, of tracks seen and lost."""
    rng = np.random.default_rng(seed)
    tracker = create_tracker(name, boxes=boxes, lost_seconds=100)
    for frame in range(25):
        sizes = 10.0 ** rng.uniform(-2.5, 5.5, (3, 2))
        corners = np.array([[0.0, 0.0], [300.0, 10.0], [5000.0, 50.0]])
        found = frame_of(np.concatenate([corners, corners + sizes], axis=1))
        shown = found if frame % 5 < 3 else found[:1]
        tracked = tracker.update(shown)
        assert have_extent(np.asarray(tracked.xyxy, np.float64)).all()
        places = np.array([track.box for track in tracker.tracks]).reshape(-1, 4)
        assert have_extent(places).all()


def test_a_filter_that_believes_in_no_height_is_overruled() -> None:
    tracker = create_tracker("bytetrack", boxes="filtered")
    heights = [100.0, 60.0, 0.01]
    for height in heights:
        found = frame_of(np.array([[0.0, 0.0, 4000.0, height]]))
        tracked = tracker.update(found)
    tracker._motion.filters.mean[:, 3] = -5.0
    tracker._motion.filters.version += 1
    assert tracker.tracks[0].box.tolist() == [0.0, 0.0, 4000.0, tracker._rows.boxes[0, 3]]
    assert len(tracked) <= 1


KINDS = ["uint8", "uint16", "uint32", "uint64", "int8", "int32", "int64", "float16", "float32", "float64"]


@ALL
@pytest.mark.parametrize("kind", KINDS)
def test_boxes_come_out_as_floats_whatever_type_comes_in(name: str, kind: str) -> None:
    """Somebody leaves to the left: the filter looks beyond 0, and between pixels."""
    typed, plain = create_tracker(name), create_tracker(name)
    for frame in range(14):
        left = max(0, 60 - 8 * frame)
        right = left + 40 if frame < 8 else max(44 - 4 * (frame - 8), 8)
        box = np.array([[left, 20, right, 120]])
        ours, theirs = typed.update(frame_of(box.astype(kind))), plain.update(frame_of(box.astype(float)))
        assert ours.xyxy.dtype == (kind if kind in ("float32", "float64") else np.float64)
        np.testing.assert_allclose(ours.xyxy, theirs.xyxy, rtol=1e-6)
    assert ours.xyxy[0, 0] < 1.0
    assert ours.tracker_id.tolist() == [1]


@ALL
def test_lists_are_read_as_arrays(name: str) -> None:
    listed, plain = create_tracker(name), create_tracker(name)
    for frame in range(6):
        found = frame_of(walkers(frame))
        expected = plain.update(frame_of(walkers(frame)))
        found.xyxy, found.confidence = found.xyxy.tolist(), found.confidence.tolist()
        found.data["depth"] = [5.0, None]
        tracked = listed.update(found)
    assert tracked.xyxy.dtype == np.float64
    assert tracked.tracker_id.tolist() == expected.tracker_id.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"depth": np.zeros(3)},
            r'data\["depth"\]: expected one number for each of 2 boxes, got shape \(3,\)',
        ),
        ({"depth": np.zeros((2, 4))}, r"got shape \(2, 4\)"),
        ({"depth": np.float64(4.0)}, r"got shape \(\)"),
        ({"depth": ["near", "far"]}, r'data\["depth"\].*near'),
        ({"depth_std": np.zeros(1)}, r'data\["depth_std"\].*got shape \(1,\)'),
        ({"embedding": np.zeros((3, 8))}, r'data\["embedding"\].*each of 2 boxes, got shape \(3, 8\)'),
    ],
)
def test_columns_of_another_length_are_refused_by_name(change: dict[str, object], words: str) -> None:
    found = frame_of(walkers(0))
    found.data.update(change)
    with pytest.raises(UsageError, match=words):
        create_tracker("botsort").update(found)


def test_a_column_of_depths_is_taken() -> None:
    found = frame_of(walkers(0))
    found.data["depth"] = np.array([[4.0], [5.0]])
    assert create_tracker("bytetrack").update(found).tracker_id.tolist() == [1, 2]


@pytest.mark.parametrize("boxes", [np.zeros((2, 3)), np.zeros(8), [["a", "b", "c", "d"]] * 2])
def test_boxes_of_another_form_are_refused(boxes: object) -> None:
    found = frame_of(walkers(0))
    found.xyxy = boxes
    with pytest.raises(UsageError, match=r"expected boxes as an \(N, 4\) array of numbers"):
        create_tracker("bytetrack").update(found)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0.0, 0.1, 0.05, 0.02, 0.3], ["timestamp: goes back from 0.1 s to 0.05 s; no time passes there"]),
        ([1.0, 1.0, 1.0, 1.1], ["timestamp: stands still at 1 s; no time passes there"]),
        (
            [1_700_000_000_000_000_000 + 33_333_333 * k for k in range(5)],
            ["timestamp: 3.3333"],
        ),
        ([33_333.0 * k for k in range(5)], ["timestamp: 33333 s between frames"]),
        ([33.3 * k for k in range(5)], ["timestamp: 33.3 s between frames"]),
        ([0.0, 0.033, 30.0, 30.033, 90.0, 90.033], []),  # somebody pressed pause
        ([0.0, 0.5, 1.0, 1.5], []),
    ],
    ids=["back", "still", "nanoseconds", "microseconds", "milliseconds", "pauses", "two a second"],
)
def test_strange_clocks_are_told_once(
    times: list[float], words: list[str], told: list[warnings.WarningMessage]
) -> None:
    tracker = create_tracker("bytetrack")
    for frame, time in enumerate(times):
        tracker.update(frame_of(walkers(frame)), timestamp=time)
    assert [str(one.message)[: len(word)] for one, word in zip(told, words, strict=True)] == words
    for before, after in pairwise(told):
        assert str(before.message) != str(after.message)


def test_after_a_reset_it_is_told_again(told: list[warnings.WarningMessage]) -> None:
    tracker = create_tracker("sort")
    for _ in range(2):
        for time in (2.0, 1.0, 0.5):
            tracker.update(sv.Detections.empty(), timestamp=time)
        tracker.reset()
    assert len(told) == 2


@pytest.mark.parametrize("time", ["12:30", None.__class__, np.datetime64("2024-01-01"), 1 + 2j, INF])
def test_what_is_no_time_is_refused(time: object) -> None:
    with pytest.raises(UsageError, match="timestamp: expected finite seconds"):
        create_tracker("bytetrack").update(sv.Detections.empty(), timestamp=time)  # type: ignore[arg-type]
