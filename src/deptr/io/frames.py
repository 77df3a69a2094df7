"""Frames of a video, a folder of images, a MOT sequence, a recording, a camera or a stream."""

from __future__ import annotations

from pathlib import Path

from deptr.errors import DataError, UsageError
from deptr.io.frame_source import FrameSource, check_rate, is_url
from deptr.io.recordings.bag import is_bag


def open_source(spec: str | Path, *, fps: float | None = None, topic: str | None = None) -> FrameSource:
    """Open anything that gives frames.

    Args:
        spec: A video file, a folder of images, a MOT sequence folder (with ``img1/``, or what ``imDir`` of
            its ``seqinfo.ini`` says), a recording (MCAP or ROS bag), the number of a camera, or an RTSP/HTTP
            address.
        fps: Frames per second, over what the source says; timestamps follow it.
        topic: Image topic of a recording, where it has several.

    Raises:
        DataError: There is no such source or it cannot be read.
        UsageError: `fps` is not positive, or `topic` cannot be meant.
        MissingExtraError: A recording needs the extra ``ros``.

    Example:
        >>> open_source("nowhere.mp4")
        Traceback (most recent call last):
        ...
        deptr.errors.DataError: nowhere.mp4: no such file or folder...
    """
    rate = check_rate(fps)
    words = str(spec)
    path = Path(spec)
    if not is_url(words) and is_bag(path):
        from deptr.io.recordings.bag_source import BagSource

        return BagSource(path, topic=topic, fps=rate)
    if topic is not None:
        raise UsageError(f"topic: {spec} is no recording with topics")
    if is_url(words):
        from deptr.io.video_source import VideoSource

        return VideoSource(words, fps=rate)
    if words.isdecimal() and not path.exists():
        from deptr.io.camera_source import CameraSource

        return CameraSource(int(words), fps=rate)
    if path.is_dir():
        from deptr.io.image_source import ImageFolder, MotFolder, is_sequence

        return MotFolder(path, fps=rate) if is_sequence(path) else ImageFolder(path, fps=rate)
    if not path.exists():
        hint = (
            "give a video, a folder of images, a MOT sequence folder, a recording, a camera number or an "
            "rtsp/http address"
        )
        raise DataError(path, "no such file or folder", hint=hint)
    from deptr.io.video_source import VideoSource

    return VideoSource(path, fps=rate)
