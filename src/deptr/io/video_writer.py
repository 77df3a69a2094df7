"""Writing H.264 video that can be played whatever ends the program."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.error import FFmpegError

from deptr.errors import DataError, UsageError
from deptr.records import Image

_TIME_BASE = Fraction(1, 90_000)
_SECONDS_PER_FRAGMENT = 2.0
_CODECS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")


class VideoWriter:
    """An mp4 file, H.264 in yuv420p, that grows in fragments of two seconds.

    Even if the process is killed, what is in finished fragments can be played; `close` turns it into an
    ordinary mp4. Images with an odd side are extended by one row or column.

    Args:
        path: The file; its folder must exist.
        fps: Frames per second, for the rate control and for frames without a timestamp.
        quality: Constant rate factor, 0 (lossless) to 51; lower is better and larger.

    Raises:
        DataError: The file cannot be written, or the disk is full.
        UsageError: `quality` is out of range.

    Example:
        >>> import tempfile
        >>> with VideoWriter(Path(tempfile.mkdtemp()) / "grey.mp4", fps=10) as writer:
        ...     for _ in range(3):
        ...         writer.write(np.full((48, 64, 3), 128, np.uint8))
        >>> writer.frames
        3
    """

    def __init__(self, path: str | Path, *, fps: float, quality: int = 23) -> None:
        if not 0 <= quality <= 51:
            raise UsageError(f"quality: expected a whole number in [0, 51], got {quality}")
        self.path = Path(path)
        self.frames = 0
        self._fps = float(fps)
        self._quality = quality
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._told = False
        self._stream: av.VideoStream | None = None
        options = {"movflags": "hybrid_fragmented+frag_keyframe", "flush_packets": "1"}
        try:
            self._file = _FragmentFile(self.path)
        except OSError as error:
            raise self._failure(error) from error
        self._container: av.container.OutputContainer | None = av.open(
            self._file, "w", format="mp4", options=options
        )

    def write(self, image: Image, timestamp: float | None = None) -> None:
        """Append an image.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, all of the same size.
            timestamp: Seconds since the first image; later than the one before.

        Raises:
            DataError: Another size than before, the disk is full, or the file cannot be written.
        """
        container = self._container
        if container is None:
            raise UsageError("the video is closed")
        size = (image.shape[1], image.shape[0])
        if self._size is None:
            self._size = size
        elif size != self._size:
            expected, found = (f"{width}x{height}" for width, height in (self._size, size))
            hint = "without a video (--no-video) images may differ"
            raise DataError(
                self.path, "the image has another size", expected=expected, found=found, hint=hint
            )
        seconds = self.frames / self._fps if timestamp is None else timestamp
        self._last = max(self._last + 1, round(seconds / _TIME_BASE))
        try:
            if self._stream is None:
                self._stream = self._start(container, size)
            frame = av.VideoFrame.from_ndarray(_even(image), format="rgb24")
            frame.pts, frame.time_base = self._last, _TIME_BASE
            container.mux(self._stream.encode(frame))
        except FFmpegError as error:
            raise self._failure(error) from error
        if self._file.error is not None:
            raise self._failure(self._file.error)
        self.frames += 1

    def close(self) -> None:
        """Finish the file. A writer that never got an image leaves no file.

        Raises:
            DataError: The end cannot be written; the finished fragments can still be played.
        """
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            if self._stream is not None:
                container.mux(self._stream.encode(None))
            container.close()
        except FFmpegError as error:
            raise self._failure(error) from error
        finally:
            self._file.close()
            if self._stream is None:
                self.path.unlink(missing_ok=True)
        if self._file.error is not None and not self._told:
            raise self._failure(self._file.error)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, container: av.container.OutputContainer, size: tuple[int, int]) -> av.VideoStream:
        codec = next((name for name in _CODECS if name in av.codecs_available), None)
        if codec is None:
            hint = "install PyAV from its wheels: pip install --force-reinstall av"
            raise DataError(self.path, "this build of PyAV has no H.264 encoder", hint=hint)
        every = str(max(1, round(self._fps * _SECONDS_PER_FRAGMENT)))
        options = {"preset": "veryfast", "crf": str(self._quality), "g": every}
        rate = Fraction(self._fps).limit_denominator(1001)
        stream = container.add_stream(codec, rate=rate, options=options)
        if not isinstance(stream, av.VideoStream):
            raise DataError(self.path, f"{codec} is no video encoder")
        stream.width, stream.height = size[0] + size[0] % 2, size[1] + size[1] % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.thread_count = 1
        return stream

    def _failure(self, error: OSError | FFmpegError) -> DataError:
        self._told = True
        found = error.strerror or str(error)
        return DataError(self.path, "cannot be written", found=found, hint="check space and permissions")


class _FragmentFile:
    """A file for the muxer that takes a full disk calmly.

    A muxer that meets an error while writing may crash on closing. This one never sees the error: from the
    first on everything is dropped, and `close` cuts the file after its last whole fragment.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._file = path.open("w+b", buffering=0)
        self._position = 0

    def write(self, content: bytes) -> int:
        if self.error is None:
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self.error = error
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self.error is None:
            self._position = self._file.seek(offset, whence)
        else:
            self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self.error is not None and os.path.isfile(self._file.name):
            self._file.truncate(self._whole_fragments())
        self._file.close()

    def _whole_fragments(self) -> int:
        """Bytes from the start up to the end of the last complete media box."""
        size = self._file.seek(0, os.SEEK_END)
        end = whole = 0
        while end + 8 <= size:
            self._file.seek(end)
            length, kind = struct.unpack(">I4s", self._file.read(8))
            if length < 8 or end + length > size:
                break
            end += length
            if kind in (b"mdat", b"moov"):
                whole = end
        return whole


def _even(image: Image) -> Image:
    """The image with its last row and column repeated where a side is odd, as yuv420p needs it."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)
