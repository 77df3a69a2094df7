"""Frames from a video file or a network stream, through PyAV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from deptr.errors import DataError
from deptr.io.arrival import ArrivalClock
from deptr.io.frame_source import FALLBACK_RATE, Frame, FrameSource, is_url
from deptr.records import Image

_PATIENCE = (10.0, 5.0)  # seconds to connect, and to wait for the next packet
_AT_ONCE = 0.002  # seconds: a packet that takes less was there already
_BACKLOG = 3  # packets in a row that were there already: a stream without time stamps is late
_LATE = 1.0  # seconds by which a live stream may be late before frames are dropped undecoded
_REMOTE = {"analyzeduration": "1500000"}  # microseconds to look at a stream first


Packet = Any  # av.Packet, generic in some versions of PyAV and plain in others


class VideoSource(FrameSource):
    """A video file, or a stream at an address.

    A frame that cannot be decoded keeps its number, which is left out: what belongs to later frames
    still meets them. A live stream that comes faster than it can be decoded goes on at a key frame.
    """

    def __init__(self, spec: str | Path, *, fps: float | None = None) -> None:
        self._spec = str(spec)
        self.name = self._spec if is_url(self._spec) else Path(spec).name
        self._container, self._stream = self._open()
        context = self._stream.codec_context
        rate = self._stream.average_rate or self._stream.guessed_rate
        self._given_rate = fps
        self.fps = fps if fps is not None else (float(rate) if rate else None)
        self.size = (context.width, context.height)
        self.frame_count = self._stream.frames or None
        self.live = is_url(self._spec) and self._container.duration is None
        self._arrival = ArrivalClock() if self.live else None
        self._stamped = self._container.format.name != "mpjpeg"  # there FFmpeg makes time stamps up
        # decoding several frames at once is faster, but holds each back by as many
        self._stream.thread_type = "SLICE" if self.live else "AUTO"
        self._catching_up = False
        self._there = 0  # packets in a row for which there was no waiting
        self._seen = 0
        self._end: str | None = None
        self._unordered = 0
        self._first = self._peek()

    def __iter__(self) -> Iterator[Frame]:
        """The frames, in order.

        Raises:
            DataError: A stream broke off.
        """
        average, guessed = self._stream.average_rate, self._stream.guessed_rate
        steady = float(average) if average and average == guessed else None
        clock = _Clock(self.fps or FALLBACK_RATE, fixed=self._given_rate is not None, steady_rate=steady)
        for decoded in self._first:
            if decoded is None:
                clock.damage()
                continue
            before = clock.index
            index, timestamp = clock.advance(decoded.time)
            self.skipped += index - before - 1
            self._seen, self._unordered = index, clock.unordered
            yield Frame(index, timestamp, _upright(decoded), self._captured(decoded))
        self.skipped += clock.pending
        self._finish(clock.index + clock.pending)

    def close(self) -> None:
        """Close the file or the connection."""
        self._container.close()

    def notes(self) -> list[str]:
        """Damage, time stamps that do not grow, and an end before the one that the file announces."""
        notes = super().notes()
        if self._unordered:
            what = f"{self._unordered} time stamp(s) stand still or go back"
            notes.append(f"{self.name}: {what}; those frames follow at the frame rate instead")
        return notes + ([self._end] if self._end else [])

    def _open(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        remote = is_url(self._spec)
        # FFmpeg takes what stands before a colon for a protocol, but not in an absolute path
        place = self._spec if remote else os.path.abspath(self._spec)
        options = dict(_REMOTE) if remote else {}
        if self._spec.lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        try:
            container = av.open(place, timeout=_PATIENCE if remote else None, options=options)
        except (FFmpegError, OSError) as error:
            problem = "cannot be reached" if remote else "cannot be read as video"
            hint = "is the address right and the camera on?" if remote else "is the file whole?"
            found = error.strerror or str(error)
            if isinstance(error, av.error.ExitError):  # how FFmpeg says that the time was up
                problem, found = "sends no picture", f"nothing within {_PATIENCE[0]:g} s"
            raise DataError(self._spec, problem, found=found, hint=hint) from error
        if not container.streams.video:
            container.close()
            raise DataError(self._spec, "holds no video", expected="a video stream")
        return container, container.streams.video[0]

    def _peek(self) -> Iterator[av.VideoFrame | None]:
        """The frames again, after making sure that there is one and what size it shows."""
        frames = self._decode()
        damaged = 0
        for frame in frames:
            if frame is None:
                damaged += 1
                continue
            height, width = _upright(frame).shape[:2]
            self.size = (width, height)
            return _chain([None] * damaged, frame, frames)
        self._container.close()
        raise DataError(self._spec, "no frame can be decoded", found=f"{damaged} damaged frames")

    def _decode(self) -> Iterator[av.VideoFrame | None]:
        """Decoded frames in the order of display; None for each that is damaged."""
        packets = self._container.demux(self._stream)
        while True:
            asked = time.monotonic()
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError as error:
                yield from self._stream.codec_context.decode(None)  # what the decoder still holds
                self._broken(error)
                return
            if self.live and self._comes_too_late(packet, time.monotonic() - asked):
                self.late += 1
                continue
            if _is_half(packet):
                yield None
                continue
            try:
                decoded = packet.decode()
            except FFmpegError:
                yield None
                continue
            for frame in decoded:
                yield None if frame.is_corrupt else frame

    def _comes_too_late(self, packet: Packet, waited: float) -> bool:
        """Whether a packet of a live stream is left out: from the first late one to a key frame in time."""
        if not self._stamped:
            self._there = self._there + 1 if waited < _AT_ONCE else 0
            return self._there > _BACKLOG
        if self._arrival is None or packet.pts is None or packet.time_base is None:
            return False
        late = self._arrival.lateness(float(packet.pts * packet.time_base), time.monotonic()) > _LATE
        self._catching_up = late or (self._catching_up and not packet.is_keyframe)
        return self._catching_up

    def _captured(self, frame: av.VideoFrame) -> float | None:
        """When a live frame was captured, in seconds of `time.monotonic`."""
        if self._arrival is None:
            return None
        if not self._stamped or frame.time is None:
            return time.monotonic()
        return self._arrival.captured(frame.time)

    def _broken(self, error: FFmpegError) -> None:
        found = error.strerror or str(error)
        if is_url(self._spec):
            raise DataError(
                self._spec, f"the stream broke off after frame {self._seen}", found=found
            ) from error
        self._end = f"{self.name}: cannot be read beyond frame {self._seen} ({found})"

    def _finish(self, count: int) -> None:
        if self.live:
            raise DataError(self._spec, f"the stream ended after frame {self._seen}")
        announced = self.frame_count or 0
        if self._end is None and count < announced:
            self._end = f"{self.name}: ends early, after frame {count} of {announced}"


class _Clock:
    """Numbers and times of frames; from the first damage on, numbers follow the file's time stamps."""

    def __init__(self, rate: float, *, fixed: bool, steady_rate: float | None) -> None:
        self.index = 0
        self.pending = 0  # damaged frames since the last good one
        self.unordered = 0  # frames whose time stamp is not behind the one before
        self._rate = rate
        self._fixed = fixed
        self._steady_rate = steady_rate  # of the file, None when its frames are unevenly spaced
        self._damaged = False
        self._anchor: tuple[int, float] | None = None
        self._start: float | None = None
        self._time = -1.0 / rate

    def damage(self) -> None:
        self.pending += 1
        self._damaged = True

    def advance(self, raw: float | None) -> tuple[int, float]:
        """Number and seconds of the next good frame, whose time stamp in the file is `raw`."""
        step = 1 + self.pending
        if self._damaged and self._steady_rate and raw is not None and self._anchor is not None:
            # an error tells in the order of decoding that, not where in the order of display, frames are lost
            step = max(1, self._anchor[0] + round((raw - self._anchor[1]) * self._steady_rate) - self.index)
        self.index += step
        self.pending = 0
        if self._anchor is None and raw is not None:
            self._anchor = (self.index, raw)
        expected = (self.index - 1) / self._rate if self._fixed else self._time + step / self._rate
        if self._start is None and raw is not None:
            self._start = raw - expected
        stamped = expected if self._fixed or raw is None or self._start is None else raw - self._start
        self.unordered += stamped <= self._time
        self._time = stamped if stamped > self._time else expected
        return self.index, self._time


def _chain(
    damaged: list[None], first: av.VideoFrame, rest: Iterator[av.VideoFrame | None]
) -> Iterator[av.VideoFrame | None]:
    yield from damaged
    yield first
    yield from rest


def _is_half(packet: Packet) -> bool:
    """Whether a JPEG ends before its end; decoders paint the rest grey."""
    if not packet.size or packet.stream.codec_context.name != "mjpeg":
        return False
    return not bytes(packet).rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def _upright(frame: av.VideoFrame) -> Image:
    """The picture as RGB, turned and mirrored as the recorder says it is to be seen.

    Its display matrix sends a pixel to ``x' = a x + c y``, ``y' = b x + d y`` (ISO/IEC 14496-12, 8.3.2).
    """
    image = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), dtype="=i4", count=5))
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if turned else (a, d)
    if turned:
        image = image.transpose(1, 0, 2)
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
