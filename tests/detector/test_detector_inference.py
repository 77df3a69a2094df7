"""The detector in use: the ONNX export, images in and detections out, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import supervision as sv
import torch
from tiny_detector import painted_frame, random_batch, tiny_detector

from deptr.detector.export import compare, export_onnx
from deptr.detector.inference import Detector
from deptr.detector.outputs import NamedOutputs
from deptr.detector.postprocess import Preprocessing, RawOutput, to_detections
from deptr.detector.preprocess import DepTRImageProcessor
from deptr.errors import DataError, UsageError
from deptr.records import DepthKind


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with all its 30 tokens as queries: no near-ties between kept and left out ones."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    parity = export_onnx(tiny_detector(num_queries=30), path)
    assert max(parity.boxes, parity.scores, parity.depths) < 1e-4
    return path


@pytest.mark.parametrize("half", [False, True])
def test_a_hardly_trained_network_is_exported(tmp_path: Path, half: bool) -> None:
    """Its tokens score alike to rounding, so torch and the file keep different ones of them as queries."""
    parity = export_onnx(tiny_detector(num_queries=10), tmp_path / "tiny.onnx", half=half)
    assert max(astuple(parity)) < 1e-5


def test_a_half_file_that_answers_otherwise_than_rounded_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deptr.detector.export.round_weights", lambda graph: None)
    with pytest.raises(DataError, match="half precision answer otherwise"):
        export_onnx(tiny_detector(num_queries=30), tmp_path / "half.onnx", half=True)
    assert not (tmp_path / "half.onnx").exists()


def test_export_is_told_apart_from_another_model(exported: Path, tmp_path: Path) -> None:
    parity = compare(tiny_detector(seed=5, num_queries=30), exported)
    assert max(parity.boxes, parity.scores) > 1e-3


def test_export_has_named_outputs_and_a_dynamic_batch(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported))
    assert [output.name for output in session.get_outputs()] == [
        "boxes", "scores", "labels", "depths", "depth_std", "given_depths", "given_depth_std",
    ]  # fmt: skip
    for count in (1, 3):
        values = session.run(None, {"pixel_values": random_batch(count).numpy()})
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
    assert rest.strip() == "['class_name', 'depth', 'depth_std'] relative"


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
    onnx.helper.set_model_props(foreign, {"deptr": "{}"})
    onnx.save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(DataError, match="no DepTR model"):
        Detector.from_pretrained(tmp_path / "foreign.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(DataError, match=r"a detector of unknown form: .* inputs pixel_values"):
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


def test_boxes_of_one_object_are_fused_where_the_model_says_so() -> None:
    """The second box lies on the first; the third too, but is of another class; the fourth stands alone."""
    settings = Preprocessing(64, 96, (0, 0, 0), (1, 1, 1), DepthKind.METRIC, ["person", "dog"])
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.45], [0, 0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]])
    scores, depths = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 2.0, 3.0, 4.0])
    raw = RawOutput(boxes, scores, np.array([0, 0, 1, 0]), depths, np.full(4, 0.1))
    apart = to_detections(raw, 1.0, (64, 96), settings, min_score=0.0, focal_px=96.0)
    assert apart.confidence.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    found = to_detections(raw, 1.0, (64, 96), replace(settings, nms_iou=0.5), min_score=0.65, focal_px=96.0)
    assert found.confidence.tolist() == pytest.approx([1 - 0.1 * 0.2**0.5, 0.7])
    assert found.data["depth"].tolist() == pytest.approx([(0.9 * 1 + 0.8 * 2) / 1.7, 3.0])
    assert found.xyxy[0].tolist() == pytest.approx([0, 0, 48, 64 * (0.9 * 0.5 + 0.8 * 0.45) / 1.7])


def test_a_box_between_two_others_is_believed_by_half() -> None:
    settings = Preprocessing(64, 96, (0, 0, 0), (1, 1, 1), None, ["person"], nms_iou=0.9)
    boxes = np.array([[0.1, 0, 0.3, 0.9], [0.3, 0, 0.5, 0.9], [0.2, 0.1, 0.4, 0.9], [0.2, 0.1, 0.6, 0.9]])
    unknown = np.full(4, np.nan)
    raw = RawOutput(boxes, np.array([0.9, 0.8, 0.7, 0.6]), np.zeros(4), unknown, unknown)
    found = to_detections(raw, 1.0, (64, 96), settings, min_score=0.0)
    assert found.confidence.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.35], abs=1e-6)


def test_an_export_runs_at_any_size(exported: Path) -> None:
    """As torch does at that size, given boxes too; a size that no network takes is refused."""
    image = painted_frame(2, (120, 200)).image
    detector = Detector.from_pretrained(exported, size="160x96")
    assert len(detector(image, min_score=0.0)) > 0
    session, batch = onnxruntime.InferenceSession(str(exported)), torch.randn(2, 3, 96, 160)
    boxes = torch.tensor([[[0.2, 0.2, 0.5, 0.9], [0.9, 0.9, 1.0, 1.0]]] * 2)
    values = session.run(None, {"pixel_values": batch.numpy(), "given_boxes": boxes.numpy()})
    with torch.no_grad():
        wanted = NamedOutputs(tiny_detector(num_queries=30).eval())(batch, boxes)
    for own, theirs in zip(values[1:2] + values[5:], (wanted[1], *wanted[5:]), strict=True):
        np.testing.assert_allclose(np.sort(own), np.sort(theirs.numpy()), rtol=1e-3, atol=1e-5)
    with pytest.raises(UsageError, match="multiples of 32, got 100x96"):
        Detector.from_pretrained(exported, size="100x96")
    with pytest.raises(UsageError, match=r"32x32 has \d+ places, .* asks about 30: give a larger size"):
        Detector.from_pretrained(exported, size="32x32")


def test_boxes_of_any_detector_get_a_depth(exported: Path, tmp_path: Path) -> None:
    detector = Detector.from_pretrained(exported)
    image = painted_frame(1, (64, 96)).image
    boxes = sv.Detections(
        np.array([[10.0, 10, 40, 50], [50, 5, 90, 60]]),
        class_id=np.array([7, 8]),
        tracker_id=np.array([3, 4]),
    )
    asked = detector.depth_of(image, boxes)
    assert asked.tracker_id.tolist() == [3, 4] and "depth" not in boxes.data
    assert asked.metadata["depth_kind"] == "relative" and np.isfinite(asked.data["depth_std"]).all()
    metric = detector.depth_of(image, boxes, focal_px=192.0)
    np.testing.assert_allclose(metric.data["depth"], 2 * asked.data["depth"], rtol=1e-5)
    double = sv.Detections(boxes.xyxy * 2)
    large = detector.depth_of(image.repeat(2, axis=0).repeat(2, axis=1), double, focal_px=384.0)
    np.testing.assert_allclose(large.data["depth"], metric.data["depth"], rtol=0.02)
    assert len(detector.depth_of(image, sv.Detections.empty())) == 0
    tiny_detector(num_queries=30).save_pretrained(tmp_path)
    torch_one = Detector.from_pretrained(tmp_path, device="cpu").depth_of(image, boxes)
    np.testing.assert_allclose(torch_one.data["depth"], asked.data["depth"], rtol=1e-3)


def test_a_detector_without_depth_cannot_be_asked(tmp_path: Path) -> None:
    tiny_detector(depth_head="none").save_pretrained(tmp_path)
    detector = Detector.from_pretrained(tmp_path, device="cpu")
    with pytest.raises(UsageError, match="has no depth module"):
        detector.depth_of(np.zeros((64, 96, 3), np.uint8), sv.Detections(np.array([[1.0, 1, 9, 9]])))


def test_each_detection_keeps_the_state_of_its_query(tmp_path: Path) -> None:
    """Through thresholds and suppression, in torch and in a file that gives states."""
    network = tiny_detector(num_queries=30, nms_iou=0.5)
    network.save_pretrained(tmp_path / "torch")
    parity = export_onnx(network, tmp_path / "states.onnx", states=True)
    assert parity.states < 1e-4
    image = painted_frame(3, (64, 96)).image
    pixels = DepTRImageProcessor.from_config(network.config)(image)["pixel_values"]
    with torch.no_grad():
        states = network.eval()(pixels).states[0].numpy()
        scores = NamedOutputs(network)(pixels)[1][0].numpy()
    least = float(np.median(scores))
    for name in ("torch", "states.onnx"):
        found = Detector.from_pretrained(tmp_path / name, device="cpu")(image, min_score=least)
        assert 0 < len(found) < 30
        off = np.abs(found.data["query_state"][:, None] - states[None]).max(2)
        assert off.min(1).max() < 1e-3
        assert len(set(off.argmin(1))) == len(found)
