"""What a command tells as lines of JSON, one a record, in the form of OpenTelemetry's logs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import IO

from deptr import __version__

_NUMBERS = {"INFO": 9, "WARN": 13, "ERROR": 17}
_SECONDS_BETWEEN_LINES = 5.0
_RESOURCE = {"service.name": "deptr", "service.version": __version__}


class JsonLog:
    """Writes records; also a `Progress`.

    Args:
        stream: Where to; the standard error by default.

    Example:
        >>> JsonLog(sys.stdout).tell("tracked", {"frames": 3})
        {"timeUnixNano":...,"severityText":"INFO","severityNumber":9,"body":"tracked","attributes":{"frames":3},...}
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = 0.0

    def tell(self, body: str, attributes: Mapping[str, object], *, severity: str = "INFO") -> None:
        """Write a record."""
        record = {
            "timeUnixNano": time.time_ns(),
            "severityText": severity,
            "severityNumber": _NUMBERS[severity],
            "body": body,
            "attributes": dict(attributes),
            "resource": _RESOURCE,
        }
        self._stream.write(json.dumps(record, separators=(",", ":"), default=str) + "\n")
        self._stream.flush()

    def resume(self, done: int) -> None:
        """Say that an earlier run finished so many."""
        self.tell("resumed", {"done": done})

    def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
        """Tell of a step, now and then and at the end."""
        now = time.monotonic()
        if now - self._shown >= _SECONDS_BETWEEN_LINES or done == total:
            self._shown = now
            self.tell("progress", {"done": done, "total": total, **figures})
