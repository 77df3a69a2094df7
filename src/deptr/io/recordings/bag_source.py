"""Frames of an image topic of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

from deptr.errors import DataError, UsageError
from deptr.io.frame_source import FALLBACK_RATE, Frame, FrameSource
from deptr.io.recordings.bag import Bag, Stamped, Topic
from deptr.io.recordings.camera_info import camera_beside
from deptr.io.recordings.ros_images import image_of, is_depth
from deptr.records import Image

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_PEEK = 20  # messages whose times tell the frame rate


class BagSource(FrameSource):
    """The images of one topic.

    Timestamps are those of the headers. An image that cannot be decoded keeps its number, which is left out.

    Args:
        path: An ``.mcap``, ``.db3`` or ROS 1 ``.bag`` file, or the folder of a ROS 2 bag.
        topic: Its image topic; None where there is only one of colours.
        fps: Frames per second, over what the recording says; timestamps follow it.

    Attributes:
        path: The recording.
        start: Nanoseconds of the first frame, on the recording's clock.

    Raises:
        DataError: The recording cannot be read, or holds no image.
        UsageError: `topic` is not one of its image topics, or there are several.
        MissingExtraError: rosbags is not installed.
    """

    def __init__(self, path: str | Path, *, topic: str | None = None, fps: float | None = None) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._given_rate = fps
        self._damaged: str | None = None
        self._unordered = 0
        self._bag = Bag(path)
        try:
            chosen = choose_topic(self._bag, topic)
            self._topic = self.topic = chosen.name
            self.frame_count = chosen.count
            peeked = list(islice(self._bag.messages(self._topic), _PEEK))
            self.start = peeked[0].nanoseconds if peeked else 0
            self.fps = fps if fps is not None else _rate([entry.nanoseconds for entry in peeked])
            self.size = self._first_size(peeked)
            self.camera = camera_beside(self._bag, self._topic, self.size)
        except BaseException:
            self._bag.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """The images, in the order in which they were recorded.

        Raises:
            DataError: The recording is damaged from there on.
        """
        rate = self.fps or FALLBACK_RATE
        last = -1.0 / rate
        for index, stamped in enumerate(self._bag.messages(self._topic), start=1):
            seconds = (stamped.nanoseconds - self.start) / 1e9
            if self._given_rate is not None:
                seconds = (index - 1) / rate
            elif seconds <= last:
                self._unordered += 1
                seconds = last + 1 / rate
            last = seconds
            image = self._decode(stamped.message)
            if image is None:
                self.skipped += 1
                continue
            yield Frame(index, seconds, image)

    def close(self) -> None:
        """Let go of the recording."""
        self._bag.close()

    def notes(self) -> list[str]:
        """Images that could not be decoded, and times that do not grow."""
        notes = super().notes()
        if self._damaged:
            notes[-1] += f", the last one because {self._damaged}"
        if self._unordered:
            what = f"{self._unordered} time stamp(s) stand still or go back"
            notes.append(f"{self.name}: {what}; those frames follow at the frame rate instead")
        return notes

    def _decode(self, message: Any) -> Image | None:
        try:
            image = image_of(message, f"{self.name} {self.topic}")
        except DataError as error:
            self._damaged = str(error)
            return None
        if hasattr(self, "size") and image.shape[1::-1] != self.size:
            width, height = image.shape[1::-1]
            self._damaged = f"its size is {width} x {height}, not {self.size[0]} x {self.size[1]}"
            return None
        return image

    def _first_size(self, peeked: list[Stamped]) -> tuple[int, int]:
        for stamped in peeked:
            image = self._decode(stamped.message)
            if image is not None:
                return image.shape[1], image.shape[0]
        found = self._damaged or "no message"
        raise DataError(f"{self.name} {self.topic}", "no image can be decoded", found=found)


def choose_topic(bag: Bag, wanted: str | None) -> Topic:
    """The image topic that is meant.

    Args:
        bag: The recording.
        wanted: Its name; None takes the only one of colours, a raw one before the same one compressed.

    Raises:
        DataError: The recording holds no images.
        UsageError: There is no such topic, or no telling which is meant.
    """
    topics = bag.topics()
    images = [topic for topic in topics if topic.kind in IMAGES]
    listed = ", ".join(topic.name for topic in images)
    if wanted is not None:
        found = [topic for topic in images if topic.name == wanted]
        if not found:
            raise UsageError(f"topic: {bag.path.name} has no images in {wanted}; it has {listed or 'none'}")
        return found[0]
    if not images:
        there = ", ".join(f"{topic.name} ({topic.kind})" for topic in topics) or "nothing"
        raise DataError(bag.path, "holds no images", expected=f"a topic of {IMAGES[0]}", found=there)
    colours = [topic for topic in images if topic.count and not _holds_depth(bag, topic)] or images
    names = {topic.name for topic in colours}
    alone = [topic for topic in colours if topic.name.rpartition("/")[0] not in names]
    if len(alone) > 1:
        raise UsageError(f"topic: {bag.path.name} has several image topics, name one of {listed}")
    return alone[0]


def _holds_depth(bag: Bag, topic: Topic) -> bool:
    first = bag.first(topic.name)
    return is_depth(first.format if hasattr(first, "format") else first.encoding)


def _rate(nanoseconds: list[int]) -> float | None:
    steps = [(b - a) / 1e9 for a, b in pairwise(nanoseconds) if b > a]
    return 1 / median(steps) if steps else None
