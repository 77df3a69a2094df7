"""Checkpoints of transformers' detectors: each family, what its processor says, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_detector import painted_frame
from tiny_foreign import CONFIGS, NAMES, tiny_foreign
from transformers import AutoModelForObjectDetection
from transformers.image_transforms import center_to_corners_format

from deptr.detector.foreign.inputs import IMAGENET_MEAN, IMAGENET_STD
from deptr.detector.inference import Detector
from deptr.errors import DataError

IMAGE = painted_frame(3, (90, 120)).image


def by_hand(
    folder: Path, size: tuple[int, int], *, plain: bool, softmax: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores as the library's own processors compute them."""
    pixels = cv2.resize(IMAGE, (size[1], size[0]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if not plain:
        pixels = (pixels - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    model = AutoModelForObjectDetection.from_pretrained(folder).eval()
    with torch.no_grad():
        output = model(pixel_values=torch.from_numpy(pixels.transpose(2, 0, 1)[None]))
    chance = output.logits[0].softmax(-1)[:, :-1] if softmax else output.logits[0].sigmoid()
    boxes = center_to_corners_format(output.pred_boxes[0]) * torch.tensor([120, 90, 120, 90])
    return boxes.numpy(), chance.max(-1).values.numpy()


@pytest.mark.parametrize("family", CONFIGS)
def test_each_family_answers_as_the_library_does(family: str, tmp_path: Path) -> None:
    folder = tiny_foreign(family, tmp_path)
    detector = Detector.from_pretrained(folder, device="cpu")
    assert detector.names == NAMES and detector.depth_kind is None
    found = detector(IMAGE, min_score=0.0)
    softmax = family in ("detr", "yolos")
    size = (64, 64) if family == "rf_detr" else (64, 85) if softmax else (64, 96)
    plain = family in ("rt_detr", "rt_detr_v2", "d_fine", "deimv2")
    boxes, scores = by_hand(folder, size, plain=plain, softmax=softmax)
    order = np.argsort(-scores, kind="stable")
    clipped = np.clip(boxes[order], 0, [120, 90, 120, 90])
    solid = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    np.testing.assert_allclose(found.confidence, scores[order][solid], atol=1e-4)
    np.testing.assert_allclose(found.xyxy, clipped[solid], atol=0.05)
    assert set(found.data["class_name"]) <= set(NAMES.values())
    listed = detector([IMAGE, IMAGE[:45], IMAGE], min_score=0.0)
    np.testing.assert_allclose(listed[2].xyxy, found.xyxy, atol=0.05)


def test_the_size_can_be_chosen(tmp_path: Path) -> None:
    folder = tiny_foreign("rt_detr_v2", tmp_path)
    boxes, _ = by_hand(folder, (96, 128), plain=True, softmax=False)
    found = Detector.from_pretrained(folder, device="cpu", size="128x96")(IMAGE, min_score=0.0)
    assert (
        np.abs(np.clip(boxes, 0, [120, 90, 120, 90])[:, None] - found.xyxy[None]).max(-1).min(0).max() < 0.1
    )


def test_a_size_that_a_network_cannot_take_is_told(tmp_path: Path) -> None:
    folder = tiny_foreign("rf_detr", tmp_path)
    with pytest.raises(DataError, match=r"cannot be run at 80x80: .*--detector-size"):
        Detector.from_pretrained(folder, device="cpu", size=80)(IMAGE)


def test_what_is_no_detector_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(DataError, match=r"no object detector: .*deptr, .*rf_detr.*found 'bert'"):
        Detector.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="not a checkpoint: expected a folder with config"):
        Detector.from_pretrained(tmp_path)


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    folder = tiny_foreign("yolos", tmp_path)
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(DataError, match="weights cannot be read"):
        Detector.from_pretrained(folder)
