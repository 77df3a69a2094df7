"""When a frame of a network stream was captured, by this machine's clock, as far as its time stamps tell."""

from __future__ import annotations

_DRIFT = 1e-4  # seconds a second that the sender's clock may be off ours
_JUMP = 5.0  # seconds: time stamps that are off by more have started anew


class ArrivalClock:
    """Puts time stamps of a stream on this machine's clock.

    A packet that came straight through tells the shortest way between the clocks; one that waited in a buffer
    is later than that, and its frame is as old as it waited.

    Example:
        >>> clock = ArrivalClock()
        >>> packets = (0.0, 100.0), (0.5, 100.75), (1.0, 101.0)
        >>> [round(clock.lateness(stamp, now), 2) for stamp, now in packets]
        [0.0, 0.25, 0.0]
        >>> round(clock.captured(1.0), 2)
        101.0
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = 0.0

    def lateness(self, stamp: float, now: float) -> float:
        """Take in a packet; how many seconds it waited on its way, beyond the shortest way seen.

        Args:
            stamp: Its time stamp in seconds.
            now: When it arrived, in seconds of `time.monotonic`.
        """
        way = now - stamp
        if self._offset is not None:
            self._offset += (now - self._last) * _DRIFT
        if self._offset is None or way < self._offset or way - self._offset > _JUMP:
            self._offset = way
        self._last = now
        return way - self._offset

    def captured(self, stamp: float) -> float:
        """When the frame with this time stamp was captured, in seconds of `time.monotonic`."""
        return stamp + (self._offset or 0.0)
