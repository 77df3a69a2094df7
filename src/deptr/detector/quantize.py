"""Convolutions in whole numbers: an exported network calibrated on the images that it will see.

An activation that follows a convolution (ReLU, ReLU6) becomes the range of what the convolution gives. Were
that written in 8 bits before it is cut, as quantising convolutions alone does, most of the 256 steps would go
to values that are cut away: that costs 5 points of AP50 and half of the time saved.
Attention, heads and what lies between them stay in single precision.

Source: Jacob et al., arXiv:1712.05877; ONNX Runtime's QDQ form.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deptr.boxes import iou
from deptr.detector.backend import Backend
from deptr.detector.own import OnnxRunner, OwnBackend
from deptr.detector.postprocess import to_input
from deptr.detector.simplify import fold_constants, halve_weights
from deptr.errors import DataError, UsageError
from deptr.files import atomic_path
from deptr.records import FloatArray, Image, depth_of

CUTS = ("Relu", "Clip")  # what a quantised range expresses by itself
LEAST_FOUND = 0.9  # of the detections before, to call the result the same network
SURE_SCORE, LOW_SCORE = 0.3, 0.15
SAME_IOU = 0.5
SMALLEST = 1e-6  # range of weights that are all zero


@dataclass(frozen=True)
class Agreement:
    """What quantisation changed on the images that it was calibrated on.

    Attributes:
        detections: How many detections with a score of at least 0.3 there were before.
        found: Share of them that are still there: IoU at least 0.5, score at least 0.15.
        score: Mean change of their scores.
        depth: Mean relative change of their depths, NaN without a depth module.
    """

    detections: int
    found: float
    score: float
    depth: float

    def __str__(self) -> str:
        depth = "" if np.isnan(self.depth) else f", depths move by {self.depth:.1%}"
        return (
            f"{self.found:.1%} of {self.detections} detections kept, scores move by {self.score:.3f}{depth}"
        )


def quantize_file(
    source: str | Path, output: str | Path, images: Sequence[Image], *, half: bool = True
) -> Agreement:
    """Write an exported network with its convolutions in 8 bits.

    Args:
        source: The ``.onnx`` of `deptr export`, in single or half precision.
        output: The file to write, only if both agree.
        images: ``(H, W, 3)`` uint8 RGB, some dozens of the kind that it will see.
        half: Store the other weights in half precision.

    Returns:
        How far both agree on the images.

    Raises:
        UsageError: There is nothing on the images that the network finds.
        DataError: The file is no export of `deptr export`, or 8 bits are too few for it.
    """
    import onnx

    exact = OnnxRunner(source, threads=1, device="cpu")
    graph = onnx.load(str(source))
    plain = fold_constants(graph)
    onnx.helper.set_model_props(plain, {item.key: item.value for item in graph.metadata_props})
    settings = [exact.settings.fitted((image.shape[0], image.shape[1])) for image in images]
    result = quantize(plain, [to_input([image], own)[0] for image, own in zip(images, settings, strict=True)])
    if half:
        halve_weights(result)
    with atomic_path(output) as temporary:
        onnx.save(result, str(temporary))
        runner = OnnxRunner(temporary, threads=1, device="cpu")
        agreed = agreement(OwnBackend(exact), OwnBackend(runner), images)
        if agreed.found < LEAST_FOUND:
            raise DataError(
                source,
                "8 bits are too few for this network",
                expected=f"at least {LEAST_FOUND:.0%} of the detections",
                found=str(agreed),
                hint="keep single precision, or give more images of the kind that it will see",
            )
    return agreed


def quantize(graph: Any, batches: Sequence[FloatArray]) -> Any:
    """The graph with its convolutions in 8 bits, and everything else as it was.

    Weights have a scale per channel, see `weight_ranges`.

    Args:
        graph: An exported ``onnx.ModelProto`` in single precision; not changed.
        batches: Inputs ``(1, 3, H, W)`` to calibrate on, of the kind it will see; some dozens.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    nodes = quantized_nodes(copy)
    ranges = {
        name: [
            {"axis": 0, "quant_type": QuantType.QInt8, "symmetric": True, "rmin": -width, "rmax": width}
            for width in widths
        ]
        for name, widths in weight_ranges(copy, nodes).items()
    }
    with tempfile.TemporaryDirectory() as folder, _quietly():
        path = Path(folder) / "quantized.onnx"
        quantize_static(
            copy,
            path,
            _reader(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", *CUTS],
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"TensorQuantOverrides": ranges},
        )
        result = onnx.load(str(path))
    onnx.helper.set_model_props(result, {item.key: item.value for item in graph.metadata_props})
    return result


