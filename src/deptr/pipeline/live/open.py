"""The source of a run, opened, and made live where frames come in real time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.io.frame_source import FrameSource
from deptr.io.frames import open_source
from deptr.io.live_source import LiveSource, PacedSource

if TYPE_CHECKING:
    from deptr.pipeline.request import Request


def open_frames(request: Request) -> tuple[FrameSource | None, bool]:
    """The source that a request names, and whether the run is live.

    Raises:
        DataError: It cannot be read.
        UsageError: A run without images is to be live.
    """
    asked = request.live
    if request.source is None:
        if asked.live:
            name = request.spelling.choice
            raise UsageError(f"{name('live')}: needs a {name('source')}, got detections alone")
        return None, False
    source = _open(request)
    live = source.live if asked.live is None else asked.live
    if not live:
        return source, False
    if not source.live:
        return PacedSource(source), True
    given = isinstance(request.source, FrameSource)
    reopen = None if given else (lambda: _open(request))
    return LiveSource(source, reopen, reconnect_seconds=asked.patience), True


def _open(request: Request) -> FrameSource:
    if isinstance(request.source, FrameSource):
        return request.source
    return open_source(str(request.source), fps=request.fps, topic=request.topic)
