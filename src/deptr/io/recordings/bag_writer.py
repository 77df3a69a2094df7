"""Tracks as a ROS 2 bag or a single MCAP file, without ROS."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from deptr.errors import DataError, MissingExtraError
from deptr.io.recordings.bag import METADATA
from deptr.io.recordings.moment import Moment
from deptr.io.recordings.ros_messages import RosMessages
from deptr.io.recordings.ros_types import typestore

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

TOPICS = {
    "image": ("/deptr/image/compressed", "sensor_msgs/msg/CompressedImage"),
    "camera": ("/deptr/camera_info", "sensor_msgs/msg/CameraInfo"),
    "2d": ("/deptr/detections_2d", "vision_msgs/msg/Detection2DArray"),
    "3d": ("/deptr/detections_3d", "vision_msgs/msg/Detection3DArray"),
}
_VERSION: Final = 8  # of the bag's metadata: what ROS 2 since Iron writes, and Humble reads


class BagWriter:
    """Writes moments into a recording, which appears when it is closed.

    Topics are ``/deptr/detections_2d`` and ``/deptr/detections_3d`` (`vision_msgs`), and, where a moment has
    them, ``/deptr/image/compressed`` and ``/deptr/camera_info``.

    Args:
        path: An ``.mcap`` file, or else the folder of a bag; what is there is replaced.

    Raises:
        DataError: It cannot be written.
        MissingExtraError: rosbags is not installed.

    Example:
        >>> import numpy as np, supervision as sv
        >>> tracked = sv.Detections(np.array([[10.0, 20, 30, 60]]), tracker_id=np.array([7]))
        >>> path = getfixture("tmp_path") / "walk.mcap"
        >>> with BagWriter(path) as bag:
        ...     bag.write(Moment(0, tracked))
        >>> path.read_bytes()[1:5]
        b'MCAP'
    """

    def __init__(self, path: str | Path) -> None:
        try:
            from rosbags.rosbag2 import StoragePlugin, Writer
        except ImportError:
            raise MissingExtraError("ROS bags and MCAP", "ros") from None
        self._path = Path(path)
        self._messages = RosMessages(typestore().types)
        self._connections: dict[str, Connection] = {}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=f".{self._path.stem}-", dir=self._path.parent))
            # named as the bag will be: its file's name stands in the metadata
            self._made = self._folder / self._path.stem
            self._writer = Writer(self._made, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except OSError as error:
            raise self._failure(error) from error

    def write(self, moment: Moment) -> None:
        """Add a moment.

        Raises:
            DataError: The disk is full.
        """
        build = self._messages
        self._put("2d", moment, build.detections_2d(moment))
        self._put("3d", moment, build.detections_3d(moment))
        self._put("image", moment, build.compressed_image(moment))
        self._put("camera", moment, build.camera_info(moment))

    def close(self) -> None:
        """End the recording and put it where it belongs."""
        try:
            self._writer.close()
            if self._path.suffix.lower() == ".mcap":
                next(self._made.glob("*.mcap")).replace(self._path)
            else:
                _remove(self._path)
                self._made.replace(self._path)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing behind; what stood there before stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()
            self.discard()

    def _put(self, what: str, moment: Moment, message: Any) -> None:
        if message is None:
            return
        topic, kind = TOPICS[what]
        try:
            if what not in self._connections:
                added = self._writer.add_connection(topic, kind, typestore=typestore())
                self._connections[what] = added
            data = typestore().serialize_cdr(message, kind)
            self._writer.write(self._connections[what], moment.nanoseconds, data)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> DataError:
        found = error.strerror or str(error)
        return DataError(self._path, "cannot be written", found=found, hint="check space and permissions")


def _remove(bag: Path) -> None:
    """Make room for a bag: an earlier one goes, anything else makes the move fail."""
    if (bag / METADATA).is_file():
        shutil.rmtree(bag)
