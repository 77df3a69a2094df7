"""Exports of transformers' kin: boxes with scores chosen inside, or logits for each query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from deptr.detector.foreign.answers import Answer, best_class, corners
from deptr.detector.foreign.inputs import IMAGENET_MEAN, IMAGENET_STD, InputForm
from deptr.detector.foreign.layout import Arrays, Layout, Network, single_rows
from deptr.detector.foreign.processor import form_of_processor, json_beside
from deptr.detector.foreign.yolo import ROWS_OF_TRANSFORMERS
from deptr.records import FloatArray

WITH_NOTHING = 92  # COCO's 91 categories and "no object", as DETR and YOLOS are trained


class RTDetr(Layout):
    """Labels, boxes and scores, the boxes in the size that a second input tells."""

    word = "rt-detr"
    models = "RT-DETR, RT-DETRv2, D-FINE, DEIM by their own export"
    outputs = "labels, boxes, scores; a second input orig_target_sizes"

    @classmethod
    def fits(cls, network: Network) -> bool:
        """The three names, and two numbers asked for each image."""
        named = {port.name for port in network.outputs} >= {"labels", "boxes", "scores"}
        return named and len(network.inputs) == 2 and network.inputs[1].shape[-1:] == (2,)

    def form(self, height: int, width: int) -> InputForm:
        """Stretched, in [0, 1]."""
        return InputForm(height, width)

    @property
    def class_count(self) -> int:
        """As the metadata says, else COCO's."""
        return self.network.named_classes or 80

    def extra_inputs(self, count: int, size: tuple[int, int]) -> dict[str, Any]:
        """Width and height: boxes come back in pixels of the input."""
        return {self.network.inputs[1].name: np.array([[size[1], size[0]]] * count, np.int64)}

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Corners in pixels of the input."""
        return Answer(outputs["boxes"], outputs["scores"], outputs["labels"].astype(np.int64))


class RTDetrRows(Layout):
    """Rows of a box as shares of the image and one score for each class."""

    word = "rt-detr-rows"
    models = "RT-DETR by Ultralytics"
    outputs = "[B, N, 4 + classes], N queries"

    @classmethod
    def fits(cls, network: Network) -> bool:
        """A few hundred rows, as wide as the metadata's classes ask for, or COCO's."""
        sides = single_rows(network)
        if sides is None or sides[0] is None or sides[0] > ROWS_OF_TRANSFORMERS:
            return False
        return sides[1] == 4 + (network.named_classes or 80)

    def form(self, height: int, width: int) -> InputForm:
        """Stretched, in [0, 1]."""
        return InputForm(height, width)

    @property
    def class_count(self) -> int:
        """What stands behind the box."""
        columns = (single_rows(self.network) or (None, None))[1]
        return columns - 4 if columns else 80

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format in [0, 1]."""
        rows: FloatArray = outputs[self.network.outputs[0].name]
        scores, labels = best_class(rows[:, 4:])
        return Answer(corners(rows[:, :4]) * _sides(size), scores, labels)


class RFDetr(Layout):
    """Boxes as shares of the image, and a logit for each class."""

    word = "rf-detr"
    models = "RF-DETR, LW-DETR by their own export"
    outputs = "dets [B, N, 4], labels [B, N, classes]"
    default_size = (560, 560)

    @classmethod
    def fits(cls, network: Network) -> bool:
        """The two names."""
        return network.output("dets") is not None and network.output("labels") is not None

    def form(self, height: int, width: int) -> InputForm:
        """Stretched, normalised as ImageNet."""
        return InputForm(height, width, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    @property
    def class_count(self) -> int:
        """One for each logit."""
        port = self.network.output("labels")
        return (port.shape[-1] if port else None) or self.network.named_classes or 91

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format in [0, 1]."""
        scores, labels = best_class(_sigmoid(outputs["labels"]))
        return Answer(corners(outputs["dets"]) * _sides(size), scores, labels)


class Logits(Layout):
    """What a model of transformers answers; its ``config.json`` and ``preprocessor_config.json`` are read."""

    word = "transformers"
    models = "any detector of transformers (Optimum): DETR, YOLOS, RT-DETR, D-FINE, RF-DETR"
    outputs = "logits [B, N, classes], pred_boxes [B, N, 4]"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._config = json_beside(network.path, "config.json")
        self._processor = json_beside(network.path, "preprocessor_config.json")
        port = network.output("logits")
        self._logits = (port.shape[-1] if port else None) or len(self._config.get("id2label", {})) or 91
        self._softmax = is_softmax(self._config.get("model_type", ""), self._logits)

    @classmethod
    def fits(cls, network: Network) -> bool:
        """The two names."""
        return network.output("logits") is not None and network.output("pred_boxes") is not None

    def form(self, height: int, width: int) -> InputForm:
        """Stretched, else as by default."""
        return replace(self.default_form(), height=height, width=width, fit="stretch")

    def default_form(self) -> InputForm:
        """As the processor says; without one normalised, unless it is an RT-DETR with 80 classes."""
        model_type = self._config.get("model_type") or ("rt_detr" if self._logits == 80 else "rf_detr")
        if self._processor or self._config:
            return form_of_processor(self._processor, model_type)
        height, width = self.default_size
        return form_of_processor({"size": {"height": height, "width": width}}, model_type)

    @property
    def class_count(self) -> int:
        """One for each logit, but for "no object"."""
        return self._logits - self._softmax

    def names(self) -> dict[int, str]:
        """As ``config.json`` says."""
        said = self._config.get("id2label")
        return {**super().names(), **{int(number): str(name) for number, name in (said or {}).items()}}

    def extra_inputs(self, count: int, size: tuple[int, int]) -> dict[str, Any]:
        """Every pixel belongs to the image."""
        mask = next((port for port in self.network.inputs[1:] if port.name == "pixel_mask"), None)
        if mask is None:
            return {}
        sides = tuple(side or full for side, full in zip(mask.shape[1:], size, strict=True))
        return {mask.name: np.ones((count, *sides), np.int64)}

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format in [0, 1]."""
        return answer_of_logits(outputs["logits"], outputs["pred_boxes"], size, softmax=self._softmax)


def answer_of_logits(
    logits: FloatArray, boxes: FloatArray, size: tuple[int, int], *, softmax: bool
) -> Answer:
    """What logits ``(N, classes)`` and boxes ``(N, 4)`` in centre format in [0, 1] say.

    Args:
        logits: With `softmax` the last column is "no object".
        boxes: Of the queries.
        size: Height and width of the input.
        softmax: Whether classes exclude each other.
    """
    if softmax:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (powers / powers.sum(axis=1, keepdims=True))[:, :-1]
    else:
        scores = _sigmoid(logits)
    best, labels = best_class(scores)
    return Answer(corners(boxes) * _sides(size), best, labels)


def is_softmax(model_type: str, logits: int) -> bool:
    """Whether a family's classes exclude each other, with "no object" as the last.

    Example:
        >>> is_softmax("yolos", 5), is_softmax("rf_detr", 91), is_softmax("", 92)
        (True, False, True)
    """
    if model_type:
        return model_type in ("detr", "yolos", "table-transformer")
    return logits == WITH_NOTHING


def _sides(size: tuple[int, int]) -> FloatArray:
    return np.array([size[1], size[0]] * 2, np.float32)


def _sigmoid(values: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
