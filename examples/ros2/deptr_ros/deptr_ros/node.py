"""The node: images, camera and depths, or detections in; ``detections_2d`` and ``detections_3d`` out."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from vision_msgs.msg import Detection2DArray, Detection3DArray

from deptr.errors import DataError
from deptr_ros.tracking import TrackingLogic


class MessageClasses(dict):
    """Class of each type of message by its name, such as ``vision_msgs/msg/Detection2D``."""

    def __missing__(self, name: str) -> type:
        """Import it on first use."""
        package, _, kind = name.split("/")
        self[name] = getattr(import_module(f"{package}.msg"), kind)
        return self[name]


class TrackNode(Node):
    """Follows what a camera, or a detector behind it, sees.

    Parameters: ``tracker`` (bytetrack), ``frame_rate`` (30.0), ``detector`` (empty: the bundled one) and
    ``input`` (image, compressed or detections).
    """

    def __init__(self) -> None:
        super().__init__("deptr")
        tracker = self.declare_parameter("tracker", "bytetrack").value
        rate = float(self.declare_parameter("frame_rate", 30.0).value)
        detector = self.declare_parameter("detector", "").value
        source = self.declare_parameter("input", "image").value
        detect = None if source == "detections" else _detector(detector)
        self._logic = TrackingLogic(MessageClasses(), detect, tracker=tracker, frame_rate=rate)
        self._flat = self.create_publisher(Detection2DArray, "detections_2d", 10)
        self._solid = self.create_publisher(Detection3DArray, "detections_3d", 10)
        quick = qos_profile_sensor_data
        self.create_subscription(CameraInfo, "camera_info", self._logic.on_camera_info, quick)
        self.create_subscription(Image, "depth", self._logic.on_depth, quick)
        if source == "detections":
            self.create_subscription(Detection2DArray, "detections", self._on_detections, 10)
        else:
            kind = CompressedImage if source == "compressed" else Image
            self.create_subscription(kind, "image", self._on_image, quick)

    def _on_image(self, message: Any) -> None:
        try:
            self._publish(*self._logic.on_image(message))
        except DataError as error:  # one damaged image must not end the node
            self.get_logger().warning(str(error))

    def _on_detections(self, message: Any) -> None:
        self._publish(*self._logic.on_detections(message))

    def _publish(self, flat: Any, solid: Any) -> None:
        self._flat.publish(flat)
        self._solid.publish(solid)


def _detector(name: str) -> Any:
    from deptr import Detector

    return Detector.from_pretrained(name or None)


def main() -> None:
    """Run until Ctrl-C."""
    rclpy.init()
    node = TrackNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
