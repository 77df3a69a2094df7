"""What a box tells of which one edge is wrong: cut by the border of the image or by whoever stands in front.

A cut moves the centre and the size at once. Counted as two errors it would tell a walker who leaves the
image from himself; the edge on the other side is where it was expected.
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.likelihood.student import GATE, log_ratios

WRONG_EDGES = 0.05  # share of boxes one edge of which, along an axis, is anywhere
REACH = 0.25  # heights by which a cut may move the centre of a box beyond the gate


def with_cuts(
    terms: FloatArray, errors: FloatArray, variances: FloatArray, spread: FloatArray, sizes: FloatArray
) -> FloatArray:
    """What place and size say if any one edge along each axis may be wrong, ``(P,)`` nats, -inf = outside.

    Args:
        terms: ``(P, 3)`` what centre u, v and log height say alone, -inf outside the gate.
        errors: ``(P, 4)`` of centre u, v, log height and log aspect.
        variances: ``(P, 4)`` of these errors if they are one object.
        spread: ``(4,)`` mean square differences of different objects.
        sizes: ``(P, 2)`` expected width and height, pixels.

    Example:
        >>> cut = np.array([[0.0, 10.0, np.log(0.8), 0.0]])  # a fifth is missing at the top
        >>> same, others = np.array([[9.0, 9.0, 1e-3, 1e-2]]), np.array([1e4, 1e4, 1.0, 1.0])
        >>> alone = np.array([[3.5, 1.0, -9.0]])
        >>> bool(with_cuts(alone, cut, same, others, np.array([[40.0, 100.0]]))[0] > 0)
        True
    """
    (width, height), logs = sizes.T, np.log(WRONG_EDGES / 2)
    shares = np.expm1(np.stack([errors[:, 2] + errors[:, 3], errors[:, 2]]))
    grown = np.stack([width, height]) * shares / 2
    of_width, of_height = width**2 / 4, height**2 / 4
    edges = []
    for axis, part, scale, parts in ((0, grown[0], of_width, (2, 3)), (1, grown[1], of_height, (2,))):
        same = variances[:, axis] + scale * sum(variances[:, each] for each in parts)
        others = spread[axis] + scale * sum(spread[each] for each in parts)
        either = np.stack([errors[:, axis] - part, errors[:, axis] + part])
        said, normed = log_ratios(either, same, others)
        edges.append(np.where(normed < GATE, said, -np.inf).max(0) + logs)
    return np.asarray(np.maximum(terms[:, 0], edges[0]) + np.maximum(terms[:, 1] + terms[:, 2], edges[1]))
