"""What is done to the network for speed changes no answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_detector import random_batch, tiny_detector
from transformers.modeling_outputs import BaseModelOutput

from deptr.detector.config import nano_config
from deptr.detector.export import export_onnx
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.queries import memory_of, queries_at
from deptr.detector.simplify import fold_constants, fold_pads


def test_choosing_queries_before_their_boxes_changes_nothing() -> None:
    model = tiny_detector().eval()
    with torch.no_grad():
        output = model(random_batch())
        maps = output.encoder_maps
        library = model.model(
            None, encoder_outputs=BaseModelOutput(last_hidden_state=maps), inputs_embeds=maps[0]
        )
    torch.testing.assert_close(output.logits, library.intermediate_logits[:, -1], rtol=0, atol=0)
    torch.testing.assert_close(
        output.pred_boxes, library.intermediate_reference_points[:, -1], rtol=0, atol=0
    )


def test_given_boxes_change_no_other_answer_nor_each_other() -> None:
    model = tiny_detector().eval()
    boxes = torch.tensor([[[0.3, 0.4, 0.2, 0.5], [0.7, 0.5, 0.1, 0.3]]])
    with torch.no_grad():
        usual = model(random_batch(1))
        both = model(random_batch(1), given=boxes)
        turned = model(random_batch(1), given=boxes.flip(1))
        alone = model(random_batch(1), given=boxes[:, :1])
    assert both.given_depths.shape == (2, 1, 2)
    assert both.given_depths[-1, 0, 0] != both.given_depths[-1, 0, 1]
    torch.testing.assert_close(both.given_depths.flip(2), turned.given_depths)
    torch.testing.assert_close(both.given_depths[:, :, :1], alone.given_depths)
    for name in ("logits", "pred_boxes", "depth", "depth_log_scale"):
        torch.testing.assert_close(getattr(both, name), getattr(usual, name))


def test_a_given_box_starts_at_the_token_of_its_place_and_size() -> None:
    model = tiny_detector().eval()
    maps = [torch.zeros(1, 32, 4, 6), torch.zeros(1, 32, 2, 3)]  # strides 16 and 32 of 64 x 96
    for number, level in enumerate(maps):
        level[:] = (
            torch.arange(level[0, 0].numel(), dtype=torch.float32).view(level.shape[-2:]) + 100 * number
        )
    memory = memory_of(model.model, maps)
    small, large = [0.26, 0.3, 0.08, 0.1], [0.5, 0.5, 0.9, 0.9]
    queries = queries_at(memory, torch.tensor([[small, large]]))
    torch.testing.assert_close(queries.states[0, 0], memory.candidates[0, 1 * 6 + 1])
    torch.testing.assert_close(queries.references.sigmoid(), torch.tensor([[small, large]]))


def test_padding_becomes_part_of_the_convolution(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = DepTRForObjectDetection(nano_config(levels=2, image_size=(64, 96), num_queries=10)).eval()
    path = tmp_path / "model.onnx"
    parity = export_onnx(model, path)
    graph = onnx.load(str(path)).graph
    kinds, double = Counter(node.op_type for node in graph.node), onnx.TensorProto.DOUBLE
    assert kinds["Pad"] == 0
    # ONNX Runtime below 1.24 has no cosine of doubles
    assert kinds["Cos"] > 0
    assert all(a.i != double for node in graph.node if node.op_type == "Cast" for a in node.attribute)
    assert all(constant.data_type != double for constant in graph.initializer)
    assert parity.boxes < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        batch = np.zeros((count, 3, 64, 96), np.float32)
        assert session.run(["boxes"], {"pixel_values": batch})[0].shape == (count, 10, 4)


def _padded(value: float, sides: list[int]) -> onnx.ModelProto:
    """A padding and a convolution that sums 3 x 3 pixels."""
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("Pad", ["x", "sides", "value"], ["padded"]),
        helper.make_node("Conv", ["padded", "ones"], ["y"]),
    ]
    constants = [
        numbers(np.array(sides, np.int64), "sides"),
        numbers(np.array(value, np.float32), "value"),
        numbers(np.ones((1, 1, 3, 3), np.float32), "ones"),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 5, 6])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, None, None])
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("value", "sides", "saved"),
    [
        (0.0, [0, 0, 0, 1, 0, 0, 1, 2], 1),  # one side more than the other
        (7.0, [0, 0, 1, 1, 0, 0, 1, 1], 0),  # not with zeros
        (0.0, [0, 0, -1, 0, 0, 0, 0, 0], 0),  # a crop
    ],
)
def test_only_padding_that_a_convolution_can_do_is_folded(value: float, sides: list[int], saved: int) -> None:
    graph = _padded(value, sides)
    x = {"x": np.random.default_rng(0).standard_normal((1, 1, 5, 6)).astype(np.float32)}
    before = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, x)[0]
    assert fold_pads(graph) == saved
    after = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, x)[0]
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_constants_are_computed_once() -> None:
    graph = _padded(0.0, [0, 0, 0, 1, 0, 0, 1, 2])
    helper = onnx.helper
    graph.graph.node.insert(0, helper.make_node("Mul", ["ones", "value"], ["zeros"]))
    graph.graph.node[-1].input[1] = "zeros"
    assert "Mul" not in {node.op_type for node in fold_constants(graph).graph.node}
