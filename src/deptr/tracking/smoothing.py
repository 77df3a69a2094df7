"""Looking back: what all measurements of a track, later ones too, say about each moment of it.

A Rauch-Tung-Striebel pass over the package's batch Kalman filter. Coordinates move at constant velocity
disturbed by white acceleration; for this model the expected path between two states, when nothing is
measured in between, is the cubic that has their positions and velocities.

Source: Rauch, Tung and Striebel, "Maximum likelihood estimates of linear dynamic systems", AIAA J. 3 (1965).
"""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.kalman import KalmanBatch


def advance(filters: KalmanBatch, seconds: FloatArray, power: FloatArray) -> None:
    """Move filters ahead; white acceleration, integrated over the step.

    Args:
        filters: ``T`` filters of ``K`` coordinates, velocities per second.
        seconds: ``(T, 1)`` time to pass.
        power: ``(T, K)`` variance that a velocity gains in one second.
    """
    filters.predict(seconds, power * seconds**3 / 3, power * seconds)
    filters.covariance[1] += power * seconds**2 / 2


def smooth_tracks(
    starts: Indices,
    seconds: FloatArray,
    measured: FloatArray,
    *,
    variances: FloatArray,
    speed_variances: FloatArray,
    powers: FloatArray,
) -> FloatArray:
    """State of each track at each of its rows, given all its rows; all tracks advance together.

    Args:
        starts: ``(T,)`` first row of each track; the rows of a track follow each other in time.
        seconds: ``(N,)`` time of each row.
        measured: ``(N, K)`` positions, NaN = not measured, finite in the first row of each track.
        variances: ``(N, K)`` variance of each measurement.
        speed_variances: ``(N, K)`` variance of a velocity before anything is measured.
        powers: ``(N, K)`` variance that a velocity gains in one second.

    Returns:
        ``(5, N, K)`` position, velocity, variance of the position, covariance, variance of the velocity.

    Example:
        >>> path = np.array([[0.0], [1.0], [np.nan], [3.0]])
        >>> same = np.full_like(path, 1e-4)
        >>> noise = {"variances": same, "speed_variances": np.ones_like(path), "powers": same}
        >>> states = smooth_tracks(np.array([0]), np.arange(4.0), path, **noise)
        >>> states[0].ravel().round(2).tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    lengths = np.diff(np.append(starts, len(seconds)))
    order = np.argsort(-lengths, kind="stable")
    first, lengths = starts[order], lengths[order]
    filters = KalmanBatch(coordinates=measured.shape[1])
    filters.append(measured[first], variances[first], speed_variances[first])
    states = np.zeros((5, *measured.shape))
    predicted = np.zeros_like(states)
    states[:, first] = filters.state(np.arange(len(first)))
    longest = int(lengths[0]) if len(lengths) else 0
    active = [int(np.searchsorted(-lengths, -k)) for k in range(longest)]  # tracks with more than k rows
    for k in range(1, longest):
        every = np.arange(active[k])
        rows = first[: active[k]] + k
        filters.select(every)
        advance(filters, (seconds[rows] - seconds[rows - 1])[:, None], powers[rows - 1])
        predicted[:, rows] = filters.state(every)
        filters.correct(every, measured[rows], variances[rows])
        states[:, rows] = filters.state(every)
    for k in range(longest - 1, 0, -1):
        rows = first[: active[k]] + k
        step = (seconds[rows] - seconds[rows - 1])[:, None]
        states[:, rows - 1] = _look_back(states[:, rows - 1], predicted[:, rows], states[:, rows], step)
    return states


def _look_back(
    filtered: FloatArray, predicted: FloatArray, later: FloatArray, step: FloatArray
) -> FloatArray:
    """State before a step, given the smoothed state after it and what had been predicted of that."""
    position, cross, speed = filtered[2:]
    joint = _matrix(position + step * cross, cross, cross + step * speed, speed)
    expected = _matrix(predicted[2], predicted[3], predicted[3], predicted[4])
    gain = joint @ np.linalg.inv(expected)
    surprise = np.stack([later[0] - predicted[0], later[1] - predicted[1]], axis=-1)[..., None]
    mean = (gain @ surprise)[..., 0]
    change = _matrix(later[2], later[3], later[3], later[4]) - expected
    change = gain @ change @ np.swapaxes(gain, -1, -2)
    return np.stack(
        [
            filtered[0] + mean[..., 0],
            filtered[1] + mean[..., 1],
            position + change[..., 0, 0],
            cross + change[..., 0, 1],
            speed + change[..., 1, 1],
        ]
    )


def _matrix(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> FloatArray:
    return np.stack([np.stack([a, b], axis=-1), np.stack([c, d], axis=-1)], axis=-2)


def between(before: FloatArray, after: FloatArray, seconds: FloatArray, share: FloatArray) -> FloatArray:
    """Expected positions between two states when nothing was measured in between.

    Args:
        before: ``(2+, M, K)`` position and velocity at the one end.
        after: The same at the other.
        seconds: ``(M, 1)`` time between them.
        share: ``(M, 1)`` how far in between, in [0, 1].

    Example:
        >>> rest, moving = np.array([[[0.0]], [[1.0]]]), np.array([[[2.0]], [[1.0]]])
        >>> between(rest, moving, np.array([[2.0]]), np.array([[0.5]]))
        array([[1.]])
    """
    left = (1 + 2 * share) * before[0] + share * seconds * before[1]
    right = (3 - 2 * share) * after[0] + (share - 1) * seconds * after[1]
    return np.asarray((1 - share) ** 2 * left + share**2 * right)
