"""What every source of frames is: numbered RGB images with seconds, from a video, a folder or a camera."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TypeVar

from deptr.cameras import Camera
from deptr.errors import UsageError
from deptr.records import Image

FALLBACK_RATE = 30.0  # spacing of timestamps where nothing says the frame rate
_URL = re.compile(r"(rtsp|rtsps|rtmp|http|https|udp|tcp|srt)://", re.IGNORECASE)
Self = TypeVar("Self", bound="FrameSource")


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        index: Number of the frame, from 1; a frame that cannot be decoded leaves its number out.
        timestamp: Seconds since the first frame.
        image: ``(H, W, 3)`` uint8 RGB.
        captured: When it came, in seconds of `time.monotonic`; None where frames are not live.
        paused: Seconds of all gaps so far in which a live source gave nothing and tracks shall not age.
    """

    index: int
    timestamp: float
    image: Image
    captured: float | None = None
    paused: float = 0.0


class FrameSource(ABC):
    """Where frames come from. Iterate over it once; use it in a ``with`` block.

    Attributes:
        name: For messages and file names.
        fps: Frames per second, None when nothing says it.
        size: Width and height in pixels.
        frame_count: Number of frames, None when it cannot be known.
        live: Whether frames arrive in real time, without an end.
        detections: File with detections that belongs to it, None when there is none.
        skipped: Frames so far that could not be decoded.
        files: Image file of each frame, where frames are files.
        stamps: Seconds on the recorder's clock of each frame, where its file's name tells them.
        late: Frames so far that a live source dropped undecoded to catch up.
        topic: Name of its topic in a recording, None elsewhere.
        camera: The camera that a recording tells of, None when nothing does.
    """

    name: str
    fps: float | None
    size: tuple[int, int]
    frame_count: int | None = None
    live: bool = False
    detections: Path | None = None
    skipped: int = 0
    files: Mapping[int, Path] = MappingProxyType({})
    stamps: Mapping[int, float] = MappingProxyType({})
    late: int = 0
    topic: str | None = None
    camera: Camera | None = None

    @property
    def focal_px(self) -> float | None:
        """Focal length in pixels, None when nothing says it."""
        return None if self.camera is None else self.camera.focal_px

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames, in order."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and devices."""

    def halt(self) -> None:  # noqa: B027 - most sources never wait
        """End waiting for a frame soon; the one method that another thread may call."""

    def notes(self) -> list[str]:
        """What the user should know about frames that are missing, in sentences."""
        if not self.skipped:
            return []
        return [f"{self.name}: {self.skipped} frame(s) could not be decoded and were skipped"]

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def is_url(spec: str) -> bool:
    """Whether a source is an address on the network."""
    return bool(_URL.match(spec))


def check_rate(fps: float | None) -> float | None:
    """The frame rate, if it is one.

    Raises:
        UsageError: It is not positive and finite.

    Example:
        >>> check_rate(25)
        25.0
    """
    if fps is None:
        return None
    if not (math.isfinite(fps) and 0 < fps <= 100_000):
        raise UsageError(f"fps: expected a positive number of frames per second, got {fps:g}")
    return float(fps)
