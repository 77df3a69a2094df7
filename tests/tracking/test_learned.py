"""The learned tracker with the network that comes with the package, and what it does where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from deptr.errors import DataError, InputWarning, UsageError
from deptr.tracking.learned.memory import Recall
from deptr.tracking.learned.network import OnnxIdentityNetwork, Shape
from deptr.tracking.learned.observations import SPEEDS, History, observe
from deptr.tracking.learned.tracker import LearnedTracker
from deptr.tracking.registry import create_tracker


def detections(boxes: np.ndarray, depths: np.ndarray | None = None) -> sv.Detections:
    found = sv.Detections(xyxy=np.asarray(boxes, float), confidence=np.full(len(boxes), 0.9))
    if depths is not None:
        found.data["depth"] = depths
        found.metadata["depth_kind"] = "metric"
    return found


def box(x: float, height: float = 100.0, y: float = 200.0) -> list[float]:
    return [x - height / 5, y - height / 2, x + height / 5, y + height / 2]


def test_two_who_cross_without_overlap_of_their_boxes_between_frames_keep_their_identities() -> None:
    """Fast, at 2.5 frames per second: no box overlaps its next."""
    tracker = LearnedTracker(frame_rate=2.5)
    for frame in range(8):
        tracked = tracker.update(detections([box(100 + 70 * frame), box(600 - 70 * frame, y=260)]))
    assert tracked.tracker_id.tolist() == [1, 2]


def test_depth_tells_who_is_who_of_two_in_one_place_once_others_have_shown_what_it_is_worth() -> None:
    def switches(fusion: str) -> int:
        rng = np.random.default_rng(0)
        tracker = LearnedTracker(frame_rate=10, depth=fusion)
        holders = []
        for frame in range(60):
            alone = [box(600 + 200 * k) for k in range(4)]
            both = [box(300), box(303)] if frame >= 30 else []
            boxes = np.array(alone + both) + rng.normal(0, 5, (len(alone + both), 4))
            depths = np.array([3.0, 6.0, 9.0, 12.0, 4.0, 8.0])[: len(boxes)] * rng.normal(1, 0.01, len(boxes))
            tracked = tracker.update(detections(boxes, depths))
            if frame >= 32:
                holders.append(tracked.tracker_id[4:].tolist())
        return sum(now != before for now, before in zip(holders[1:], holders, strict=False))

    assert switches("adaptive") == 0
    assert switches("none") > 0


def test_a_slow_stream_of_one_frame_in_two_seconds() -> None:
    tracker = LearnedTracker(frame_rate=0.5, lost_seconds=10.0)
    for frame in range(6):
        tracked = tracker.update(detections([box(100 + 4 * frame), box(400)]))
    assert tracked.tracker_id.tolist() == [1, 2]


class FewSlots:
    """A network that remembers three and says that everybody is who has the nearest number."""

    shape = Shape(identities=3, memory=2, layers=1, width=2, state_width=0)

    def __call__(
        self, seen: np.ndarray, states: np.ndarray | None, recall: Recall
    ) -> tuple[np.ndarray, np.ndarray]:
        logits = np.full((len(seen), 4), -20.0)
        logits[:, 3] = 0.0
        for row, slot in enumerate(recall.slots):
            near = np.abs(seen[:, 0] - recall.seen[row, 0]) < 20
            logits[near, slot] = 10.0
        return logits, np.zeros((len(seen), *self.shape.payload), np.float32)


def test_more_than_it_can_remember_are_told_and_the_least_certain_wait() -> None:
    tracker = LearnedTracker(network=FewSlots(), frame_rate=10)
    five = detections(np.array([box(100 * k) for k in range(1, 6)]))
    five.confidence = np.array([0.75, 0.95, 0.9, 0.8, 0.99])
    with pytest.warns(InputWarning, match="3 identities are remembered"):
        first = tracker.update(five)
    assert first.xyxy[:, 0].tolist() == [180.0, 280.0, 480.0]
    assert tracker.update(five).tracker_id.tolist() == first.tracker_id.tolist()


class NeedsStates(FewSlots):
    shape = Shape(identities=3, memory=2, layers=1, width=2, state_width=16)


@pytest.mark.parametrize("states", [None, np.ones((1, 8))])
def test_a_detector_without_its_query_states_is_told(states: np.ndarray | None) -> None:
    found = detections([box(100)])
    if states is not None:
        found.data["query_state"] = states
    with pytest.raises(UsageError, match="query states of 16 numbers, got"):
        LearnedTracker(network=NeedsStates()).update(found)


def test_files_that_are_no_decoder_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such model file"):
        OnnxIdentityNetwork(tmp_path / "none.onnx")
    (tmp_path / "half.onnx").write_bytes(b"half")
    with pytest.raises(DataError, match="not an ONNX model"):
        OnnxIdentityNetwork(tmp_path / "half.onnx")
    detector = Path(__file__).parents[2] / "src/deptr/detector/weights/deptr-nano-person.onnx"
    with pytest.raises(DataError, match=r"no identity decoder.*export one"):
        OnnxIdentityNetwork(detector)


def test_a_file_is_a_tracker_by_its_name() -> None:
    file = OnnxIdentityNetwork()._place
    tracker = create_tracker(str(file), frame_rate=10, min_share=0.2)
    assert tracker.update(detections([box(100)])).tracker_id.tolist() == [1]
    assert tracker.min_share == 0.2


def test_a_path_leads_in_perspective_as_a_steady_motion_in_space_does() -> None:
    """A car that comes nearer at a steady speed, seen every 0.4 s: place and size are foreseen exactly."""

    def seen(seconds: float) -> np.ndarray:
        z, x, size = 40 - 12 * seconds, 3.0, 1.5
        u, height = 640 + 700 * x / z, 700 * size / z
        boxes = np.array([[u - height, 200 - height / 2, u + height, 200 + height / 2]])
        return observe(boxes, np.ones(1), np.log([z]), np.full(1, np.nan))

    history, slot = History(2), np.array([0])
    for step in range(4):
        history.add(0.4 * step, slot, seen(0.4 * step))
    np.testing.assert_allclose(history.expected(slot, 2.0), seen(2.0)[:, :5], atol=1e-6)


def test_the_network_is_told_how_fast_objects_are_in_this_stream() -> None:
    def told(speed: float) -> float:
        history, slots = History(9), np.arange(9)
        for step in range(40):
            left = 100 * slots + speed * step
            boxes = np.column_stack([left, np.zeros(9), left + 50, np.full(9, 100.0)])
            history.add(0.5 * step, slots, observe(boxes, np.ones(9), np.full(9, np.nan), np.full(9, np.nan)))
        return float(np.exp(history.context(np.zeros((0, 7)), 0.5)[SPEEDS]))

    assert told(30.0) == pytest.approx(0.6, rel=0.1)  # heights per second
    assert told(5.0) == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("kind", ["shuffled", "constant", "noisy", "of the box"])
def test_useless_depth_changes_nothing_at_all(kind: str) -> None:
    """The network is shown depth only where clear pairs have shown that it tells objects apart."""
    streams = []
    for depth in ("none", "adaptive"):
        rng = np.random.default_rng(3)
        tracker, answers = LearnedTracker(frame_rate=10, depth=depth), []
        for frame in range(40):
            z = np.repeat([4.0, 8.0, 12.0, 16.0], 2)
            x = 300 * np.repeat(np.arange(4), 2) + 6 * np.arange(8) + 2 * frame  # in pairs that overlap
            boxes = np.array([box(a, 1200 / b, 300 + 300 / b) for a, b in zip(x, z, strict=True)])
            boxes += rng.normal(0, 3.0, boxes.shape)
            given = {
                "shuffled": rng.permutation(z),
                "constant": np.full(8, 5.0),
                "noisy": z * np.exp(0.4 * rng.normal(size=8)),
                "of the box": 1200 / (boxes[:, 3] - boxes[:, 1]),
            }[kind]
            tracked = tracker.update(detections(boxes, given))
            answers.append((tracked.tracker_id.tolist(), tracked.xyxy.tolist()))
        streams.append(answers)
    assert streams[0] == streams[1]


def test_low_scores_are_reported_where_such_lie_on_tracks() -> None:
    def reported(real: bool) -> int:
        rng = np.random.default_rng(1)
        tracker, count = LearnedTracker(frame_rate=10), 0
        for frame in range(40):
            boxes = [box(100 + 3 * frame), box(400), box(700)]
            scores = [0.9, 0.9, 0.9 if frame % 2 else 0.3]
            if not real:
                boxes += [box(float(rng.uniform(800, 8000)), y=float(rng.uniform(0, 900))) for _ in range(4)]
                scores += [0.3] * 4
            found = detections(np.array(boxes))
            found.confidence = np.array(scores)
            count += int((tracker.update(found).confidence < 0.5).sum())
        return count

    assert reported(real=True) > 15
    assert reported(real=False) < 5
