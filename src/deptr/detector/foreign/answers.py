"""From a network's boxes, scores and classes to `supervision.Detections`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deptr.detector.foreign.inputs import Placement
from deptr.detector.postprocess import suppress
from deptr.records import FloatArray, IntArray

if TYPE_CHECKING:
    import supervision as sv

CANDIDATES = 1000  # the best boxes that silence each other; a raw YOLO has thousands


@dataclass(frozen=True)
class Answer:
    """What a network says of one image.

    Attributes:
        boxes: ``(N, 4)`` corners in pixels of the input.
        scores: ``(N,)`` in [0, 1].
        labels: ``(N,)`` class numbers.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: IntArray


def corners(boxes: FloatArray) -> FloatArray:
    """Boxes ``(N, 4)`` in centre format as corners.

    Example:
        >>> corners(np.array([[5.0, 5.0, 4.0, 2.0]]))
        array([[3., 4., 7., 6.]])
    """
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def best_class(scores: FloatArray) -> tuple[FloatArray, IntArray]:
    """Score and number of each row's best class, from ``(N, classes)``."""
    labels = scores.argmax(axis=1)
    return scores[np.arange(len(scores)), labels], labels


def to_detections(
    answer: Answer,
    placement: Placement,
    image_size: tuple[int, int],
    *,
    min_score: float,
    nms_iou: float = 1.0,
) -> sv.Detections:
    """Detections in pixels of the image, best first.

    Args:
        answer: Of the network.
        placement: Where the image lay in the input.
        image_size: Height and width of the image.
        min_score: Detections below are dropped.
        nms_iou: Of two boxes of a class that overlap by more the worse is dropped; 1 keeps all.
    """
    import supervision as sv

    order = np.argsort(-answer.scores, kind="stable")
    order = order[answer.scores[order] >= min_score]
    limits = np.array([image_size[1], image_size[0]] * 2, np.float32)
    boxes = np.clip(placement.back(answer.boxes[order]), 0, limits).astype(np.float32)
    solid = (boxes[:, 2:] - boxes[:, :2] > 0).all(axis=1)  # also drops what is not a number
    order, boxes = order[solid], boxes[solid]
    if nms_iou < 1:
        order, boxes = order[:CANDIDATES], boxes[:CANDIDATES]
        kept = suppress(boxes, answer.labels[order], nms_iou)
        order, boxes = order[kept], boxes[kept]
    return sv.Detections(
        xyxy=boxes,
        confidence=answer.scores[order].astype(np.float32),
        class_id=answer.labels[order].astype(int),
    )
