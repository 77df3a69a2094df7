"""What a user can read of a track beside the reported detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.boxes import or_else
from deptr.tracking.depth_motion import DEPTH
from deptr.tracking.depth_state import DepthState
from deptr.tracking.lifecycle import Lifecycle, TrackState
from deptr.tracking.motion import REFERENCE_RATE, BoxMotion
from deptr.tracking.panorama import wrap


@dataclass(frozen=True)
class Track:
    """One track as it stands after the last frame.

    Attributes:
        id: Identity, from 1 within the tracker.
        state: `TrackState.TENTATIVE`, `CONFIRMED` or `LOST`.
        box: ``(4,)`` filtered xyxy pixels; the last detection's where the filter's has no extent.
        velocity: ``(2,)`` of the box's centre, pixels per second.
        covariance: ``(4, 4)`` of centre x, y and their velocities, in pixels and seconds.
        depth: Range from the camera in the detections' own unit, NaN = unknown.
        depth_velocity: Its change per second, in that unit.
        depth_std: Standard deviation of `depth`.
        class_id: Class of the last detection.
        score: Score of the last detection.
        age: Seconds since the first detection.
        unseen: Seconds since the last detection.
    """

    id: int
    state: TrackState
    box: FloatArray
    velocity: FloatArray
    covariance: FloatArray
    depth: float
    depth_velocity: float
    depth_std: float
    class_id: int
    score: float
    age: float
    unseen: float


def tracks_of(
    rows: Lifecycle, motion: BoxMotion, depth: DepthState, now: float, period: float | None
) -> tuple[Track, ...]:
    """Read the tracks out of a tracker's arrays."""
    filters, boxes = motion.filters, or_else(motion.boxes(), rows.boxes)
    if period is not None:
        boxes = wrap(boxes, period)
    covariances = centre_covariances(filters.covariance)
    depths, depth_velocities, depth_stds = depth_readings(depth, len(rows))
    return tuple(
        Track(
            id=int(rows.ids[i]),
            state=TrackState(int(rows.states[i])),
            box=boxes[i],
            velocity=filters.velocity[i, :2] * REFERENCE_RATE,
            covariance=covariances[i],
            depth=float(depths[i]),
            depth_velocity=float(depth_velocities[i]),
            depth_std=float(depth_stds[i]),
            class_id=int(rows.classes[i]),
            score=float(rows.scores[i]),
            age=float(now - rows.born[i]),
            unseen=float(now - rows.seen[i]),
        )
        for i in range(len(rows))
    )


def centre_covariances(covariance: FloatArray) -> FloatArray:
    """``(T, 4, 4)`` covariance of x, y and their velocities per second, from a filter's ``(3, T, K)``."""
    position, cross, velocity = covariance[:, :, :2]
    out = np.zeros((covariance.shape[1], 4, 4))
    for axis in range(2):
        out[:, axis, axis] = position[:, axis]
        out[:, axis, axis + 2] = out[:, axis + 2, axis] = cross[:, axis] * REFERENCE_RATE
        out[:, axis + 2, axis + 2] = velocity[:, axis] * REFERENCE_RATE**2
    return out


def depth_readings(depth: DepthState, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depth, its velocity per second and its standard deviation in the detections' unit, ``(T,)`` each."""
    if not depth.active:
        unknown = np.full(count, np.nan)
        return unknown, unknown, unknown
    filters = depth.motion.filters
    mean, velocity, std = (
        filters.mean[:, DEPTH],
        filters.velocity[:, DEPTH],
        np.sqrt(filters.covariance[0, :, DEPTH]),
    )
    if depth.motion.log_depth:
        depths = np.exp(mean)
        return depths, depths * velocity, depths * std
    spread = depth.spread
    return mean * spread, velocity * spread, np.where(np.isnan(mean), np.nan, std * spread)
