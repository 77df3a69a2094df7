"""Depth maps of the frames of a source: a folder of files, or a video of 16 bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from deptr.errors import DataError
from deptr.io.companions import find_companions
from deptr.io.depth_files import DEPTH_SUFFIXES, DepthScale, read_depth_file
from deptr.io.frame_source import FrameSource
from deptr.io.time_stamps import NearestInTime
from deptr.records import DepthKind, FloatArray

FRAMES_APART = 0.5  # of the time between two frames: default for how far a depth map may lie away


class DepthMaps(ABC):
    """Depth maps by frame.

    Attributes:
        name: For messages.
        scale: What their numbers mean.
        by: How they are matched with frames: ``name``, ``time`` or ``number``.
        notes: What the user should know beforehand, in sentences.
    """

    name: str
    scale: DepthScale
    by: str
    notes: tuple[str, ...] = ()

    @abstractmethod
    def at(self, index: int, timestamp: float) -> FloatArray | None:
        """The map of a frame, ``(H, W)`` float32, NaN = unknown; None where there is none.

        Frames are asked for in their order.

        Raises:
            DataError: It is damaged, or no depth map.
        """

    def close(self) -> None:  # noqa: B027 - a folder holds nothing open
        """Let go of the file."""


class DepthFolder(DepthMaps):
    """A folder with a file for each frame.

    Args:
        folder: The folder.
        scale: What the numbers mean.
        frames: The source, None for detections alone.
        max_gap: Seconds between a frame and its map, where names are times.
    """

    def __init__(
        self, folder: Path, scale: DepthScale, frames: FrameSource | None, *, max_gap: float
    ) -> None:
        found = find_companions(folder, DEPTH_SUFFIXES, frames, max_gap=max_gap, what="depth map")
        self.name, self.scale, self.by, self.notes = str(folder), scale, found.by, found.notes
        self._files = found.files

    def at(self, index: int, timestamp: float) -> FloatArray | None:
        """The map of the frame's file."""
        path = self._files.get(index)
        if path is None:
            return None
        return self.scale.depth(read_depth_file(path, kind=self.scale.kind))


class DepthVideo(DepthMaps):
    """A video of grey pixels of 16 bits (FFV1, PNG), matched by time since its first frame.

    Args:
        path: The video.
        scale: What the numbers mean.
        max_gap: Seconds between a frame and its map.

    Raises:
        DataError: It cannot be decoded, or its pixels are no depths.
    """

    by = "time"

    def __init__(self, path: Path, scale: DepthScale, *, max_gap: float) -> None:
        import av

        self.name, self.scale = str(path), scale
        try:
            self._container = av.open(str(path))
            stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            raise DataError(
                path, "not a video", found=getattr(error, "strerror", None) or str(error)
            ) from error
        try:
            layout = stream.format
            bits = layout.components[0].bits if layout is not None and len(layout.components) == 1 else 0
            if bits < (10 if scale.kind is DepthKind.METRIC else 8):
                found = layout.name if layout is not None else "no pixels"
                expected = "grey pixels of 16 bit, such as FFV1 with gray16le"
                raise DataError(path, "not a depth video", expected=expected, found=found)
        except BaseException:
            self._container.close()
            raise
        self._coming = self._decoded()
        self._maps = NearestInTime(self._coming, max_gap=max_gap)

    def at(self, index: int, timestamp: float) -> FloatArray | None:
        """The map nearest in time."""
        found = self._maps.at(timestamp)
        return None if found is None else self.scale.depth(found)

    def close(self) -> None:
        """Close the video."""
        self._coming.close()
        self._container.close()

    def _decoded(self) -> Generator[tuple[float, npt.NDArray[Any]], None, None]:
        import av

        start: float | None = None
        try:
            for frame in self._container.decode(video=0):
                time = float(frame.time or 0.0)
                start = time if start is None else start
                yield time - start, frame.to_ndarray(format="gray16le" if "16" in frame.format.name else None)
        except av.FFmpegError as error:
            raise DataError(self.name, "damaged", found=str(error)) from error
