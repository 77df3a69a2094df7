"""An exported detector in 8 bits: what becomes whole numbers, and that its answers stay."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_detector import painted_frame, tiny_detector

from deptr.boxes import iou
from deptr.detector.export import export_onnx
from deptr.detector.inference import Detector
from deptr.detector.opening import BUNDLED, BUNDLED_INT8, bundled_model
from deptr.detector.quantize import Agreement, quantize_file, quantized_nodes
from deptr.errors import UsageError
from deptr.experiments.exported_cost import (
    loss_table,
    node_table,
    shape_table,
    shape_time_table,
    time_table,
)
from deptr.io.frames import open_source
from deptr.records import Image

CLIP = Path(__file__).parents[2] / "assets" / "vtest.mp4"


def _graph() -> onnx.ModelProto:
    """Two layers that are cut, a sum of convolutions, a sum with something else, and a cut of that."""
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["picture", "w"], ["first"], name="first"),
        node("Clip", ["first"], ["kept"], name="kept"),
        node("Conv", ["kept", "w"], ["second"], name="second"),
        node("Relu", ["second"], ["cut"], name="cut"),
        node("Conv", ["cut", "w"], ["third"], name="third"),
        node("Add", ["second", "third"], ["sum"], name="sum"),
        node("Add", ["sum", "kept"], ["other"], name="other"),
        node("Relu", ["other"], ["late"]),
    ]
    picture = onnx.helper.make_tensor_value_info("picture", onnx.TensorProto.FLOAT, [1, 1, 4, 4])
    late = onnx.helper.make_tensor_value_info("late", onnx.TensorProto.FLOAT, None)
    weight = onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [picture], [late], [weight]))


def test_convolutions_and_what_cuts_and_sums_them_become_whole_numbers() -> None:
    assert quantized_nodes(_graph()) == ["second", "cut", "third", "sum"]


@pytest.fixture(scope="module")
def images() -> list[Image]:
    with open_source(CLIP) as frames:
        return [frame.image for frame in islice(frames, 0, 41, 20)]


@pytest.fixture(scope="module")
def quantized(images: list[Image], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Agreement]:
    path = tmp_path_factory.mktemp("quantized") / "int8.onnx"
    return path, quantize_file(bundled_model(), path, images[:2])


def test_the_same_people_are_found_as_far_away(
    quantized: tuple[Path, Agreement], images: list[Image]
) -> None:
    path, agreed = quantized
    assert agreed.detections >= 5
    assert agreed.found >= 0.9
    assert agreed.score < 0.1
    assert agreed.depth < 0.1
    assert path.stat().st_size < 0.8 * bundled_model().stat().st_size
    detector = Detector.from_pretrained(path, device="cpu")
    found = detector(images[2], min_score=0.4)
    assert len(found) >= 2
    asked = detector.depth_of(images[2], found)
    np.testing.assert_allclose(asked.data["depth"], found.data["depth"], rtol=0.25)
    assert len(Detector.from_pretrained(path, device="cpu", size=(256, 416))(images[2], min_score=0.3)) >= 1


def test_no_value_is_rounded_before_it_is_cut(quantized: tuple[Path, Agreement]) -> None:
    graph = onnx.load(str(quantized[0])).graph
    made = {name: node for node in graph.node for name in node.output}
    kinds = Counter(
        made[node.input[0]].op_type for node in graph.node if node.op_type == "Conv" and node.input[0] in made
    )
    assert kinds["DequantizeLinear"] >= 90
    assert sum(kinds.values()) - kinds["DequantizeLinear"] <= 1
    cut = [
        node
        for node in graph.node
        if node.op_type == "Clip" and made[node.input[0]].op_type in ("Conv", "DequantizeLinear")
    ]
    assert len(cut) <= 1  # behind the first convolution, which stays as it was


def test_two_products_fit_into_16_bits(quantized: tuple[Path, Agreement]) -> None:
    graph = onnx.load(str(quantized[0])).graph
    kernels = [onnx.numpy_helper.to_array(item) for item in graph.initializer]
    kernels = [kernel.astype(int) for kernel in kernels if kernel.dtype == np.int8 and kernel.ndim == 4]
    assert len(kernels) >= 90
    largest = 0
    for kernel in kernels:
        even = kernel[:, : kernel.shape[1] // 2 * 2]
        pairs = even.reshape(len(even), -1, 2, *even.shape[2:])
        for side in (pairs.clip(min=0), -pairs.clip(max=0)):
            largest = max(largest, side.sum(2).max(initial=0) * 255)
    assert 30000 < largest < 2**15  # what it may take, and no more
    assert max(abs(kernel).max() for kernel in kernels) == 127  # where there is no neighbour, all of it


def test_images_that_show_nothing_teach_nothing(tmp_path: Path) -> None:
    output = tmp_path / "int8.onnx"
    with pytest.raises(UsageError, match="finds nothing on the 1 images"):
        quantize_file(bundled_model(), output, [np.full((384, 640, 3), 114, np.uint8)])
    assert not output.exists()


def test_parallel_convolutions_become_one(tmp_path: Path) -> None:
    model = tiny_detector()
    path = tmp_path / "tiny.onnx"
    parity = export_onnx(model, path)
    assert parity.boxes < 1e-4
    made = {name: node.op_type for node in onnx.load(str(path)).graph.node for name in node.output}
    sums = [node for node in onnx.load(str(path)).graph.node if node.op_type == "Add"]
    assert not [node for node in sums if all(made.get(name) == "Conv" for name in node.input)]
    assert any(
        type(part).__name__ == "DFineRepVggBlock" for part in model.modules()
    )  # the model is left alone


def test_the_bundled_one_opens_by_its_name(images: list[Image]) -> None:
    exact, small = (Detector.from_pretrained(name, device="cpu") for name in (BUNDLED, BUNDLED_INT8))
    first, second = exact(images[2], min_score=0.5), small(images[2], min_score=0.3)
    assert len(first) >= 1
    assert not np.array_equal(first.xyxy, second.xyxy)
    assert (iou(first.xyxy.astype(float), second.xyxy.astype(float)).max(1) > 0.8).mean() > 0.8


def test_both_bundled_files_are_of_one_training() -> None:
    stored = [
        {
            item.raw_data
            for item in onnx.load(str(bundled_model(name))).graph.initializer
            if len(item.raw_data) > 500
        }
        for name in (BUNDLED, BUNDLED_INT8)
    ]
    assert len(stored[0] & stored[1]) > 20, "quantise the new weights too: see the model card"


def test_costs_and_losses_are_of_the_files(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.onnx" for name in ("first", "second")}
    for seed, path in enumerate(files.values()):
        export_onnx(tiny_detector(seed, num_queries=30), path)
    times = time_table(files, repeats=2, size=(64, 96))
    assert [row[0] for row in times.rows] == ["first", "second"]
    assert all(float(cell) > 0 for row in times.rows for cell in row[1:])
    nodes = node_table(files, size=(64, 96))
    counts = [int(row[1]) for row in nodes.rows if row[1] != "-"]
    assert sum(counts[:-1]) == counts[-1] > 50
    assert nodes.rows[-1][1] == nodes.rows[-1][3]  # one network, two sets of weights
    frames = [painted_frame(seed) for seed in range(3)]
    row = loss_table(files, {"painted": frames}).rows[0]
    assert float(row[4]) == pytest.approx(float(row[3]) - float(row[2]), abs=1.1e-3)
    assert loss_table({"a": files["first"], "b": files["first"]}, {"painted": frames}).rows[-1][4] == "+0.000"


def test_shapes_of_the_input_are_timed_and_judged(tmp_path: Path) -> None:
    """Labels are what it finds in the image's shape: right in that column, in the other if it has one."""
    judged = {}
    for shaped in (False, True):
        path = tmp_path / f"{shaped}.onnx"
        export_onnx(tiny_detector(num_queries=30, any_aspect=shaped), path)
        frames = []
        for seed in range(3):
            frame = painted_frame(seed, (140, 64))
            best = Detector.from_pretrained(path)(frame.image, min_score=0.0)[:1]
            nothing = np.full(1, np.nan, np.float32)
            labels = {"depth": nothing, "depth_std": nothing, "visibility": nothing}
            own = {"boxes_xyxy": best.xyxy, "class_ids": best.class_id, "track_ids": np.zeros(1, int)}
            frames.append(replace(frame, **own, **labels))
        table = shape_table(path, {"upright": frames}, size=(64, 96))
        assert list(table.columns[2:4]) == ["in 96x64", "in the image's shape"]
        judged[shaped] = [float(cell) for cell in table.rows[0][2:4]]
    assert judged[False][0] == judged[False][1] > 0
    assert judged[True][0] < judged[True][1]
    times = shape_time_table(path, repeats=2, sizes=((64, 96), (96, 64)))
    assert [row[:2] for row in times.rows] == [["96x64", "6144"], ["64x96", "6144"]]
    assert all(float(row[2]) >= float(row[3]) > 0 for row in times.rows)