def quantized_nodes(graph: Any) -> list[str]:
    """Names of the nodes that are worth it, all nodes named: convolutions, what cuts them, and their sums.

    The first convolution stays: three channels fill no vector, and it sees the picture itself.
    """
    nodes = graph.graph.node
    for number, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{number}"
    pictures = {item.name for item in graph.graph.input}
    kinds: dict[str, str] = {}  # of the outputs that will be in 8 bits
    chosen = []
    for node in nodes:
        inputs = [kinds.get(name) for name in node.input]
        convolution = node.op_type == "Conv" and node.input[0] not in pictures
        cut = node.op_type in CUTS and inputs[0] == "Conv"
        total = node.op_type == "Add" and all(inputs)
        if convolution or cut or total:
            kinds[node.output[0]] = node.op_type
            chosen.append(node.name)
    return chosen


def weight_ranges(graph: Any, nodes: Sequence[str]) -> dict[str, FloatArray]:
    """By how much each output channel's weights reach to either side, for each convolution's weights.

    Processors without a dot product of bytes add two products of neighbouring channels in 16 bits. With a
    range that holds the sum of each two neighbours as well, 127 x 255 never overflows, for a third of a bit
    on average instead of the whole one that 7-bit weights cost.

    Args:
        graph: The ``onnx.ModelProto``.
        nodes: Names of nodes that will be quantised.
    """
    from onnx import numpy_helper

    chosen = set(nodes)
    weights = {node.input[1] for node in graph.graph.node if node.op_type == "Conv" and node.name in chosen}
    ranges = {}
    for item in graph.graph.initializer:
        if item.name in weights:
            kernel = numpy_helper.to_array(item)
            kernel = kernel.reshape(len(kernel), kernel.shape[1], -1)
            widest = np.abs(kernel).max((1, 2))
            pairs = kernel[:, : kernel.shape[1] // 2 * 2].reshape(len(kernel), -1, 2, kernel.shape[2])
            for side in (pairs.clip(min=0), pairs.clip(max=0)):
                widest = np.maximum(widest, np.abs(side.sum(2)).max((1, 2), initial=0))
            ranges[item.name] = np.maximum(widest, SMALLEST).astype(np.float32)
    return ranges


def agreement(before: Backend, after: Backend, images: Sequence[Image]) -> Agreement:
    """How far two forms of one network agree.

    Args:
        before: One.
        after: The other.
        images: ``(H, W, 3)`` uint8 RGB.

    Raises:
        UsageError: There is nothing on the images that the first finds.
    """
    rows: list[tuple[bool, float, float]] = []
    for image in images:
        own = before.detect([image], min_score=SURE_SCORE, focal_px=None)[0]
        others = after.detect([image], min_score=LOW_SCORE, focal_px=None)[0]
        overlap = iou(own.xyxy.astype(np.float64), others.xyxy.astype(np.float64))
        scores, other_scores = (np.asarray(part.confidence, np.float64) for part in (own, others))
        depth, other_depth = depth_of(own), depth_of(others)
        for place in range(len(own)):
            same = int(overlap[place].argmax()) if len(others) else -1
            if same < 0 or overlap[place, same] < SAME_IOU:
                rows.append((False, np.nan, np.nan))
                continue
            change = abs(float(other_scores[same] - scores[place]))
            rows.append((True, change, abs(float(other_depth[same] / depth[place] - 1))))
    if not rows:
        hint = "give images like those that it will see"
        raise UsageError(f"quantize: the detector finds nothing on the {len(images)} images; {hint}")
    kept, score, depths = np.array(rows, float).T
    found = kept > 0
    score, depths = (values[found].mean() if found.any() else np.nan for values in (score, depths))
    return Agreement(len(rows), float(kept.mean()), float(score), float(depths))


def _reader(batches: Sequence[FloatArray]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        """Hands out one batch after another."""

        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, FloatArray] | None:
            """The next input, None at the end."""
            batch = next(self.left, None)
            return None if batch is None else {"pixel_values": batch}

    return Reader()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's advice on how graphs should be prepared, which ours are."""
    import onnxruntime

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    try:
        yield
    finally:
        logging.disable(before)
        onnxruntime.set_default_logger_severity(2)
