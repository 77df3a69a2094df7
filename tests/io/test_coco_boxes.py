"""COCO files whose boxes, pictures or numbers are not what they seem: told for the file, or exact."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from deptr.errors import DataError, InputWarning
from deptr.io.coco_reader import read_coco
from deptr.training.coco import CocoFrames

WIDTH, HEIGHT = 80, 60


def written(folder: Path, boxes: list[list[float]], **fields: Any) -> Path:
    """One picture with these boxes; `fields` go into the image's entry."""
    image = {"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT, **fields}
    annotations = [{"id": n, "image_id": 1, "category_id": 1, "bbox": box} for n, box in enumerate(boxes)]
    return content(folder, [image], annotations)


def content(folder: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Path:
    path = folder / "labels.json"
    entries = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    path.write_text(json.dumps(entries))
    return path


def picture(path: Path, orientation: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    PillowImage.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path, exif=exif)


def test_shares_of_the_image_are_no_pixels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels.json: boxes in shares of the image: expected .*in pixels"):
        read_coco(written(tmp_path, [[0.1, 0.2, 0.3, 0.5], [0.5, 0.5, 0.5, 0.5]]))
    small = written(tmp_path, [[10, 20, 0.5, 0.5]])  # a far object, not a share
    assert len(read_coco(small).annotations) == 1


def test_corners_are_no_widths_and_heights(tmp_path: Path) -> None:
    corners = [[10, 10, 30, 50], [40, 10, 60, 50], [50, 20, 70, 58], [45, 30, 75, 59]]
    with pytest.raises(DataError, match=r"boxes look like \[left, top, right, bottom\]: .*subtract left"):
        read_coco(written(tmp_path, corners))
    sizes = [[left, top, right - left, bottom - top] for left, top, right, bottom in corners]
    assert len(read_coco(written(tmp_path, sizes)).annotations) == 4
    beyond = [[60, 5, 30, 70], [-5, 0, 20, 66], [70, 4, 20, 80], [10, 2, 30, 90]]  # whole people, image cut
    assert len(read_coco(written(tmp_path, beyond)).annotations) == 4


def test_two_entries_for_one_picture_would_hide_half_of_its_objects(tmp_path: Path) -> None:
    entries = [{"id": 1, "file_name": "p/a.jpg"}, {"id": 2, "file_name": "./p//a.jpg"}]
    with pytest.raises(DataError, match=r"p/a.jpg stands twice: expected once, found images 1 and 2"):
        read_coco(content(tmp_path, entries, []))
    entries[1]["file_name"] = "q/a.jpg"
    assert len(read_coco(content(tmp_path, entries, [])).images) == 2


def test_numbers_of_64_bits_stay_exact(tmp_path: Path) -> None:
    big = 2**62 + 1
    annotation = {"id": 2**63 - 1, "image_id": big, "category_id": 1, "bbox": [1, 2, 3, 4], "track_id": big}
    found = read_coco(content(tmp_path, [{"id": big, "file_name": "a.jpg"}], [annotation]))
    assert (found.images[0]["id"], found.annotations[0]["track_id"]) == (big, big)
    for wrong in (2**63, 2.0**60):
        path = content(tmp_path, [{"id": big, "file_name": "a.jpg"}], [{**annotation, "track_id": wrong}])
        with pytest.raises(DataError, match="annotation 9223372036854775807: track_id: expected a whole"):
            read_coco(path)


@pytest.mark.parametrize("value", [1, True, "1", "TRUE", 1.0])
def test_what_is_to_be_ignored_is_no_object(tmp_path: Path, value: Any) -> None:
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    for key in ("iscrowd", "ignore"):
        path = content(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [{**annotation, key: value}])
        assert read_coco(path).annotations[0]["iscrowd"] == 1
    path = content(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [{**annotation, "ignore": "yes"}])
    with pytest.raises(DataError, match="annotation 1: ignore: expected 0 or 1, found 'yes'"):
        read_coco(path)


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_a_turn_that_keeps_the_size_is_told_once(tmp_path: Path, orientation: int) -> None:
    picture(tmp_path / "a.jpg", orientation)
    frames = CocoFrames(written(tmp_path, [[10, 20, 30, 40]]))
    with pytest.warns(
        InputWarning, match=rf"a.jpg: turned by EXIF \(orientation {orientation}\).*as drawn on"
    ):
        assert frames.frame(0).boxes_xyxy.tolist() == [[10, 20, 40, 60]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames.frame(0)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_quarter_turn_is_told_only_where_the_size_does_not(tmp_path: Path, orientation: int) -> None:
    picture(tmp_path / "a.jpg", orientation)
    seen = written(tmp_path, [[10, 20, 30, 40]], width=HEIGHT, height=WIDTH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CocoFrames(seen).frame(0).image.shape[:2] == (WIDTH, HEIGHT)
    with pytest.raises(DataError, match="is it turned by its EXIF orientation"):
        CocoFrames(written(tmp_path, [[10, 20, 30, 40]])).frame(0)
    with pytest.warns(InputWarning, match="turned by EXIF"):
        CocoFrames(written(tmp_path, [[10, 20, 30, 40]], width=None, height=None)).frame(0)
    picture(tmp_path / "a.jpg", orientation, (50, 50))
    with pytest.warns(InputWarning, match="turned by EXIF"):
        CocoFrames(written(tmp_path, [[10, 20, 30, 30]], width=50, height=50)).frame(0)


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_an_upright_picture_is_not_told(tmp_path: Path, orientation: int) -> None:
    picture(tmp_path / "a.jpg", orientation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CocoFrames(written(tmp_path, [[10, 20, 30, 40]])).frame(0)
