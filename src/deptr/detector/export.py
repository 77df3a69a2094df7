"""A checkpoint as ONNX, compared with torch before it is kept."""

from __future__ import annotations

import json
import logging
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deptr.detector.inference import OnnxRunner
from deptr.detector.modeling import DepTRForObjectDetection, DepTROutput
from deptr.detector.outputs import OUTPUT_NAMES, NamedOutputs, named_outputs
from deptr.detector.preprocess import preprocessing_of
from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.records import FloatArray

OPSET = 17
TIE = 3e-5  # of encoder logits
SMALL = 64  # constants below this many numbers stay in full precision


@dataclass(frozen=True)
class Parity:
    """Largest differences between ONNX Runtime and torch over random inputs.

    Attributes:
        boxes: In the unit of the input's sides.
        scores: Absolute.
        depths: Relative.
    """

    boxes: float
    scores: float
    depths: float

    def __str__(self) -> str:
        return f"boxes {self.boxes:.1e}, scores {self.scores:.1e}, depths {self.depths:.1e}"


def export_onnx(
    detector: DepTRForObjectDetection, path: str | Path, *, half: bool = False, tolerance: float | None = None
) -> Parity:
    """Write a detector as ONNX with a dynamic batch, checked against torch in float32.

    Args:
        detector: What to export; left in evaluation mode.
        path: The ``.onnx`` file, written only if the check passes.
        half: Store the weights in half precision; they are computed with in single precision.
        tolerance: Largest allowed difference; 1e-3, or 5e-2 with `half`.

    Returns:
        The differences.

    Raises:
        DataError: The outputs differ by more than the tolerance.
    """
    import onnx

    detector = detector.eval().float()
    config = detector.config
    example = torch.zeros(2, 3, config.image_height, config.image_width)
    with atomic_path(path) as temporary:
        _to_graph(detector, example, temporary)
        graph = onnx.load(str(temporary))
        if half:
            halve_weights(graph)
        settings = preprocessing_of(config)
        content = {
            "height": settings.height,
            "width": settings.width,
            "mean": list(settings.mean),
            "std": list(settings.std),
            "depth_kind": settings.depth_kind.value,
            "names": list(settings.names),
            "nms_iou": settings.nms_iou,
        }
        onnx.helper.set_model_props(graph, {"deptr": json.dumps(content)})
        onnx.checker.check_model(graph)
        onnx.save(graph, str(temporary))
        parity = compare(detector, temporary)
        limit = tolerance if tolerance is not None else (5e-2 if half else 1e-3)
        if max(parity.boxes, parity.scores, parity.depths) > limit:
            raise DataError(path, "ONNX and torch disagree", expected=f"at most {limit:g}", found=str(parity))
    return parity


def _to_graph(detector: DepTRForObjectDetection, example: torch.Tensor, path: Path) -> None:
    axes: dict[str, Any] = {name: {0: "batch"} for name in ("pixel_values", *OUTPUT_NAMES)}
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracing warns of each shape that it takes as fixed, as it shall
            torch.onnx.export(
                NamedOutputs(detector).eval(),
                (example,),
                str(path),
                input_names=["pixel_values"],
                output_names=list(OUTPUT_NAMES),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def halve_weights(graph: Any) -> None:
    """Store large float32 constants as float16 behind a cast; ONNX Runtime undoes it once, when it loads."""
    import onnx

    casts = []
    for constant in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if (
            values.dtype != np.float32
            or values.size < SMALL
            or np.abs(values).max() > np.finfo(np.float16).max
        ):
            continue
        name = constant.name
        small = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        constant.CopyFrom(small)
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])


def compare(detector: DepTRForObjectDetection, path: str | Path, *, inputs: int = 2) -> Parity:
    """Differences between the ONNX file and torch on random inputs, over the 20 best queries of each.

    The network keeps the best encoder tokens as queries. Where the last one kept and the first one left out
    score alike to rounding, which one is taken is chance and says nothing about the file: such inputs are
    passed over. Queries are paired by place and score, because near-equal ones may come in another order.
    """
    config = detector.config
    runner = OnnxRunner(path, threads=1, device="cpu")
    boxes, scores, depths = [0.0], [0.0], [0.0]
    for seed in range(50):
        generator = np.random.default_rng(seed)
        shape = (1, 3, config.image_height, config.image_width)
        batch = generator.standard_normal(shape, dtype=np.float32) * np.float32(generator.uniform(0.2, 2.0))
        with torch.no_grad():
            output = detector(torch.from_numpy(batch))
            wanted = [value[0].numpy() for value in named_outputs(output, config)]
        if _selection_gap(output, config.num_queries) < TIE and seed < 50 - inputs:
            continue
        raw = runner.run(batch)[0]
        for query in np.argsort(-wanted[1])[:20]:
            gaps = np.abs(raw.boxes - wanted[0][query]).max(axis=1) + np.abs(raw.scores - wanted[1][query])
            own = int(gaps.argmin())
            boxes.append(_gap(raw.boxes[own], wanted[0][query]))
            scores.append(_gap(raw.scores[own], wanted[1][query]))
            known = not np.isnan(wanted[3][query])
            depths.append(_gap(raw.depths[own] / wanted[3][query], 1.0) if known else 0.0)
        inputs -= 1
        if not inputs:
            break
    return Parity(max(boxes), max(scores), max(depths))


def _selection_gap(output: DepTROutput, queries: int) -> float:
    """How far apart the last token kept and the first one left out score."""
    best = output.dfine.enc_outputs_class.max(-1).values[0].sort(descending=True).values
    return float(best[queries - 1] - best[queries]) if len(best) > queries else math.inf


def _gap(first: FloatArray | float, second: FloatArray | float) -> float:
    return float(np.abs(np.asarray(first) - np.asarray(second)).max())
