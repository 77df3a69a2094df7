"""What a box tells of which one edge is wrong: cut by the border of the image or by whoever stands in front.

A cut moves the centre and the size at once. Counted as two errors it would tell a walker who leaves the
image from himself; the edge on the other side is where it was expected.
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.likelihood.student import GATE, log_ratios

WRONG_EDGES = 0.05  # share of boxes one edge of which is anywhere
EXTENTS = ((2, 3), (2,))  # logarithms whose sum is that of the width, and of the height


def beside_a_cut(
    axis: int, errors: FloatArray, variances: FloatArray, spread: FloatArray, sizes: FloatArray
) -> FloatArray:
    """What one edge along an axis says if the other is wrong, the better one, ``(P,)`` nats, -inf = outside.

    Args:
        axis: 0 = left or right, 1 = top or bottom.
        errors: ``(P, 4)`` of centre u, v, log height and log aspect.
        variances: ``(P, 4)`` of these errors if they are one object.
        spread: ``(4,)`` mean square differences of different objects.
        sizes: ``(P, 2)`` expected width and height, pixels.

    Example:
        >>> cut = np.array([[0.0, 10.0, np.log(0.8), 0.0]])  # a fifth is missing at the top
        >>> same, others = np.array([[9.0, 9.0, 1e-3, 1e-2]]), np.array([1e4, 1e4, 1.0, 1.0])
        >>> bool(beside_a_cut(1, cut, same, others, np.array([[40.0, 100.0]]))[0] > -1)
        True
    """
    half = sizes[:, axis] / 2
    grown, same, others = np.zeros(len(half)), variances[:, axis], spread[axis]
    for part in EXTENTS[axis]:
        grown = grown + errors[:, part]
        same = same + half**2 * variances[:, part]
        others = others + half**2 * spread[part]
    grown = half * np.expm1(grown)
    said, normed = log_ratios(errors[:, axis] + np.stack([-grown, grown]), same, others)
    said[normed >= GATE] = -np.inf
    return np.asarray(said.max(0) + np.log(WRONG_EDGES / 2))
