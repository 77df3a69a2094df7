"""What a tracker reads of `supervision.Detections`, checked once and held as plain arrays."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, IntArray, depth_kind_of, depth_of, depth_std_of
from deptr.tracking.assignment import Indices

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class Measurements:
    """Detections of one frame.

    Attributes:
        boxes: ``(N, 4)`` xyxy pixels.
        scores: ``(N,)`` in [0, 1]; a detector without scores counts as sure (1).
        classes: ``(N,)``; a detector without classes counts as one class (0).
        depths: ``(N,)`` NaN = unknown.
        depth_stds: ``(N,)`` NaN = not given.
        depth_kind: Meaning of `depths`.
        embeddings: ``(N, E)`` of unit length, or None.
        values: ``(N,)`` depths in the space in which they are filtered, or None before that is known.
        variances: ``(N,)`` variance of `values`, likewise.
        covered: ``(N,)`` share of each box that another one covers, likewise.
    """

    boxes: FloatArray
    scores: FloatArray
    classes: IntArray
    depths: FloatArray
    depth_stds: FloatArray
    depth_kind: DepthKind
    embeddings: FloatArray | None = None
    values: FloatArray | None = None
    variances: FloatArray | None = None
    covered: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: Indices) -> Measurements:
        """Those rows."""
        return Measurements(
            self.boxes[rows],
            self.scores[rows],
            self.classes[rows],
            self.depths[rows],
            self.depth_stds[rows],
            self.depth_kind,
            None if self.embeddings is None else self.embeddings[rows],
            None if self.values is None else self.values[rows],
            None if self.variances is None else self.variances[rows],
            None if self.covered is None else self.covered[rows],
        )

    @property
    def has_depth(self) -> bool:
        """Whether any depth is known."""
        return bool(np.isfinite(self.depths).any())

    @classmethod
    def of(cls, detections: sv.Detections, *, default_kind: DepthKind = DepthKind.METRIC) -> Measurements:
        """Read detections, admitted by `deptr.tracking.entrance`, without changing them.

        Raises:
            UsageError: A length does not fit.
        """
        boxes = np.array(detections.xyxy, np.float64).reshape(-1, 4)
        count = len(boxes)
        embeddings = detections.data.get("embedding")
        return cls(
            boxes,
            checked_column(detections.confidence, count, 1.0, "confidence"),
            checked_column(detections.class_id, count, 0, "class_id").astype(np.int64),
            np.where(np.isinf(depth := depth_of(detections)), np.nan, depth),
            depth_std_of(detections),
            depth_kind_of(detections, default_kind),
            None if embeddings is None else _unit(embeddings, count),
        )


def pick(detections: sv.Detections, rows: Indices) -> sv.Detections:
    """Those rows of detections, without checking again what was checked when they were made.

    Example:
        >>> import supervision as sv
        >>> two = sv.Detections(xyxy=np.eye(2, 4), data={"name": ["a", "b"]})
        >>> pick(two, np.array([1])).data["name"]
        ['b']
    """
    picked = copy(detections)
    for name in ("xyxy", "mask", "confidence", "class_id", "tracker_id"):
        values = getattr(detections, name)
        if values is not None:
            setattr(picked, name, (np.asarray(values) if isinstance(values, list) else values)[rows])
    picked.data = {
        name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        for name, values in detections.data.items()
    }
    picked.metadata = dict(detections.metadata)
    return picked


def checked_column(values: object, count: int, default: float, name: str) -> FloatArray:
    """A column of detections as floats, `default` where it is not given.

    Raises:
        UsageError: It has not one value for each box.
    """
    if values is None:
        return np.full(count, default, np.float64)
    column = np.array(values, np.float64).reshape(-1)
    if len(column) != count:
        raise UsageError(f"detections: {name} has {len(column)} values for {count} boxes")
    return column


def _unit(embeddings: object, count: int) -> FloatArray:
    """As rows of unit length; no rows keep their width, which -1 could not tell."""
    vectors = np.asarray(embeddings, np.float64)
    if vectors.shape[:1] != (count,):
        expected = f'data["embedding"]: expected one vector for each of {count} boxes'
        raise UsageError(f"{expected}, got shape {vectors.shape}")
    vectors = vectors.reshape(count, math.prod(vectors.shape[1:]))
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
