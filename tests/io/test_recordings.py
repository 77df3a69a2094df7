"""Recordings as other programs read them: the format's own readers, not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv

pytest.importorskip("rosbags")

from robot_bags import START, STEP, image_message, picture, write_bag

from deptr.errors import DataError, MissingExtraError
from deptr.io.formats import format_of, read_sequence
from deptr.io.recordings.bag_writer import BagWriter
from deptr.io.recordings.moment import Moment
from deptr.io.recordings.of_sequence import moments_of
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind


@pytest.fixture
def walk(tmp_path: Path) -> SequenceTracks:
    """Two people over five frames of a bag; one is out of sight in frame 3, one has no depth."""
    kind = "sensor_msgs/msg/Image"
    images = [
        ("/image", kind, START + k * STEP, image_message(picture(k + 1), "rgb8", when=START + k * STEP))
        for k in range(5)
    ]
    video = write_bag(tmp_path / "images.mcap", images)
    frames, names = [1, 1, 2, 2, 3, 4, 4, 5, 5], [7, 9, 7, 9, 7, 7, 9, 7, 9]
    boxes = np.array([[k + 0.25, 10, k + 12.5, 30] for k in frames]) + 10.0 * (np.array(names) == 9)[:, None]
    depth = np.where(np.array(names) == 7, np.linspace(2, 4, 9), np.nan)
    table = TrackTable.of(
        "memory", frame=frames, track_id=names, xyxy=boxes, score=np.linspace(0.5, 0.9, 9), depth=depth,
        class_id=np.where(np.array(names) == 7, 0, 3), depth_std=0.1 * depth,
    )  # fmt: skip
    return SequenceTracks(
        "walk", table, fps=10.0, size=(64, 48), frame_count=5, depth_kind=DepthKind.METRIC, focal_px=50.0,
        class_names={0: "person"}, video=video,
    )  # fmt: skip


def decoded(path: Path) -> dict[str, list[Any]]:
    """Messages by topic, as the format's own reader and its decoders for ROS 2 and protobuf read them."""
    reader = pytest.importorskip("mcap.reader")
    ros2 = pytest.importorskip("mcap_ros2.decoder")
    protobuf = pytest.importorskip("mcap_protobuf.decoder")
    found = defaultdict(list)
    with path.open("rb") as file:
        opened = reader.make_reader(
            file, decoder_factories=[ros2.DecoderFactory(), protobuf.DecoderFactory()], validate_crcs=True
        )
        for _, channel, message, content in opened.iter_decoded_messages():
            found[channel.topic].append((message.log_time, content))
    return found


