"""What is asked about time: whether a run is live, for how long it waits and when it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deptr.errors import UsageError
from deptr.pipeline.spelling import Spelling

RECONNECT_SECONDS = 60.0


@dataclass(frozen=True)
class LiveRequest:
    """What is asked about time.

    Attributes:
        live: Whether only the newest frame counts; None for cameras and streams alone.
        reconnect_seconds: For how long a camera or stream that broke off is tried again; 0 for not at all.
        max_seconds: When the run ends, None for the end of the source.
    """

    live: bool | None = None
    reconnect_seconds: float | None = None
    max_seconds: float | None = None

    @property
    def patience(self) -> float:
        """For how long a source that broke off is tried again, in seconds."""
        return RECONNECT_SECONDS if self.reconnect_seconds is None else self.reconnect_seconds

    def check(self, spelling: Spelling) -> None:
        """Look at everything that can be judged before a source is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        if self.max_seconds is not None and not (math.isfinite(self.max_seconds) and self.max_seconds > 0):
            name = spelling.choice("max_seconds")
            raise UsageError(f"{name}: expected a positive number of seconds, got {self.max_seconds:g}")
        if not self.patience >= 0:
            name = spelling.choice("reconnect_seconds")
            raise UsageError(f"{name}: expected seconds from 0 on, got {self.patience:g}")
        if self.live is False and self.reconnect_seconds is not None:
            name = spelling.choice("reconnect_seconds")
            raise UsageError(f"{name}: has no effect without {spelling.choice('live')}")
