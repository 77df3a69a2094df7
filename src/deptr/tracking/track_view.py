"""What a user can read of a track beside the reported detections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deptr.boxes import or_else
from deptr.records import FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.perspective import DEPTH
from deptr.tracking.depth.state import DepthState
from deptr.tracking.lifecycle import Lifecycle, TrackState
from deptr.tracking.metric_motion import MetricMotion
from deptr.tracking.motion import BoxMotion
from deptr.tracking.panorama import wrap
from deptr.tracking.part import REFERENCE_RATE


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
        position_m: ``(3,)`` middle of the box in metres: x right, y down, z forward of the camera, or in the
            world where poses are told. None without a camera, NaN while no depth in metres was known.
        velocity_m_s: ``(3,)`` metres per second in the same axes, likewise.
        metric_covariance: ``(6, 6)`` of place and velocity, metres and seconds, likewise.
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
    position_m: FloatArray | None = None
    velocity_m_s: FloatArray | None = None
    metric_covariance: FloatArray | None = None


def tracks_of(
    rows: Lifecycle, motion: BoxMotion, depth: DepthState | None, period: float | None
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
            age=float(rows.now - rows.born[i]),
            unseen=float(rows.now - rows.last_seen[i]),
        )
        for i in range(len(rows))
    )


def placed(tracks: tuple[Track, ...], metric: MetricMotion) -> tuple[Track, ...]:
    """The same tracks with where they are in metres."""
    return tuple(
        replace(
            track,
            position_m=metric.mean[row, :3].copy(),
            velocity_m_s=metric.mean[row, 3:].copy(),
            metric_covariance=metric.covariance[row].copy(),
        )
        for row, track in enumerate(tracks)
    )


def metric_columns(metric: MetricMotion, rows: Indices) -> dict[str, FloatArray]:
    """Columns of the reported detections, ``(N, 3)`` each, NaN where the camera's pose is not known."""
    places = metric.mean[rows] if metric.located else np.full((len(rows), 6), np.nan)
    variances = metric.covariance[rows][:, range(3), range(3)]
    stds = np.sqrt(np.where(np.isnan(places[:, :3]), np.nan, variances))
    return {"position_m": places[:, :3], "velocity_m_s": places[:, 3:], "position_std_m": stds}


def centre_covariances(covariance: FloatArray) -> FloatArray:
    """``(T, 4, 4)`` covariance of x, y and their velocities per second, from a filter's ``(3, T, K)``."""
    position, cross, velocity = covariance[:, :, :2]
    out = np.zeros((covariance.shape[1], 4, 4))
    for axis in range(2):
        out[:, axis, axis] = position[:, axis]
        out[:, axis, axis + 2] = out[:, axis + 2, axis] = cross[:, axis] * REFERENCE_RATE
        out[:, axis + 2, axis + 2] = velocity[:, axis] * REFERENCE_RATE**2
    return out


def depth_readings(depth: DepthState | None, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depth, its velocity per second and its standard deviation in the detections' unit, ``(T,)`` each."""
    if depth is None:
        unknown = np.full(count, np.nan)
        return unknown, unknown, unknown
    filters, space = depth.perspective.filters, depth.space
    mean, velocity = filters.mean[:, DEPTH], filters.velocity[:, DEPTH]
    std = np.where(np.isnan(mean), np.nan, np.sqrt(filters.covariance[0, :, DEPTH]))
    return space.leave(mean), space.leave_change(mean, velocity), space.leave_change(mean, std)
