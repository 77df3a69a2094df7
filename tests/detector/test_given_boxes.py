"""Depth of boxes that somebody else found: how they are asked about, and how the network learns it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_detector import painted_frame, random_batch, tiny_detector, tiny_settings

from deptr.detector.export import export_onnx
from deptr.detector.outputs import GIVEN_NAMES, NamedOutputs
from deptr.errors import UsageError
from deptr.records import LabelledFrame
from deptr.training.config import TrainSettings, settings_from_dict
from deptr.training.data import evaluation_batch
from deptr.training.detector_task import TrainingStep
from deptr.training.given_boxes import given_boxes
from deptr.training.losses import depth_loss


def settings_with_given(weight: float) -> TrainSettings:
    settings = tiny_settings()
    return replace(settings, loss=replace(settings.loss, given=weight, dense=0.0))


def nothing(seed: int = 1) -> LabelledFrame:
    frame = painted_frame(seed)
    none = np.zeros(0, np.float32)
    return replace(
        frame,
        boxes_xyxy=np.zeros((0, 4), np.float32),
        class_ids=np.zeros(0, np.int64),
        depth=none,
        depth_std=none,
        visibility=none,
    )


def test_each_given_box_is_one_of_its_own_image_a_little_off() -> None:
    frames = [painted_frame(1), nothing(), painted_frame(4), nothing()]
    targets = evaluation_batch(frames, (64, 96)).targets
    torch.manual_seed(0)
    exact, off = given_boxes(targets, 0.0), given_boxes(targets, 0.05)
    assert (exact.objects[[1, 3]] == -1).all()
    for image in (0, 2):
        assert set(exact.objects[image].tolist()) == set(np.flatnonzero(targets.image.numpy() == image))
        torch.testing.assert_close(exact.boxes[image], targets.boxes[exact.objects[image]])
        moved = (off.boxes[image] - targets.boxes[off.objects[image]]) / targets.boxes[
            off.objects[image], 2:
        ].repeat(1, 2)
        assert 0.005 < float(moved[:, :2].std()) < 0.1
    assert len(given_boxes(evaluation_batch([nothing()], (64, 96)).targets, 0.05).boxes) == 1


def test_what_is_asked_of_given_boxes_is_their_objects_depth() -> None:
    """The term stands beside the usual ones, which it leaves as they are, and is the loss of those depths."""
    model = tiny_detector(num_denoising=0, depth_uncertainty=False)
    batch = evaluation_batch([painted_frame(1), nothing()], (64, 96))
    torch.manual_seed(0)
    without = TrainingStep(model, settings_with_given(0.0)).train()(batch)
    step = TrainingStep(model, settings_with_given(2.0)).train()
    torch.manual_seed(3)
    losses = step(batch)
    assert set(losses) - set(without) == {"given_depth"}
    for name, value in without.items():
        torch.testing.assert_close(losses[name], value)
    torch.manual_seed(3)
    given = given_boxes(batch.targets, 0.03)
    pixels = (batch.images.permute(0, 3, 1, 2).float() - step.mean) / step.std
    depths = model(pixels, given=given.boxes).given_depths[:, 0]
    label = batch.targets.depth[given.objects[0]]
    own = sum(depth_loss(depth, None, label, torch.ones(len(label))) for depth in depths)
    torch.testing.assert_close(losses["given_depth"], 2.0 * own, rtol=1e-3, atol=1e-4)


def test_a_frozen_network_learns_the_depth_of_given_boxes() -> None:
    model = tiny_detector()
    model.train_depth_only()
    step = TrainingStep(model, settings_with_given(1.0)).train()
    batch = evaluation_batch([painted_frame(seed) for seed in range(4)], (64, 96))
    optimizer = torch.optim.AdamW([p for p in step.parameters() if p.requires_grad], lr=1e-2)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = step(batch)["given_depth"]
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert np.mean(values[-5:]) < np.mean(values[:5]) - 0.3


def test_settings_about_given_boxes_that_cannot_be_meant() -> None:
    content = {"data": {"train": [{"kind": "crowd"}]}, "loss": {"given": 1.0}}
    with pytest.raises(UsageError, match=r"loss\.given: has no effect without a depth module"):
        settings_from_dict({**content, "model": {"depth_head": "none"}})
    with pytest.raises(UsageError, match="given_noise: expected a share"):
        settings_from_dict({**content, "loss": {"given_noise": -0.1}})


def test_the_file_answers_about_any_number_of_boxes_for_any_number_of_images(tmp_path: Path) -> None:
    model = tiny_detector(num_queries=30)
    assert export_onnx(model, tmp_path / "tiny.onnx").given_depths < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "tiny.onnx"))
    assert [value.name for value in session.get_inputs()] == ["pixel_values"]  # asking is optional
    for images, count in ((1, 0), (1, 4), (3, 2)):
        boxes = torch.rand(images, count, 4).sort(dim=-1).values
        feed = {"pixel_values": random_batch(images).numpy(), "given_boxes": boxes.numpy()}
        own = session.run(list(GIVEN_NAMES), feed)
        with torch.no_grad():
            theirs = NamedOutputs(model)(random_batch(images), boxes)[-2:]
        for a, b in zip(own, theirs, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-3)
