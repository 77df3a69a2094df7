"""360 degree images: the left and the right border are one place, the seam.

Tracks keep a horizontal position that does not wrap, so that velocities stay what they are across the
seam; each measurement is taken at the copy nearest to its track. Boxes that the seam cut in two become one,
reaching beyond the border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from deptr.records import FloatArray, IntArray
from deptr.tracking.assignment import Indices

if TYPE_CHECKING:
    import supervision as sv

SEAM_SHARE = 0.004  # of the width: how near to the border a cut box ends
HEIGHT_OVERLAP = 0.6  # of the joint height of two halves
YAW_SHARE = 0.5  # of the tracks must agree on a turn of the camera
LEAST_VOTES = 3


def unwrap(boxes_xyxy: FloatArray, near_xyxy: FloatArray, width: float) -> FloatArray:
    """Each box at the copy nearest to its partner; shapes ``(..., 4)`` broadcast.

    Example:
        >>> unwrap(np.array([[2.0, 0.0, 6.0, 9.0]]), np.array([[95.0, 0.0, 99.0, 9.0]]), 100.0).tolist()
        [[102.0, 0.0, 106.0, 9.0]]
    """
    distance = near_xyxy[..., 0] + near_xyxy[..., 2] - boxes_xyxy[..., 0] - boxes_xyxy[..., 2]
    turns = np.rint(np.nan_to_num(distance) / (2 * width))
    return np.asarray(boxes_xyxy + (turns * width)[..., None] * np.array([1.0, 0.0, 1.0, 0.0]))


def wrap(boxes_xyxy: FloatArray, width: float) -> FloatArray:
    """Boxes with their centre in ``[0, width)``; a box across the seam reaches beyond a border.

    Example:
        >>> wrap(np.array([[198.0, 0.0, 206.0, 9.0]]), 100.0).tolist()
        [[-2.0, 0.0, 6.0, 9.0]]
    """
    turns = np.floor((boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / (2 * width))
    return np.asarray(boxes_xyxy - (turns * width)[:, None] * np.array([1.0, 0.0, 1.0, 0.0]))


def seam_pairs(boxes_xyxy: FloatArray, classes: IntArray | None, width: float) -> tuple[Indices, Indices]:
    """Boxes that end at the right border and those at the left one that continue them."""
    margin = SEAM_SHARE * width
    right = np.flatnonzero((boxes_xyxy[:, 2] >= width - margin) & (boxes_xyxy[:, 2] <= width + margin))
    left = np.flatnonzero((boxes_xyxy[:, 0] <= margin) & (boxes_xyxy[:, 0] >= -margin))
    a, b = boxes_xyxy[right][:, None], boxes_xyxy[left]
    shared = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    joint = np.maximum(a[..., 3], b[..., 3]) - np.minimum(a[..., 1], b[..., 1])
    overlap = shared / np.maximum(joint, 1e-9)
    if classes is not None:
        overlap[classes[right][:, None] != classes[left]] = 0.0
    overlap[right[:, None] == left] = 0.0
    mutual = (
        (overlap >= HEIGHT_OVERLAP)
        & (overlap == overlap.max(1, initial=0.0, keepdims=True))
        & (overlap == overlap.max(0, initial=0.0, keepdims=True))
    )
    i, j = np.nonzero(mutual)
    once = np.unique(i, return_index=True)[1]
    once = once[np.unique(j[once], return_index=True)[1]]
    return right[i[once]], left[j[once]]


def merge_at_seam(detections: sv.Detections, width: float) -> sv.Detections:
    """Detections with boxes cut by the seam put together; the larger part lends score and data.

    Args:
        detections: Never changed.
        width: Of the panorama in pixels.
    """
    boxes = np.array(detections.xyxy, np.float64).reshape(-1, 4)
    right, left = seam_pairs(boxes, detections.class_id, width)
    if not len(right):
        return detections
    right_larger = boxes[right, 2] - boxes[right, 0] >= boxes[left, 2] - boxes[left, 0]
    merged = np.stack(
        [
            boxes[right, 0],
            np.minimum(boxes[right, 1], boxes[left, 1]),
            boxes[left, 2] + width,
            np.maximum(boxes[right, 3], boxes[left, 3]),
        ],
        axis=1,
    )
    boxes[np.where(right_larger, right, left)] = merged
    kept = np.setdiff1d(np.arange(len(boxes)), np.where(right_larger, left, right))
    result = cast("sv.Detections", detections[kept])
    result.xyxy = boxes[kept].astype(detections.xyxy.dtype)
    return result


def yaw_shift(tracks_xyxy: FloatArray, boxes_xyxy: FloatArray, width: float) -> float:
    """By how many pixels the whole image moved sideways beyond what the tracks expect; 0 if that is unclear.

    Pairs of like height and row vote for their distance; a turn of the camera is where most tracks agree.
    """
    if len(tracks_xyxy) < LEAST_VOTES or len(boxes_xyxy) < LEAST_VOTES:
        return 0.0
    a, b = tracks_xyxy[:, None], boxes_xyxy
    height_a, height_b = a[..., 3] - a[..., 1], b[..., 3] - b[..., 1]
    alike = np.abs(np.log(np.maximum(height_b, 1e-6) / np.maximum(height_a, 1e-6))) < 0.2
    alike &= np.abs(a[..., 1] + a[..., 3] - b[..., 1] - b[..., 3]) < 0.3 * height_a
    distance = (b[..., 0] + b[..., 2] - a[..., 0] - a[..., 2]) / 2
    distance -= np.rint(distance / width) * width
    reach = 0.25 * float(np.median(tracks_xyxy[:, 2] - tracks_xyxy[:, 0]))
    near = alike & (np.abs(distance) <= reach)
    votes = np.sort(distance[alike])
    if not len(votes):
        return 0.0
    counts = np.searchsorted(votes, votes + 2 * reach, side="right") - np.arange(len(votes))
    best = int(counts.argmax())
    supporters = votes[best : best + counts[best]]
    if counts[best] < max(LEAST_VOTES, YAW_SHARE * len(tracks_xyxy), 1.5 * near.any(1).sum()):
        return 0.0
    return float(np.median(supporters))
