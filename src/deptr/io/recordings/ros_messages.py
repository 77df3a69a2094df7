"""Tracks as messages of ROS 2: `vision_msgs` detections with identity, position and covariance, and images.

The classes of the messages are handed in, so that the same code fills those of rosbags, which write bags, and
those of rclpy, which travel between nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.io.recordings.camera_info import distortion_of
from deptr.io.recordings.moment import Moment
from deptr.records import FloatArray

if TYPE_CHECKING:
    import supervision as sv

MessageClasses = Mapping[str, Callable[..., Any]]  # "vision_msgs/msg/Detection2D" -> its class

_SECOND = 1_000_000_000
_UNKNOWN = -1.0  # first number of a covariance that is not known, as in other messages of ROS
_ROTATION_UNKNOWN = 1e6  # rad^2: an orientation that nothing is known of


class RosMessages:
    """Builds messages out of moments.

    Args:
        classes: Class of each type of message.

    Example:
        >>> from deptr.io.recordings.ros_types import typestore
        >>> import supervision as sv
        >>> tracked = sv.Detections(np.array([[10.0, 20, 30, 60]]), tracker_id=np.array([7]))
        >>> array = RosMessages(typestore().types).detections_2d(Moment(1_500_000_000, tracked))
        >>> array.detections[0].id, array.detections[0].bbox.center.position.x, array.header.stamp.nanosec
        ('7', 20.0, 500000000)
    """

    def __init__(self, classes: MessageClasses) -> None:
        self._classes = classes

    def detections_2d(self, moment: Moment) -> Any:
        """A ``vision_msgs/Detection2DArray``: boxes in pixels, and the place of each object as its pose.

        The place is in metres, in the camera's optical frame. Where it is not known it is 0, and the first
        number of its covariance is -1.
        """
        header, poses = self.header(moment), self._poses(moment)
        rows = zip(moment.tracked.xyxy.astype(float), poses, strict=True)
        found = [
            self._make(
                "vision_msgs/msg/Detection2D",
                header=header,
                results=[self._result(moment, k, pose)],
                bbox=self._box_2d(box),
                id=str(moment.identities[k]),
            )
            for k, (box, pose) in enumerate(rows)
        ]
        return self._make("vision_msgs/msg/Detection2DArray", header=header, detections=found)

    def detections_3d(self, moment: Moment) -> Any:
        """A ``vision_msgs/Detection3DArray``: those of the boxes whose place in metres is known."""
        header, poses, places = self.header(moment), self._poses(moment), moment.places()
        found = [
            self._make(
                "vision_msgs/msg/Detection3D",
                header=header,
                results=[self._result(moment, k, poses[k])],
                bbox=self._make(
                    "vision_msgs/msg/BoundingBox3D",
                    center=poses[k].pose,
                    size=self._vector("Vector3", places.size[k]),
                ),
                id=str(moment.identities[k]),
            )
            for k in np.flatnonzero(np.isfinite(places.position).all(axis=1)).tolist()
        ]
        return self._make("vision_msgs/msg/Detection3DArray", header=header, detections=found)

    def compressed_image(self, moment: Moment) -> Any:
        """A ``sensor_msgs/CompressedImage`` as JPEG, None for a moment without an image."""
        data = moment.jpeg()
        if data is None:
            return None
        pixels = np.frombuffer(data, np.uint8)
        return self._make(
            "sensor_msgs/msg/CompressedImage", header=self.header(moment), format="jpeg", data=pixels
        )

    def camera_info(self, moment: Moment) -> Any:
        """A ``sensor_msgs/CameraInfo``, None for a moment without a camera."""
        camera = moment.camera
        if camera is None:
            return None
        projection = np.zeros((3, 4))
        projection[:, :3] = camera.matrix
        model, bends = distortion_of(camera)
        width, height = camera.size or (0, 0)
        region = self._make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self._make(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(moment),
            height=height,
            width=width,
            distortion_model=model,
            d=np.array(bends),
            k=camera.matrix.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=projection.reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=region,
        )

    def header(self, moment: Moment) -> Any:
        """A ``std_msgs/Header`` with the time of a moment and the name of its camera."""
        seconds, rest = divmod(moment.nanoseconds, _SECOND)
        stamp = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=moment.frame)

    def _poses(self, moment: Moment) -> list[Any]:
        places = moment.places()
        return [self._pose(*pair) for pair in zip(places.position, places.covariance, strict=True)]

    def _pose(self, position: FloatArray, covariance: FloatArray) -> Any:
        """A ``geometry_msgs/PoseWithCovariance``; nothing is known of the orientation."""
        known = bool(np.isfinite(position).all())
        full = np.zeros((6, 6))
        full[:3, :3] = covariance if known else 0.0
        full[(3, 4, 5), (3, 4, 5)] = _ROTATION_UNKNOWN
        if not known:
            full[0, 0] = _UNKNOWN
        upright = self._make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
        place = self._vector("Point", position if known else np.zeros(3))
        pose = self._make("geometry_msgs/msg/Pose", position=place, orientation=upright)
        return self._make(
            "geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=full.reshape(-1).astype(np.float64)
        )

    def _result(self, moment: Moment, row: int, pose: Any) -> Any:
        score = float(np.clip(moment.scores[row], 0.0, 1.0))
        what = self._make("vision_msgs/msg/ObjectHypothesis", class_id=moment.classes[row], score=score)
        return self._make("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis=what, pose=pose)

    def _box_2d(self, box: FloatArray) -> Any:
        left, top, right, bottom = map(float, box)
        middle = self._make("vision_msgs/msg/Point2D", x=(left + right) / 2, y=(top + bottom) / 2)
        centre = self._make("vision_msgs/msg/Pose2D", position=middle, theta=0.0)
        return self._make(
            "vision_msgs/msg/BoundingBox2D", center=centre, size_x=right - left, size_y=bottom - top
        )

    def _vector(self, kind: str, values: FloatArray) -> Any:
        x, y, z = map(float, values)
        return self._make(f"geometry_msgs/msg/{kind}", x=x, y=y, z=z)

    def _make(self, kind: str, **fields: Any) -> Any:
        return self._classes[kind](**fields)


def detections_of(array: Any) -> sv.Detections:
    """Boxes of a ``vision_msgs/Detection2DArray`` as `supervision.Detections`.

    Classes become ``data["class_name"]``, identities ``tracker_id`` where all are whole numbers, and places
    with a covariance depths in metres.

    Args:
        array: The message, of rosbags or rclpy.
    """
    import supervision as sv

    count = len(array.detections)
    boxes, scores = np.zeros((count, 4)), np.ones(count)
    depth, std = np.full(count, np.nan), np.full(count, np.nan)
    names, identities = [""] * count, np.full(count, -1)
    for k, detection in enumerate(array.detections):
        box = detection.bbox
        centre = getattr(box.center, "position", box.center)
        half = np.array([box.size_x, box.size_y]) / 2
        middle = np.array([centre.x, centre.y])
        boxes[k] = *(middle - half), *(middle + half)
        identities[k] = int(detection.id) if detection.id.isdecimal() else -1
        best = max(detection.results, key=lambda entry: entry.hypothesis.score, default=None)
        if best is None:
            continue
        scores[k] = best.hypothesis.score
        names[k] = best.hypothesis.class_id
        variance = float(best.pose.covariance[14])
        if best.pose.covariance[0] >= 0 and best.pose.pose.position.z > 0:
            depth[k] = best.pose.pose.position.z
            std[k] = np.sqrt(variance) if variance > 0 else np.nan
    found = sv.Detections(boxes, confidence=scores, data={"class_name": np.array(names, dtype=str)})
    if (identities >= 0).all():
        found.tracker_id = identities
    if np.isfinite(depth).any():
        found.data |= {"depth": depth, "depth_std": std}
        found.metadata = {"depth_kind": "metric"}
    return found
