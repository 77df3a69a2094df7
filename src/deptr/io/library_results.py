"""Boxes in the form in which other libraries hand them out, as `supervision.Detections`; none is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr.errors import UsageError
from deptr.records import FloatArray

if TYPE_CHECKING:
    import supervision as sv

TAKEN = (
    "supervision.Detections, a result of ultralytics, transformers, torchvision, Detectron2 or MMDetection, "
    "or an array of x1, y1, x2, y2[, score[, class]]"
)
_COLUMNS = (4, 5, 6)


def detections_from(results: Any, *, names: Mapping[int, str] | Sequence[str] | None = None) -> sv.Detections:
    """What another library found in one image, as `supervision.Detections`.

    Objects are known by their fields, not by their class, so no library has to be installed:

    ==================================================  =====================================================
    from                                                known by
    ==================================================  =====================================================
    supervision, RF-DETR                                `supervision.Detections`
    ultralytics                                         ``boxes.xyxy``, ``boxes.conf``, ``boxes.cls``
    transformers, ``pipeline("object-detection")``      dictionaries with ``box``, ``score``, ``label``
    transformers, ``post_process_object_detection``     a dictionary with ``boxes``, ``scores``, ``labels``
    torchvision                                         the same
    Detectron2                                          ``instances`` with ``pred_boxes``
    MMDetection                                         ``pred_instances`` with ``bboxes``
    arrays and tensors                                  4 to 6 columns: x1, y1, x2, y2[, score[, class]]
    ==================================================  =====================================================

    Args:
        results: What the library returned for one image, or a list of one of these.
        names: Name of each class number, where the results do not hold them (transformers:
            ``model.config.id2label``).

    Returns:
        Boxes in pixels with scores and classes; names of classes in ``data["class_name"]`` where known. Put
        depths into ``data["depth"]``.

    Raises:
        UsageError: It is none of these, or holds several images.

    Example:
        >>> found = detections_from([{"score": 0.9, "label": "cat",
        ...     "box": {"xmin": 10, "ymin": 20, "xmax": 50, "ymax": 80}}])
        >>> found.xyxy.tolist(), found.data["class_name"].tolist()
        ([[10.0, 20.0, 50.0, 80.0]], ['cat'])
        >>> detections_from(np.array([[10, 20, 50, 80, 0.9, 2]])).class_id.tolist()
        [2]
    """
    found = _detections(results)
    if names is not None and found.class_id is not None:
        found.data["class_name"] = _named(found.class_id.tolist(), names)
    return found


def _detections(results: Any) -> sv.Detections:
    import supervision as sv

    if isinstance(results, sv.Detections):
        return results
    if _is_pipeline(results):
        return _of_pipeline(results)
    if isinstance(results, (list, tuple)) and not _is_numbers(results):
        if len(results) != 1:
            raise UsageError(f"results: expected those of one image, got {len(results)} of them")
        return _detections(results[0])
    for known, read in _FORMS:
        if known(results):
            return read(results)
    raise UsageError(f"results: expected {TAKEN}; got {type(results).__name__}")


def _is_pipeline(results: Any) -> bool:
    return isinstance(results, list) and all(isinstance(row, Mapping) and "box" in row for row in results)


def _of_pipeline(rows: Sequence[Mapping[str, Any]]) -> sv.Detections:
    sides = ("xmin", "ymin", "xmax", "ymax")
    boxes = [[float(row["box"][side]) for side in sides] for row in rows]
    names = [str(row["label"]) for row in rows]
    return _made(boxes, [row["score"] for row in rows], names=names)


def _of_ultralytics(results: Any) -> sv.Detections:
    boxes = results.boxes
    names = getattr(results, "names", None)
    return _made(boxes.xyxy, boxes.conf, boxes.cls, names)


def _of_dictionary(results: Any) -> sv.Detections:
    return _made(results["boxes"], results["scores"], results["labels"])


def _of_detectron(results: Any) -> sv.Detections:
    instances = results["instances"] if isinstance(results, Mapping) else results
    boxes = getattr(instances.pred_boxes, "tensor", instances.pred_boxes)
    return _made(boxes, instances.scores, instances.pred_classes)


def _of_mmdetection(results: Any) -> sv.Detections:
    found = results.pred_instances
    return _made(found.bboxes, found.scores, found.labels)


def _of_numbers(results: Any) -> sv.Detections:
    table = _numbers(results)
    if table.size == 0:
        return _made(np.zeros((0, 4)), np.zeros(0))
    if table.ndim != 2 or table.shape[1] not in _COLUMNS:
        raise UsageError(
            f"results: expected {_COLUMNS[0]} to {_COLUMNS[-1]} columns, got shape {table.shape}"
        )
    scores = table[:, 4] if table.shape[1] > 4 else np.ones(len(table))
    return _made(table[:, :4], scores, table[:, 5] if table.shape[1] > 5 else None)


def _made(
    boxes: Any, scores: Any, classes: Any = None, names: Mapping[int, str] | Sequence[str] | None = None
) -> sv.Detections:
    """Detections of columns; `names` are those of each class number, or without `classes` of each box."""
    import supervision as sv

    found = sv.Detections(_numbers(boxes).reshape(-1, 4), confidence=_numbers(scores).reshape(-1))
    if classes is not None:
        found.class_id = _numbers(classes).reshape(-1).astype(np.int64)
        if names is not None:
            found.data["class_name"] = _named(found.class_id.tolist(), names)
    elif names is not None:
        found.data["class_name"] = np.array(list(names), dtype=str)
    return found


def _named(numbers: Sequence[int], names: Mapping[int, str] | Sequence[str]) -> npt.NDArray[np.str_]:
    known = names if isinstance(names, Mapping) else dict(enumerate(names))
    return np.array([str(known.get(number, number)) for number in numbers], dtype=str)


def _is_numbers(value: Any) -> bool:
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):
        return True
    if not isinstance(value, (list, tuple)):
        return False
    return all(
        isinstance(row, (list, tuple)) and all(isinstance(x, (int, float)) for x in row) for row in value
    )


def _numbers(values: Any) -> FloatArray:
    """An array, a list or a tensor on any device as float64."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().float()
    return np.asarray(values, np.float64)


_FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Any], sv.Detections]], ...] = (
    (lambda r: hasattr(getattr(r, "boxes", None), "xyxy"), _of_ultralytics),
    (lambda r: isinstance(r, Mapping) and {"boxes", "scores", "labels"} <= set(r), _of_dictionary),
    (lambda r: isinstance(r, Mapping) and "instances" in r, _of_detectron),
    (lambda r: hasattr(r, "pred_boxes"), _of_detectron),
    (lambda r: hasattr(r, "pred_instances"), _of_mmdetection),
    (_is_numbers, _of_numbers),
)
