"""Sources whose frames come in real time: a stream or camera that is opened again, a file at its own pace."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from deptr.errors import DataError
from deptr.io.frame_source import Frame, FrameSource
from deptr.records import Image

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds between two attempts to open a source again
_COASTING = 0.5  # seconds of a gap in which tracks move on; then they wait
_REMEMBERED = 30.0  # seconds of a gap after which tracks do not wait any longer
_KEPT_GAPS = 1000
_SMALLEST_STEP = 1e-4  # seconds between two frames


@dataclass(frozen=True)
class Gap:
    """A time in which a live source gave no frames.

    Attributes:
        after_frame: Number of the last frame before it.
        start: Timestamp of that frame, in seconds since the first.
        seconds: From that frame to the next.
        attempts: How often it was tried to open the source again.
        reason: What ended the source.
    """

    after_frame: int
    start: float
    seconds: float
    attempts: int
    reason: str


class LiveSource(FrameSource):
    """Frames of a camera or stream, which is opened again whenever it breaks off.

    Numbers and timestamps go on over gaps. All images have the size of the first: others are scaled to it.

    Args:
        source: The source, open.
        reopen: Opens it again; None where that is impossible.
        reconnect_seconds: For how long to try after the last frame; 0 for not at all.

    Attributes:
        gaps: The latest gaps.
        gap_count: All gaps so far.
        resized: Frames so far that had another size than the first.
    """

    live = True

    def __init__(
        self,
        source: FrameSource,
        reopen: Callable[[], FrameSource] | None,
        *,
        reconnect_seconds: float,
    ) -> None:
        self.name, self.fps, self.size = source.name, source.fps, source.size
        self.detections = source.detections
        self.topic, self.camera = source.topic, source.camera
        self.gaps: deque[Gap] = deque(maxlen=_KEPT_GAPS)
        self.gap_count = 0
        self.resized = 0
        self._source: FrameSource | None = source
        self._reopen = reopen
        self._patience = reconnect_seconds if reopen is not None else 0.0
        self._halted = threading.Event()
        self._attempts = 0
        self._reason = ""
        self._start: float | None = None
        self._last: Frame | None = None
        self._before = (0, 0)  # skipped and late of the sources that were given up

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they arrive.

        Raises:
            DataError: The source gives no more frames, and could not be opened again in time.
        """
        while not self._halted.is_set():
            try:
                source = self._source or self._open_again()
                offset = self._last.index if self._last is not None else 0
                for frame in source:
                    yield self._placed(frame, offset + frame.index)
                raise DataError(self.name, "the stream ended")
            except DataError as error:
                self._give_up_source()
                self._wait_for_next_attempt(error)

    @property
    def skipped(self) -> int:  # type: ignore[override]
        """Frames so far that could not be decoded."""
        return self._before[0] + (self._source.skipped if self._source is not None else 0)

    @property
    def late(self) -> int:  # type: ignore[override]
        """Frames so far that were dropped undecoded to catch up."""
        return self._before[1] + (self._source.late if self._source is not None else 0)

    def halt(self) -> None:
        """End waiting for a frame or for the next attempt."""
        self._halted.set()
        if self._source is not None:
            self._source.halt()

    def close(self) -> None:
        """Let go of the device or connection."""
        self.halt()
        self._give_up_source()

    def notes(self) -> list[str]:
        """Gaps, frames of another size and frames that could not be decoded."""
        notes = super().notes()
        if self.gap_count:
            longest = max(gap.seconds for gap in self.gaps)
            what = f"{self.gap_count} gap(s) without frames, the longest of {longest:.1f} s"
            notes.append(f"{self.name}: {what}; they stand in run.json")
        if self.resized:
            size = "x".join(map(str, self.size))
            notes.append(f"{self.name}: {self.resized} frame(s) of another size were scaled to {size}")
        return notes

    def _open_again(self) -> FrameSource:
        if self._reopen is None:
            raise DataError(self.name, "cannot be opened again")
        self._attempts += 1
        self._source = self._reopen()
        return self._source

    def _give_up_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            self._before = (self._before[0] + source.skipped, self._before[1] + source.late)
            source.close()

    def _wait_for_next_attempt(self, error: DataError) -> None:
        self._reason = self._reason or str(error)
        now = time.monotonic()
        if self._patience <= 0 or self._last is None or self._last.captured is None:
            raise error
        if now - self._last.captured > self._patience:
            raise DataError(
                self.name,
                f"gives no more frames after frame {self._last.index}",
                found=f"{self._attempts} attempt(s) in {now - self._last.captured:.0f} s, the last: {error}",
            ) from error
        self._halted.wait(min(_FIRST_WAIT * 2**self._attempts, _LONGEST_WAIT))

    def _placed(self, frame: Frame, index: int) -> Frame:
        """The frame with the number, time and size that it has among all frames of this source."""
        captured = time.monotonic() if frame.captured is None else frame.captured
        last = self._last
        if last is None or self._start is None or last.captured is None:
            self._start, timestamp, paused = captured, 0.0, 0.0
        else:
            captured = max(captured, last.captured + _SMALLEST_STEP)
            timestamp, paused = captured - self._start, last.paused
            if self._reason:
                paused += self._end_gap(last, timestamp)
        self._last = Frame(index, timestamp, self._fitted(frame.image), captured, paused)
        return self._last

    def _end_gap(self, last: Frame, timestamp: float) -> float:
        """Write a gap down; the seconds of it in which tracks do not age."""
        seconds = timestamp - last.timestamp
        self.gaps.append(Gap(last.index, last.timestamp, seconds, self._attempts, self._reason))
        self.gap_count += 1
        self._attempts, self._reason = 0, ""
        return max(0.0, seconds - _COASTING) if seconds <= _REMEMBERED else 0.0

    def _fitted(self, image: Image) -> Image:
        if (image.shape[1], image.shape[0]) == self.size:
            return image
        import cv2

        self.resized += 1
        return np.asarray(cv2.resize(image, self.size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


class PacedSource(FrameSource):
    """A video or folder that plays in real time, as a camera would give it.

    Where decoding is slower than that, it plays as fast as it can be decoded.

    Args:
        source: The source, open; it is closed with this one.
    """

    live = True

    def __init__(self, source: FrameSource) -> None:
        self.name, self.fps, self.size = source.name, source.fps, source.size
        self.frame_count, self.detections = source.frame_count, source.detections
        self.topic, self.camera = source.topic, source.camera
        self._source = source
        self._halted = threading.Event()

    @property
    def skipped(self) -> int:  # type: ignore[override]
        """Frames so far that could not be decoded."""
        return self._source.skipped

    def __iter__(self) -> Iterator[Frame]:
        """The frames, each when its time has come."""
        start: float | None = None
        for frame in self._source:
            now = time.monotonic()
            start = now - frame.timestamp if start is None else max(start, now - frame.timestamp)
            if self._halted.wait(max(0.0, start + frame.timestamp - now)):
                return
            yield replace(frame, captured=start + frame.timestamp)

    def halt(self) -> None:
        """End waiting for the time of the next frame."""
        self._halted.set()

    def close(self) -> None:
        """Let go of files."""
        self.halt()
        self._source.close()

    def notes(self) -> list[str]:
        """What the source has to say."""
        return self._source.notes()
