"""Training: whole steps, evaluation, calibrated scores, the command line."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_detector import painted_frame, tiny_detector, tiny_settings, write_coco
from typer.testing import CliRunner

from deptr.detector.postprocess import Preprocessing, RawOutput
from deptr.errors import DataError, UsageError
from deptr.records import LabelledFrame
from deptr.training import calibrate as calibration
from deptr.training.criterion import total_loss
from deptr.training.data import evaluation_batch
from deptr.training.detector_task import TrainingStep
from deptr.training.evaluate import Answer, average_precision, detect_frames, match_depths


@pytest.mark.parametrize("head", ["light", "deformable"])
def test_gradient_reaches_every_parameter(head: str) -> None:
    step = TrainingStep(tiny_detector(depth_head=head), tiny_settings()).train()
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96))
    optimizer = torch.optim.SGD(step.parameters(), lr=1e-3)
    reached = set()
    for _ in range(3):  # D-FINE starts some heads at zero: what feeds them has a gradient a step later
        optimizer.zero_grad()
        total_loss(list(step(batch).values())).backward()
        reached |= {name for name, p in step.named_parameters() if p.grad is not None and p.grad.any()}
        optimizer.step()
    learning = {name for name, value in step.named_parameters() if value.requires_grad}
    assert learning - reached == set()


def test_only_the_depth_module_changes_where_only_it_is_trained() -> None:
    model = tiny_detector()
    model.train_depth_only()
    step = TrainingStep(model, tiny_settings()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96))
    optimizer = torch.optim.SGD([p for p in step.parameters() if p.requires_grad], lr=1e-2)
    total_loss(list(step(batch).values())).backward()
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("depth_head.") for name in changed)


def test_images_without_objects_are_fine() -> None:
    empty = replace(
        painted_frame(1),
        boxes_xyxy=np.zeros((0, 4), np.float32),
        class_ids=np.zeros(0, np.int64),
        depth=np.zeros(0, np.float32),
        depth_std=np.zeros(0, np.float32),
        visibility=np.zeros(0, np.float32),
    )
    step = TrainingStep(tiny_detector(), tiny_settings()).train()
    for frames in ([empty, empty], [empty, painted_frame(1)]):
        batch = evaluation_batch(frames, (64, 96))
        losses = step(batch)
        assert all(bool(torch.isfinite(value)) for value in losses.values())


def test_overfitting_halves_the_loss() -> None:
    torch.manual_seed(0)
    step = TrainingStep(tiny_detector(num_denoising=0), tiny_settings()).train()
    batch = evaluation_batch([painted_frame(seed) for seed in range(8)], (64, 96))
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = total_loss(list(step(batch).values()))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(step.parameters(), 1.0)
        optimizer.step()
        values.append(loss.item())
    assert min(values[-10:]) < 0.5 * values[0]


def test_alignment_with_features_needs_features() -> None:
    settings = tiny_settings()
    settings = replace(settings, loss=replace(settings.loss, align_features=1.0))
    step = TrainingStep(tiny_detector(), settings).train()
    batch = evaluation_batch([painted_frame(1)], (64, 96))
    with pytest.raises(UsageError, match="no teacher features"):
        step(batch)
    batch.targets.teacher_features = torch.randn(1, 8, 4, 6)
    losses = step(batch)
    assert 0 < losses["align_features"].item() < 2


# evaluation


def test_perfect_detections_have_perfect_figures() -> None:
    import supervision as sv

    frames = [painted_frame(seed) for seed in range(4)]
    perfect = [
        sv.Detections(
            frame.boxes_xyxy,
            confidence=np.linspace(0.9, 0.8, len(frame.boxes_xyxy)),
            class_id=frame.class_ids,
            data={"depth": frame.depth * 1.1, "depth_std": frame.depth * 0.1},
        )
        for frame in frames
    ]
    assert average_precision(frames, perfect)["AP"] == pytest.approx(1.0)
    found = match_depths(frames, perfect)
    assert len(found.true) == sum(len(frame.boxes_xyxy) for frame in frames)
    np.testing.assert_allclose(found.predicted / found.true, 1.1, rtol=1e-5)
    nothing = [sv.Detections.empty() for _ in frames]
    for entry in nothing:
        entry.confidence, entry.class_id = np.zeros(0), np.zeros(0, int)
    assert average_precision(frames, nothing)["AP50"] == 0.0


def test_detect_frames_gives_metres() -> None:
    found = detect_frames(tiny_detector(), [painted_frame(1)], min_score=0.0)
    assert found[0].metadata["depth_kind"] == "metric"


def test_fitted_scores_are_probabilities() -> None:
    """A network that says 0.1 where three of four are right."""
    import supervision as sv

    from deptr.training.calibrate import fit_scores

    frames, found = [], []
    for seed in range(60):
        frame = painted_frame(seed)
        right = seed % 4 != 0
        box = frame.boxes_xyxy[:1] if right else np.array([[0, 0, 3, 3]], np.float32)
        frames.append(frame)
        found.append(sv.Detections(box, confidence=np.array([0.1]), class_id=np.array([0])))
    scale, shift = fit_scores(frames, found)
    assert 1 / (1 + math.exp(-(scale * math.log(0.1 / 0.9) + shift))) == pytest.approx(0.75, abs=0.01)
    with pytest.raises(DataError, match="too few right detections"):
        fit_scores(frames[:3], found[:3])


def test_scores_are_fitted_as_they_come_out_of_doubled_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two queries answer for each object: what their one box is worth is fitted, not what each says."""
    frames = [painted_frame(seed) for seed in range(60)]
    network = tiny_detector(nms_iou=0.5)

    def answers(model: object, frames: list[LabelledFrame], settings: Preprocessing) -> list[Answer]:
        given = []
        for seed, frame in enumerate(frames):
            box = frame.boxes_xyxy[0] if seed % 4 else np.array([0, 0, 3, 3], np.float32)
            boxes = np.tile(box / ([settings.width, settings.height] * 2), (2, 1))
            unknown = np.full(2, np.nan)
            raw = RawOutput(boxes, np.full(2, 0.3), np.zeros(2, int), unknown, unknown)
            given.append(Answer(raw, 1.0, settings))
        return given

    monkeypatch.setattr(calibration, "network_answers", answers)
    scale, shift = calibration.calibrate(network, frames)
    each = 1 / (1 + math.exp(-(scale * math.log(0.3 / 0.7) + shift)))
    assert 1 - (1 - each) ** 1.5 == pytest.approx(0.75, abs=0.01)
    assert network.config.score_shift == shift


