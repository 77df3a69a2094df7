"""What a user can read of a track of the likelihood tracker."""

from __future__ import annotations

import numpy as np

from deptr.boxes import or_else
from deptr.tracking.lifecycle import Lifecycle, TrackState
from deptr.tracking.likelihood.motion import DEPTH, LikelihoodMotion
from deptr.tracking.panorama import wrap
from deptr.tracking.part import REFERENCE_RATE
from deptr.tracking.track_view import Track, centre_covariances


def tracks_of(rows: Lifecycle, motion: LikelihoodMotion, period: float | None) -> tuple[Track, ...]:
    """Read the tracks out of a tracker's arrays."""
    filters, boxes = motion.filters, or_else(motion.boxes(), rows.boxes)
    if period is not None:
        boxes = wrap(boxes, period)
    per_frame = filters.covariance / np.array([1, REFERENCE_RATE, REFERENCE_RATE**2])[:, None, None]
    covariances = centre_covariances(per_frame)
    mean, velocity = filters.mean[:, DEPTH], filters.velocity[:, DEPTH]
    unit = np.exp(mean) if motion.log_depth else np.full(len(mean), motion.spread)
    depths = unit if motion.log_depth else mean * unit
    stds = np.where(np.isnan(mean), np.nan, np.sqrt(filters.covariance[0, :, DEPTH]) * unit)
    speeds = np.where(np.isnan(mean), np.nan, velocity * unit)
    return tuple(
        Track(
            id=int(rows.ids[i]),
            state=TrackState(int(rows.states[i])),
            box=boxes[i],
            velocity=filters.velocity[i, :2].copy(),
            covariance=covariances[i],
            depth=float(depths[i]),
            depth_velocity=float(speeds[i]),
            depth_std=float(stds[i]),
            class_id=int(rows.classes[i]),
            score=float(rows.scores[i]),
            age=float(rows.now - rows.born[i]),
            unseen=float(rows.now - rows.last_seen[i]),
        )
        for i in range(len(rows))
    )
