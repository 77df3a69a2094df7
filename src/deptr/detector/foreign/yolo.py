"""YOLO's exports: raw with objectness, raw without, with the suppression inside, and YOLOX."""

from __future__ import annotations

import numpy as np

from deptr.detector.foreign.answers import Answer, best_class, corners
from deptr.detector.foreign.inputs import InputForm
from deptr.detector.foreign.layout import STRIDES, Arrays, Layout, Network, cells, single_rows
from deptr.records import FloatArray

NMS_IOU = 0.7
ROWS_OF_TRANSFORMERS = 1000  # detectors without a grid have fewer rows
DEEPEST = 64  # the stride that large YOLOs have besides


class Letterboxed(Layout):
    """What most YOLOs take: RGB in [0, 1] in the middle of grey."""

    nms_iou = NMS_IOU

    def form(self, height: int, width: int) -> InputForm:
        """Letterboxed."""
        return InputForm(height, width, "letterbox")


class YoloV8(Letterboxed):
    """Columns of four numbers of a box and one score for each class."""

    word = "yolov8"
    models = "YOLO v8, v9, v11, v12, YOLO-World"
    outputs = "[B, 4 + classes, N]"

    @classmethod
    def fits(cls, network: Network) -> bool:
        """One output, fewer rows than columns, the rows as many as the metadata's classes ask for."""
        sides = single_rows(network)
        if sides is None or sides[0] is None or sides[0] < 5:
            return False
        count, known = sides[0] - 4, network.named_classes
        few = sides[1] is None or sides[0] < sides[1]
        return few and (known is None or count >= known)

    @property
    def class_count(self) -> int:
        """As the metadata says; what is more belongs to masks or key points."""
        rows = (single_rows(self.network) or (None, None))[0] or 84
        masks = next((port.shape[1] for port in self.network.outputs[1:] if len(port.shape) == 4), 0) or 0
        return self.network.named_classes or rows - 4 - masks

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format in pixels of the input."""
        rows: FloatArray = outputs[self.network.outputs[0].name].T
        scores, labels = best_class(rows[:, 4 : 4 + self.class_count])
        return Answer(corners(rows[:, :4]), scores, labels)


class YoloV5(Letterboxed):
    """Rows of four numbers of a box, its objectness and one score for each class."""

    word = "yolov5"
    models = "YOLO v5, v6, v7"
    outputs = "[B, N, 5 + classes]"

    @classmethod
    def fits(cls, network: Network) -> bool:
        """Three rows for each cell of the grids; or the metadata's classes; or v6's name of the output."""
        sides = single_rows(network)
        if sides is None or sides[1] is None or sides[1] < 6:
            return False
        rows, columns = sides
        if rows is None or columns is None or network.size is None:
            return network.named_classes == sides[1] - 5
        if rows == cells(network.size):
            return network.outputs[0].name == "outputs"
        return rows in (3 * cells(network.size), 3 * cells(network.size, (*STRIDES, DEEPEST)))

    @property
    def class_count(self) -> int:
        """What stands behind the objectness."""
        columns = (single_rows(self.network) or (None, None))[1]
        return columns - 5 if columns else self.network.named_classes or 80

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format in pixels of the input; a score is objectness times class."""
        rows: FloatArray = outputs[self.network.outputs[0].name]
        scores, labels = best_class(rows[:, 5:])
        return Answer(corners(rows[:, :4]), scores * rows[:, 4], labels)


class YoloEnd(Letterboxed):
    """Rows of a box, its score and its class, already chosen inside the network."""

    word = "yolo-nms"
    models = "YOLO v10 and v26, any exported with NMS, v7 end to end"
    outputs = "[B, N, 6] (left, top, right, bottom, score, class) or [N, 7] (image, box, class, score)"
    nms_iou = 1.0

    @classmethod
    def fits(cls, network: Network) -> bool:
        """Six columns and no more rows than a suppression leaves; or seven columns without a batch."""
        shape = network.outputs[0].shape
        if len(network.outputs) == 1 and len(shape) == 2:
            return shape[1] == 7
        sides = single_rows(network)
        if sides is None or sides[1] != 6:
            return False
        return sides[0] is None or sides[0] <= ROWS_OF_TRANSFORMERS

    @property
    def class_count(self) -> int:
        """As the metadata says, else COCO's."""
        return self.network.named_classes or 80

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Corners in pixels of the input."""
        rows: FloatArray = outputs[self.network.outputs[0].name]
        if rows.ndim == 2 and rows.shape[1] == 7:
            return Answer(rows[:, 1:5], rows[:, 6], rows[:, 5].astype(np.int64))
        return Answer(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64))


class YoloX(Layout):
    """Rows as YOLOv5's, one for each cell; offsets within the cell, or decoded."""

    word = "yolox"
    models = "YOLOX"
    outputs = "[B, N, 5 + classes], N cells of the grids"
    nms_iou = NMS_IOU

    @classmethod
    def fits(cls, network: Network) -> bool:
        """One row for each cell."""
        sides = single_rows(network)
        if sides is None or sides[1] is None or sides[1] < 6 or network.size is None:
            return False
        return sides[0] == cells(network.size)

    def form(self, height: int, width: int) -> InputForm:
        """Pixels as they are, blue first, in the upper left corner."""
        return InputForm(height, width, "corner", scale=1.0, bgr=True)

    @property
    def class_count(self) -> int:
        """What stands behind the objectness."""
        columns = (single_rows(self.network) or (None, None))[1]
        return columns - 5 if columns else self.network.named_classes or 80

    def answer(self, outputs: Arrays, size: tuple[int, int]) -> Answer:
        """Boxes in centre format; offsets are told by their spread, which never reaches half an image."""
        rows: FloatArray = outputs[self.network.outputs[0].name]
        boxes = rows[:, :4]
        if len(boxes) and float(np.ptp(boxes[:, 0])) < size[1] / 2:
            boxes = _decoded(boxes, size)
        scores, labels = best_class(rows[:, 5:])
        return Answer(corners(boxes), scores * rows[:, 4], labels)


def _decoded(offsets: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Boxes in pixels from offsets within the cells of the grids, finest first."""
    places, widths = [], []
    for stride in STRIDES:
        row, column = np.mgrid[: size[0] // stride, : size[1] // stride]
        places.append(np.stack([column.ravel(), row.ravel()], axis=1) * stride)
        widths.append(np.full(row.size, stride))
    place, stride_of = np.concatenate(places), np.concatenate(widths)[:, None]
    sides = np.exp(np.clip(offsets[:, 2:], None, 10)) * stride_of
    return np.concatenate([offsets[:, :2] * stride_of + place, sides], axis=1)
