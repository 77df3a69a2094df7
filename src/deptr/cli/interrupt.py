"""Ctrl-C as a wish to stop between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deptr.threads import Stop

EXIT_CODE = 128 + signal.SIGINT


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Turn Ctrl-C and a polite kill into a wish to stop; a second Ctrl-C stops at once.

    Outside the main thread signals cannot be caught, and stay what they are.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handler(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.request()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)
