"""The network: shapes, depth forms, checkpoints of D-FINE, saving and loading, wrong files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_detector import BACKBONE, DFINE, random_batch, tiny_config, tiny_detector
from transformers import HGNetV2Config
from transformers.models.d_fine.configuration_d_fine import DFineConfig
from transformers.models.d_fine.modeling_d_fine import DFineForObjectDetection

from deptr.detector.backbone import EfficientNetLiteBackbone, EfficientNetLiteConfig, load_imagenet_weights
from deptr.detector.config import nano_config
from deptr.detector.export import export_onnx
from deptr.detector.inference import Detector
from deptr.detector.loading import load_detector, save_half
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.errors import DataError, UsageError
from deptr.training.builder import build_detector
from deptr.training.config import ModelSettings

HEADS = ("light", "deformable", "none")


@pytest.mark.parametrize("head", HEADS)
def test_forward_shapes(head: str) -> None:
    model = tiny_detector(depth_head=head).eval()
    with torch.no_grad():
        output = model(random_batch())
    assert output.logits.shape == (2, 10, 2)
    assert output.pred_boxes.shape == (2, 10, 4)
    if head == "none":
        assert output.depth is None
    else:
        assert output.depth.shape == output.depth_log_scale.shape == (2, 10)
        assert output.depths.shape[0] == 2
        assert torch.isfinite(output.depths).all()


@pytest.mark.parametrize("head", HEADS)
def test_batched_equals_single(head: str) -> None:
    model = tiny_detector(depth_head=head).eval()
    batch = random_batch(3)
    with torch.no_grad():
        together, alone = model(batch), model(batch[1:2])
    torch.testing.assert_close(together.pred_boxes[1], alone.pred_boxes[0], atol=1e-5, rtol=1e-4)
    if head != "none":
        torch.testing.assert_close(together.depth[1], alone.depth[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_depth_is_detached_between_layers(head: str) -> None:
    if head == "none":
        return
    model = tiny_detector(depth_head=head).train()
    depths = model(random_batch()).depths
    layers = model.depth_head.layers if head == "light" else model.depth_head.heads
    last = layers[-1][-1].bias
    first = layers[0][-1].bias
    gradients = torch.autograd.grad(depths[-1].sum(), [first, last], allow_unused=True)
    assert gradients[0] is None or float(gradients[0].abs().sum()) == 0
    assert float(gradients[1].abs().sum()) > 0


@pytest.mark.parametrize("head", ["light", "deformable"])
def test_save_and_load_are_equal(tmp_path: Path, head: str) -> None:
    model = tiny_detector(depth_head=head).eval()
    model.save_pretrained(tmp_path)
    loaded = load_detector(tmp_path).eval()
    with torch.no_grad():
        first, second = model(random_batch()), loaded(random_batch())
    assert torch.equal(first.pred_boxes, second.pred_boxes)
    assert torch.equal(first.depth, second.depth)
    assert (tmp_path / "model.safetensors").exists()


def test_half_precision_checkpoint_loads_in_single(tmp_path: Path) -> None:
    model = tiny_detector().eval()
    path = save_half(model, tmp_path)
    full = sum(value.numel() * 4 for value in model.state_dict().values())
    loaded = load_detector(tmp_path).eval()
    assert path.stat().st_size < 0.6 * full + 50_000
    assert all(value.dtype != torch.float16 for value in loaded.state_dict().values())
    with torch.no_grad():
        torch.testing.assert_close(
            loaded(random_batch()).logits, model(random_batch()).logits, atol=0.05, rtol=0.05
        )


def test_dfine_checkpoint_loads_with_only_depth_new(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DFineConfig(**DFINE, backbone_config=HGNetV2Config(**BACKBONE, out_indices=[3, 4]))
    plain = DFineForObjectDetection(config).eval()
    plain.save_pretrained(tmp_path)
    model = load_detector(tmp_path, changes={"depth_head": "light"}).eval()
    with torch.no_grad():
        own, theirs = model(random_batch()), plain(random_batch())
    torch.testing.assert_close(own.logits, theirs.logits)
    torch.testing.assert_close(own.pred_boxes, theirs.pred_boxes)
    assert own.depth.shape == (2, 10)
    assert own.depth.isfinite().all()
    assert abs(float(own.depth.mean()) - math.log(10.0)) < 1.0  # where a fresh module starts


def test_a_plain_dfine_checkpoint_claims_no_depth(tmp_path: Path) -> None:
    config = DFineConfig(**DFINE, backbone_config=HGNetV2Config(**BACKBONE, out_indices=[3, 4]))
    DFineForObjectDetection(config).save_pretrained(tmp_path)
    detector = Detector.from_pretrained(tmp_path, device="cpu")
    image = np.zeros((64, 96, 3), np.uint8)
    found = detector(image, min_score=0.0, focal_px=100.0)
    assert (detector.depth_kind, set(found.data), found.metadata) == (None, {"class_name"}, {})
    assert len(found)
    file = tmp_path / "plain.onnx"
    export_onnx(load_detector(tmp_path), file)
    found = Detector.from_pretrained(file)(image, min_score=0.0)
    assert (set(found.data), found.metadata) == ({"class_name"}, {})


def test_train_depth_only_freezes_the_rest() -> None:
    model = tiny_detector()
    model.train_depth_only()
    learning = {name for name, value in model.named_parameters() if value.requires_grad}
    assert learning
    assert all(name.startswith("depth_head.") for name in learning)


def test_depth_module_is_small() -> None:
    model = DepTRForObjectDetection(nano_config())
    own = sum(value.numel() for value in model.depth_head.parameters())
    whole = sum(value.numel() for value in model.parameters())
    assert own <= 0.05 * (whole - own)


def test_folded_backbone_equals_batch_norm(tmp_path: Path) -> None:
    """The folded first layer gives what convolution, batch norm and ReLU6 give."""
    torch.manual_seed(0)
    weights = _published_names()
    torch.save(weights, tmp_path / "lite0.pth")
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(out_indices=[0])).eval()
    load_imagenet_weights(backbone, tmp_path / "lite0.pth")
    image = torch.randn(1, 3, 32, 32)
    padded = torch.nn.functional.pad(image, (0, 1, 0, 1))
    plain = torch.nn.functional.conv2d(padded, weights["_conv_stem.weight"], stride=2)
    statistics = [weights[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    wanted = torch.nn.functional.relu6(torch.nn.functional.batch_norm(plain, *statistics, eps=1e-3))
    with torch.no_grad():
        torch.testing.assert_close(backbone(image).feature_maps[0], wanted, atol=1e-5, rtol=1e-4)


def test_larger_backbones_take_their_own_published_weights_and_no_others(tmp_path: Path) -> None:
    """Blocks and widths as published: 16 of up to 320 channels, 21 of 320, 21 of 352."""
    for variant, (blocks, last) in enumerate([(16, 320), (21, 320), (21, 352)]):
        weights = _published_names(variant)
        assert 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("_blocks.")) == blocks
        assert weights[f"_blocks.{blocks - 1}._project_conv.weight"].shape[0] == last
        torch.save(weights, tmp_path / f"{variant}.pth")
    model = DepTRForObjectDetection(nano_config(backbone=2))
    backbone = model.model.backbone.model
    load_imagenet_weights(backbone, tmp_path / "2.pth")
    for other in (0, 1):
        with pytest.raises(DataError, match="not the EfficientNet-Lite2 weights"):
            load_imagenet_weights(backbone, tmp_path / f"{other}.pth")
    model.save_pretrained(tmp_path / "saved")
    again = load_detector(tmp_path / "saved").model.backbone.model
    assert torch.equal(again.stages[6][0].project.weight, backbone.stages[6][0].project.weight)
    with torch.no_grad():
        assert model.eval()(pixel_values=torch.zeros(1, 3, 64, 96)).pred_boxes.isfinite().all()
    with pytest.raises(UsageError, match="expected 0, 1 or 2, got 3"):
        build_detector(ModelSettings(backbone=3))


def _published_names(variant: int = 0) -> dict[str, torch.Tensor]:
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(variant=variant, out_indices=[0]))
    weights = {}

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            weights[f"{name}.{part}"] = torch.rand(channels)
        weights[f"{name}.running_var"] = torch.rand(channels) + 0.5

    weights["_conv_stem.weight"] = torch.randn(32, 3, 3, 3)
    norm("_bn0", 32)
    blocks = [block for stage in backbone.stages for block in stage]
    for number, block in enumerate(blocks):
        names = [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        if block.expand is not None:
            names.append(("expand", "_expand_conv", "_bn0"))
        for own, theirs, norm_name in names:
            convolution = getattr(block, own)
            weights[f"_blocks.{number}.{theirs}.weight"] = torch.randn_like(convolution.weight)
            norm(f"_blocks.{number}.{norm_name}", convolution.out_channels)
    return weights


def test_one_depth_module_takes_the_place_of_another(tmp_path: Path) -> None:
    tiny_detector(depth_head="light").save_pretrained(tmp_path)
    changed = load_detector(tmp_path, changes={"depth_head": "deformable"})
    assert changed.config.depth_head == "deformable"
    same = load_detector(tmp_path)
    before = same.depth_head.layers[0][0].weight.clone()
    same.renew_depth()
    assert not torch.equal(before, same.depth_head.layers[0][0].weight)


# wrong files


def test_another_architecture_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(DataError, match=r"expected deptr or d_fine, found 'bert'"):
        load_detector(tmp_path)


def test_missing_and_unexpected_weights_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny_detector().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["other.weight"] = weights.pop("model.enc_score_head.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        DataError, match=r"1 missing \(model.enc_score_head.weight.*1 unexpected \(other.weight"
    ):
        load_detector(tmp_path)


def test_weights_of_another_size_are_told(tmp_path: Path) -> None:
    tiny_detector().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"d_model": 64}))
    with pytest.raises(DataError, match=r"do not fit|another architecture"):
        load_detector(tmp_path)


def test_truncated_checkpoint_is_told(tmp_path: Path) -> None:
    tiny_detector().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="cannot be read"):
        load_detector(tmp_path)


def test_folder_without_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a checkpoint"):
        load_detector(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth_head": "heavy"}, "depth_head: expected one of light, deformable, none"),
        ({"image_width": 100}, "image_width: expected a positive multiple of 32"),
        ({"depth_kind": "feet"}, "depth_kind"),
    ],
)
def test_wrong_configuration_is_told(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tiny_config(**changes)
