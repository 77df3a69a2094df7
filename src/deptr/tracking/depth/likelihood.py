"""How much more likely a difference is between two sightings of one object than between two objects.

Both are taken for normal with mean zero: of variance `same` if the two are one object, and of the larger
variance `different` if they are not.
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray


def log_likelihood_ratio(
    difference: FloatArray, same: FloatArray, different: FloatArray | float
) -> FloatArray:
    """``0.5 log(different / same) - 0.5 difference^2 (1 / same - 1 / different)``, in nats.

    Args:
        difference: Measured minus predicted, of any shape.
        same: Its variance if both are one object.
        different: Its variance if they are two.

    Returns:
        Positive where one object is the better explanation; NaN where the difference is.

    Example:
        >>> log_likelihood_ratio(np.array([0.0, 3.0]), np.array([1.0]), 4.0).round(2).tolist()
        [0.69, -2.68]
    """
    return np.asarray(0.5 * np.log(different / same) - 0.5 * difference**2 * (1 / same - 1 / different))


def surprise(error: FloatArray, covariance: FloatArray) -> FloatArray:
    """Twice the negative log density of a position and a velocity together, but for a constant.

    Args:
        error: ``(2, ...)`` of position and velocity.
        covariance: ``(3, ...)`` variance of the position, covariance, variance of the velocity.

    Example:
        >>> surprise(np.array([[2.0], [0.0]]), np.array([[1.0], [0.0], [1.0]])).tolist()
        [4.0]
    """
    a, b, c = covariance
    determinant = a * c - b**2
    square = (c * error[0] ** 2 - 2 * b * error[0] * error[1] + a * error[1] ** 2) / determinant
    return np.asarray(np.log(determinant) + square)
