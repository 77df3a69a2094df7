"""A checkpoint as ONNX, compared with torch before it is kept."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.models.d_fine.modeling_d_fine import DFineRepVggBlock

from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.outputs import (
    GIVEN_BOXES,
    GIVEN_NAMES,
    OUTPUT_NAMES,
    QUERY_STATES,
    NamedOutputs,
)
from deptr.detector.preprocess import preprocessing_of
from deptr.detector.simplify import fold_constants, fold_pads, halve_weights, round_weights
from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.records import FloatArray

OPSET = 17


@dataclass(frozen=True)
class Parity:
    """Largest differences between ONNX Runtime and torch over random inputs.

    Attributes:
        boxes: In the unit of the input's sides.
        scores: Absolute.
        depths: Relative.
        given_depths: Relative, of given boxes.
        states: Of query states, in their root mean square; 0 of a file without them.
        choice: By how much a token that the file keeps as a query scores below those torch keeps, in logits.
    """

    boxes: float
    scores: float
    depths: float
    given_depths: float
    states: float
    choice: float

    def __str__(self) -> str:
        own = f"boxes {self.boxes:.1e}, scores {self.scores:.1e}, depths {self.depths:.1e}"
        return f"{own}, of given boxes {self.given_depths:.1e}"


def export_onnx(
    detector: DepTRForObjectDetection,
    path: str | Path,
    *,
    half: bool = False,
    states: bool = False,
    tolerance: float = 1e-3,
) -> Parity:
    """Write a detector as ONNX with a dynamic batch and size, checked against torch in float32.

    Args:
        detector: What to export; left in evaluation mode.
        path: The ``.onnx`` file, written only if the check passes.
        half: Store the weights in half precision; they are computed with in single precision. The file must
            then answer as the checked one with its weights rounded does.
        states: Give the state of each query as well, which an identity decoder reads.
        tolerance: Largest allowed difference.

    Returns:
        The differences, before weights are rounded.

    Raises:
        DataError: The outputs differ by more than the tolerance.
    """
    import onnx

    detector = detector.eval().float()
    config = detector.config
    example = torch.zeros(2, 3, config.image_height, config.image_width)
    with atomic_path(path) as temporary:
        _to_graph(detector, example, temporary, states=states)
        graph = fold_constants(onnx.load(str(temporary)))
        fold_pads(graph)
        if detector.depth_head is not None:
            _ask_about_nothing(graph)
        settings = preprocessing_of(config)
        content = {
            "height": settings.height,
            "width": settings.width,
            "mean": list(settings.mean),
            "std": list(settings.std),
            "depth_kind": settings.depth_kind.value if settings.depth_kind else None,
            "names": list(settings.names),
            "nms_iou": settings.nms_iou,
            "queries": settings.queries,
            "strides": list(settings.strides),
            "any_aspect": settings.any_aspect,
            "start_score": settings.start_score,
        }
        onnx.helper.set_model_props(graph, {"deptr": json.dumps(content)})
        onnx.checker.check_model(graph)
        onnx.save(graph, str(temporary))
        parity = compare(detector, temporary)
        if not all(value <= tolerance for value in astuple(parity)):
            expected = f"at most {tolerance:g}"
            raise DataError(path, "ONNX and torch disagree", expected=expected, found=str(parity))
        if half:
            _store_small(graph, temporary, example[:1].shape)
    return parity


def _store_small(graph: Any, path: Path, shape: Sequence[int]) -> None:
    """Write the graph with its weights in half precision; the file must answer as rounded weights do.

    Raises:
        DataError: It does not.
    """
    import onnx

    rounded = onnx.ModelProto()
    rounded.CopyFrom(graph)
    round_weights(rounded)
    halve_weights(graph)
    onnx.checker.check_model(graph)
    batch = np.random.default_rng(0).standard_normal(tuple(shape), dtype=np.float32)
    wanted, found = (_opened(model).run(None, {"pixel_values": batch}) for model in (rounded, graph))
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in zip(wanted, found, strict=True)):
        raise DataError(path, "weights in half precision answer otherwise than rounded ones")
    onnx.save(graph, str(path))


def _opened(graph: Any) -> Any:
    """The graph in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _to_graph(detector: DepTRForObjectDetection, example: torch.Tensor, path: Path, *, states: bool) -> None:
    inputs = {"pixel_values": example}
    names: tuple[str, ...] = (*OUTPUT_NAMES, QUERY_STATES) if states else OUTPUT_NAMES
    axes: dict[str, dict[int, str]] = {}
    if detector.depth_head is not None:
        inputs[GIVEN_BOXES] = torch.tensor([[[0.2, 0.2, 0.4, 0.6]] * 3] * len(example))
        names = (*names, *GIVEN_NAMES)
        axes = {name: {1: "given"} for name in (GIVEN_BOXES, *GIVEN_NAMES)}
    axes["pixel_values"] = {2: "height", 3: "width"}
    for name in (*inputs, *names):
        axes[name] = {0: "batch", **axes.get(name, {})}
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad(), _own_positions(detector), _joined_branches(detector):
            warnings.simplefilter("ignore")  # tracing warns of each shape that it takes as fixed, as it shall
            torch.onnx.export(
                NamedOutputs(detector, states=states).eval(),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=list(names),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _ask_about_nothing(graph: Any) -> None:
    """Let the given boxes be none where whoever runs the file does not say any."""
    import onnx

    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 0, 4), np.float32), GIVEN_BOXES))


