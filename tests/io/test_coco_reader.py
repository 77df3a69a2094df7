"""COCO json with fields missing, of a wrong kind or twice: taken where that is certain, else told by name."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deptr.errors import DataError
from deptr.io.coco import annotation_entry, image_entry, write_coco
from deptr.io.coco_reader import read_coco
from deptr.records import DepthKind

FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD: dict[str, Any] = {
    "info": {"depth_kind": "metric"},
    "images": [{"id": 3, "file_name": "a.png", "width": 60, "height": 40}],
    "categories": [{"id": 2, "name": "person"}],
    "annotations": [{"id": 8, "image_id": 3, "category_id": 2, "bbox": [5, 6, 10, 20], "iscrowd": 0}],
}
NAN, INFINITE = float("nan"), float("inf")


def written(folder: Path, content: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


def changed(folder: Path, part: str, **fields: Any) -> Path:
    """The good json with fields of the first entry of a part replaced; `...` removes one."""
    content = deepcopy(GOOD)
    entry = content[part][0] if part != "info" else content["info"]
    entry.update(fields)
    for key in [key for key, value in fields.items() if value is ...]:
        del entry[key]
    return written(folder, content)


@pytest.mark.parametrize(
    "value", [..., None, [], [1, 2, 3], "1 2 3 4", ["5", "6", "10", "20"], [1, 2, NAN, 4]]
)
def test_a_box_that_is_none_names_its_annotation(tmp_path: Path, value: Any) -> None:
    with pytest.raises(
        DataError, match=r"labels.json: annotation 8: bbox: expected \[left, top, width, height\]"
    ):
        read_coco(changed(tmp_path, "annotations", bbox=value))


@pytest.mark.parametrize(
    ("part", "fields", "words"),
    [
        ("annotations", {"bbox": [1, 2, -3, 4]}, "annotation 8: bbox"),
        ("annotations", {"bbox": [1, 2, 3, 1e12]}, "annotation 8: bbox"),
        ("annotations", {"bbox": [1, 2, 3, True]}, "annotation 8: bbox"),
        ("annotations", {"iscrowd": "no"}, "annotation 8: iscrowd: expected 0 or 1, found 'no'"),
        ("annotations", {"iscrowd": 2}, "annotation 8: iscrowd"),
        ("annotations", {"iscrowd": [0]}, "annotation 8: iscrowd"),
        ("annotations", {"image_id": None}, "annotation 8: image_id"),
        ("annotations", {"image_id": ...}, "annotation 8: image_id: expected the id of an image, found none"),
        ("annotations", {"image_id": "3"}, "annotation 8: no image has id '3'"),
        ("annotations", {"category_id": ...}, "annotation 8: category_id"),
        ("annotations", {"category_id": "2"}, "annotation 8: unknown category: expected one of 2, found '2'"),
        ("annotations", {"category_id": 1}, "annotation 8: unknown category: expected one of 2, found 1"),
        ("annotations", {"id": ..., "bbox": ...}, "annotation without id: bbox"),
        ("annotations", {"track_id": "anna"}, "annotation 8: track_id"),
        ("annotations", {"depth": 0}, "annotation 8: depth: expected a depth > 0, or null, found 0"),
        ("annotations", {"depth": "near"}, "annotation 8: depth"),
        ("annotations", {"depth": INFINITE}, "annotation 8: depth"),
        ("annotations", {"depth_std": -2}, "annotation 8: depth_std"),
        ("annotations", {"visibility": 40}, "annotation 8: visibility"),
        ("images", {"id": None}, "image None"),
        ("images", {"id": ...}, "image without id"),
        ("images", {"file_name": ...}, "image 3: file_name"),
        ("images", {"file_name": 7}, "image 3"),
        (
            "images",
            {"width": "60"},
            r"image 3 \(a.png\): width: expected a whole number of pixels, found '60'",
        ),
        ("images", {"height": -40}, r"image 3 \(a.png\): height"),
        ("images", {"width": NAN}, r"image 3 \(a.png\): width"),
        ("images", {"focal_px": 0}, r"image 3 \(a.png\): focal_px"),
        ("images", {"frame": "first"}, r"image 3 \(a.png\): frame"),
        ("images", {"sequence": 4}, r"image 3 \(a.png\): sequence"),
        ("categories", {"name": ...}, "category 2: name: expected a text, found none"),
        ("categories", {"id": "2"}, "category '2': id"),
        ("info", {"depth_kind": "deep"}, "info: depth_kind"),
    ],
)
def test_fields_of_a_wrong_kind_are_named(
    tmp_path: Path, part: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_coco(changed(tmp_path, part, **fields))
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "crowd"),
    [(..., 0), (None, 0), (0, 0), ("0", 0), (False, 0), (1, 1), ("1", 1), (True, 1), (1.0, 1)],
)
def test_iscrowd_however_it_is_written(tmp_path: Path, value: Any, crowd: int) -> None:
    assert read_coco(changed(tmp_path, "annotations", iscrowd=value)).annotations[0]["iscrowd"] == crowd


@pytest.mark.parametrize("unknown", [..., None, NAN, -1])
def test_what_is_not_known_is_none(tmp_path: Path, unknown: Any) -> None:
    path = changed(tmp_path, "annotations", depth=unknown, depth_std=unknown, visibility=unknown, id=None)
    (entry,) = read_coco(path).annotations
    assert (entry["depth"], entry["depth_std"], entry["visibility"], entry["track_id"]) == (
        None,
        None,
        None,
        -1,
    )


def test_depths_without_a_zero_may_be_anything(tmp_path: Path) -> None:
    content = deepcopy(GOOD)
    content["info"]["depth_kind"] = "relative_inverse"
    content["annotations"][0]["depth"] = -1
    assert read_coco(written(tmp_path, content)).annotations[0]["depth"] == -1


@pytest.mark.parametrize(("part", "kind"), [("images", "image"), ("categories", "category")])
def test_an_id_that_stands_twice_is_told(tmp_path: Path, part: str, kind: str) -> None:
    content = deepcopy(GOOD)
    content[part].append({**content[part][0], "file_name": "b.png", "name": "dog"})
    with pytest.raises(DataError, match=rf"{kind} id [23] stands twice: expected once, found .*, "):
        read_coco(written(tmp_path, content))


def test_annotations_that_stand_twice_are_told(tmp_path: Path) -> None:
    content = deepcopy(GOOD)
    content["annotations"] *= 2
    with pytest.raises(DataError, match="annotation id 8 stands twice"):
        read_coco(written(tmp_path, content))
    del content["annotations"][0]["id"]  # both are the same object
    assert len(read_coco(written(tmp_path, content)).annotations) == 2


@pytest.mark.parametrize("info", [..., None, "made by hand", [], 3])
def test_an_info_that_says_nothing_is_metric(tmp_path: Path, info: Any) -> None:
    content = {**GOOD, "info": info}
    if info is ...:
        del content["info"]
    assert read_coco(written(tmp_path, content)).depth_kind is DepthKind.METRIC


@pytest.mark.parametrize(
    "content", [[], None, "x", {"images": []}, {**GOOD, "images": {}}, {**GOOD, "images": [1]}]
)
def test_what_is_no_coco_json_is_told(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match=r"labels\.json"):
        read_coco(written(tmp_path, content))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    (part, key)
    for part, keys in {
        "images": ("id", "file_name", "width", "height", "focal_px", "sequence", "frame"),
        "annotations": (
            "id",
            "image_id",
            "category_id",
            "bbox",
            "iscrowd",
            "depth",
            "track_id",
            "visibility",
        ),
        "categories": ("id", "name"),
    }.items()
    for key in keys
]


@FUZZ
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_in_any_field_is_read_or_told(tmp_path: Path, place: tuple[str, str], value: Any) -> None:
    try:
        found = read_coco(changed(tmp_path, place[0], **{place[1]: value}))
    except DataError as error:
        assert place[0][:5] in str(error) or "categor" in str(error)
        return
    (entry,) = found.annotations
    assert entry["iscrowd"] in (0, 1) and len(entry["bbox"]) == 4
    assert entry["image_id"] == found.images[0]["id"]


@FUZZ
@given(content=JSON, part=st.sampled_from(["info", "images", "annotations", "categories"]))
def test_any_json_is_read_or_told(tmp_path: Path, content: Any, part: str) -> None:
    for whole in (content, {**GOOD, part: content}):
        try:
            read_coco(written(tmp_path, whole))
        except DataError as error:
            assert "labels.json" in str(error)


@FUZZ
@given(
    boxes=st.lists(
        st.tuples(*[st.floats(0, 500, width=32) for _ in range(2)], *[st.floats(2, 500, width=32)] * 2),
        max_size=6,
    ),
    depth=st.floats(0.01, 900) | st.just(NAN),
    visibility=st.floats(0, 1) | st.just(NAN),
)
def test_what_is_written_comes_back(
    tmp_path: Path, boxes: list[tuple[float, ...]], depth: float, visibility: float
) -> None:
    import numpy as np

    entries = [
        annotation_entry(
            1, np.array([x, y, x + w, y + h]), depth=depth, visibility=visibility, track_id=7, ignore=w > h
        )
        for x, y, w, h in boxes
    ]
    images = [image_entry(1, "img1/1.jpg", (1200, 1600), focal_px=500.0, sequence="A", frame=1)]
    write_coco(tmp_path / "all.json", images, entries, depth_kind=DepthKind.RELATIVE)
    found = read_coco(tmp_path / "all.json")
    assert found.images == images
    assert found.annotations == [{"id": number, **entry} for number, entry in enumerate(entries, 1)]
    assert (found.depth_kind, found.categories[0]["name"]) == (DepthKind.RELATIVE, "person")
