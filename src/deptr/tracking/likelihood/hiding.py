"""Who hides whom: of two tracks that overlap the nearer one hides the other."""

from __future__ import annotations

import numpy as np

from deptr.boxes import intersections
from deptr.records import FloatArray


def hidden_share(boxes_xyxy: FloatArray, others_xyxy: FloatArray) -> FloatArray:
    """Share of each box that the one nearer box covers which covers it most, ``(T,)`` in [0, 1].

    Nearer is whose lower edge is lower, as on common ground.

    Args:
        boxes_xyxy: ``(T, 4)`` predicted boxes of tracks that are looked for.
        others_xyxy: ``(N, 4)`` boxes of tracks that were seen lately.

    Example:
        >>> lost, seen = np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([[2.0, 1.0, 4.0, 5.0]])
        >>> hidden_share(lost, seen).tolist(), hidden_share(seen, lost).tolist()
        ([0.375], [0.0])
    """
    if not len(others_xyxy):
        return np.zeros(len(boxes_xyxy))
    shared = intersections(boxes_xyxy, others_xyxy)
    shared[others_xyxy[:, 3] <= boxes_xyxy[:, 3, None]] = 0.0
    area = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(1)
    return np.asarray(np.minimum(shared.max(1) / np.maximum(area, 1e-9), 1.0))
