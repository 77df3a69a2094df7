"""What all depths of a frame did at once: a depth network's scale that drifts, a camera that jumps ahead."""

from __future__ import annotations

import math

import numpy as np

from deptr.records import FloatArray

SHIFT_PAIRS, TILT_PAIRS = 4, 6  # at least, to see a shift and to see that it changes across the image
SURE_ERRORS = 2.0  # standard errors from which on it is believed
MEDIAN_ERROR = 1.25  # of a median, in those of a mean
DEVIATION = 1.4826  # of a normal, in median absolute deviations
USUAL = 3.0  # standard deviations within which a pair tells of the tilt
OWN_LEAST = 4  # objects, so that something is left once two things that all do are taken away


def common_shift(differences: FloatArray, places: FloatArray) -> tuple[float, float, float]:
    """How far depths moved together, and how that changes across the image.

    Args:
        differences: ``(N,)`` measured minus foreseen depth of pairs, some of which are wrong.
        places: ``(N,)`` where each stands in the image, from left to right.

    Returns:
        Shift, change of it per place, and the place where the first holds; 0 for what is not sure.

    Example:
        >>> places = np.arange(8.0)
        >>> shift, tilt, middle = common_shift(0.3 + 0.01 * (places - 3.5), places)
        >>> round(shift, 3), round(tilt, 3), middle
        (0.305, 0.01, 3.5)
        >>> common_shift(np.array([0.1, -0.1, 0.2, -0.3]), places[:4])
        (0.0, 0.0, 1.5)
    """
    count, middle = len(differences), float(places.sum()) / max(len(places), 1)
    if count < SHIFT_PAIRS:
        return 0.0, 0.0, middle
    shift = float(np.sort(differences)[count // 2])
    left = differences - shift
    deviation = DEVIATION * float(np.sort(np.abs(left))[count // 2])
    if abs(shift) < SURE_ERRORS * MEDIAN_ERROR * deviation / math.sqrt(count):
        shift, left = 0.0, differences
        deviation = DEVIATION * float(np.sort(np.abs(left))[count // 2])
    if count < TILT_PAIRS:
        return shift, 0.0, middle
    usual = np.abs(left) < USUAL * deviation
    across = places[usual] - middle
    power = float(across @ across)
    tilt = float(across @ left[usual]) / power if power > 0 else 0.0
    if abs(tilt) * math.sqrt(power) < SURE_ERRORS * deviation:
        tilt = 0.0
    return shift, tilt, middle


def beside_shift(changes: FloatArray, places: FloatArray) -> FloatArray:
    """``(N,)`` changes without what is seen to be common to them by `common_shift`."""
    shift, tilt, middle = common_shift(changes, places)
    return changes - shift - tilt * (places - middle)


def own_part(changes: FloatArray, places: FloatArray) -> FloatArray:
    """What each did beside what all did at once.

    Args:
        changes: ``(N, K)`` of objects in one frame, NaN = unknown.
        places: ``(N,)`` where each stands in the image, from left to right.

    Returns:
        ``(M, K)`` of those that are known, without their mean and what is proportional to the place, as large
        as they would be without that; empty where three or fewer are known.

    Example:
        >>> places = np.array([0.0, 1.0, 3.0, 4.0])
        >>> alone = own_part((0.3 + 0.1 * places)[:, None], places)
        >>> bool(np.abs(alone).max() < 1e-9)
        True
    """
    known = np.isfinite(changes).all(1)
    changes, places = changes[known], places[known]
    if len(changes) < OWN_LEAST:
        return changes[:0]
    across = places - places.mean()
    left = changes - changes.mean(0)
    power = float(across @ across)
    if power > 0:
        left -= across[:, None] * (across @ left / power)
    return np.asarray(left * math.sqrt(len(left) / (len(left) - 2)))
