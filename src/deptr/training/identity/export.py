"""An identity decoder as ONNX, compared with torch before it is kept."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.records import FloatArray, IntArray
from deptr.tracking.learned.network import FORMAT, Shape
from deptr.tracking.learned.observations import CONTEXT, PATH, observe
from deptr.training.identity.decoder import IdentityDecoder
from deptr.training.identity.runner import OneFrame, shape_of

OPSET = 17
NOW = (
    "seen",
    "states",
    "logits",
    "remembered",
)  # a row for each detection; others: for each memory
FIXED = ("context", "extent", "period")


def export_identity(decoder: IdentityDecoder, path: str | Path, *, tolerance: float = 1e-3) -> float:
    """Write an identity decoder as ONNX, checked against torch.

    Args:
        decoder: What to export.
        path: The ``.onnx`` file, written only if the check passes.
        tolerance: Largest allowed difference of a logit.

    Returns:
        The largest difference.

    Raises:
        DataError: The outputs differ by more than the tolerance.
    """
    import onnx

    frame = OneFrame(decoder.eval())
    shape = shape_of(decoder.config)
    examples = [_random_frame(shape, detections, past) for detections, past in ((5, 12), (3, 0), (1, 7))]
    names = list(examples[0])
    with atomic_path(path) as temporary:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracing warns of each shape that it takes as fixed, as it shall
            torch.onnx.export(
                frame,
                tuple(examples[0].values()),
                str(temporary),
                input_names=names,
                output_names=["logits", "remembered"],
                dynamic_axes={
                    name: {0: "detections" if name in NOW else "past"}
                    for name in [*names, *NOW[2:]]
                    if name not in FIXED
                },
                opset_version=OPSET,
                dynamo=False,
            )
        graph = onnx.load(str(temporary))
        told = {"format": FORMAT, "shape": json.dumps(shape._asdict())}
        onnx.helper.set_model_props(graph, told)
        onnx.checker.check_model(graph)
        onnx.save(graph, str(temporary))
        difference = max(_difference(frame, temporary, example) for example in examples)
        if not difference <= tolerance:
            expected = f"at most {tolerance:g}"
            raise DataError(path, "ONNX and torch disagree", expected=expected, found=f"{difference:g}")
    return difference


def _random_frame(shape: Shape, detections: int, past: int) -> dict[str, Tensor]:
    rng = np.random.default_rng(detections)

    def seen(count: int) -> FloatArray:
        corners = rng.uniform(0, 400, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(10, 100, (count, 2))], axis=1)
        depth = np.where(rng.random(count) < 0.3, np.nan, rng.normal(size=count))
        return observe(boxes, rng.random(count), depth, np.full(count, np.nan))

    arrays: dict[str, FloatArray | IntArray] = {
        "seen": seen(detections),
        "keys": rng.normal(size=(past, *shape.payload)),
        "past": seen(past),
        "paths": np.concatenate([rng.normal(size=(past, 3 * PATH)), np.ones((past, 1))], axis=1),
        "slots": rng.integers(0, shape.identities, past),
        "since": rng.uniform(0.1, 2, past),
        "rank": rng.integers(0, shape.memory, past).astype(np.float32),
        "context": np.log(np.full(CONTEXT, 0.05)),
        "extent": np.array([640.0, 480.0]),
        "period": np.array([640.0]),
    }
    if shape.state_width:
        arrays["states"] = rng.normal(size=(detections, shape.state_width))
    return {
        name: torch.from_numpy(values if name == "slots" else np.asarray(values, np.float32))
        for name, values in arrays.items()
    }


def _difference(frame: OneFrame, path: Path, example: dict[str, Tensor]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in example.items()})
    with torch.no_grad():
        wanted = frame(**example)
    return float(max(np.abs(a - b.numpy()).max() for a, b in zip(found, wanted, strict=True)))
