"""Bags as sources of frames: which topic, which time, which camera, and what is done with damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from robot_bags import (
    COLOURS,
    DEPTHS,
    INFO,
    START,
    STEP,
    camera_message,
    compressed_message,
    image_message,
    make,
    picture,
    png,
    walk,
    write_bag,
)

from deptr.errors import DataError, UsageError
from deptr.io.frames import open_source
from deptr.io.recordings.bag_source import BagSource

KINDS = [("w.mcap", False, 9), ("w", False, 8), ("w", True, 8)]  # name, SQLite, version


@pytest.mark.parametrize(("name", "sqlite", "version"), KINDS)
def test_frames_come_with_their_times_from_every_kind_of_bag(
    tmp_path: Path, name: str, sqlite: bool, version: int
) -> None:
    path = write_bag(tmp_path / name, walk(), sqlite=sqlite, version=version)
    with open_source(path) as source:
        assert isinstance(source, BagSource)
        assert (source.topic, source.frame_count, source.size) == (COLOURS, 6, (64, 48))
        assert source.fps == pytest.approx(10)
        assert source.start == START
        frames = list(source)
    assert [frame.index for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    for frame in frames:
        np.testing.assert_array_equal(frame.image, picture(frame.index))


def test_a_bag_of_ros_1_is_read(tmp_path: Path) -> None:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    kind = "sensor_msgs/msg/Image"
    time = store.types["builtin_interfaces/msg/Time"](sec=5, nanosec=0)
    head = store.types["std_msgs/msg/Header"](seq=0, stamp=time, frame_id="front")
    pixels = picture(3)
    message = store.types[kind](head, 48, 64, "rgb8", 0, 64 * 3, pixels.reshape(-1))
    with Writer(tmp_path / "old.bag") as writer:
        topic = writer.add_connection("/image", kind, typestore=store)
        writer.write(topic, 5_000_000_000, store.serialize_ros1(message, kind))
    with open_source(tmp_path / "old.bag") as source:
        (frame,) = source
    np.testing.assert_array_equal(frame.image, pixels)


def test_the_camera_is_the_one_beside_the_topic(tmp_path: Path) -> None:
    other = ("/rear/camera_info", "sensor_msgs/msg/CameraInfo", START, camera_message(focal=999.0))
    half = camera_message(
        focal=100.0, size=(128, 96)
    )  # of the sensor, whose images are published at half size
    messages = [m for m in walk() if m[0] != INFO] + [
        other,
        (INFO, "sensor_msgs/msg/CameraInfo", START, half),
    ]
    with BagSource(write_bag(tmp_path / "w.mcap", messages)) as source:
        assert source.camera is not None
        assert source.camera.matrix.tolist() == [[50, 0, 32], [0, 50, 24], [0, 0, 1]]
        assert source.camera.frame_id == "front_optical"
        assert source.focal_px == 50
    uncalibrated = [(INFO, "sensor_msgs/msg/CameraInfo", START, camera_message(focal=0.0))]
    messages = [m for m in walk() if m[0] != INFO] + uncalibrated
    with BagSource(write_bag(tmp_path / "x.mcap", messages)) as source:
        assert source.camera is None


def test_several_topics_have_to_be_told_apart(tmp_path: Path) -> None:
    kind, image = "sensor_msgs/msg/CompressedImage", compressed_message(png(picture(4)), "png")
    same = (f"{COLOURS}/compressed", kind, START, image)
    with BagSource(write_bag(tmp_path / "same.mcap", [*walk(), same])) as source:
        assert source.topic == COLOURS  # the same images, which have lost nothing
    path = write_bag(tmp_path / "two.mcap", [*walk(), ("/rear/compressed", kind, START, image)])
    with pytest.raises(UsageError, match=r"several image topics.*/front/image_raw, /rear/compressed"):
        BagSource(path)
    with open_source(path, topic="/rear/compressed") as source:
        (frame,) = source
    np.testing.assert_array_equal(frame.image, picture(4)[..., ::-1])
    with pytest.raises(UsageError, match=r"has no images in /left; it has .*/rear/compressed"):
        BagSource(path, topic="/left")
    with pytest.raises(UsageError, match=r"is no recording with topics"):
        open_source("assets/vtest.mp4", topic="/left")


def test_a_damaged_image_leaves_its_number_out(tmp_path: Path) -> None:
    messages = walk()
    broken = [k for k, entry in enumerate(messages) if entry[0] == COLOURS][2]
    topic, kind, when, message = messages[broken]
    message.data = message.data[:50]
    messages[broken] = (topic, kind, when, message)
    with BagSource(write_bag(tmp_path / "w.mcap", messages)) as source:
        assert [frame.index for frame in source] == [1, 2, 4, 5, 6]
        (note,) = source.notes()
    assert "1 frame(s) could not be decoded" in note
    assert "does not have the size" in note


def test_times_that_go_back_follow_the_frame_rate(tmp_path: Path) -> None:
    kind = "sensor_msgs/msg/Image"
    stamps = [START + k * STEP for k in (0, 1, 0, 3, 4, 5)]
    messages = [
        (COLOURS, kind, START + k * STEP, image_message(picture(k), "rgb8", when=when))
        for k, when in enumerate(stamps)
    ]
    with BagSource(write_bag(tmp_path / "w.mcap", messages)) as source:
        times = [frame.timestamp for frame in source]
        assert "1 time stamp(s) stand still or go back" in source.notes()[0]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    with BagSource(tmp_path / "w.mcap", fps=5) as source:
        assert [frame.timestamp for frame in source] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])


def test_headers_without_a_time_have_that_of_the_recording(tmp_path: Path) -> None:
    image = image_message(picture(1), "rgb8", when=0)
    messages = [(COLOURS, "sensor_msgs/msg/Image", START + k * STEP, image) for k in range(3)]
    with BagSource(write_bag(tmp_path / "w.mcap", messages)) as source:
        assert [frame.timestamp for frame in source] == pytest.approx([0, 0.1, 0.2])


def test_depths_are_no_pictures(tmp_path: Path) -> None:
    only = [entry for entry in walk() if entry[0] == DEPTHS]
    with (
        pytest.raises(DataError, match=r"no image can be decoded.*found 16UC1 \(a depth image\?"),
        BagSource(write_bag(tmp_path / "d.mcap", only)) as source,
    ):
        list(source)


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    text = make("std_msgs/msg/String", data="hello")
    path = write_bag(tmp_path / "talk.mcap", [("/chat", "std_msgs/msg/String", START, text)])
    with pytest.raises(DataError, match=r"holds no images.*found /chat \(std_msgs/msg/String\)"):
        BagSource(path)
    whole = write_bag(tmp_path / "w.mcap", walk()).read_bytes()
    (tmp_path / "cut.mcap").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut.mcap: cannot be read as a recording"):
        BagSource(tmp_path / "cut.mcap")
    (tmp_path / "empty.mcap").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be read as a recording"):
        BagSource(tmp_path / "empty.mcap")
    with pytest.raises(DataError, match=r"no such file"):
        BagSource(tmp_path / "nowhere.mcap")
