"""Sessions: one tracker each, which end when they are told to or nobody uses them."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deptr.errors import UsageError
from deptr.io.json_lines import frame_record
from deptr.records import Image
from deptr.service.messages import FrameOfDetections, SessionOptions
from deptr.service.settings import ServiceSettings
from deptr.tracking.depth.fusion import DepthFusion
from deptr.tracking.depth.pseudo_depth import PseudoDepth
from deptr.tracking.registry import create_tracker, parse_parameters

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector


class FullError(Exception):
    """There is no room for another session."""


class RateError(Exception):
    """A session sends more frames than it may.

    Args:
        seconds: After how long it may send again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many frames a second; try again in {seconds:.2f} s")
        self.seconds = seconds


class RateLimit:
    """So many a second, and what was not used for up to a second.

    Args:
        rate: Frames a second.

    Example:
        >>> limit = RateLimit(2)
        >>> limit.take(10.0), limit.take(10.0)
        (None, None)
        >>> limit.take(10.0)
        Traceback (most recent call last):
        ...
        deptr.service.sessions.RateError: too many frames a second; try again in 0.50 s
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._left = self._most
        self._at: float | None = None

    def take(self, now: float) -> None:
        """Use one up.

        Raises:
            RateError: There is none left.
        """
        if self._at is not None:
            self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise RateError((1 - self._left) / self._rate)
        self._left -= 1


@dataclass
class Session:
    """One tracker and what is known of its frames.

    Attributes:
        id: What clients call it by; cannot be guessed.
        options: What was asked.
        lock: Held while a frame is worked on, so that frames stay in order.
        newest: The last image as it came and its tracks, for those who watch.
        changed: Set anew at each frame.
    """

    id: str
    options: SessionOptions
    rate: RateLimit
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: tuple[bytes | None, dict[str, Any]] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    frames: int = 0
    last_used: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        options = self.options
        parameters: dict[str, Any] = dict(parse_parameters(options.tracker, options.parameters))
        if parameters.get("camera_motion"):
            raise UsageError("camera_motion: is not offered by the service")
        fusion = DepthFusion.parse(options.fusion or "adaptive")
        self.tracker = create_tracker(
            options.tracker, depth=fusion, frame_rate=options.frame_rate, **parameters
        )
        self.identities: set[int] = set()
        self._pseudo: PseudoDepth | None = None
        self._start: float | None = None
        if options.depth == "pseudo" and options.width and options.height:
            self._pseudo = PseudoDepth((options.width, options.height))

    def track_image(self, image: Image, detector: Detector, timestamp: float | None) -> dict[str, Any]:
        """Detect in an image and track; the record of the frame."""
        options = self.options
        found = detector(image, min_score=options.min_score, focal_px=options.focal_px)
        if options.depth == "pseudo" and self._pseudo is None:
            self._pseudo = PseudoDepth((image.shape[1], image.shape[0]))
        return self._track(found, timestamp, dict(detector.names))

    def track_detections(self, frame: FrameOfDetections) -> dict[str, Any]:
        """Track what a client found; the record of the frame.

        Raises:
            UsageError: Depth cannot be guessed without the size of the images.
        """
        if self.options.depth == "pseudo" and self._pseudo is None:
            raise UsageError("depth=pseudo: needs width and height for detections without images")
        return self._track(frame.to_detections(self.options.depth_kind), frame.timestamp, {})

    def _track(self, found: sv.Detections, timestamp: float | None, names: dict[int, str]) -> dict[str, Any]:
        if self._pseudo is not None:
            found = self._pseudo.update(found)
        tracked = self.tracker.update(found, timestamp=timestamp)
        self.frames += 1
        if tracked.tracker_id is not None:
            self.identities.update(tracked.tracker_id.tolist())
        if timestamp is None:
            seconds = (self.frames - 1) / self.options.frame_rate
        else:
            self._start = timestamp if self._start is None else self._start
            seconds = timestamp - self._start
        return frame_record(self.frames, seconds, tracked, class_names=names)

    def show(self, image: bytes | None, record: dict[str, Any]) -> None:
        """Let those who watch see a frame."""
        self.newest = (image, record)
        before, self.changed = self.changed, asyncio.Event()
        before.set()


class Sessions:
    """All sessions of a service.

    Args:
        settings: How many there may be, and for how long.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def all(self) -> list[Session]:
        """Every session, the oldest first."""
        return list(self._sessions.values())

    def create(self, options: SessionOptions) -> Session:
        """A new session.

        Raises:
            FullError: There are as many as there may be.
            UsageError: The options cannot be meant.
        """
        if len(self) >= self._settings.max_sessions:
            raise FullError(f"all {self._settings.max_sessions} sessions are in use; try again later")
        session = Session(secrets.token_urlsafe(16), options, RateLimit(self._settings.max_rate))
        self._sessions[session.id] = session
        return session

    def get(self, name: str) -> Session | None:
        """The session of that name, None when there is none or it has ended."""
        return self._sessions.get(name)

    def end(self, session: Session) -> bool:
        """Forget a session; whether it was there."""
        session.changed.set()
        return self._sessions.pop(session.id, None) is not None

    def expire(self, now: float) -> int:
        """End those that nobody used; how many."""
        limit = now - self._settings.idle_seconds
        idle = [one for one in self.all() if one.last_used < limit and not one.lock.locked()]
        return sum(self.end(session) for session in idle)
