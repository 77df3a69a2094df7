"""Student's distribution, by which every error is judged: rare large ones cost less than a Gaussian says."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray

FREEDOM = 4.0
GATE = 64.0  # squared standard deviations that no coordinate of place and size may exceed


def log_ratios(
    errors: FloatArray, variances: FloatArray, spread: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How much likelier errors are of one object than of two, in nats, and their squares by the variance.

    Args:
        errors: Detection minus prediction.
        variances: Of the errors if they are one object; broadcastable.
        spread: Mean squares if they are two, never counted as less than the variances; broadcastable.

    Example:
        >>> nats, normed = log_ratios(np.array([0.0, 3.0]), np.ones(2), np.full(2, np.e**2))
        >>> nats.round(2).tolist(), normed.tolist()
        ([1.0, -1.28], [0.0, 9.0])
    """
    squares, different = errors**2, np.maximum(spread, variances)
    normed = squares / variances
    squares /= different
    unlikely = np.log((FREEDOM + normed) / (FREEDOM + squares))
    unlikely *= (FREEDOM + 1) / 2
    different /= variances
    nats = np.log(different, out=different)
    nats *= 0.5
    return nats - unlikely, normed
