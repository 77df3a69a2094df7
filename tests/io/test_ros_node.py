"""The example node for ROS 2: its logic with messages of recordings, its answers through a bag."""

from __future__ import annotations

import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import supervision as sv

pytest.importorskip("rosbags")

from robot_bags import COLOURS, DEPTHS, INFO, START, STEP, walk, write_bag

from deptr.io.formats import read_sequence
from deptr.io.recordings.bag import Bag
from deptr.io.recordings.ros_types import typestore

PACKAGE = Path(__file__).parents[2] / "examples" / "ros2" / "deptr_ros"
ARRAYS = ("vision_msgs/msg/Detection2DArray", "vision_msgs/msg/Detection3DArray")


def green(image: np.ndarray, focal_px: float | None = None) -> sv.Detections:
    """Finds the square of the recording."""
    y, x = np.nonzero(image[..., 1] > 100)
    return sv.Detections(
        np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], float), confidence=np.ones(1)
    )


@pytest.fixture
def logic(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PACKAGE))
    return import_module("deptr_ros.tracking").TrackingLogic(typestore().types, green, frame_rate=10)


def test_a_recording_goes_through_the_node_into_another(logic: Any, tmp_path: Path) -> None:
    answers: list[tuple[str, str, int, Any]] = []
    with Bag(write_bag(tmp_path / "in.mcap", walk())) as bag:
        merged = [
            (s.nanoseconds, rank, s.message)
            for rank, t in enumerate((INFO, DEPTHS, COLOURS))
            for s in bag.messages(t)
        ]
    for when, rank, message in sorted(merged, key=lambda entry: entry[:2]):
        if rank == 0:
            logic.on_camera_info(message)
        elif rank == 1:
            logic.on_depth(message)
        else:
            pair = zip(("/flat", "/solid"), ARRAYS, logic.on_image(message), strict=True)
            answers += [(topic, kind, when, answer) for topic, kind, answer in pair]
    path = write_bag(tmp_path / "out.mcap", answers)
    tracks = read_sequence(path).tracks
    assert set(tracks.track_id.tolist()) == {1}
    np.testing.assert_allclose(tracks.depth, 3.0, rtol=1e-6)
    with Bag(path) as bag:
        solid = list(bag.messages("/solid"))
    assert [entry.nanoseconds for entry in solid] == [START + k * STEP for k in range(6)]
    (person,) = solid[-1].message.detections
    assert person.header.frame_id == "front_optical"
    assert person.bbox.center.position.x == pytest.approx((12 - 32) / 50 * 3, abs=0.05)


def test_detections_of_another_node_keep_their_class_and_get_an_identity(logic: Any) -> None:
    message = next(message for topic, _, _, message in walk() if topic == COLOURS)
    flat, solid = logic.on_image(message)
    assert not solid.detections  # no camera and no depth: no place
    flat.detections[0].id = ""
    flat.detections[0].results[0].hypothesis.class_id = "forklift"
    again, _ = logic.on_detections(flat)
    (found,) = again.detections
    assert (found.id, found.results[0].hypothesis.class_id) == ("1", "forklift")
    assert again.header.frame_id == "front_optical"


def test_old_depths_are_not_taken(logic: Any) -> None:
    by_topic = defaultdict(list)
    for topic, _, _, message in walk():
        by_topic[topic].append(message)
    logic.on_camera_info(by_topic[INFO][0])
    logic.on_depth(by_topic[DEPTHS][0])
    assert len(logic.on_image(by_topic[COLOURS][0])[1].detections) == 1
    logic.on_depth(by_topic[DEPTHS][0])
    assert not logic.on_image(by_topic[COLOURS][5])[1].detections


class Node:
    """The part of rclpy's that the node uses."""

    parameters: dict[str, Any] = {"detector": "", "input": "image"}  # noqa: RUF012 - set by a test

    def __init__(self, name: str) -> None:
        self.name, self.listening, self.said, self.warned = name, {}, defaultdict(list), []

    def declare_parameter(self, name: str, default: Any) -> SimpleNamespace:
        return SimpleNamespace(value=self.parameters.get(name, default))

    def create_publisher(self, kind: str, topic: str, depth: int) -> SimpleNamespace:
        return SimpleNamespace(publish=self.said[topic].append)

    def create_subscription(self, kind: str, topic: str, told: Any, quality: Any) -> None:
        self.listening[topic] = (kind, told)

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(warning=self.warned.append)


def test_the_node_connects_topics_and_survives_a_damaged_image(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {
        "rclpy": {}, "rclpy.node": {"Node": Node}, "rclpy.qos": {"qos_profile_sensor_data": "quick"},
    }  # fmt: skip
    kinds = defaultdict(dict)
    for name, kind in typestore().types.items():
        package, _, short = name.split("/")
        kinds[f"{package}.msg"][short] = kind
    for name, content in {**modules, **kinds}.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        if "." in name:
            monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
    monkeypatch.syspath_prepend(str(PACKAGE))
    node_module = import_module("deptr_ros.node")
    monkeypatch.setattr(node_module, "_detector", lambda name: green)
    node = node_module.TrackNode()
    types = typestore().types
    assert {topic: kind for topic, (kind, _) in node.listening.items()} == {
        "camera_info": types["sensor_msgs/msg/CameraInfo"],
        "depth": types["sensor_msgs/msg/Image"],
        "image": types["sensor_msgs/msg/Image"],
    }
    for topic, _, _, message in walk(2):
        node.listening[{COLOURS: "image", DEPTHS: "depth", INFO: "camera_info"}[topic]][1](message)
    assert [len(node.said[topic]) for topic in ("detections_2d", "detections_3d")] == [2, 2]
    broken = next(message for topic, _, _, message in walk(1) if topic == COLOURS)
    broken.data = broken.data[:9]
    node.listening["image"][1](broken)
    assert "does not have the size" in node.warned[0]
    monkeypatch.setattr(Node, "parameters", {"input": "detections"})
    assert "detections" in node_module.TrackNode().listening
