"""One box of several that a network gives for the same object, and less belief in a box between two others.

A network of queries is taught to answer once for each object, so where two queries answer they share what
they believe: taking the better box alone loses the other's share and part of what is known of its edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deptr.boxes import intersections, iou
from deptr.records import BoolArray, FloatArray, IntArray

LEAST_SCORE = 0.01  # what is below does not speak for another box either
BELIEF = 0.5  # share of a doubled box's belief that counts, of 0, 0.5 and 1 tried on photos and other crowds
COVERED = 0.9  # share of a box from which two better ones leave it nothing of its own
TOUCHES = 0.05  # share of a box that another one must cover to count as lying on it


@dataclass(frozen=True)
class Fused:
    """Objects, best first.

    Attributes:
        kept: ``(K,)`` place of each object's best box.
        shares: ``(K, N)`` what each box says in each object's; rows add up to 1.
        scores: ``(K,)`` in [0, 1].
    """

    kept: IntArray
    shares: FloatArray
    scores: FloatArray


def fuse(boxes: FloatArray, scores: FloatArray, labels: Any, limit: float) -> Fused:
    """Each best box together with the worse ones of its class that overlap it by more than the limit.

    Boxes (and whatever else is to be averaged) weigh as much as their scores.

    Args:
        boxes: ``(N, 4)`` corners, best first.
        scores: ``(N,)`` in [0, 1].
        labels: ``(N,)`` classes.
        limit: IoU above which two boxes are of one object.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10.0]])
        >>> found = fuse(boxes, np.array([0.6, 0.2, 0.1]), np.zeros(3), 0.5)
        >>> found.kept, found.scores.round(2), (found.shares @ boxes)[0]
        (array([0, 2]), array([0.64, 0.1 ]), array([ 0.25,  0.  , 10.25, 10.  ]))
    """
    alike = (iou(boxes, boxes) > limit) & (labels[:, None] == labels[None])
    owner = np.full(len(boxes), -1)
    for place in range(len(boxes)):
        if owner[place] < 0:
            owner[alike[place] & (owner < 0)] = place
            owner[place] = place
    kept = np.unique(owner)
    members = owner[None] == kept[:, None]
    weights = members * np.maximum(scores, LEAST_SCORE)
    doubts = np.log1p(-np.minimum(scores, 1 - 1e-6))
    believed = -np.expm1((1 - BELIEF) * doubts[kept] + BELIEF * (members @ doubts))
    order = np.argsort(-believed, kind="stable")
    shares = weights / np.maximum(weights.sum(1, keepdims=True), LEAST_SCORE)
    return Fused(kept[order], shares[order], believed[order])


def between_others(boxes: FloatArray, labels: Any) -> BoolArray:
    """Boxes that two better ones of their class cover together, ``(N,)``.

    Args:
        boxes: ``(N, 4)`` corners, best first.
        labels: ``(N,)`` classes.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [4, 0, 14, 10], [0, 20, 10, 30.0]])
        >>> between_others(boxes, np.zeros(4))
        array([False, False,  True, False])
    """
    shared = intersections(boxes, boxes)
    areas = np.maximum(np.diag(shared), 1e-9)
    upon = (shared > TOUCHES * areas[:, None]) & (labels[:, None] == labels[None])
    found = np.zeros(len(boxes), bool)
    for place in np.flatnonzero(np.tril(upon, -1).sum(1) >= 2):
        better = np.flatnonzero(upon[place, :place])
        better = better[np.argsort(-shared[place, better], kind="stable")]
        first, rest = better[0], better[1:]
        corner = np.maximum(boxes[place, :2], boxes[first, :2])
        both = np.concatenate([corner, np.minimum(boxes[place, 2:], boxes[first, 2:])])
        twice = intersections(both[None], boxes[rest])[0]
        covered = shared[place, first] + shared[place, rest] - twice
        found[place] = covered.max() > COVERED * areas[place]
    return found
