"""Training: losses by hand, alignment of layers, augmentation and depth, resume, data sets, settings."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_detector import PaintedSource, painted_frame, tiny_detector, write_coco
from typer.testing import CliRunner

from deptr.detector.modeling import DepTROutput
from deptr.errors import DataError, UsageError
from deptr.records import DepthKind
from deptr.training.augment import Placement, letterbox_placement, make_example, network_depth
from deptr.training.auxiliary import DenseAuxiliaryHead, assign_tokens
from deptr.training.builder import build_detector
from deptr.training.coco import CocoFrames
from deptr.training.config import ModelSettings, TrainSettings, load_settings, settings_from_dict
from deptr.training.criterion import DepTRCriterion, split_layers, total_loss
from deptr.training.data import Collate, evaluation_batch
from deptr.training.evaluate import average_precision, detect_frames, match_depths
from deptr.training.images import read_image
from deptr.training.losses import (
    LIKELIHOOD_WEIGHT,
    align_scale_and_shift,
    depth_loss,
    feature_alignment_loss,
    label_weight,
)
from deptr.training.schedule import AveragedWeights, rate_factor
from deptr.training.trainer import Trainer, TrainingStep

NAN = float("nan")
COLLATE = Collate((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _settings(**optimizer: float) -> TrainSettings:
    return settings_from_dict(
        {
            "data": {"train": [{"kind": "crowd"}], "sizes": [[64, 96]], "batch_size": 2, "seed": 3},
            "optimizer": {"steps": 4, "warmup_steps": 1, "decay_steps": 2, "learning_rate": 1e-3} | optimizer,
            "run": {"device": "cpu", "save_every": 2, "log_every": 1, "evaluate_every": 0},
        }
    )


# losses by hand


def test_depth_loss_by_hand() -> None:
    predicted, label = torch.tensor([1.0, 4.0, 0.0]), torch.tensor([2.0, 1.0, NAN])
    weight = torch.tensor([1.0, 0.5, 1.0])
    assert depth_loss(predicted, None, label, weight).item() == pytest.approx((1 * 1 + 3 * 0.5) / 1.5)
    scale = torch.tensor([math.log(2.0), 0.0, 5.0])
    terms = [1 + LIKELIHOOD_WEIGHT * (1 / 2 + math.log(2)), 3 + LIKELIHOOD_WEIGHT * 3]
    wanted = (terms[0] + 0.5 * terms[1]) / 1.5
    assert depth_loss(predicted, scale, label, weight).item() == pytest.approx(wanted)


def test_depth_loss_without_labels_is_zero_with_a_gradient() -> None:
    predicted = torch.ones(2, requires_grad=True)
    loss = depth_loss(predicted, torch.zeros(2), torch.tensor([NAN, NAN]), torch.ones(2))
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad.tolist() == [0, 0]


def test_a_confident_scale_does_not_enlarge_the_depth_gradient() -> None:
    predicted = torch.zeros(1, requires_grad=True)
    depth_loss(predicted, torch.tensor([-4.0]), torch.ones(1), torch.ones(1)).backward()
    assert predicted.grad.abs().item() == pytest.approx(1.0)


def test_uncertain_labels_count_less() -> None:
    assert label_weight(torch.tensor([0.0, 0.1, 0.2, NAN]), 0.1).tolist() == pytest.approx([1, 0.5, 0.2, 1])


def test_scale_and_shift_are_free() -> None:
    label = torch.tensor([1.0, 2.0, 4.0])
    predicted = 3 * label + 7
    torch.testing.assert_close(align_scale_and_shift(predicted, label, with_scale=True), predicted)
    torch.testing.assert_close(align_scale_and_shift(label + 5, label, with_scale=False), label + 5)
    assert torch.isnan(align_scale_and_shift(predicted[:2], label[:2], with_scale=True)).all()


def test_feature_alignment_by_hand() -> None:
    student = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    teacher = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert feature_alignment_loss([student], [teacher]).item() == pytest.approx(1 - 1 / math.sqrt(2))
    assert feature_alignment_loss([student], [torch.ones(1, 8, 3, 3)]).item() == pytest.approx(1 - 2**-0.5)


# alignment of layers


def _training_output(**changes: object) -> tuple[DepTROutput, list[dict[str, torch.Tensor]]]:
    model = tiny_detector(**changes).train()
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96), COLLATE)
    return model(batch.pixel_values, batch.targets), batch.targets


def test_corners_meet_the_boxes_of_their_own_layer() -> None:
    """The library zips them from the front, one layer off."""
    output, _ = _training_output()
    matching, denoising = split_layers(output)
    dfine = output.dfine
    split = dfine.denoising_meta_values["dn_num_split"][0]
    assert dfine.intermediate_logits.shape[1] == dfine.intermediate_predicted_corners.shape[1] + 1
    for group, part in ((matching, slice(split, None)), (denoising, slice(0, split))):
        assert len(group) == 3
        for number, layer in enumerate((1, 0)):  # from the last layer to the first
            assert torch.equal(group[number].logits, dfine.intermediate_logits[:, layer + 1, part])
            assert torch.equal(group[number].corners, dfine.intermediate_predicted_corners[:, layer, part])
        assert group[2].corners is None
        assert torch.equal(group[2].logits, dfine.intermediate_logits[:, 0, part])


def test_corners_decode_to_the_boxes_they_are_paired_with() -> None:
    from transformers.models.d_fine.modeling_d_fine import distance2bbox, weighting_function

    model = tiny_detector().train()
    batch = evaluation_batch([painted_frame(1)], (64, 96), COLLATE)
    matching, _ = split_layers(model(batch.pixel_values, batch.targets))
    decoder = model.model.decoder
    project = weighting_function(decoder.max_num_bins, decoder.up, decoder.reg_scale)
    for layer in matching[:2]:
        distance = decoder.integral(layer.corners, project)
        boxes = distance2bbox(layer.references, distance, decoder.reg_scale).clamp(0, 1)
        torch.testing.assert_close(boxes, layer.boxes)


def test_matched_indices_of_a_hand_made_case() -> None:
    """Query 2 lies on the object, so only its depth is pulled, to the logarithm of the label."""
    config = tiny_detector().config
    criterion = DepTRCriterion(config)
    logits = torch.full((1, 3, 2), -3.0)
    logits[0, 2, 1] = 3.0
    boxes = torch.tensor([[[0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.2, 0.4]]])
    target = {
        "class_labels": torch.tensor([1]),
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.38]]),
        "depth": torch.tensor([2.0]),
        "depth_std": torch.tensor([NAN]),
    }
    indices = criterion.matcher({"logits": logits, "pred_boxes": boxes}, [target])
    assert [part.tolist() for part in indices[0]] == [[2], [0]]
    depths = torch.tensor([[[5.0, 6.0, 1.5]]], requires_grad=True)
    output = DepTROutput(depths=depths, depth_log_scales=torch.zeros(1, 1, 3))
    loss = criterion._depth(output, [target], indices, None, 3)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * (1 + LIKELIHOOD_WEIGHT))
    assert depths.grad.tolist() == [[[0, 0, -1]]]


def test_queries_in_ignored_regions_are_no_negatives() -> None:
    config = tiny_detector().config
    criterion = DepTRCriterion(config)
    from deptr.training.criterion import LayerOutput

    layer = LayerOutput(
        torch.full((1, 2, 2), 2.0), torch.tensor([[[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]])
    )
    empty = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    target = {"class_labels": torch.zeros(0, dtype=torch.int64), "boxes": torch.zeros(0, 4)}
    whole = criterion._varifocal(layer, [target], [empty], 1.0, denoising=False)
    ignoring = target | {"ignore_boxes": torch.tensor([[0.8, 0.8, 0.4, 0.4]])}
    half = criterion._varifocal(layer, [ignoring], [empty], 1.0, denoising=False)
    assert half.item() == pytest.approx(whole.item() / 2)


# whole steps


@pytest.mark.parametrize("head", ["light", "deformable"])
def test_gradient_reaches_every_parameter(head: str) -> None:
    step = TrainingStep(tiny_detector(depth_head=head), _settings()).train()
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96), COLLATE)
    optimizer = torch.optim.SGD(step.parameters(), lr=1e-3)
    reached = set()
    for _ in range(3):  # D-FINE starts some heads at zero: what feeds them has a gradient a step later
        optimizer.zero_grad()
        total_loss(list(step(batch.pixel_values, batch.targets).values())).backward()
        reached |= {name for name, p in step.named_parameters() if p.grad is not None and p.grad.any()}
        optimizer.step()
    learning = {name for name, value in step.named_parameters() if value.requires_grad}
    assert learning - reached == set()


def test_images_without_objects_are_fine() -> None:
    empty = replace(
        painted_frame(1),
        boxes_xyxy=np.zeros((0, 4), np.float32),
        class_ids=np.zeros(0, np.int64),
        depth=np.zeros(0, np.float32),
        depth_std=np.zeros(0, np.float32),
        visibility=np.zeros(0, np.float32),
    )
    step = TrainingStep(tiny_detector(), _settings()).train()
    for frames in ([empty, empty], [empty, painted_frame(1)]):
        batch = evaluation_batch(frames, (64, 96), COLLATE)
        losses = step(batch.pixel_values, batch.targets)
        assert all(bool(torch.isfinite(value)) for value in losses.values())


def test_overfitting_halves_the_loss() -> None:
    torch.manual_seed(0)
    step = TrainingStep(tiny_detector(num_denoising=0), _settings()).train()
    batch = evaluation_batch([painted_frame(seed) for seed in range(8)], (64, 96), COLLATE)
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = total_loss(list(step(batch.pixel_values, batch.targets).values()))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(step.parameters(), 1.0)
        optimizer.step()
        values.append(loss.item())
    assert min(values[-10:]) < 0.5 * values[0]


def test_auxiliary_head_gives_small_objects_their_own_tokens() -> None:
    head = DenseAuxiliaryHead(tiny_detector().config)
    maps = [torch.zeros(1, 32, 4, 6), torch.zeros(1, 32, 2, 3)]
    centres, sizes = head._grid(maps)
    boxes = torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.25, 0.375, 0.05, 0.05]])
    owner = assign_tokens(centres, sizes, boxes)
    assert int((owner == 0).sum()) >= 6
    assert int((owner == 1).sum()) == 2  # the token nearest to the small object, on each level


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


# the run


def _states(folder: Path) -> dict[str, torch.Tensor]:
    from deptr.training.checkpoints import load_state, stored_states

    state = load_state(stored_states(folder)[-1])
    assert state["step"] == 4
    return {**state["module"], **{f"average.{k}": v for k, v in state["average"].items()}}


def test_resume_continues_bit_for_bit(tmp_path: Path) -> None:
    settings = _settings()
    Trainer(tiny_detector(), PaintedSource(), settings, tmp_path / "whole").run()

    class Killed(PaintedSource):
        count = 0

        def draw(self, rng, size):
            self.count += 1
            if self.count > 6:
                raise KeyboardInterrupt
            return super().draw(rng, size)

    with pytest.raises(KeyboardInterrupt):
        Trainer(tiny_detector(), Killed(), settings, tmp_path / "parts").run()
    Trainer(tiny_detector(seed=9), PaintedSource(), settings, tmp_path / "parts").run()
    whole, parts = _states(tmp_path / "whole"), _states(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_three_states_and_the_best_are_kept(tmp_path: Path) -> None:
    settings = _settings()
    settings = replace(settings, run=replace(settings.run, save_every=1, evaluate_every=2))
    scores = iter([0.7, 0.2])
    trainer = Trainer(
        tiny_detector(), PaintedSource(), settings, tmp_path, evaluate=lambda model: {"score": next(scores)}
    )
    assert trainer.run() == {"score": 0.2}
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [f"step-000000{n}.pt" for n in (2, 3, 4)]
    assert trainer.best == 0.7
    assert (tmp_path / "best" / "model.safetensors").exists()
    curve = (tmp_path / "learning-curve.csv").read_text().splitlines()
    assert curve == ["step,figure,value", "2,score,0.70000", "4,score,0.20000"]


def test_damaged_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "step-0000002.pt").write_bytes(b"half a fi")
    with pytest.raises(DataError, match="not a whole training state"):
        Trainer(tiny_detector(), PaintedSource(), _settings(), tmp_path).run()


def test_state_of_another_network_is_told(tmp_path: Path) -> None:
    Trainer(tiny_detector(), PaintedSource(), _settings(), tmp_path).save()
    with pytest.raises(DataError, match=r"another network.*depth_head"):
        Trainer(tiny_detector(depth_head="deformable"), PaintedSource(), _settings(), tmp_path).run()


def test_a_nan_stops_the_run_and_keeps_the_batch(tmp_path: Path) -> None:
    model = tiny_detector()
    with torch.no_grad():
        model.depth_head.layers[0][0].weight.fill_(NAN)
    with pytest.raises(DataError, match=r"not finite.*found depth.*learning rate below 0\.001"):
        Trainer(model, PaintedSource(), _settings(), tmp_path).run()
    (saved,) = tmp_path.glob("nan-batch-*.pt")
    assert set(torch.load(saved)) == {"pixel_values", "targets"}


def test_averaged_weights_and_rates() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = AveragedWeights(layer, 0.5)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update(layer, 100)
    assert average.state["weight"].item() == pytest.approx(0.5)
    assert rate_factor(0, _settings(steps=100, warmup_steps=10, decay_steps=0).optimizer) == pytest.approx(
        0.1
    )


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
        ('[data]\ntrain = [{kind = "film"}]', "expected one of coco, composite, crowd"),
        ("[data", "not a TOML file"),
    ],
)
def test_wrong_settings_are_told_before_work_starts(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        load_settings(path)


def test_recipes_are_valid() -> None:
    for path in (Path(__file__).parents[2] / "recipes").glob("*.toml"):
        assert load_settings(path).optimizer.steps > 0


def test_unknown_size_and_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of nano, n, s, m, l, x, got 'xxl'"):
        build_detector(ModelSettings(size="xxl"))
    with pytest.raises(DataError, match="not the EfficientNet-Lite0 weights"):
        build_detector(ModelSettings(backbone_weights=str(tmp_path / "none.pth")))


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


def test_alignment_with_features_needs_features() -> None:
    settings = _settings()
    settings = replace(settings, loss=replace(settings.loss, align_features=1.0))
    step = TrainingStep(tiny_detector(), settings).train()
    batch = evaluation_batch([painted_frame(1)], (64, 96), COLLATE)
    with pytest.raises(UsageError, match="no teacher features"):
        step(batch.pixel_values, batch.targets)
    batch.targets[0]["teacher_features"] = torch.randn(8, 4, 6)
    losses = step(batch.pixel_values, batch.targets)
    assert 0 < losses["align_features"].item() < 2


def test_dense_depth_errors_by_hand() -> None:
    label = torch.tensor([1.0, 2.0, NAN, 4.0])
    metric = DenseAuxiliaryHead(tiny_detector().config)
    assert metric._errors(torch.tensor([1.0, 4.0, 9.0, 4.0]), label).tolist() == [0, 2, 0]
    free = DenseAuxiliaryHead(tiny_detector(depth_kind="relative_inverse").config)
    np.testing.assert_allclose(free._errors(3 * label + 5, label), 0, atol=1e-5)
