"""A recording of a robot, opened: an MCAP file, a ROS 2 bag, or a bag of ROS 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from deptr.errors import DataError, MissingExtraError
from deptr.io.recordings.ros_types import typestore

ENDINGS = (".mcap", ".db3", ".bag")
METADATA = "metadata.yaml"
_SECOND = 1_000_000_000


def is_bag(path: Path) -> bool:
    """Whether a file or folder is a recording, by its name or what lies in it.

    Example:
        >>> is_bag(Path("walk.mcap")), is_bag(Path("walk.mp4"))
        (True, False)
    """
    return path.suffix.lower() in ENDINGS if not path.is_dir() else (path / METADATA).is_file()


@dataclass(frozen=True)
class Topic:
    """One topic of a recording.

    Attributes:
        name: Such as ``/camera/image_raw``.
        kind: Type of its messages, such as ``sensor_msgs/msg/Image``.
        count: Number of its messages.
    """

    name: str
    kind: str
    count: int


@dataclass(frozen=True)
class Stamped:
    """A message and its time.

    Attributes:
        nanoseconds: Of its header, since 1970 or another beginning; of the recording where that says nothing.
        message: Its fields, as rosbags reads them.
    """

    nanoseconds: int
    message: Any


class Bag:
    """A recording that is open for reading.

    Args:
        path: An ``.mcap``, ``.db3`` or ROS 1 ``.bag`` file, or the folder of a ROS 2 bag.

    Raises:
        DataError: There is none, it is damaged, or it is of another kind.
        MissingExtraError: rosbags is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            from rosbags.highlevel import AnyReader
        except ImportError:
            raise MissingExtraError("ROS bags and MCAP", "ros") from None
        self.path = Path(path)
        if not self.path.exists():
            raise DataError(path, "no such file or folder")
        try:
            self._reader = AnyReader([self.path], default_typestore=typestore())
            self._reader.open()
        except Exception as error:  # damage shows as any error of zip, YAML, SQLite or struct
            hint = "is the file whole? `mcap recover` mends one that was cut off"
            raise DataError(path, "cannot be read as a recording", found=_words(error), hint=hint) from error

    def topics(self) -> list[Topic]:
        """Its topics, by name."""
        found = self._reader.topics.items()
        return sorted((Topic(n, i.msgtype or "", i.msgcount) for n, i in found), key=lambda t: t.name)

    def messages(self, topic: str) -> Iterator[Stamped]:
        """The messages of a topic, in the order in which they were recorded.

        Raises:
            DataError: The recording is damaged from there on.
        """
        connections = [entry for entry in self._reader.connections if entry.topic == topic]
        if not connections:
            return
        try:
            for connection, recorded, raw in self._reader.messages(connections):
                message: Any = self._reader.deserialize(raw, connection.msgtype)
                yield Stamped(_stamp(message) or recorded, message)
        except Exception as error:  # as above
            raise DataError(self.path, f"is damaged in {topic}", found=_words(error)) from error

    def first(self, topic: str) -> Any:
        """The first message of a topic, None where it has none."""
        return next((stamped.message for stamped in self.messages(topic)), None)

    def close(self) -> None:
        """Let go of the file."""
        if self._reader.stack is not None:
            self._reader.close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _stamp(message: Any) -> int:
    """Nanoseconds of a message's header, 0 where it has none or was not set."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    return 0 if stamp is None else int(stamp.sec) * _SECOND + int(stamp.nanosec)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
