"""ONNX files of other projects: recognised, fed and read as they mean; what is not known is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import supervision as sv
from onnx import helper
from onnx_exports import OBJECT, SCORE, SIDE, exports, scene, write_export

from deptr.detector.foreign.class_names import class_names
from deptr.detector.forms import FORMATS
from deptr.detector.inference import Detector
from deptr.detector.tiles import merged, tiles_of
from deptr.errors import DataError, UsageError

EXPORTS = exports()


@pytest.mark.parametrize("form", EXPORTS)
def test_an_export_is_recognised_and_sees_the_image_as_it_expects(form: str, tmp_path: Path) -> None:
    detector = Detector.from_pretrained(write_export(tmp_path / "other.onnx", EXPORTS[form]))
    found = detector(scene(), min_score=0.3)
    assert len(found) == 1
    np.testing.assert_allclose(found.xyxy, [OBJECT], atol=0.6)
    np.testing.assert_allclose(found.confidence, [SCORE], atol=0.02)
    assert found.data["class_name"].tolist() == ["car"]
    assert "depth" not in found.data


def test_each_form_can_be_said_and_is_recognised_as_itself(tmp_path: Path) -> None:
    told = set()
    for name, export in EXPORTS.items():
        path = write_export(tmp_path / f"{name}.onnx", export)
        word = next(word for word in sorted(FORMATS, key=len, reverse=True) if name.startswith(word))
        said, recognised = Detector.from_pretrained(path, format=word), Detector.from_pretrained(path)
        np.testing.assert_allclose(said(scene()).xyxy, recognised(scene()).xyxy)
        told.add(word)
    assert told == set(FORMATS)


@pytest.mark.parametrize("batch", [1, 2, "batch"])
def test_lists_of_images_of_several_sizes_go_through_any_batch(batch: int | str, tmp_path: Path) -> None:
    export = EXPORTS["yolov8"]
    detector = Detector.from_pretrained(write_export(tmp_path / "other.onnx", export, batch=batch))
    double = scene().repeat(2, axis=0).repeat(2, axis=1)
    for found, factor in zip(detector([scene(), double, scene()]), (1, 2, 1), strict=True):
        np.testing.assert_allclose(found.xyxy, factor * np.array([OBJECT]), atol=1.2)


def test_a_free_input_takes_the_size_that_is_asked_for(tmp_path: Path) -> None:
    named = write_export(tmp_path / "named.onnx", EXPORTS["yolov8-names"], side="side")
    assert len(Detector.from_pretrained(named)(scene())) == 1  # its metadata says 320
    other = Detector.from_pretrained(named, size=640)(scene())
    assert not len(other) or other.confidence[0] < SCORE / 2  # the object is elsewhere in a larger input
    fixed = write_export(tmp_path / "fixed.onnx", EXPORTS["yolov8-names"])
    with pytest.raises(UsageError, match="fixed size 320x320, got 640x384; export it with a dynamic size"):
        Detector.from_pretrained(fixed, size="640x384")


def test_small_pieces_are_looked_at_too(tmp_path: Path) -> None:
    """A network that finds its object only where it fills the input: in the whole image it is too small."""
    path = write_export(tmp_path / "other.onnx", EXPORTS["yolov8"])
    image = np.zeros((480, 960, 3), np.uint8)
    left, top, right, bottom = next(tiles_of((480, 960), (2, 2)))
    image[top:bottom, left:right] = cv2.resize(scene(), (right - left, bottom - top))
    assert len(Detector.from_pretrained(path)(image, min_score=0.3)) == 0
    found = Detector.from_pretrained(path, tiles="2x2")(image, min_score=0.3)
    np.testing.assert_allclose(found.xyxy, np.array([OBJECT]) * right / 480, atol=1)


def test_what_a_part_of_an_image_cuts_is_one_object_with_the_whole() -> None:
    whole, piece, twin = [10, 10, 110, 210], [10, 10, 60, 210], [12, 10, 111, 208]
    boxes = sv.Detections(
        np.array([whole, piece, twin, whole], np.float32),
        confidence=np.array([0.5, 0.9, 0.6, 0.4]),
        class_id=np.array([0, 0, 0, 1]),
    )
    cut = np.array([False, True, False, False])
    assert merged(boxes, np.array([0, 1, 2, 0]), cut).tolist() == [2, 3]
    assert merged(boxes, np.array([0, 0, 0, 0]), cut).tolist() == [
        1,
        2,
        0,
        3,
    ]  # one part: the network's own choice


def test_a_file_of_unknown_form_is_told_with_all_that_is_known(tmp_path: Path) -> None:
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 64, 64])
    heat = helper.make_tensor_value_info("heat", onnx.TensorProto.FLOAT, [1, 3, 64, 64])
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["heat"])], "g", [image], [heat])
    path = tmp_path / "heat.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    with pytest.raises(DataError) as caught:
        Detector.from_pretrained(path)
    text = str(caught.value)
    assert "inputs image [1, 3, 64, 64] float; outputs heat [1, 3, 64, 64] float" in text
    assert all(word in text for word in (*FORMATS, "--detector-format", "docs/detectors.md"))


def test_a_file_without_images_is_no_detector(tmp_path: Path) -> None:
    text = helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, [1, 64])
    out = helper.make_tensor_value_info("same", onnx.TensorProto.INT64, [1, 64])
    graph = helper.make_graph([helper.make_node("Identity", ["tokens"], ["same"])], "g", [text], [out])
    path = tmp_path / "words.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    with pytest.raises(DataError, match=r"no detector of images: .*found tokens \[1, 64\] int64"):
        Detector.from_pretrained(path)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"format": "yolo"}, "expected one of .*yolov8"),
        ({"size": "640by384"}, "size: expected WIDTHxHEIGHT"),
        ({"size": "8"}, "at least 32"),
        ({"tiles": "3,2"}, "tiles: expected COLUMNSxROWS"),
        ({"tiles": "20x20"}, "at most 64"),
    ],
)
def test_choices_that_cannot_be_meant(choices: dict[str, str], words: str, tmp_path: Path) -> None:
    path = write_export(tmp_path / "other.onnx", EXPORTS["yolo-nms"])
    with pytest.raises(UsageError, match=words):
        Detector.from_pretrained(path, **choices)


def test_a_wrong_form_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"another runtime: .*export it as ONNX"):
        Detector.from_pretrained(path)
    strange = replace(EXPORTS["yolo-nms"], metadata={"names": "many"})
    assert Detector.from_pretrained(write_export(tmp_path / "x.onnx", strange)).names[0] == "person"


def test_names_that_are_not_known_are_numbers() -> None:
    assert class_names(3, "{0: 'cone'}") == {0: "cone", 1: "class 1", 2: "class 2"}


def test_other_onnx_files_need_no_torch(tmp_path: Path) -> None:
    path = write_export(tmp_path / "other.onnx", EXPORTS["rf-detr"])
    code = (
        "import sys; sys.modules.update({'torch': None, 'transformers': None, 'onnx': None})\n"
        "import numpy as np, deptr\n"
        f"detector = deptr.Detector.from_pretrained({str(path)!r})\n"
        f"print(len(detector(np.zeros(({SIDE}, {SIDE}, 3), np.uint8), min_score=0)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) >= 1
