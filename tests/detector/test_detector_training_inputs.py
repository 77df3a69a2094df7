"""What goes into training: depth under augmentation, data sets, images, settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_detector import painted_frame, write_coco

from deptr.errors import DataError, UsageError
from deptr.records import DepthKind
from deptr.training.augment import Placement, letterbox_placement, make_example, network_depth
from deptr.training.builder import build_detector
from deptr.training.coco import CocoFrames
from deptr.training.config import ModelSettings, load_settings
from deptr.training.images import read_image

NAN = float("nan")


# depth under augmentation


def test_canonical_depth_follows_zoom() -> None:
    frame = painted_frame(4)
    plain = make_example(frame, (64, 96), letterbox_placement((64, 96), (64, 96)))
    zoomed = make_example(frame, (64, 96), Placement(2.0, -10.0, -20.0))
    np.testing.assert_allclose(np.exp(plain.depth), frame.depth * 96 / 100, rtol=1e-5)
    kept = len(zoomed.depth)
    assert kept > 0
    assert set(np.round(np.exp(zoomed.depth) * 2, 3)) <= set(np.round(np.exp(plain.depth), 3))


def test_depth_survives_the_way_to_the_network_and_back() -> None:
    """Label to network unit, network unit to detection: the same metres, at any size and focal length."""
    from deptr.detector.postprocess import Preprocessing, RawOutput, to_detections

    settings = Preprocessing(64, 96, (0, 0, 0), (1, 1, 1), DepthKind.METRIC, ["person"])
    for size, focal in (((48, 64), 70.0), ((300, 200), 900.0)):
        scale = letterbox_placement(size, (64, 96)).scale
        canonical, std = network_depth(np.array([8.0]), np.array([0.4]), DepthKind.METRIC, 96 / scale, focal)
        raw = RawOutput(
            np.array([[0.1, 0.1, 0.4, 0.5]]), np.array([0.9]), np.array([0]),
            np.exp(canonical), np.exp(canonical) * std,
        )  # fmt: skip
        found = to_detections(raw, scale, size, settings, min_score=0.1, focal_px=focal)
        assert found.data["depth"][0] == pytest.approx(8.0, rel=1e-5)
        assert found.data["depth_std"][0] == pytest.approx(0.4, rel=1e-5)


def test_boxes_follow_the_picture() -> None:
    """The painted colour fills the box after any placement."""
    frame = painted_frame(11)
    for placement in (Placement(1.3, 4.0, -6.0), Placement(0.5, 10.0, 5.0, mirrored=True)):
        example = make_example(frame, (64, 96), placement)
        for box in example.boxes:
            x, y = int(box[0] * 96), int(box[1] * 64)
            assert example.image[y, x].max() > 150


def test_hidden_and_cut_objects_become_regions_to_ignore() -> None:
    frame = painted_frame(1)
    hidden = replace(frame, visibility=np.full(len(frame.boxes_xyxy), 0.05, np.float32))
    example = make_example(hidden, (64, 96), Placement(1.0, 0.0, 0.0))
    assert len(example.boxes) == 0
    assert len(example.ignore_boxes) == len(frame.boxes_xyxy)


# data sets


def test_coco_categories_with_gaps_are_mapped(tmp_path: Path) -> None:
    frames = CocoFrames(write_coco(tmp_path))
    frame = frames.frame(0)
    assert frames.categories == ["person", "dog"]
    assert frame.class_ids.tolist() == [1, 0]
    np.testing.assert_array_equal(frame.depth, np.array([4, NAN], np.float32))
    assert frame.focal_px == 50.0
    assert frame.boxes_xyxy.tolist() == [[5, 6, 15, 26], [30, 6, 40, 26]]
    assert frame.ignore_boxes_xyxy.tolist() == [[0, 0, 5, 5]]
    assert len(frames.frame(1).boxes_xyxy) == 0


def test_held_out_images_are_never_trained_on(tmp_path: Path) -> None:
    path = write_coco(tmp_path)
    parts = [CocoFrames(path, held_out_every=2, held_out=part).images for part in (False, True)]
    assert [[entry["file_name"] for entry in part] for part in parts] == [["b.png"], ["a.png"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": [], "annotations": []}, "no images"),
        ({"categories": []}, "no categories"),
        (
            {"annotations": [{"id": 5, "image_id": 8, "category_id": 1, "bbox": [0, 0, 1, 1]}]},
            "no image has id 8",
        ),
        (
            {"annotations": [{"id": 5, "image_id": 7, "category_id": 0, "bbox": [0, 0, 1, 1]}]},
            "annotation 5: unknown category: expected one of 1, 18, found 0",
        ),
    ],
)
def test_wrong_coco_files_are_told(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        CocoFrames(write_coco(tmp_path, **changes))


def test_box_outside_its_image_is_told(tmp_path: Path) -> None:
    outside = [{"id": 5, "image_id": 7, "category_id": 1, "bbox": [70, 0, 5, 5]}]
    frames = CocoFrames(write_coco(tmp_path, annotations=outside))
    with pytest.raises(DataError, match="annotation 5: box outside: expected a box that touches 60x40"):
        frames.frame(0)


def test_images_of_all_kinds_are_read_and_damaged_ones_told(tmp_path: Path) -> None:
    grey = np.full((5, 7), 200, np.uint8)
    pictures = {
        "grey": grey,
        "alpha": np.dstack([grey] * 4),
        "deep": grey.astype(np.uint16) * 257,
        "one": np.full((1, 1, 3), 9, np.uint8),
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
        image = read_image(tmp_path / f"{name}.png")
        assert image.dtype == np.uint8
        assert image.shape == (*picture.shape[:2], 3)
    whole = (tmp_path / "grey.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:40])
    for name in ("cut.png", "none.png"):
        with pytest.raises(DataError, match=name):
            read_image(tmp_path / name)


# settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[data]\ntrain = [{kind = "coco"}]\nsize = 3', "unknown key 'data.size'; known here: batch_size"),
        ('[data]\ntrain = [{kind = "coco", wait = 1}]', r"unknown key 'data.train\[0\].wait'"),
        ("[model]\nlevels = 2", "missing key 'data'"),
        (
            '[data]\ntrain = [{kind = "coco"}]\nbatch_size = "many"',
            "data.batch_size: expected int, got 'many'",
        ),
        ('[data]\ntrain = [{kind = "coco"}]\nsizes = [[100, 96]]', "multiples of 32"),
        ("[data]\ntrain = []", "data.train: out of range"),
        ('[data]\ntrain = [{kind = "film"}]', "expected one of coco, empty, composite, crowd"),
        ("[data", "not a TOML file"),
    ],
)
def test_wrong_settings_are_told_before_work_starts(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        load_settings(path)


def test_recipes_are_valid() -> None:
    for path in (Path(__file__).parents[2] / "recipes").glob("deptr-nano-*.toml"):
        assert load_settings(path).optimizer.steps > 0


def test_unknown_size_and_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of nano, n, s, m, l, x, got 'xxl'"):
        build_detector(ModelSettings(size="xxl"))
    with pytest.raises(DataError, match="not the EfficientNet-Lite0 weights"):
        build_detector(ModelSettings(backbone_weights=str(tmp_path / "none.pth")))