class _Positions(nn.Module):
    """The encoder's position embedding for sizes that are known only when the network runs.

    In single precision: the library's cosines are of doubles, which ONNX Runtime below 1.24, the newest for
    Python 3.10, cannot compute.
    """

    def __init__(self, embedding: Any) -> None:
        super().__init__()
        self.rates: torch.Tensor
        count = embedding.embed_dim // 4
        rates = float(embedding.temperature) ** -(torch.arange(count, dtype=torch.float64) / count)
        self.register_buffer("rates", rates.float(), persistent=False)

    def forward(self, width: int, height: int, **_: Any) -> torch.Tensor:
        rows = torch.arange(height).float()[:, None] * self.rates
        columns = torch.arange(width).float()[:, None] * self.rates
        down = torch.cat([rows.sin(), rows.cos()], dim=-1)[:, None].expand(-1, width, -1)
        across = torch.cat([columns.sin(), columns.cos()], dim=-1)[None].expand(height, -1, -1)
        return torch.cat([down, across], dim=-1).flatten(0, 1)[None]


@contextmanager
def _own_positions(detector: DepTRForObjectDetection) -> Iterator[None]:
    """Let the encoder compute its position embedding with `_Positions`."""
    before = [layer.position_embedding for layer in detector.model.encoder.aifi]
    for layer, embedding in zip(detector.model.encoder.aifi, before, strict=True):
        layer.position_embedding = _Positions(embedding)
    try:
        yield
    finally:
        for layer, embedding in zip(detector.model.encoder.aifi, before, strict=True):
            layer.position_embedding = embedding


@contextmanager
def _joined_branches(detector: DepTRForObjectDetection) -> Iterator[None]:
    """Let each pair of parallel convolutions of the encoder be the one that gives the same sum.

    Source: Ding et al., RepVGG (arXiv:2101.03697).
    """
    places = [
        (parent, name, child)
        for parent in detector.model.encoder.modules()
        for name, child in parent.named_children()
        if isinstance(child, DFineRepVggBlock)
    ]
    for parent, name, block in places:
        setattr(parent, name, _joined(block))
    try:
        yield
    finally:
        for parent, name, block in places:
            setattr(parent, name, block)


def _joined(block: DFineRepVggBlock) -> nn.Sequential:
    weight, bias = _without_norm(block.conv1)
    small, other = _without_norm(block.conv2)
    convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1).eval()
    convolution.weight.data = weight + nn.functional.pad(small, (1, 1, 1, 1))
    convolution.bias = nn.Parameter(bias + other)
    return nn.Sequential(convolution, block.activation)


