"""What the node does, without ROS: messages of cameras or detectors in, messages with identities out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import supervision as sv

from deptr import Camera, DepthFusion, depth_in_boxes
from deptr.io.recordings.camera_info import camera_of
from deptr.io.recordings.moment import Moment
from deptr.io.recordings.ros_images import depth_map_of, image_of
from deptr.io.recordings.ros_messages import MessageClasses, RosMessages, detections_of
from deptr.records import DepthKind, with_depth
from deptr.tracking.registry import create_tracker

Detect = Callable[..., sv.Detections]
LONGEST_LAG = 0.1  # seconds between an image and the depths that belong to it


class TrackingLogic:
    """Follows objects through messages; those of rosbags and rclpy alike.

    Args:
        classes: Class of each type of message to answer with.
        detect: Finds objects in an ``(H, W, 3)`` RGB image; called with ``focal_px=`` (None when unknown).
        tracker: One of deptr's trackers.
        frame_rate: Frames per second of the camera.
    """

    def __init__(
        self,
        classes: MessageClasses,
        detect: Detect | None = None,
        *,
        tracker: str = "bytetrack",
        frame_rate: float = 30.0,
    ) -> None:
        self._messages = RosMessages(classes)
        self._detect = detect
        self._tracker = create_tracker(tracker, depth=DepthFusion.adaptive(), frame_rate=frame_rate)
        self._camera: Camera | None = None
        self._depth: Any = None
        self._start: int | None = None

    def on_camera_info(self, info: Any) -> None:
        """Take in a ``sensor_msgs/CameraInfo``."""
        self._camera = camera_of(info, (info.width, info.height))

    def on_depth(self, message: Any) -> None:
        """Take in depths, a ``sensor_msgs/Image`` that is registered to the colours."""
        self._depth = message

    def on_image(self, message: Any) -> tuple[Any, Any]:
        """A ``sensor_msgs/Image`` or ``CompressedImage``: the tracks in 2D and in 3D.

        Raises:
            DataError: The image cannot be decoded.
            ValueError: There is no detector.
        """
        if self._detect is None:
            raise ValueError("images need a detector; detections need none")
        image = image_of(message, "image")
        focal_px = None if self._camera is None else self._camera.focal_px
        return self._follow(self._detect(image, focal_px=focal_px), message.header, image)

    def on_detections(self, array: Any) -> tuple[Any, Any]:
        """A ``vision_msgs/Detection2DArray`` of any detector: the tracks in 2D and in 3D."""
        found = detections_of(array)
        found.tracker_id = None
        return self._follow(found, array.header, None)

    def _follow(self, found: sv.Detections, header: Any, image: Any) -> tuple[Any, Any]:
        time = _nanoseconds(header)
        self._start = time if self._start is None else self._start
        seconds = (time - self._start) / 1e9
        tracked = self._tracker.update(self._with_depth(found, image, time), image, seconds)
        moment = Moment(time, tracked, camera=self._camera, frame_id=header.frame_id)
        return self._messages.detections_2d(moment), self._messages.detections_3d(moment)

    def _with_depth(self, found: sv.Detections, image: Any, time: int) -> sv.Detections:
        """The detections with the depths of the latest depth image, where it is recent."""
        if self._depth is None or abs(_nanoseconds(self._depth.header) - time) > LONGEST_LAG * 1e9:
            return found
        size = None if self._camera is None else self._camera.size
        size = size if image is None else (image.shape[1], image.shape[0])
        inside = depth_in_boxes(depth_map_of(self._depth, "depth"), found.xyxy, image_size=size)
        return with_depth(found, inside.depth, inside.std, DepthKind.METRIC)


def _nanoseconds(header: Any) -> int:
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
