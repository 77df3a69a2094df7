"""Frames of a video, a folder of images, a MOT sequence, a camera or a stream, one after the other."""

from __future__ import annotations

from pathlib import Path

from deptr.errors import DataError
from deptr.io.frame_source import FrameSource, check_rate, is_url


def open_source(spec: str | Path, *, fps: float | None = None) -> FrameSource:
    """Open anything that gives frames.

    Args:
        spec: A video file, a folder of images, a MOT sequence folder (with ``img1/``, or what ``imDir`` of
            its ``seqinfo.ini`` says), the number of a camera, or an RTSP/HTTP address.
        fps: Frames per second, over what the source says; timestamps follow it.

    Raises:
        DataError: There is no such source or it cannot be read.
        UsageError: `fps` is not positive.

    Example:
        >>> open_source("nowhere.mp4")
        Traceback (most recent call last):
        ...
        deptr.errors.DataError: nowhere.mp4: no such file or folder...
    """
    rate = check_rate(fps)
    words = str(spec)
    if is_url(words):
        from deptr.io.video_source import VideoSource

        return VideoSource(words, fps=rate)
    path = Path(spec)
    if words.isdecimal() and not path.exists():
        from deptr.io.camera_source import CameraSource

        return CameraSource(int(words), fps=rate)
    if path.is_dir():
        from deptr.io.image_source import ImageFolder, MotFolder, is_sequence

        return MotFolder(path, fps=rate) if is_sequence(path) else ImageFolder(path, fps=rate)
    if not path.exists():
        hint = (
            "give a video, a folder of images, a MOT sequence folder, a camera number or an rtsp/http address"
        )
        raise DataError(path, "no such file or folder", hint=hint)
    from deptr.io.video_source import VideoSource

    return VideoSource(path, fps=rate)