def _without_norm(layer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution with the batch norm behind it folded in."""
    norm = layer.norm
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return layer.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def compare(detector: DepTRForObjectDetection, path: str | Path, *, inputs: int = 2) -> Parity:
    """Differences between the ONNX file and torch on random inputs, over the 20 best queries of each.

    The network keeps the best encoder tokens as queries. Which of two tokens that score alike to rounding is
    kept is chance and says nothing about the file, and in a hardly trained network nearly all score alike. So
    torch is made to keep the tokens that the file keeps, and how much worse they are is a difference as well.
    """
    config = detector.config
    session, choice = _session_with_choice(path, config.num_queries)
    with_states = QUERY_STATES in [output.name for output in session.get_outputs()]
    names = [*OUTPUT_NAMES, QUERY_STATES] if with_states else [*OUTPUT_NAMES]
    own = NamedOutputs(detector, states=with_states)
    found: list[tuple[float, ...]] = []
    for seed in range(inputs):
        generator = np.random.default_rng(seed)
        shape = (1, 3, config.image_height, config.image_width)
        batch = generator.standard_normal(shape, dtype=np.float32) * np.float32(generator.uniform(0.2, 2.0))
        *raw, kept = session.run([*names, choice], {"pixel_values": batch})
        with torch.no_grad(), _keeping(detector, torch.from_numpy(kept[0])) as lost:
            wanted = [value[0].numpy() for value in own(torch.from_numpy(batch))]
            given = _given_gap(detector, session, batch)
        boxes, scores, _, depths, _, *states = (values[0] for values in raw)
        best = np.argsort(-wanted[1])[:20]
        known = best[~np.isnan(wanted[3][best])]
        found.append(
            (
                _gap(boxes[best], wanted[0][best]),
                _gap(scores[best], wanted[1][best]),
                _gap(depths[known] / wanted[3][known], 1.0),
                given,
                _gap(states[0][best] / _size(wanted[5]), wanted[5][best] / _size(wanted[5]))
                if with_states
                else 0.0,
                lost[0],
            )
        )
    return Parity(*np.max(found, axis=0).tolist())


def _given_gap(detector: DepTRForObjectDetection, session: Any, batch: FloatArray) -> float:
    """Largest relative difference of the depths of three given boxes, 0 without a depth module."""
    if detector.depth_head is None:
        return 0.0
    asked = np.array([[[0.1, 0.2, 0.3, 0.9], [0.4, 0.4, 0.5, 0.6], [0.0, 0.1, 1.0, 1.0]]], np.float32)
    own = session.run([GIVEN_NAMES[0]], {"pixel_values": batch, GIVEN_BOXES: asked})[0]
    theirs = NamedOutputs(detector)(torch.from_numpy(batch), torch.from_numpy(asked))[-2].numpy()
    return _gap(own / theirs, 1.0)


def _session_with_choice(path: str | Path, queries: int) -> tuple[Any, str]:
    """The file in ONNX Runtime, with the tokens that it keeps as one more output, and that output's name."""
    import onnx

    graph = onnx.load(str(path))
    sizes = {item.name: onnx.numpy_helper.to_array(item) for item in graph.graph.initializer}
    sizes |= {
        node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
        for node in graph.graph.node
        if node.op_type == "Constant" and node.attribute[0].HasField("t")
    }
    along_tokens = [
        node.output[1]
        for node in graph.graph.node
        if node.op_type == "TopK"
        and node.attribute[0].i == 1
        and int(sizes[node.input[1]].reshape(-1)[0]) == queries
    ]
    choice = str(along_tokens[0])
    graph.graph.output.append(onnx.helper.make_tensor_value_info(choice, onnx.TensorProto.INT64, None))
    return _opened(graph), choice


@contextmanager
def _keeping(detector: DepTRForObjectDetection, kept: torch.Tensor) -> Iterator[list[float]]:
    """Let the network keep these tokens, in this order; tells by how much they score below its own choice."""
    lost: list[float] = []

    def prefer(_module: Any, _inputs: Any, logits: torch.Tensor) -> torch.Tensor:
        best = logits[0].max(-1).values
        lost.append(float((best.topk(len(kept)).values.min() - best[kept].min()).clamp(min=0)))
        preferred = logits.clone()
        ranks = torch.arange(len(kept), 0, -1, dtype=logits.dtype)
        preferred[0, kept] = best.max().ceil() + ranks[:, None]
        return preferred

    handle = detector.model.enc_score_head.register_forward_hook(prefer)
    try:
        yield lost
    finally:
        handle.remove()


def _size(states: FloatArray) -> float:
    return float(np.sqrt(np.mean(states**2))) + 1e-9


def _gap(first: FloatArray, second: FloatArray | float) -> float:
    return float(np.abs(first - second).max(initial=0.0))