def test_an_mcap_file_is_read_by_the_formats_own_reader(walk: SequenceTracks, tmp_path: Path) -> None:
    format_of("mcap").write(tmp_path / "walk.mcap", walk)
    found = decoded(tmp_path / "walk.mcap")
    times = [START + k * STEP for k in range(5)]
    for topic in ("detections_2d", "detections_3d", "image/compressed", "camera_info"):
        assert [time for time, _ in found[f"/deptr/{topic}"]] == times, topic
    _, first = found["/deptr/detections_2d"][0]
    assert (first.header.stamp.sec, first.header.stamp.nanosec) == (START // 10**9, 0)
    person, thing = first.detections
    assert (person.id, thing.id) == ("7", "9")
    assert (person.bbox.center.position.x, person.bbox.size_x) == (7.375, 12.25)
    assert person.results[0].hypothesis.class_id == "person"
    assert thing.results[0].hypothesis.class_id == "3"
    assert thing.results[0].pose.covariance[0] == -1  # its depth is not known
    image = cv2.imdecode(
        np.frombuffer(found["/deptr/image/compressed"][3][1].data, np.uint8), cv2.IMREAD_COLOR
    )
    np.testing.assert_allclose(image[..., ::-1], picture(4), atol=70)
    assert list(found["/deptr/camera_info"][0][1].k) == [50, 0, 32, 0, 50, 24, 0, 0, 1]


def test_places_project_back_into_the_image(walk: SequenceTracks, tmp_path: Path) -> None:
    format_of("mcap").write(tmp_path / "walk.mcap", walk)
    for k, (_, message) in enumerate(decoded(tmp_path / "walk.mcap")["/deptr/detections_3d"], start=1):
        (person,) = message.detections  # the one whose depth is known
        place, box = person.bbox.center.position, walk.tracks.at(k).xyxy[0]
        row = np.flatnonzero((walk.tracks.frame == k) & (walk.tracks.track_id == 7))
        assert place.z == pytest.approx(walk.tracks.depth[row].item())
        assert 50 * place.x / place.z + 32 == pytest.approx((box[0] + box[2]) / 2)
        assert 50 * person.bbox.size.y / place.z == pytest.approx(20)
        covariance = np.array(person.results[0].pose.covariance).reshape(6, 6)[:3, :3]
        assert covariance[2, 2] == pytest.approx((0.1 * place.z) ** 2)
        # what is uncertain is the way along the ray, so it shows in x as the ray does
        assert covariance[0, 2] / covariance[2, 2] == pytest.approx(place.x / place.z)
        assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_a_bag_is_read_by_rosbags_and_comes_back_exactly(walk: SequenceTracks, tmp_path: Path) -> None:
    from rosbags.highlevel import AnyReader

    folder = tmp_path / "bag"
    format_of("rosbag2").write(folder, walk)
    with AnyReader([folder]) as reader:
        kinds = {entry.topic: (entry.msgtype, entry.msgcount) for entry in reader.connections}
        assert kinds["/deptr/detections_2d"] == ("vision_msgs/msg/Detection2DArray", 5)
        assert kinds["/deptr/detections_3d"] == ("vision_msgs/msg/Detection3DArray", 5)
        assert reader.duration == 4 * STEP + 1
    back = read_sequence(folder)
    for name in ("frame", "track_id"):
        np.testing.assert_array_equal(getattr(back.tracks, name), getattr(walk.tracks, name))
    for name in ("xyxy", "score", "depth", "depth_std"):
        np.testing.assert_allclose(getattr(back.tracks, name), getattr(walk.tracks, name), rtol=1e-12)
    assert [back.class_name(k) for k in back.tracks.class_id] == [
        walk.class_name(k) for k in walk.tracks.class_id
    ]
    assert (back.length, back.focal_px, back.size, back.depth_kind) == (5, 50, (64, 48), DepthKind.METRIC)
    assert back.fps == pytest.approx(10)
    format_of("rosbag2").write(folder, back)  # what stood there is replaced
    np.testing.assert_array_equal(read_sequence(folder).tracks.track_id, walk.tracks.track_id)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag", "images", "images.mcap"]


def test_classes_stay_with_their_boxes_in_any_order(tmp_path: Path) -> None:
    names = np.array(["7", "dog", "", "person"])
    tracked = sv.Detections(np.array([[4.0 * k, 2, 4 * k + 3, 9] for k in range(4)]))
    tracked.tracker_id, tracked.data = np.array([40, 10, 30, 20]), {"class_name": names}
    with BagWriter(tmp_path / "four.mcap") as bag:
        bag.write(Moment(START, tracked))
    back = read_sequence(tmp_path / "four.mcap")
    assert back.tracks.track_id.tolist() == [10, 20, 30, 40]
    assert [back.class_name(k) for k in back.tracks.class_id] == ["dog", "person", "object", "7"]
    assert back.tracks.xyxy[:, 0].tolist() == [4, 12, 8, 0]


def test_detections_without_identities_are_no_tracks(tmp_path: Path) -> None:
    found = sv.Detections(np.array([[0.0, 2, 3, 9]]), tracker_id=np.array([-1]))
    with BagWriter(tmp_path / "found.mcap") as bag:
        bag.write(Moment(START, found))
    with pytest.raises(DataError, match="message 1 has a box without an identity"):
        read_sequence(tmp_path / "found.mcap")


def test_foxglove_finds_its_own_messages(walk: SequenceTracks, tmp_path: Path) -> None:
    pytest.importorskip("foxglove")
    path = tmp_path / "walk.foxglove.mcap"
    format_of("foxglove").write(path, walk)
    found = decoded(path)
    _, annotations = found["/tracks/annotations"][0]
    assert [text.text for text in annotations.texts] == ["#7 person 2.0 m", "#9 3"]
    corners = [(point.x, point.y) for point in annotations.points[0].points]
    left, top, right, bottom = walk.tracks.at(1).xyxy[0]
    assert corners == [(left, top), (right, top), (right, bottom), (left, bottom)]
    told = {pair.key: pair.value for pair in annotations.points[0].metadata}
    assert told == {"id": "7", "class": "person", "score": "0.500", "depth": "2.000"}
    _, scene = found["/tracks/scene"][4]
    (entity,) = scene.entities
    assert (entity.id, entity.frame_id) == ("7", "camera")
    assert entity.cubes[0].pose.position.z == pytest.approx(walk.tracks.depth[walk.tracks.frame == 5][0])
    assert len(scene.deletions) == 1  # who has gone is gone
    assert list(found["/camera/calibration"][0][1].K) == [50, 0, 32, 0, 50, 24, 0, 0, 1]
    assert found["/tf"][0][1].child_frame_id == "camera"
    assert len(found["/camera/image"]) == 5
    with pytest.raises(DataError, match="tracks are not read out of it"):
        read_sequence(path, "foxglove")


def test_rerun_checks_its_own_file_and_nothing_is_sent(walk: SequenceTracks, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    home = tmp_path / "home"
    home.mkdir()
    path = tmp_path / "walk.rrd"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    format_of("csv").write(tmp_path / "walk.csv", walk)
    words = ["convert", str(tmp_path / "walk.csv"), "--to", "rerun", "--output", str(path)]
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
    subprocess.run([sys.executable, "-m", "deptr.cli.main", *words], env=environment, check=True)
    assert not [entry for entry in home.rglob("*") if "rerun" in entry.name]  # no identity for statistics
    format_of("rerun").write(path, walk)
    rerun = Path(sys.executable).with_name("rerun")
    checked = subprocess.run([rerun, "rrd", "verify", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    stats = subprocess.run([rerun, "rrd", "stats", path], capture_output=True, text=True, check=True).stdout
    for entity in (
        "/world/camera/image/tracks",
        "/world/tracks/deviation",
        "/depth/7",
        "/world/camera/image",
    ):
        assert f"{entity}:" in stats
    assert "/depth/9:" not in stats
    assert "track_id" in stats


def test_without_images_or_a_camera_what_is_known_is_written(walk: SequenceTracks, tmp_path: Path) -> None:
    bare = replace(walk, video=None, focal_px=None, depth_kind=DepthKind.RELATIVE)
    format_of("mcap").write(tmp_path / "bare.mcap", bare)
    found = decoded(tmp_path / "bare.mcap")
    assert set(found) == {"/deptr/detections_2d", "/deptr/detections_3d"}
    assert [time for time, _ in found["/deptr/detections_2d"]] == [k * STEP for k in range(5)]
    assert not any(message.detections for _, message in found["/deptr/detections_3d"])
    assert [len(message.detections) for _, message in found["/deptr/detections_2d"]] == [2, 2, 1, 2, 2]


def test_frames_without_an_image_still_have_their_tracks(walk: SequenceTracks, tmp_path: Path) -> None:
    kind = "sensor_msgs/msg/Image"
    images = [
        ("/image", kind, START + k * STEP, image_message(picture(k + 1), "rgb8", when=START + k * STEP))
        for k in range(4)
    ]
    images[1][3].data = images[1][3].data[:10]
    moments = list(moments_of(replace(walk, video=write_bag(tmp_path / "short.mcap", images))))
    assert [moment.image is not None for moment in moments] == [True, False, True, True, False]
    assert [len(moment.tracked) for moment in moments] == [2, 2, 1, 2, 2]
    assert [moment.nanoseconds - START for moment in moments] == [k * STEP for k in range(5)]


def test_a_failure_leaves_what_was_there(walk: SequenceTracks, tmp_path: Path) -> None:
    def broken(_: SequenceTracks) -> Iterator[Any]:
        yield next(moments_of(walk))
        raise DataError("camera", "went away")

    from deptr.io.recordings import of_sequence

    for name in ("mcap", "rosbag2", "foxglove", "rerun"):
        pytest.importorskip({"mcap": "rosbags", "rosbag2": "rosbags"}.get(name, name))
        entry, place = format_of(name), tmp_path / "out" / f"walk{format_of(name).ending}"
        entry.write(place, walk)
        before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(of_sequence, "moments_of", broken)
            with pytest.raises(DataError, match="went away"):
                entry.write(place, walk)
        after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert after == before, name


def test_an_unrelated_folder_is_not_replaced(walk: SequenceTracks, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="cannot be written"):
        format_of("rosbag2").write(tmp_path / "mine", walk)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("name", ["mcap", "foxglove", "rerun"])
def test_a_missing_library_is_named(
    walk: SequenceTracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module, extra = ("rosbags", "ros") if name == "mcap" else (name, name)
    for known in [known for known in sys.modules if known.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"deptr-mot\[{extra}\]"):
        format_of(name).write(tmp_path / f"walk{format_of(name).ending}", replace(walk, video=None))
