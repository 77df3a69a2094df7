"""ONNX files laid out as the common exports, with an answer that is right only if they see what they expect.

Each knows one red object and where its input must show it: the object's score is 0.8 times how red that place
is, 1 only if the image was placed, scaled and ordered as this export expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

Constant = Callable[[str, np.ndarray], str]
SIDE = 320
CELLS = 40 * 40 + 20 * 20 + 10 * 10
IMAGE_SIZE = (240, 480)  # height, width: a letterbox is 160 high
OBJECT = (120.0, 60.0, 200.0, 220.0)
SCORE = 0.8
CLASS = 2  # a car in COCO's 80
IMAGENET_RED = (1 - 0.485) / 0.229


def scene() -> np.ndarray:
    image = np.zeros((*IMAGE_SIZE, 3), np.uint8)
    left, top, right, bottom = map(int, OBJECT)
    image[top:bottom, left:right] = (255, 0, 0)
    return image


def seen(fit: str) -> np.ndarray:
    """The object in pixels of a square input."""
    across, down = SIDE / IMAGE_SIZE[1], SIDE / IMAGE_SIZE[0]
    scale = {"stretch": (across, down)}.get(fit, (across, across))
    shift = (0, (SIDE - IMAGE_SIZE[0] * across) / 2) if fit == "letterbox" else (0, 0)
    return np.array(OBJECT) * np.tile(scale, 2) + np.tile(shift, 2)


def centred(box: np.ndarray) -> np.ndarray:
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


@dataclass(frozen=True)
class Export:
    """What a file looks like.

    Attributes:
        outputs: By name, without batch: what they are at score 0, and what redness adds.
        fit: How the image lies in the input.
        red: Value of pure red.
        channel: Where red is.
        sized: Whether a second input tells the size that boxes come back in.
        metadata: Of the file.
    """

    outputs: Mapping[str, tuple[np.ndarray, np.ndarray]]
    fit: str = "letterbox"
    red: float = 1.0
    channel: int = 0
    sized: bool = False
    metadata: Mapping[str, str] | None = None


def _rows(
    shape: tuple[int, int], place: int, box: np.ndarray, score: int, extra: dict[int, float]
) -> tuple[np.ndarray, np.ndarray]:
    base, gain = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    base[place, :4] = box
    for column, value in extra.items():
        base[place, column] = value
    gain[place, score] = SCORE
    return base, gain


def _twice(rows: tuple[np.ndarray, np.ndarray], place: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    """The object once more, nearly at its place and a little less sure: a suppression has to drop it."""
    base, gain = rows
    base[place + 1] = base[place]
    base[place + 1, 0] += 2
    gain[place + 1, column] = SCORE * 0.9
    return base, gain


def exports() -> dict[str, Export]:
    """By the word of the form, a dash and what is special."""
    boxed, corner, stretched = centred(seen("letterbox")), centred(seen("corner")), seen("stretch")
    share = centred(stretched) / SIDE
    v8 = _twice(_rows((CELLS, 84), 7, boxed, 4 + CLASS, {}), 7, 4 + CLASS)
    v8_named = _twice(_rows((CELLS, 7), 7, boxed, 4 + CLASS, {}), 7, 4 + CLASS)
    v5 = _twice(_rows((3 * CELLS, 85), 7, boxed, 5 + CLASS, {4: 1.0}), 7, 5 + CLASS)
    v6 = _twice(_rows((CELLS, 85), 7, boxed, 5 + CLASS, {4: 1.0}), 7, 5 + CLASS)
    end = _rows((300, 6), 0, seen("letterbox"), 4, {5: CLASS})
    v7 = _rows((1, 7), 0, np.zeros(4), 6, {5: CLASS})
    v7[0][0, 1:5] = seen("letterbox")
    x_decoded = _twice(_rows((CELLS, 85), 7, corner, 5 + CLASS, {4: 1.0}), 7, 5 + CLASS)
    x_decoded[0][-1, :4] = (SIDE - 5, SIDE - 5, 4, 4)  # decoded boxes lie all over the image
    column, row = (int(value // 8) for value in corner[:2])
    offsets = np.concatenate([corner[:2] / 8 - (column, row), np.log(corner[2:] / 8)])
    x_raw = _rows((CELLS, 85), row * 40 + column, offsets, 5 + CLASS, {4: 1.0})
    labels = np.full((300, 91), -9, np.float32), np.zeros((300, 91), np.float32)
    labels[1][0, 3] = 9 + np.log(SCORE / (1 - SCORE))  # number 3 of COCO's categories is a car
    eighty = labels[0][:, :80], np.roll(labels[1][:, :80], -1, axis=1)
    dets = np.zeros((300, 4), np.float32)
    dets[0] = share
    softmax = np.zeros((100, 92), np.float32), np.zeros((100, 92), np.float32)
    softmax[0][:, -1] = 20
    softmax[1][0, 3] = 20 + np.log(SCORE / (1 - SCORE))
    queries = np.zeros((300,), np.float32)
    first = np.eye(300, dtype=np.float32)[0]
    nothing = np.zeros((1, 1), np.float32)
    names = {"names": "{0: 'walker', 1: 'cone', 2: 'car'}", "imgsz": "[320, 320]"}
    return {
        "yolov8": Export({"output0": tuple(part.T for part in v8)}),
        "yolov8-names": Export({"output0": tuple(part.T for part in v8_named)}, metadata=names),
        "yolov5": Export({"output": v5}),
        "yolov5-v6": Export({"outputs": v6}),
        "yolo-nms": Export({"output0": end}),
        "yolo-nms-v7": Export({"output": v7}),
        "yolox-decoded": Export({"output": x_decoded}, "corner", 255.0, 2),
        "yolox-offsets": Export({"output": x_raw}, "corner", 255.0, 2),
        "rt-detr": Export(
            {
                "labels": (queries + CLASS, queries * 0),
                "boxes": (np.tile(stretched / SIDE, (300, 1)).astype(np.float32), nothing),
                "scores": (queries, first * SCORE),
            },
            "stretch",
            sized=True,
        ),
        "rt-detr-rows": Export({"output0": _rows((300, 84), 3, share, 4 + CLASS, {})}, "stretch"),
        "rf-detr": Export({"dets": (dets, nothing), "labels": labels}, "stretch", IMAGENET_RED),
        "transformers-80": Export({"logits": eighty, "pred_boxes": (dets, nothing)}, "stretch"),
        "transformers-softmax": Export(
            {"logits": softmax, "pred_boxes": (dets[:100], nothing)}, "stretch", IMAGENET_RED
        ),
    }


def _redness(export: Export, constant: Constant) -> list[onnx.NodeProto]:
    """How red the object's place is, as ``redness3`` and ``redness2``: the batch and 2 or 1 sides of 1."""
    left, top, right, bottom = (int(value) for value in np.round(seen(export.fit)))
    low = constant("low", np.array([export.channel, top + 2, left + 2]))
    high = constant("high", np.array([export.channel + 1, bottom - 2, right - 2]))
    axes, red = constant("axes", np.array([1, 2, 3])), constant("red", np.float32(export.red))
    shapes = [constant(f"shape{count}", np.array([-1] + [1] * (count - 1))) for count in (2, 3)]
    return [
        helper.make_node("Slice", ["images", low, high, axes], ["place"]),
        helper.make_node("ReduceMean", ["place"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Div", ["mean", red], ["redness4"]),
        helper.make_node("Reshape", ["redness4", shapes[0]], ["redness2"]),
        helper.make_node("Reshape", ["redness4", shapes[1]], ["redness3"]),
    ]


def _output(name: str, export: Export, constant: Constant) -> list[onnx.NodeProto]:
    base, gain = export.outputs[name]
    if not _flat(name, base):
        base, gain = base[None], gain[None]
    last = f"{name}.raw" if export.sized and name in ("boxes", "labels") else name
    nodes = [
        helper.make_node(
            "Mul", [f"redness{max(2, base.ndim)}", constant(f"{name}.gain", gain)], [f"{name}.seen"]
        ),
        helper.make_node("Add", [f"{name}.seen", constant(f"{name}.base", base)], [last]),
    ]
    if last != name and name == "boxes":
        nodes.append(helper.make_node("Mul", [last, "sizes3"], [name]))
    elif last != name:
        nodes.append(helper.make_node("Cast", [last], [name], to=onnx.TensorProto.INT64))
    return nodes


def _flat(name: str, base: np.ndarray) -> bool:
    """Rows of any image, without a batch."""
    return name == "output" and base.shape[1:] == (7,)


def write_export(path: Path, export: Export, *, batch: int | str = "batch", side: int | str = SIDE) -> Path:
    """The file; `side` as text leaves the size of the input free."""
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    info, kinds = helper.make_tensor_value_info, onnx.TensorProto
    nodes = _redness(export, constant)
    inputs = [info("images", kinds.FLOAT, [batch, 3, side, side])]
    if export.sized:
        inputs.append(info("orig_target_sizes", kinds.INT64, [batch, 2]))
        nodes += [
            helper.make_node("Cast", ["orig_target_sizes"], ["sizes"], to=kinds.FLOAT),
            helper.make_node("Concat", ["sizes", "sizes"], ["sizes4"], axis=1),
            helper.make_node("Unsqueeze", ["sizes4", constant("one", np.array([1]))], ["sizes3"]),
        ]
    outputs = []
    for name, (base, _) in export.outputs.items():
        nodes += _output(name, export, constant)
        kind = kinds.INT64 if export.sized and name == "labels" else kinds.FLOAT
        outputs.append(info(name, kind, ["rows", 7] if _flat(name, base) else [batch, *base.shape]))
    graph = helper.make_graph(nodes, "export", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(export.metadata or {}))
    onnx.save(model, str(path))
    return path
