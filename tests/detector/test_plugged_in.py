"""The depth module on frozen detectors of other families: it alone learns, and goes where they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_detector import PaintedSource, painted_frame
from tiny_foreign import NAMES, tiny_foreign

from deptr.detector.foreign.checkpoint import load_foreign
from deptr.detector.inference import Detector
from deptr.detector.plugin import FAMILIES, DepthPlugIn
from deptr.errors import DataError, UsageError
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings, settings_from_dict
from deptr.training.data import evaluation_batch
from deptr.training.detector_task import DetectorTask, TrainingStep
from deptr.training.trainer import Trainer, train

SIZE = (64, 64)


def settings_on(start: Path, **model: Any) -> TrainSettings:
    fields = {"start": str(start), "depth_only": True, "image_height": SIZE[0], "image_width": SIZE[1]}
    return settings_from_dict(
        {
            "data": {"train": [{"kind": "crowd"}], "sizes": [list(SIZE)], "batch_size": 2},
            "model": {**fields, **model},
            "loss": {"dense": 0.0},
            "optimizer": {"steps": 2, "warmup_steps": 1, "decay_steps": 1},
            "run": {"device": "cpu", "save_every": 1, "log_every": 1, "evaluate_every": 0},
        }
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", ["light", "deformable"])
def test_only_the_module_learns_and_the_boxes_stay(family: str, head: str, tmp_path: Path) -> None:
    settings = settings_on(tiny_foreign(family, tmp_path / "plain"), depth_head=head)
    model = build_detector(settings.model)
    batch = evaluation_batch([painted_frame(seed, SIZE) for seed in range(4)], SIZE)
    step = TrainingStep(model, settings).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in step.parameters() if p.requires_grad], lr=1e-2)
    values = []
    for _ in range(25):
        optimizer.zero_grad()
        losses = step(batch)
        assert set(losses) == {"depth"}
        losses["depth"].backward()
        optimizer.step()
        values.append(losses["depth"].item())
    assert np.mean(values[-3:]) < values[0] - 0.3
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("depth_head.") for name in changed)
    pixels = (batch.images.permute(0, 3, 1, 2).float() - step.mean) / step.std
    with torch.no_grad():
        own, plain = model.eval()(pixels), load_foreign(tmp_path / "plain").eval()(pixel_values=pixels)
    assert torch.equal(own.logits, plain.logits)
    assert torch.equal(own.pred_boxes, plain.pred_boxes)


@pytest.mark.parametrize("family", ["rf_detr", "rt_detr_v2"])
def test_a_run_writes_a_checkpoint_that_detects_with_depth(family: str, tmp_path: Path) -> None:
    settings = settings_on(tiny_foreign(family, tmp_path / "plain"))
    trainer = Trainer(
        DetectorTask(build_detector(settings.model), PaintedSource(), settings), tmp_path / "run"
    )
    train(trainer)
    trained = trainer.averaged_model()
    trained.save_pretrained(tmp_path / "last")
    detector = Detector.from_pretrained(tmp_path / "last", device="cpu")
    image = painted_frame(3, (90, 120)).image
    metric = detector(image, min_score=0.0, focal_px=240.0)
    assert detector.names == NAMES
    assert metric.metadata["depth_kind"] == "metric" and np.isfinite(metric.data["depth"]).all()
    relative = detector(image, min_score=0.0)
    np.testing.assert_allclose(metric.data["depth"], 2 * relative.data["depth"], rtol=1e-5)
    again = build_detector(settings_on(tmp_path / "last").model)  # and can be trained further
    for name, value in again.state_dict().items():
        assert torch.equal(value, trained.state_dict()[name]), name
    with pytest.raises(UsageError, match="cannot be asked"):
        detector.depth_of(image, metric)


def test_what_takes_no_module_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.depth_only: set it to true"):
        build_detector(settings_on(tiny_foreign("rf_detr", tmp_path / "rf"), depth_only=False).model)
    with pytest.raises(DataError, match=r"takes no depth module: .*rf_detr.*found 'yolos'"):
        build_detector(settings_on(tiny_foreign("yolos", tmp_path / "yolos")).model)
    settings = settings_on(tmp_path / "rf", image_height=96, image_width=80).model
    with pytest.raises(UsageError, match="cannot be run at 80x96"):
        build_detector(settings)


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    DepthPlugIn.from_detector(tiny_foreign("rt_detr", tmp_path / "rt")).save_pretrained(tmp_path / "plug")
    (tmp_path / "plug" / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(DataError, match="weights cannot be read"):
        Detector.from_pretrained(tmp_path / "plug", device="cpu")
