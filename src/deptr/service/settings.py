"""What a service allows, and to whom."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass

from deptr.errors import UsageError

# what a header of HTTP and the name of a subprotocol of WebSocket can both carry
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,256}")
_WHOLE = ("max_sessions", "max_frame_bytes", "max_pixels", "max_detections", "max_waiting", "workers")
_POSITIVE = ("idle_seconds", "max_rate", "read_seconds")


@dataclass(frozen=True)
class ServiceSettings:
    """What a service allows.

    Attributes:
        token: What clients must show; None lets everybody in, which is for this machine alone.
        max_sessions: Sessions at a time.
        idle_seconds: After so long without a frame a session ends.
        max_rate: Frames a second that a session may send; short bursts of a second are allowed.
        max_frame_bytes: Size of an encoded image or of a list of detections.
        max_pixels: Pixels of an image.
        max_detections: Detections of a frame.
        max_waiting: Frames of all sessions that may wait or be worked on.
        read_seconds: How long a request may take to arrive whole.
        workers: Threads that decode, detect and track.

    Example:
        >>> ServiceSettings(max_sessions=0)
        Traceback (most recent call last):
        ...
        deptr.errors.UsageError: max_sessions: expected a whole number from 1, got 0
    """

    token: str | None = None
    max_sessions: int = 16
    idle_seconds: float = 60.0
    max_rate: float = 60.0
    max_frame_bytes: int = 8 * 2**20
    max_pixels: int = 16_000_000
    max_detections: int = 1000
    max_waiting: int = 64
    read_seconds: float = 10.0
    workers: int = 2

    def __post_init__(self) -> None:
        for name in _WHOLE:
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: expected a whole number from 1, got {getattr(self, name)}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name}: expected a positive number, got {value:g}")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError("token: expected 16 to 256 letters, digits or any of . _ ~ -")


def is_this_machine(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    Example:
        >>> is_this_machine("127.0.0.1"), is_this_machine("0.0.0.0")
        (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
