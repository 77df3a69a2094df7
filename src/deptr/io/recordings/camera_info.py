"""Cameras in recordings: ``sensor_msgs/CameraInfo``, and the words with which recordings tell of lenses."""

from __future__ import annotations

from typing import Any

import numpy as np

from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.io.recordings.bag import Bag

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_MODELS = {4: "plumb_bob", 5: "plumb_bob", 8: "rational_polynomial", 12: "thin_prism", 14: "thin_prism"}
_FISHEYE = "equidistant"


def camera_beside(bag: Bag, topic: str, size: tuple[int, int]) -> Camera | None:
    """The camera that the ``camera_info`` beside an image topic tells of, scaled to the images.

    ROS puts ``camera_info`` beside ``image_raw``, ``image_rect`` and so on, one step above compressed ones.
    """
    infos = {entry.name for entry in bag.topics() if entry.kind == CAMERA_INFO and entry.count}
    place = topic
    while "/" in place:
        place = place.rpartition("/")[0]
        if f"{place}/camera_info" in infos:
            return camera_of(bag.first(f"{place}/camera_info"), size, rectified="rect" in topic)
    return None


def camera_of(info: Any, size: tuple[int, int], *, rectified: bool = False) -> Camera | None:
    """The camera of a ``sensor_msgs/CameraInfo``, None where it is not calibrated.

    Args:
        info: The message, of rosbags or rclpy.
        size: Width and height of the images that it is for.
        rectified: Whether the lens has been taken out of these images: they follow the projection matrix.
    """
    matrix = _numbers(info, "k").reshape(3, 3)
    bends = _numbers(info, "d")
    projection = _numbers(info, "p").reshape(3, 4)[:, :3]
    if rectified and projection[0, 0] > 0:
        matrix, bends = projection, np.zeros(0)
    shares = [now / then if then else 1.0 for now, then in zip(size, (info.width, info.height), strict=True)]
    fisheye = info.distortion_model == _FISHEYE
    bends = bends if fisheye or info.distortion_model in _MODELS.values() else np.zeros(0)
    try:
        scaled = matrix * np.array([*shares, 1.0])[:, None]
        return Camera(scaled, size, bends, fisheye, info.header.frame_id or Camera.frame_id)
    except UsageError:  # all is zero before a calibration
        return None


def distortion_of(camera: Camera) -> tuple[str, list[float]]:
    """Name of a camera's lens model in ROS, and its coefficients.

    Example:
        >>> distortion_of(Camera.of_focal(500.0, (640, 480)))
        ('plumb_bob', [0.0, 0.0, 0.0, 0.0, 0.0])
    """
    values = camera.distortion.tolist()
    if camera.fisheye:
        return _FISHEYE, [*values, 0.0, 0.0, 0.0, 0.0][:4]
    wanted = next(count for count in _MODELS if count >= max(len(values), 5))
    return _MODELS[wanted], values + [0.0] * (wanted - len(values))


def _numbers(info: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """An array of a message, which ROS 1 writes in capitals."""
    return np.array(getattr(info, name) if hasattr(info, name) else getattr(info, name.upper()), np.float64)
