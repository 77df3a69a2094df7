"""The learned tracker with the network that comes with the package, and what it does where it cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from deptr.errors import DataError, InputWarning, UsageError
from deptr.tracking.learned.memory import Recall
from deptr.tracking.learned.network import OnnxIdentityNetwork, Shape
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


def test_depth_tells_who_is_who_of_two_in_one_place() -> None:
    def switches(fusion: str) -> int:
        rng = np.random.default_rng(0)
        tracker = LearnedTracker(frame_rate=10, depth=fusion)
        holders = []
        for _ in range(20):
            boxes = np.array([box(300), box(303)]) + rng.normal(0, 5, (2, 4))
            tracked = tracker.update(detections(boxes, np.array([4.0, 8.0])))
            holders.append(tracked.tracker_id.tolist())
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
