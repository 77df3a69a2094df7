"""Annotation tools: what goes out comes back, and what hands have corrected is ground truth."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from track_tables import same, sequences

from deptr.errors import DataError
from deptr.io.formats import FORMATS, read_sequence
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind

EXACT = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# what a format has no place for
LOST = {
    "cvat": (),
    "cvat-images": (),
    "coco-video": (),
    "label-studio": (),
    "labelme": (),
    "mot-sequence": ("score", "depth_std"),
    "mot-zip": ("score", "depth_std"),
    "yolo-track": ("depth", "depth_std", "visibility"),
}
TO_THE_BIT = {"cvat", "cvat-images", "labelme"}


@pytest.mark.parametrize("name", LOST)
@EXACT
@given(sequences())
def test_tracks_come_back_as_they_went(name: str, tmp_path: Path, sequence: SequenceTracks) -> None:
    place = tmp_path / f"{np.random.default_rng().integers(2**60)}{FORMATS[name].ending}"
    FORMATS[name].write(place, sequence)
    found = read_sequence(place, None if len(sequence.tracks) else name)
    numbered = ("class_id",) if name in {"mot-sequence", "mot-zip", "yolo-track"} else ()
    lost = (*LOST[name], *numbered)
    if name in TO_THE_BIT:
        same(found.tracks, sequence.tracks, but=lost)
    else:
        same(found.tracks, sequence.tracks, but=(*lost, "xyxy"))
        np.testing.assert_allclose(found.tracks.xyxy, sequence.tracks.xyxy, atol=1e-9)
    names = [found.class_name(number) for number in found.tracks.class_id.tolist()]
    assert names == [sequence.class_name(number) for number in sequence.tracks.class_id.tolist()]
    if name != "label-studio" or len(sequence.tracks):
        assert found.length == sequence.length
    if name.startswith("cvat") or name == "coco-video":
        assert found.depth_kind is DepthKind.METRIC


@pytest.fixture
def walk(tmp_path: Path) -> SequenceTracks:
    """Two people; the second is lost for three frames."""
    frames = [*range(1, 11), *range(1, 5), *range(8, 11)]
    ids = [3] * 10 + [5] * 7
    boxes = [[10.0 * f, 20, 10.0 * f + 30, 90] if k == 3 else [200 - 5.0 * f, 30, 240 - 5.0 * f, 110]
             for f, k in zip(frames, ids, strict=True)]  # fmt: skip
    table = TrackTable.of("walk", frame=frames, track_id=ids, xyxy=boxes, class_id=[0] * 17, depth=[4.5] * 17)
    return SequenceTracks(
        "walk", table, 10.0, (320, 240), 12, DepthKind.METRIC, class_names={0: "person", 1: "car"}
    )


def test_cvat_sees_where_tracks_end(walk: SequenceTracks, tmp_path: Path) -> None:
    FORMATS["cvat"].write(tmp_path / "a.xml", walk)
    root = Xml.parse(tmp_path / "a.xml").getroot()
    outside = [
        [int(box.attrib["frame"]) for box in track.findall("box") if box.get("outside") == "1"]
        for track in root.findall("track")
    ]
    assert outside == [[10], [4, 10]]  # from 0: after frame 10, and after frame 4 and 10
    assert root.findtext("meta/task/stop_frame") == "11"
    labels = [label.findtext("name") for label in root.iterfind("meta/task/labels/label")]
    assert labels == ["person", "car"]


def corrected(path: Path) -> Path:
    """What hands do in CVAT: a track is split, a box moved, keyframes thinned, one object is called a car."""
    root = Xml.parse(path).getroot()
    first, second = root.findall("track")
    rest = Xml.SubElement(root, "track", id="9", label="person", source="manual")
    for box in first.findall("box"):
        if int(box.attrib["frame"]) >= 6:
            first.remove(box)
            rest.append(box)
    ended = Xml.SubElement(first, "box", {**first.findall("box")[0].attrib, "frame": "6", "outside": "1"})
    assert ended.get("outside") == "1"
    second.set("label", "car")
    for box in second.findall("box"):
        if box.get("frame") in {"1", "2"}:
            second.remove(box)  # what is not listed is interpolated
    second.findall("box")[0].set("occluded", "1")
    Xml.ElementTree(root).write(path, encoding="utf-8")
    return path


def test_corrections_made_in_cvat_come_back(walk: SequenceTracks, tmp_path: Path) -> None:
    FORMATS["cvat"].write(tmp_path / "a.xml", walk)
    found = read_sequence(corrected(tmp_path / "a.xml"))
    table = found.tracks
    assert table.identities.tolist() == [3, 5, 6]  # the split part is somebody new
    assert table.frame[table.track_id == 3].tolist() == [1, 2, 3, 4, 5, 6]
    assert table.frame[table.track_id == 6].tolist() == [7, 8, 9, 10]
    assert {found.class_name(k) for k in table.class_id[table.track_id == 5].tolist()} == {"car"}
    same_as_before = walk.tracks.xyxy[walk.tracks.track_id == 5]
    np.testing.assert_allclose(table.xyxy[table.track_id == 5], same_as_before)  # it moved steadily
    assert table.visibility[(table.track_id == 5) & (table.frame == 1)].tolist() == [0.25]


def test_a_track_that_nobody_ended_goes_on_to_the_last_frame(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotations><meta><task><size>6</size><stop_frame>5</stop_frame></task></meta>"
        '<track id="0" label="dog"><box frame="2" outside="0" occluded="0" keyframe="1" xtl="0" ytl="0" '
        'xbr="8" ybr="9"/></track></annotations>'
    )
    found = read_sequence(tmp_path / "a.xml")
    assert found.tracks.frame.tolist() == [3, 4, 5, 6]
    assert found.class_names == {1: "dog"}


def test_the_zip_that_cvat_exports_is_read(walk: SequenceTracks, tmp_path: Path) -> None:
    FORMATS["cvat"].write(tmp_path / "a.xml", walk)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.xml", "annotations.xml")
    same(read_sequence(tmp_path / "a.zip").tracks, walk.tracks)


def test_label_studio_s_own_export_is_read(tmp_path: Path) -> None:
    keyframes = [
        {"frame": 1, "enabled": True, "rotation": 0, "x": 0, "y": 0, "width": 10, "height": 20, "time": 0.04},
        {
            "frame": 3,
            "enabled": False,
            "rotation": 0,
            "x": 10,
            "y": 0,
            "width": 10,
            "height": 20,
            "time": 0.12,
        },
    ]
    value = {"framesCount": 9, "duration": 0.3, "sequence": keyframes, "labels": ["Cell"]}
    region = {
        "type": "videorectangle",
        "id": "x1",
        "value": value,
        "original_width": 200,
        "original_height": 100,
    }
    task = {"data": {"video": "/data/a.mp4"}, "annotations": [{"result": [region]}]}
    (tmp_path / "a.json").write_text(json.dumps([task]))
    found = read_sequence(tmp_path / "a.json")
    assert found.tracks.frame.tolist() == [1, 2, 3]
    assert found.tracks.xyxy.tolist() == [[0, 0, 20, 20], [10, 0, 30, 20], [20, 0, 40, 20]]
    assert (found.length, found.class_names) == (9, {1: "Cell"})


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.xml", "<annotations", "not XML"),
        ("a.xml", "<other/>", "expected <annotations>"),
        ("a.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "definitions of its own"),
        ("a.xml", "<annotations><track><box frame='1'/></track></annotations>", "not CVAT's XML"),
        ("a.json", '{"videos": [], "images": []}', "not COCO json of a video|not one video"),
        ("a.json", "[]", "not tracks of Label Studio"),
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=told):
        read_sequence(tmp_path / name)
