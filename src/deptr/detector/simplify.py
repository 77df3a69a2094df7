"""Passes over an ONNX graph that change its speed and not its answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deptr.records import FloatArray

SMALL = 64  # constants below this many numbers stay in full precision


def fold_constants(graph: Any) -> Any:
    """The graph with what no input reaches computed once.

    Args:
        graph: An ``onnx.ModelProto``.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def fold_pads(graph: Any) -> int:
    """Make zero padding before a convolution an attribute of it; returns how many nodes that saves.

    Args:
        graph: An ``onnx.ModelProto``, changed in place.
    """
    import onnx

    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            constants[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    users: dict[str, list[Any]] = {}
    for node in graph.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    folded = 0
    for pad in [node for node in graph.graph.node if node.op_type == "Pad"]:
        around = _spatial_padding(pad, constants)
        convolutions = users.get(pad.output[0], [])
        if around is None or not convolutions or any(node.op_type != "Conv" for node in convolutions):
            continue
        for node in convolutions:
            before = next((item for item in node.attribute if item.name == "pads"), None)
            total = np.asarray(before.ints if before else [0] * 4) + around
            if before is not None:
                node.attribute.remove(before)
            node.attribute.append(onnx.helper.make_attribute("pads", total.tolist()))
            node.input[0] = pad.input[0]
        graph.graph.node.remove(pad)
        folded += 1
    used = {name for node in graph.graph.node for name in node.input}
    for item in [item for item in graph.graph.initializer if item.name not in used]:
        graph.graph.initializer.remove(item)
    return folded


def _spatial_padding(pad: Any, constants: dict[str, Any]) -> Any:
    """Top, left, bottom, right of a padding of images with zeros; None for any other."""
    mode = next((item.s for item in pad.attribute if item.name == "mode"), b"constant")
    filled = pad.input[2] if len(pad.input) > 2 else ""
    if mode != b"constant" or pad.input[1] not in constants or (filled and filled not in constants):
        return None
    sides = constants[pad.input[1]].reshape(-1)
    if len(sides) != 8 or sides[[0, 1, 4, 5]].any() or sides.min() < 0:
        return None
    if filled and constants[filled].any():
        return None
    return sides[[2, 3, 6, 7]].astype(int)


def halve_weights(graph: Any) -> None:
    """Store large float32 constants as float16 behind a cast; ONNX Runtime undoes it once, when it loads."""
    import onnx

    casts = []
    for constant, values in _large_constants(graph):
        name = constant.name
        small = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        constant.CopyFrom(small)
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])


def round_weights(graph: Any) -> None:
    """Round the constants that `halve_weights` stores small, and store them in full: the same answers."""
    import onnx

    for constant, values in _large_constants(graph):
        rounded = values.astype(np.float16).astype(np.float32)
        constant.CopyFrom(onnx.numpy_helper.from_array(rounded, constant.name))


def _large_constants(graph: Any) -> Iterator[tuple[Any, FloatArray]]:
    """Large float32 constants and their values, but no scales, which the runtime looks for."""
    import onnx

    scales = {
        node.input[1] for node in graph.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    }
    for constant in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        fits = values.dtype == np.float32 and values.size >= SMALL and constant.name not in scales
        if fits and np.abs(values).max() <= np.finfo(np.float16).max:
            yield constant, values