# the command line


def test_train_and_export_from_the_command_line(tmp_path: Path) -> None:
    from deptr.cli.export import app as export
    from deptr.cli.train import app as train

    tiny_detector(num_labels=2, num_queries=30).save_pretrained(tmp_path / "start")
    labels = write_coco(tmp_path / "data")
    source = f'{{kind = "coco", annotations = "{labels}"}}'
    (tmp_path / "recipe.toml").write_text(
        f'[model]\nstart = "{tmp_path / "start"}"\nimage_height = 64\nimage_width = 96\n'
        f"[data]\ntrain = [{source}]\nevaluate = [{source}]\nsizes = [[64, 96]]\nbatch_size = 2\n"
        '[optimizer]\nsteps = 2\ndecay_steps = 1\n[run]\ndevice = "cpu"\n'
    )
    runner = CliRunner()
    run = ["--output", str(tmp_path / "run")]
    result = runner.invoke(train, [str(tmp_path / "recipe.toml"), *run], catch_exceptions=False)
    assert result.exit_code == 0
    assert "step 2" in result.output
    model = tmp_path / "model.onnx"
    words = [str(tmp_path / "run" / "last"), "--output", str(model), "--weights", str(tmp_path / "half")]
    result = runner.invoke(export, words, catch_exceptions=False)
    assert "opset 17" in result.output
    assert model.exists()
    assert json.loads((tmp_path / "half" / "config.json").read_text())["model_type"] == "deptr"


def test_an_export_takes_other_fields_of_the_configuration(tmp_path: Path) -> None:
    from deptr.cli.export import app as export

    tiny_detector(num_queries=30).save_pretrained(tmp_path / "own")
    words = [str(tmp_path / "own"), "--output", str(tmp_path / "m.onnx"), "--weights", str(tmp_path / "new")]
    fields = ["--option", "any_aspect=true", "--option", "nms_iou=0.6", "--option", "num_queries=20"]
    assert CliRunner().invoke(export, [*words, *fields], catch_exceptions=False).exit_code == 0
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert [written[name] for name in ("any_aspect", "nms_iou", "num_queries")] == [True, 0.6, 20]
    result = CliRunner().invoke(export, [*words, "--option", "nms_iou=much"])
    assert "expected NAME=VALUE with a number, true or false, got 'nms_iou=much'" in str(result.exception)


def test_an_export_can_lie_between_two_sets_of_weights(tmp_path: Path) -> None:
    from deptr.cli.export import app as export
    from deptr.detector.loading import load_detector

    detector = tiny_detector()
    detector.save_pretrained(tmp_path / "first")
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.add_(0.2)
    detector.save_pretrained(tmp_path / "second")
    tiny_detector(num_labels=3).save_pretrained(tmp_path / "other")
    words = [str(tmp_path / "first"), "--output", str(tmp_path / "m.onnx")]
    words += ["--weights", str(tmp_path / "mix"), "--average"]
    result = CliRunner().invoke(export, [*words, f"{tmp_path / 'second'}=0.25"])
    assert result.exit_code == 0
    first, mixed = (load_detector(tmp_path / name) for name in ("first", "mix"))
    for own, between in zip(first.parameters(), mixed.parameters(), strict=True):
        torch.testing.assert_close(between, own + 0.25 * 0.2, atol=2e-3, rtol=2e-3)
    for wrong, message in (("other=0.5", "same architecture"), ("second=2", "share"), ("second", "SHARE")):
        result = CliRunner().invoke(export, [*words, str(tmp_path / wrong)])
        assert message in str(result.exception)
