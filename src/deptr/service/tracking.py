"""The work on frames: in threads, one frame of a session after the other, and never more than may wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deptr.detector.inference import Detector
from deptr.errors import DataError, UsageError
from deptr.service.images import decode_image
from deptr.service.messages import FrameOfDetections
from deptr.service.metrics import Metrics
from deptr.service.sessions import FullError, RateError, Session, Sessions
from deptr.service.settings import ServiceSettings


class BusyError(Exception):
    """As many frames wait as may."""


class GoneError(Exception):
    """The session ended while its frame waited."""


class Service:
    """Everything that a running service holds.

    Args:
        settings: What it allows.
        detector: Looks at images; None where clients send detections alone.
    """

    def __init__(self, settings: ServiceSettings, detector: Detector | None) -> None:
        self.settings = settings
        self.detector = detector
        self.sessions = Sessions(settings)
        self.waiting = 0
        self.metrics = Metrics(lambda: len(self.sessions), lambda: self.waiting)
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="deptr-service")

    async def track_image(
        self, session: Session, content: bytes, timestamp: float | None = None
    ) -> dict[str, Any]:
        """Track one encoded image.

        Raises:
            DataError: It is no image, too large or damaged.
            UsageError: The service has no detector.
            RateError: The session sends too many frames.
            BusyError: Too many frames wait.
        """
        detector = self.detector
        if detector is None:
            raise UsageError("frames: this service has no detector; send detections")
        pixels = self.settings.max_pixels

        def work() -> dict[str, Any]:
            return session.track_image(decode_image(content, max_pixels=pixels), detector, timestamp)

        return await self._in_turn(session, "image", work, content)

    async def track_detections(self, session: Session, frame: FrameOfDetections) -> dict[str, Any]:
        """Track what a client found in one frame.

        Raises:
            UsageError: There are too many detections, or they cannot be tracked.
            RateError: The session sends too many frames.
            BusyError: Too many frames wait.
        """
        most = self.settings.max_detections
        if len(frame.detections) > most:
            raise UsageError(f"detections: expected at most {most}, got {len(frame.detections)}")
        return await self._in_turn(session, "detections", lambda: session.track_detections(frame), None)

    def end(self, session: Session, how: str) -> None:
        """End a session, for whatever reason."""
        if self.sessions.end(session):
            self.metrics.ended.labels(how).inc()

    def close(self) -> None:
        """End all sessions and threads."""
        for session in self.sessions.all():
            self.end(session, "shutdown")
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def expire(self) -> None:
        """End idle sessions, again and again."""
        pause = min(1.0, self.settings.idle_seconds / 4)
        while True:
            await asyncio.sleep(pause)
            expired = self.sessions.expire(time.monotonic())
            self.metrics.ended.labels("idle").inc(expired)

    async def _in_turn(
        self, session: Session, kind: str, work: Callable[[], dict[str, Any]], image: bytes | None
    ) -> dict[str, Any]:
        arrived = session.last_used = time.monotonic()
        session.rate.take(arrived)
        if self.waiting >= self.settings.max_waiting:
            raise BusyError(f"{self.waiting} frames are waiting; try again later")
        self.waiting += 1
        try:
            async with session.lock:
                if self.sessions.get(session.id) is None:
                    raise GoneError("the session has ended")
                record = await self._finished(work)
        finally:
            self.waiting -= 1
        session.last_used = time.monotonic()
        seconds = session.last_used - arrived
        record = {**record, "latency_seconds": round(seconds, 6)}
        self.metrics.frames.labels(kind).inc()
        self.metrics.seconds.labels(kind).observe(seconds)
        session.show(image, record)
        return record

    async def _finished(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer of work in a thread; waited for though the client be gone, as it uses the tracker."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


def told(error: Exception) -> tuple[int, str]:
    """Status of HTTP and text for an error.

    Example:
        >>> told(UsageError("tracker: expected one of sort, got 'x'"))
        (422, "tracker: expected one of sort, got 'x'")
    """
    statuses: list[tuple[type[Exception], int]] = [
        (RateError, 429),
        (FullError, 503),
        (BusyError, 503),
        (GoneError, 404),
        (DataError, 422),
        (UsageError, 422),
    ]
    status = next((number for kind, number in statuses if isinstance(error, kind)), 500)
    return status, str(error) if status != 500 else "something went wrong inside the service"
