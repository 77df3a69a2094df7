"""Each image in an input of its own shape: how large it appears, and depth that means the same in all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st
from tiny_detector import painted_frame, tiny_detector

from deptr.detector.export import export_onnx
from deptr.detector.inference import Detector
from deptr.detector.own import OwnBackend
from deptr.detector.postprocess import Preprocessing, RawOutput
from deptr.detector.sizes import fitting_size
from deptr.records import DepthKind, FloatArray
from deptr.training.augment import letterbox_placement, make_example
from deptr.training.evaluate import detect_frames

OWN = 384, 640
SETTINGS = Preprocessing(
    64, 96, (0, 0, 0), (1, 1, 1), DepthKind.METRIC, ["person"], aspect=1.5, any_aspect=True
)


def edges(found: sv.Detections) -> FloatArray:
    """All boxes' edges in order of size: detections as a set, whose scores are alike to rounding."""
    return np.sort(np.asarray(found.xyxy), axis=0)


class Recorder:
    """A runner that finds one box, at canonical depth 1, and keeps the shapes that it was given."""

    def __init__(self, settings: Preprocessing) -> None:
        self.settings, self.shapes = settings, []

    def run(self, batch: FloatArray) -> list[RawOutput]:
        self.shapes.append(batch.shape)
        box, one = np.array([[0.1, 0.1, 0.3, 0.4]]), np.ones(1)
        return [RawOutput(box, one, np.zeros(1, int), one, one) for _ in batch]

    def given(self, batch: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
        self.shapes.append(batch.shape)
        return np.ones(len(boxes)), np.ones(len(boxes))


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_no_input_has_more_pixels_and_none_shows_less(height: int, width: int) -> None:
    tall, wide = fitting_size((height, width), OWN)
    assert tall % 32 == 0 and wide % 32 == 0
    assert tall * wide <= OWN[0] * OWN[1]
    shown = min(tall / height, wide / width)
    assert shown >= min(OWN[0] / height, OWN[1] / width)
    assert (tall, wide) == OWN or shown >= 1.03 * min(OWN[0] / height, OWN[1] / width)


@pytest.mark.parametrize(
    ("image", "larger"), [((1920, 1080), 1.6), ((480, 640), 1.08), ((375, 1242), 1.3), ((1080, 1920), 1.0)]
)
def test_phones_photos_and_wide_cameras_appear_larger(image: tuple[int, int], larger: float) -> None:
    found, own = (letterbox_placement(image, size).scale for size in (fitting_size(image, OWN), OWN))
    assert found >= larger * own


def test_images_of_one_shape_share_a_pass_and_answers_keep_their_order() -> None:
    runner = Recorder(SETTINGS)
    sizes = [(64, 96), (200, 100), (128, 192), (100, 50)]
    found = OwnBackend(runner).detect(
        [np.zeros((*size, 3), np.uint8) for size in sizes], min_score=0.1, focal_px=None
    )
    assert runner.shapes == [(2, 3, 64, 96), (2, 3, 96, 64)]
    tops = [(96 if tall > wide else 64) * 0.1 / min(96 / tall, 64 / wide) for tall, wide in sizes[1::2]]
    assert [float(found[place].xyxy[0, 1]) for place in (1, 3)] == pytest.approx(tops, rel=0.02)
    assert found[2].xyxy[0].tolist() == pytest.approx([0.2 * v for v in (96, 64, 288, 256)], rel=0.01)


def test_boxes_are_asked_about_in_the_same_input() -> None:
    runner = Recorder(SETTINGS)
    OwnBackend(runner).depths(np.zeros((200, 100, 3), np.uint8), np.array([[1.0, 2, 30, 40]]), focal_px=None)
    assert runner.shapes == [(1, 3, 96, 64)]


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (64, 64), (32, 192)])
def test_metres_come_back_from_inputs_of_any_aspect(size: tuple[int, int]) -> None:
    """What training teaches in an input is what detections of that input are read with."""
    frame = painted_frame(1, (80, 60))
    placement = letterbox_placement((80, 60), size)
    example = make_example(frame, size, placement, aspect=SETTINGS.aspect)
    runner = Recorder(SETTINGS.at(size))
    metres = OwnBackend(runner).detect([frame.image], min_score=0.1, focal_px=frame.focal_px)[0]
    canonical = np.exp(example.depth) / frame.depth
    assert canonical * metres.data["depth"] == pytest.approx(1.0, rel=1e-4)


def test_a_person_of_a_share_of_the_height_has_one_canonical_depth() -> None:
    """Whatever the input's shape: the network cannot see that shape in the boxes that it is asked about."""
    frame = painted_frame(1, (80, 60))
    depths = []
    for size in ((64, 96), (64, 64), (64, 192)):
        example = make_example(frame, size, letterbox_placement((80, 60), size), aspect=1.5)
        depths.append(example.depth + np.log(example.boxes[:, 3]))
    assert depths[1] == pytest.approx(depths[0], abs=1e-4)
    assert depths[2] == pytest.approx(depths[0], abs=1e-4)


def test_only_networks_that_say_so_leave_their_shape(tmp_path: Path) -> None:
    """In the file, in torch, in training's evaluation; a size that is given holds for every image."""
    frame = painted_frame(2, (128, 64))
    found = {}
    for shaped in (False, True):
        network = tiny_detector(num_queries=30, any_aspect=shaped)
        export_onnx(network, tmp_path / f"{shaped}.onnx")
        found[shaped] = Detector.from_pretrained(tmp_path / f"{shaped}.onnx")(frame.image, min_score=0.0)
        trained = detect_frames(network, [frame], min_score=0.0)[0]
        assert edges(trained) == pytest.approx(edges(found[shaped]), abs=0.05)
    fixed = Detector.from_pretrained(tmp_path / "True.onnx", size="96x64")(frame.image, min_score=0.0)
    assert edges(fixed) == pytest.approx(edges(found[False]), abs=0.05)
    tall = Detector.from_pretrained(tmp_path / "False.onnx", size="64x96")(frame.image, min_score=0.0)
    assert edges(found[True]) == pytest.approx(edges(tall), abs=0.05)
    assert len(tall) != len(fixed) or np.abs(edges(tall) - edges(fixed)).max() > 0.5


def test_a_shape_with_too_few_places_for_the_queries_is_not_taken() -> None:
    settings = Preprocessing(
        64, 96, (0, 0, 0), (1, 1, 1), None, ["person"], queries=30, strides=(16, 32), any_aspect=True
    )
    assert (settings.places(), settings.at((64, 64)).places()) == (30, 20)
    fitted = settings.fitted((100, 100))
    assert (fitted.height, fitted.width) == (64, 96)
