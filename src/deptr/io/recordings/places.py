"""Where in front of a camera boxes with a depth stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deptr.cameras import Camera
from deptr.records import DepthKind, FloatArray, depth_kind_of, depth_of, depth_std_of

if TYPE_CHECKING:
    import supervision as sv

PIXEL_SHARE = 0.05  # of a box's side: how far its middle is from the object's, as a standard deviation
DEPTH_SHARE = 0.1  # of a depth: its standard deviation where none is given


@dataclass(frozen=True)
class Places:
    """Where the objects of a frame are, in the camera's optical frame.

    Attributes:
        position: ``(N, 3)`` metres of the middle of each object, NaN = unknown.
        covariance: ``(N, 3, 3)`` square metres, NaN = unknown.
        size: ``(N, 3)`` metres: width, height, and the width again for what no camera sees.
    """

    position: FloatArray
    covariance: FloatArray
    size: FloatArray


def places_of(detections: sv.Detections, camera: Camera | None) -> Places:
    """Position of each box whose depth is metric, with its covariance.

    The depth's deviation is that of ``data["depth_std"]``, or a tenth of the depth; the middle of a box is
    off by a twentieth of its side.

    Args:
        detections: Boxes with depths.
        camera: Who saw them; without a camera every position is unknown.

    Example:
        >>> import supervision as sv
        >>> boxes = np.array([[310.0, 220, 330, 260]])
        >>> person = sv.Detections(boxes, data={"depth": np.array([10.0]), "depth_std": np.array([0.5])})
        >>> found = places_of(person, Camera.of_focal(500.0, (640, 480)))
        >>> found.position.tolist(), found.size.round(2).tolist(), found.covariance[0].diagonal().round(4)
        ([[0.0, 0.0, 10.0]], [[0.4, 0.8, 0.4]], array([0.0004, 0.0016, 0.25  ]))
    """
    boxes = np.asarray(detections.xyxy, np.float64).reshape(-1, 4)
    count = len(boxes)
    if camera is None or depth_kind_of(detections) is not DepthKind.METRIC:
        unknown = np.full((count, 3), np.nan)
        return Places(unknown, np.full((count, 3, 3), np.nan), unknown.copy())
    depth = depth_of(detections)
    std = depth_std_of(detections)
    std = np.where(np.isnan(std), DEPTH_SHARE * depth, std)
    sides = (boxes[:, 2:] - boxes[:, :2]) / camera.matrix[(0, 1), (0, 1)] * depth[:, None]
    # a ray (x/z, y/z, 1) times the depth: what moves along it, and what moves across
    ray = np.ones((count, 3))
    ray[:, :2] = camera.rays((boxes[:, :2] + boxes[:, 2:]) / 2)
    covariance = (std**2)[:, None, None] * ray[:, :, None] * ray[:, None, :]
    across = (PIXEL_SHARE * sides) ** 2
    covariance[:, (0, 1), (0, 1)] += across
    return Places(ray * depth[:, None], covariance, np.column_stack([sides, sides[:, 0]]))
