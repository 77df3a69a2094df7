"""A robot's recording from the command line: tracked, and handed on with the robot's own clock and camera."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")
from robot_bags import COLOURS, DEPTHS, START, STEP, compressed_message, picture, png, walk, write_bag

import deptr as package
from deptr.errors import UsageError
from deptr.io.formats import read_sequence
from deptr.io.recordings.bag import Bag

Deptr = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A recording of one square, and the detections of it."""
    rows = [f"{k},-1,{k},10,12,20,0.9,3.0" for k in range(1, 7)]
    (tmp_path / "det.txt").write_text("\n".join(rows))
    rear = compressed_message(png(picture(2)), "png")
    messages = [*walk(), ("/rear/compressed", "sensor_msgs/msg/CompressedImage", START, rear)]
    return write_bag(tmp_path / "walk.mcap", messages)


def test_a_recording_is_tracked_and_handed_on(bag: Path, tmp_path: Path, deptr: Deptr) -> None:
    words = ["track", bag, "--detections", tmp_path / "det.txt", "--output", tmp_path / "run"]
    code, _, told = deptr(*words)
    assert code == 2
    assert "several image topics" in told
    code, out, told = deptr(*words, "--topic", COLOURS)
    assert code == 0, told
    assert "tracked 6 frames: 1 identities, 6 boxes" in out
    assert (tmp_path / "run" / "tracked.mp4").stat().st_size
    source = json.loads((tmp_path / "run" / "run.json").read_text())["source"]
    assert (source["topic"], source["focal_px"], source["size"]) == (COLOURS, 50, [64, 48])
    for target in ("mcap", "rosbag2"):
        place = tmp_path / f"out.{target}"
        code, _, told = deptr("convert", tmp_path / "run", "--to", target, "--output", place)
        assert code == 0, told
    with Bag(tmp_path / "out.mcap") as opened:
        (first, *_, last) = opened.messages("/deptr/detections_3d")
        assert opened.first("/deptr/camera_info").header.frame_id == "front_optical"
    assert (first.nanoseconds, last.nanoseconds) == (START, START + 5 * STEP)
    place = first.message.detections[0].bbox.center.position
    assert (place.x, place.y, place.z) == pytest.approx(((7 - 32) / 50 * 3, (20 - 24) / 50 * 3, 3))
    back = read_sequence(tmp_path / "out.rosbag2")
    np.testing.assert_allclose(back.tracks.xyxy[:, 0], read_sequence(tmp_path / "run").tracks.xyxy[:, 0])


def test_depths_come_from_a_topic_of_the_recording(bag: Path, tmp_path: Path, deptr: Deptr) -> None:
    rows = [f"{k},-1,{k},10,12,20,0.9" for k in range(1, 7)]
    (tmp_path / "flat.txt").write_text("\n".join(rows))
    words = ["track", bag, "--topic", COLOURS, "--detections", tmp_path / "flat.txt"]
    code, _, told = deptr(*words, "--depth-maps", DEPTHS, "--output", tmp_path / "run")
    assert code == 0, told
    np.testing.assert_allclose(read_sequence(tmp_path / "run").tracks.depth, 3.0, rtol=0.01)
    depth = json.loads((tmp_path / "run" / "run.json").read_text())["depth"]
    assert (depth["kind"], depth["matched_by"], depth["frames_known"]) == ("metric", "time", 6)
    code, _, told = deptr(*words, "--depth-maps", "/left/depth", "--output", tmp_path / "other")
    assert code == 2
    assert f"has no images in /left/depth; it has {DEPTHS}" in told


def test_python_takes_the_topic_too(bag: Path, tmp_path: Path) -> None:
    with package.track(bag, detections=tmp_path / "det.txt", topic=COLOURS) as run:
        assert [frame.tracked.tracker_id.tolist() for frame in run] == [[1]] * 6
    with pytest.raises(UsageError, match="topic"):
        package.track("assets/vtest.mp4", detections=tmp_path / "det.txt", topic=COLOURS)


def test_the_camera_of_the_recording_puts_the_detector_into_metres(bag: Path) -> None:
    with package.track(bag, topic=COLOURS) as run:
        assert run.depth_kind is package.DepthKind.METRIC
    with package.track(bag, topic="/rear/compressed", fps=10) as run:
        assert run.depth_kind is not package.DepthKind.METRIC
