"""The network: shapes, depth forms, checkpoints of D-FINE, saving and loading, wrong files, ONNX."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tiny_detector import BACKBONE, DFINE, painted_frame, tiny_config, tiny_detector
from transformers import HGNetV2Config
from transformers.models.d_fine.configuration_d_fine import DFineConfig
from transformers.models.d_fine.modeling_d_fine import DFineForObjectDetection

from deptr.detector.backbone import EfficientNetLiteBackbone, EfficientNetLiteConfig, load_imagenet_weights
from deptr.detector.config import nano_config
from deptr.detector.export import compare, export_onnx
from deptr.detector.inference import Detector
from deptr.detector.loading import load_detector, save_half
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.preprocess import DepTRImageProcessor
from deptr.errors import DataError, UsageError

HEADS = ("light", "deformable", "none")


def _batch(count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 64, 96, generator=generator)


@pytest.mark.parametrize("head", HEADS)
def test_forward_shapes(head: str) -> None:
    model = tiny_detector(depth_head=head).eval()
    with torch.no_grad():
        output = model(_batch())
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
    batch = _batch(3)
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
    depths = model(_batch()).depths
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
        first, second = model(_batch()), loaded(_batch())
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
        torch.testing.assert_close(loaded(_batch()).logits, model(_batch()).logits, atol=0.05, rtol=0.05)


def test_dfine_checkpoint_loads_with_only_depth_new(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DFineConfig(**DFINE, backbone_config=HGNetV2Config(**BACKBONE, out_indices=[3, 4]))
    plain = DFineForObjectDetection(config).eval()
    plain.save_pretrained(tmp_path)
    model = load_detector(tmp_path).eval()
    with torch.no_grad():
        own, theirs = model(_batch()), plain(_batch())
    torch.testing.assert_close(own.logits, theirs.logits)
    torch.testing.assert_close(own.pred_boxes, theirs.pred_boxes)
    assert own.depth.shape == (2, 10)


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


def _published_names() -> dict[str, torch.Tensor]:
    backbone = EfficientNetLiteBackbone(EfficientNetLiteConfig(out_indices=[0]))
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


# ONNX and inference


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with all its 30 tokens as queries: no near-ties between kept and left out ones."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    parity = export_onnx(tiny_detector(num_queries=30), path)
    assert max(parity.boxes, parity.scores, parity.depths) < 1e-4
    return path


def test_export_is_told_apart_from_another_model(exported: Path, tmp_path: Path) -> None:
    parity = compare(tiny_detector(seed=5, num_queries=30), exported)
    assert max(parity.boxes, parity.scores) > 1e-3


def test_export_has_named_outputs_and_a_dynamic_batch(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported))
    assert [output.name for output in session.get_outputs()] == [
        "boxes", "scores", "labels", "depths", "depth_std",
    ]  # fmt: skip
    for count in (1, 3):
        values = session.run(None, {"pixel_values": _batch(count).numpy()})
        assert values[0].shape == (count, 30, 4)


def test_half_export_is_half_the_size_and_close(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    export_onnx(tiny_detector(num_queries=30), path, half=True)
    assert path.stat().st_size < 0.8 * exported.stat().st_size


def test_detector_from_onnx_needs_no_torch(exported: Path) -> None:
    code = (
        "import sys; sys.modules.update({'torch': None, 'transformers': None})\n"
        "import numpy as np, deptr\n"
        f"detector = deptr.Detector.from_pretrained({str(exported)!r})\n"
        "found = detector(np.zeros((50, 70, 3), np.uint8), min_score=0)\n"
        "print(len(found), sorted(found.data), found.metadata['depth_kind'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    count, rest = result.stdout.split(maxsplit=1)
    assert int(count) > 0
    assert rest.strip() == "['depth', 'depth_std'] relative"


def test_onnx_and_checkpoint_detect_the_same(exported: Path, tmp_path: Path) -> None:
    tiny_detector(num_queries=30).save_pretrained(tmp_path)
    image = painted_frame(3, (90, 120)).image
    first = Detector.from_pretrained(exported)(image, min_score=0.0)
    second = Detector.from_pretrained(tmp_path, device="cpu")(image, min_score=0.0)
    np.testing.assert_allclose(first.confidence, second.confidence, atol=1e-4)
    np.testing.assert_allclose(np.sort(first.data["depth"]), np.sort(second.data["depth"]), rtol=1e-3)


def test_list_stream_and_single_agree(exported: Path) -> None:
    detector = Detector.from_pretrained(exported)
    images = [painted_frame(seed, (40 + seed, 80)).image for seed in range(5)]
    listed = detector(images, min_score=0.0)
    for streamed, own, image in zip(
        detector.stream(images, batch_size=2, min_score=0.0), listed, images, strict=True
    ):
        np.testing.assert_allclose(streamed.xyxy, own.xyxy, atol=1e-3)
        np.testing.assert_allclose(detector(image, min_score=0.0).xyxy, own.xyxy, atol=1e-2)
    assert detector([]) == []


def test_focal_length_makes_metres(exported: Path) -> None:
    detector = Detector.from_pretrained(exported)
    image = painted_frame(1, (64, 96)).image
    relative, metric = detector(image, min_score=0.0), detector(image, min_score=0.0, focal_px=192.0)
    assert relative.metadata["depth_kind"] == "relative"
    assert metric.metadata["depth_kind"] == "metric"
    np.testing.assert_allclose(metric.data["depth"], 2 * relative.data["depth"], rtol=1e-5)


def test_depth_does_not_depend_on_resolution(exported: Path) -> None:
    detector = Detector.from_pretrained(exported)
    image = painted_frame(1, (64, 96)).image
    double = image.repeat(2, axis=0).repeat(2, axis=1)
    first, second = detector(image, min_score=0.0), detector(double, min_score=0.0)
    np.testing.assert_allclose(first.data["depth"], second.data["depth"], rtol=0.02)
    np.testing.assert_allclose(2 * first.xyxy, second.xyxy, atol=2.0)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((37, 511, 3), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 1), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.full((48, 64, 3), 65535, np.uint16),
    ],
    ids=["1x1", "odd", "grey", "grey channel", "alpha", "16 bit"],
)
def test_images_of_all_kinds(exported: Path, image: np.ndarray) -> None:
    found = Detector.from_pretrained(exported)(image, min_score=0.0)
    assert (found.xyxy[:, [0, 2]] <= image.shape[1]).all()
    assert (found.xyxy[:, [1, 3]] <= image.shape[0]).all()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), "got float32"),
        (np.zeros((4, 4, 2), np.uint8), r"got shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"got shape \(0, 4, 3\)"),
        ("photo.jpg", "expected a numpy array, got str"),
    ],
)
def test_other_images_are_refused(exported: Path, image: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Detector.from_pretrained(exported)(image)


def test_arguments_out_of_range_are_refused(exported: Path) -> None:
    detector = Detector.from_pretrained(exported)
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(UsageError, match="min_score"):
        detector(image, min_score=2)
    with pytest.raises(UsageError, match="focal_px"):
        detector(image, focal_px=-1)
    with pytest.raises(UsageError, match="batch_size"):
        list(detector.stream([image], batch_size=0))


def test_errors_of_the_reading_thread_arrive(exported: Path) -> None:
    def broken():
        yield np.zeros((4, 4, 3), np.uint8)
        raise DataError("film", "torn")

    with pytest.raises(DataError, match="torn"):
        list(Detector.from_pretrained(exported).stream(broken()))


def test_damaged_and_foreign_onnx_are_told(exported: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(exported.read_bytes()[:5000])
    with pytest.raises(DataError, match="not an ONNX model"):
        Detector.from_pretrained(damaged)
    with pytest.raises(DataError, match="no such model file"):
        Detector.from_pretrained(tmp_path / "none.onnx")
    import onnx

    foreign = onnx.load(str(exported))
    del foreign.metadata_props[:]
    onnx.save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(DataError, match="no DepTR model"):
        Detector.from_pretrained(tmp_path / "foreign.onnx")


def test_image_processor_round_trip(tmp_path: Path) -> None:
    model = tiny_detector().eval()
    processor = DepTRImageProcessor.from_config(model.config)
    processor.save_pretrained(tmp_path)
    again = DepTRImageProcessor.from_pretrained(tmp_path)
    image = painted_frame(2, (50, 99)).image
    pixels = again(image)["pixel_values"]
    assert torch.equal(pixels, processor([image])["pixel_values"])
    with torch.no_grad():
        output = model(pixels)
    found = again.post_process_object_detection(output, model.config, [(50, 99)], min_score=0.0)
    assert len(found) == 1
    assert len(found[0].data["depth"]) == len(found[0])


def test_detect_writes_what_track_reads(exported: Path, tmp_path: Path) -> None:
    import cv2
    from typer.testing import CliRunner

    from deptr.cli.detect import app
    from deptr.io.mot_text import read_detections

    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f"{number:03d}.png"), painted_frame(number).image)
    output = tmp_path / "found.txt"
    words = [
        str(folder),
        "--model",
        str(exported),
        "--min-score",
        "0",
        "--output",
        str(output),
        "--fps",
        "10",
    ]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "detected in 3 frames" in result.output
    table = read_detections(output)
    single = Detector.from_pretrained(exported)(painted_frame(2).image, min_score=0.0)
    assert table.has_depth
    np.testing.assert_allclose(np.sort(table.at(2).data["depth"]), np.sort(single.data["depth"]), rtol=1e-2)
    with pytest.raises(UsageError, match="exists"):
        CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.parametrize(("limit", "wanted"), [(1.0, [0.9, 0.8, 0.7, 0.6]), (0.5, [0.9, 0.7, 0.6])])
def test_overlapping_boxes_are_silenced_where_the_model_says_so(limit: float, wanted: list[float]) -> None:
    """The second box lies on the first; the third too, but is of another class; the fourth stands alone."""
    from deptr.detector.postprocess import Preprocessing, RawOutput, to_detections
    from deptr.records import DepthKind

    settings = Preprocessing(64, 96, (0, 0, 0), (1, 1, 1), DepthKind.METRIC, ["person", "dog"], limit)
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.45], [0, 0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]])
    raw = RawOutput(
        boxes, np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 0, 1, 0]), np.ones(4), np.full(4, 0.1)
    )
    found = to_detections(raw, 1.0, (64, 96), settings, min_score=0.0)
    assert found.confidence.tolist() == pytest.approx(wanted)


def test_one_depth_module_takes_the_place_of_another(tmp_path: Path) -> None:
    tiny_detector(depth_head="light").save_pretrained(tmp_path)
    changed = load_detector(tmp_path, changes={"depth_head": "deformable"})
    assert changed.config.depth_head == "deformable"
    same = load_detector(tmp_path)
    before = same.depth_head.layers[0][0].weight.clone()
    same.renew_depth()
    assert not torch.equal(before, same.depth_head.layers[0][0].weight)
