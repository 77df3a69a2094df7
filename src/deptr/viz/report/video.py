"""The video of a page: the source itself where browsers play it, else a copy in H.264 beside the page."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import cv2
import numpy as np
from av.error import FFmpegError

from deptr.io.frames import open_source
from deptr.io.video_writer import VideoWriter
from deptr.progress import Progress

_CONTAINERS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_CODECS = {"h264", "vp8", "vp9", "av1"}
_LARGEST_SIDE = 1280  # of a copy


def browsers_play(path: Path) -> bool:
    """Whether every browser of today plays this file as it is."""
    if path.suffix.lower() not in _CONTAINERS or not path.is_file():
        return False
    try:
        with av.open(os.path.abspath(path)) as container:
            context = container.streams.video[0].codec_context
            return context.name in _CODECS and (context.pix_fmt or "yuv420p") == "yuv420p"
    except (FFmpegError, OSError, IndexError):
        return False


def page_video(
    source: Path, page: Path, *, embed: bool, fps: float | None, progress: Progress
) -> dict[str, Any]:
    """What the page's player needs to know of the video; a copy is written where it has to be.

    Args:
        source: The video or folder of images that was tracked.
        page: Where the page will lie.
        embed: Whether the page holds the video itself.
        fps: Frames per second of a folder of images.
        progress: Told while a copy is made.

    Raises:
        DataError: The source cannot be read, or the copy not be written.
    """
    played = source
    if not browsers_play(source):
        played = page.with_suffix(".mp4")
        _copy(source, played, fps, progress)
    kind = _CONTAINERS[played.suffix.lower()]
    if embed:
        address = f"data:{kind};base64," + base64.b64encode(played.read_bytes()).decode()
        if played != source:
            played.unlink()
    else:
        address = quote(os.path.relpath(played.resolve(), page.resolve().parent).replace(os.sep, "/"))
    return {"src": address, "name": source.name}


def _copy(source: Path, target: Path, fps: float | None, progress: Progress) -> None:
    images = source.is_dir()
    with open_source(str(source), fps=fps if images else None) as frames:
        with VideoWriter(target, fps=frames.fps or fps or 30.0, quality=28) as writer:
            for done, frame in enumerate(frames, 1):
                scale = min(1.0, _LARGEST_SIDE / max(frame.image.shape[:2]))
                image = frame.image
                if scale < 1:
                    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
                    image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
                writer.write(image, frame.timestamp)
                progress.update(done, frames.frame_count)
