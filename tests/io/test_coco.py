"""COCO json with depth: written whole, merged without clashes of numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deptr.errors import DataError
from deptr.io.coco import annotation_entry, image_entry, merge_coco, write_coco
from deptr.io.rle import segmentation_to_mask
from deptr.records import DepthKind


def write_part(folder: Path, frames: int, kind: DepthKind = DepthKind.METRIC) -> Path:
    mask = np.zeros((20, 30), bool)
    mask[4:9, 3:8] = True
    images = [image_entry(n, f"img1/{n}.jpg", (20, 30), frame=n) for n in range(1, frames + 1)]
    entries = [
        annotation_entry(n, np.array([3.0, 4.0, 8.0, 9.0]), mask=mask, depth=float(n), track_id=5)
        for n in range(1, frames + 1)
    ]
    write_coco(folder / "annotations.json", images, entries, depth_kind=kind)
    return folder / "annotations.json"


def test_masks_and_unknown_values_survive(tmp_path: Path) -> None:
    entry = json.loads(write_part(tmp_path, 1).read_text())["annotations"][0]
    assert entry["id"] == 1 and entry["area"] == 25 and entry["bbox"] == [3, 4, 5, 5]
    assert entry["depth_std"] is None and entry["visibility"] is None
    assert segmentation_to_mask(entry["segmentation"]).sum() == 25


def test_merging_renumbers(tmp_path: Path) -> None:
    parts = {name: write_part(tmp_path / name, 2) for name in ("a", "b")}
    merge_coco(parts, tmp_path / "all.json")
    content = json.loads((tmp_path / "all.json").read_text())
    assert [image["file_name"] for image in content["images"]] == [
        "a/img1/1.jpg",
        "a/img1/2.jpg",
        "b/img1/1.jpg",
        "b/img1/2.jpg",
    ]
    assert [image["id"] for image in content["images"]] == [1, 2, 3, 4]
    assert [entry["id"] for entry in content["annotations"]] == [1, 2, 3, 4]
    assert [entry["image_id"] for entry in content["annotations"]] == [1, 2, 3, 4]


def test_merging_refuses_damage_and_mixed_depth(tmp_path: Path) -> None:
    good = write_part(tmp_path / "good", 1)
    other = write_part(tmp_path / "other", 1, DepthKind.RELATIVE)
    with pytest.raises(DataError, match="different kinds of depth"):
        merge_coco({"good": good, "other": other}, tmp_path / "all.json")
    good.write_text("{")
    with pytest.raises(DataError, match="not a COCO json"):
        merge_coco({"good": good}, tmp_path / "all.json")
    assert not (tmp_path / "all.json").exists()
