"""Numbers of any library, fusions in words, and trackers that travel: pickled and copied, at any moment."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import supervision as sv

import deptr
from deptr.errors import UsageError
from deptr.tracking.base import Tracker
from deptr.tracking.depth.fusion import MODES, DepthFusion
from deptr.tracking.refinement import Tracks, refine
from deptr.tracking.registry import TRACKER_NAMES, create_tracker, tracker_class

ALL = pytest.mark.parametrize("name", TRACKER_NAMES)
COPIES: dict[str, Callable[[Tracker], Tracker]] = {
    "pickle": lambda tracker: pickle.loads(pickle.dumps(tracker)),
    "deepcopy": copy.deepcopy,
}


def crowd(frame: int) -> sv.Detections:
    """Five people who cross, one of them hidden now and then, scores and depths that change."""
    index = np.arange(5)
    left = 80 * index + np.where(index % 2, -1, 1) * 5.0 * frame + 100
    boxes = np.stack([left, 50.0 + 0 * left, left + 40, 150.0 + 10 * index], axis=1)
    seen = (index + frame // 4) % 5 > 0
    rng = np.random.default_rng(frame)
    return sv.Detections(
        boxes[seen],
        confidence=rng.uniform(0.3, 0.95, 5)[seen],
        data={"depth": (4.0 + 3 * index)[seen], "embedding": np.eye(5)[seen]},
    )


def follow(tracker: Tracker, frames: range, images: bool) -> list[tuple[list[int], list[list[float]]]]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    rows = []
    for frame in frames:
        shown = np.roll(image, 4 * frame, axis=1) if images else None
        tracked = tracker.update(crowd(frame), frame=shown)
        rows.append((tracked.tracker_id.tolist(), tracked.xyxy.tolist()))
    return rows


PLACES = [*((mode, "plain") for mode in MODES), ("adaptive", "camera_motion"), ("adaptive", "panorama")]


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize(
    ("name", "fusion", "place"),
    [(name, *how) for name in TRACKER_NAMES for how in PLACES if how[0] in tracker_class(name).fusion_modes],
)
def test_a_copy_goes_on_as_the_original(name: str, way: str, fusion: str, place: str) -> None:
    options = {} if place == "plain" else {place: True}
    images = place != "plain"
    tracker = COPIES[way](create_tracker(name, depth=fusion, **options))
    assert follow(tracker, range(10), images) == follow(
        create_tracker(name, depth=fusion, **options), range(10), images
    )
    twin = COPIES[way](tracker)
    expected = follow(tracker, range(10, 30), images)
    assert follow(twin, range(10, 30), images) == expected
    assert len({identity for ids, _ in expected for identity in ids}) >= 2
    twin.reset()
    assert follow(twin, range(3), images) == follow(
        create_tracker(name, depth=fusion, **options), range(3), images
    )


@ALL
@pytest.mark.parametrize(
    "rate",
    [30, 29.97, np.float32(29.97), np.float64(30), np.int64(30), np.uint8(30), Fraction(30000, 1001),
     Decimal("29.97"), np.array(30.0)],
    ids=repr,
)  # fmt: skip
def test_any_real_number_is_a_frame_rate(name: str, rate: float) -> None:
    tracker = create_tracker(name, frame_rate=rate)
    assert type(tracker.frame_rate) is float
    assert tracker.frame_rate == pytest.approx(float(rate))
    assert follow(tracker, range(5), False) == follow(
        create_tracker(name, frame_rate=float(rate)), range(5), False
    )


@pytest.mark.parametrize(
    "rate", [0, -1, "30", None, True, np.bool_(True), float("nan"), 1j, [30], Fraction(0)]
)
def test_what_is_no_frame_rate_is_refused(rate: object) -> None:
    with pytest.raises(UsageError, match="frame_rate: expected a positive number of frames per second"):
        create_tracker("bytetrack", frame_rate=rate)  # type: ignore[arg-type]


def test_timestamps_may_be_fractions_and_decimals() -> None:
    given = create_tracker("bytetrack")
    plain = create_tracker("bytetrack")
    for frame in range(8):
        step = Fraction(frame * 1001, 30000) if frame % 2 else Decimal(frame) * Decimal("0.0334")
        ours = given.update(crowd(frame), timestamp=step)  # type: ignore[arg-type]
        theirs = plain.update(crowd(frame), timestamp=float(step))
        np.testing.assert_array_equal(ours.xyxy, theirs.xyxy)


def test_parameters_and_fusions_take_numbers_of_any_library() -> None:
    tracker = create_tracker(
        "bytetrack", high_score=np.float32(0.5), confirm_frames=np.int64(3), lost_seconds=Fraction(3, 2)
    )
    assert (tracker.high_score, tracker.confirm_frames) == (0.5, 3)
    assert tracker.lost_seconds == 1.5
    fusion = DepthFusion.fixed(gamma=np.float32(0.25), scale=np.int64(2))
    assert (fusion, type(fusion.gamma)) == (DepthFusion.fixed(0.25, 2.0), float)
    for wrong in (1.5, "much", None, True):
        with pytest.raises(UsageError, match="gamma: expected a number in"):
            DepthFusion.fixed(gamma=wrong)  # type: ignore[arg-type]


def test_refining_takes_a_fraction_as_rate() -> None:
    frames = np.array([1, 2, 3, 5, 6])
    boxes = np.stack([10.0 * frames, np.zeros(5), 10.0 * frames + 40, np.full(5, 80.0)], axis=1)
    seen = Tracks(frames, np.full(5, 7), boxes, np.full(5, 0.9), np.full(5, np.nan), np.full(5, 3))
    refined = refine(seen, frame_rate=Fraction(30000, 1001))
    assert (refined.gaps, refined.tracks.class_id.tolist()) == (1, [3] * 6)


@pytest.mark.parametrize("made", [deptr.ByteTrack, deptr.OCSORT])
@pytest.mark.parametrize(
    ("words", "fusion"),
    [
        ("adaptive", DepthFusion.adaptive()),
        ("none", DepthFusion.none()),
        ("fixed:gamma=0.2", DepthFusion.fixed(gamma=0.2)),
        ("fixed:gamma=0.2, scale=0.1", DepthFusion.fixed(gamma=0.2, scale=0.1)),
        ("kalman:scale=2", DepthFusion.kalman(scale=2.0)),
        (None, DepthFusion.adaptive()),
    ],
)
def test_a_fusion_can_be_said_in_words(
    made: Callable[..., Tracker], words: str | None, fusion: DepthFusion
) -> None:
    assert made(depth=words).fusion == fusion
    assert DepthFusion.parse(str(fusion)) == fusion


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("magic", "expected one of none, fixed, kalman, adaptive, got 'magic'"),
        ("fixed:gamma=much", "fixed:name=number"),
        ("none:gamma=0.2", "none has no parameter 'gamma'"),
        ("fixed:gamma=2", "gamma"),
        (0.2, "depth: expected a DepthFusion or one of none, .*got float"),
        (np.zeros((4, 4)), "depth: expected a DepthFusion or one of .*got ndarray"),
    ],
)
def test_what_is_no_fusion_is_refused_by_what_is_expected(given: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        deptr.ByteTrack(depth=given)
