"""Depth images of a recording, for the frames of one of its image topics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deptr.errors import UsageError
from deptr.io.depth_files import DepthScale
from deptr.io.depth_maps import DepthMaps
from deptr.io.recordings.bag import Bag
from deptr.io.recordings.bag_source import IMAGES
from deptr.io.recordings.ros_images import depth_map_of
from deptr.io.time_stamps import NearestInTime
from deptr.records import FloatArray


class BagDepthMaps(DepthMaps):
    """The depth images of one topic, matched with frames by the times of their headers.

    Args:
        path: The recording.
        topic: Its topic of depth images, in metres as `depth_map_of` reads them.
        start: Nanoseconds of the first frame, on the recording's clock.
        max_gap: Seconds between a frame and its map.

    Raises:
        DataError: The recording cannot be read.
        UsageError: It has no such topic.
    """

    by = "time"

    def __init__(self, path: Path, topic: str, *, start: int, max_gap: float) -> None:
        self.name, self.scale = f"{path.name} {topic}", DepthScale()
        self._start = start
        self._bag = Bag(path)
        images = [entry.name for entry in self._bag.topics() if entry.kind in IMAGES]
        if topic not in images:
            self._bag.close()
            raise UsageError(f"depth: {path.name} has no images in {topic}; it has {', '.join(images)}")
        self._messages = NearestInTime(self._timed(topic), max_gap=max_gap)

    def at(self, index: int, timestamp: float) -> FloatArray | None:
        """The map nearest in time."""
        found = self._messages.at(timestamp)
        return None if found is None else depth_map_of(found, self.name)

    def close(self) -> None:
        """Close the recording."""
        self._bag.close()

    def _timed(self, topic: str) -> Iterator[tuple[float, Any]]:
        for stamped in self._bag.messages(topic):
            yield (stamped.nanoseconds - self._start) / 1e9, stamped.message
