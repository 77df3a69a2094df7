"""What a tracker reads of `supervision.Detections`, checked once and held as plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, IntArray, number_column
from deptr.tracking.assignment import Indices

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class Measurements:
    """Detections of one frame, or some of them.

    Attributes:
        columns: ``(N,)`` which of the frame's detections each is.
        boxes: ``(N, 4)`` xyxy pixels.
        scores: ``(N,)`` in [0, 1]; a detector without scores counts as sure (1).
        classes: ``(N,)``; a detector without classes counts as one class (0).
        depths: ``(N,)`` NaN = unknown.
        depth_stds: ``(N,)`` NaN = not given.
        depth_kind: Meaning of `depths`.
        embeddings: ``(N, E)`` of unit length, or None.
        states: ``(N, S)`` query states of the detector, or None.
        values: ``(N,)`` depths in filter space (`DepthSpace`), NaN = unknown; None where there are none.
        variances: ``(N,)`` variance of `values`, likewise.
        covered: ``(N,)`` share of each box that another one covers, likewise.
    """

    columns: Indices
    boxes: FloatArray
    scores: FloatArray
    classes: IntArray
    depths: FloatArray
    depth_stds: FloatArray
    depth_kind: DepthKind
    embeddings: FloatArray | None = None
    states: FloatArray | None = None
    values: FloatArray | None = None
    variances: FloatArray | None = None
    covered: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: Indices) -> Measurements:
        """Those rows."""
        return Measurements(
            self.columns.take(rows),
            self.boxes.take(rows, 0),
            self.scores.take(rows),
            self.classes.take(rows),
            self.depths.take(rows),
            self.depth_stds.take(rows),
            self.depth_kind,
            None if self.embeddings is None else self.embeddings.take(rows, 0),
            None if self.states is None else self.states.take(rows, 0),
            None if self.values is None else self.values.take(rows),
            None if self.variances is None else self.variances.take(rows),
            None if self.covered is None else self.covered.take(rows),
        )

    def with_depth(self, values: FloatArray, variances: FloatArray, covered: FloatArray) -> Measurements:
        """The same with depths in filter space; `dataclasses.replace` takes four times as long."""
        return Measurements(
            self.columns,
            self.boxes,
            self.scores,
            self.classes,
            self.depths,
            self.depth_stds,
            self.depth_kind,
            self.embeddings,
            self.states,
            values,
            variances,
            covered,
        )

    @classmethod
    def of(cls, detections: sv.Detections, *, default_kind: DepthKind = DepthKind.METRIC) -> Measurements:
        """Read detections, admitted by `deptr.tracking.entrance`, without changing them.

        Raises:
            UsageError: A column has not one number for each box.
        """
        boxes = np.array(detections.xyxy, np.float64).reshape(-1, 4)
        count, data = len(boxes), detections.data
        depths = number_column(data.get("depth"), count, math.nan, 'data["depth"]')
        embeddings, states = data.get("embedding"), data.get("query_state")
        return cls(
            np.arange(count),
            boxes,
            number_column(detections.confidence, count, 1.0, "confidence"),
            number_column(detections.class_id, count, 0, "class_id").astype(np.int64),
            np.where(np.isinf(depths), np.nan, depths),
            number_column(data.get("depth_std"), count, math.nan, 'data["depth_std"]'),
            DepthKind.parse(detections.metadata.get("depth_kind", default_kind)),
            None if embeddings is None else _unit(embeddings, count),
            None if states is None else _rows(states, count, "query_state"),
        )


def pick(detections: sv.Detections, rows: Indices) -> sv.Detections:
    """Those rows of detections, without checking again what was checked when they were made.

    Example:
        >>> import supervision as sv
        >>> two = sv.Detections(xyxy=np.eye(2, 4), data={"name": ["a", "b"]})
        >>> pick(two, np.array([1])).data["name"]
        ['b']
    """
    picked = type(detections).__new__(type(detections))  # as `copy` does, in a fifth of its time
    vars(picked).update(vars(detections))
    for name in ("xyxy", "mask", "confidence", "class_id", "tracker_id"):
        values = getattr(detections, name)
        if values is not None:
            setattr(picked, name, (np.asarray(values) if isinstance(values, list) else values)[rows])
    picked.data = {}
    for name, values in detections.data.items():
        picked.data[name] = values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
    picked.metadata = dict(detections.metadata)
    return picked


def _unit(embeddings: object, count: int) -> FloatArray:
    vectors = _rows(embeddings, count, "embedding")
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _rows(values: object, count: int, name: str) -> FloatArray:
    """One vector for each box; no boxes keep the vectors' width, which -1 could not tell."""
    vectors = np.asarray(values, np.float64)
    if vectors.shape[:1] != (count,):
        expected = f'data["{name}"]: expected one vector for each of {count} boxes'
        raise UsageError(f"{expected}, got shape {vectors.shape}")
    return vectors.reshape(count, math.prod(vectors.shape[1:]))
