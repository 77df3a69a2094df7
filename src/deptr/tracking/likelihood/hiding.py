"""Who hides whom: of two tracks that overlap the nearer one hides the other."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.boxes import areas, intersections


def hidden_share(boxes_xyxy: FloatArray, distances: FloatArray, live: BoolArray) -> FloatArray:
    """Share of each track's box that the one nearer track covers which covers it most, ``(T,)`` in [0, 1].

    Args:
        boxes_xyxy: ``(T, 4)`` predicted boxes.
        distances: ``(T,)`` distances or anything that grows with them; NaN = unknown.
        live: ``(T,)`` tracks that can hide others: those seen lately.

    Example:
        >>> boxes = np.array([[0.0, 0.0, 4.0, 4.0], [2.0, 0.0, 4.0, 4.0]])
        >>> hidden_share(boxes, np.array([2.0, 1.0]), np.array([True, True])).tolist()
        [0.5, 0.0]
    """
    if len(boxes_xyxy) < 2:
        return np.zeros(len(boxes_xyxy))
    shared = intersections(boxes_xyxy, boxes_xyxy)
    shared[~((distances[None, :] < distances[:, None]) & live[None, :])] = 0.0
    return np.asarray(np.minimum(shared.max(1) / np.maximum(areas(boxes_xyxy), 1e-9), 1.0))
