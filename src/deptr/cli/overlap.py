"""Doing two things at once: reading ahead, writing behind, and being interrupted between two frames."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 15.0  # longer than a camera or stream waits before it gives up


class Stop:
    """A wish to end soon, that loops look at between two steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the user wants the work to end."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask the work to end."""
        self._event.set()


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


class ReadAhead(Generic[T]):
    """Takes items from `items` in a thread of its own and hands them out in order.

    Args:
        items: What to read; iterated only in the thread.
        stop: Ends the reading early.
        capacity: How many items may wait.

    Example:
        >>> with ReadAhead(range(3), Stop()) as ahead:
        ...     list(ahead)
        [0, 1, 2]
    """

    def __init__(self, items: Iterable[T], stop: Stop, *, capacity: int = 4) -> None:
        self.busy_seconds = 0.0
        self._items = items
        self._stop = stop
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._queue: queue.Queue[T] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        """Items until the end, or until a stop is requested.

        Raises:
            BaseException: Whatever ended the reading; items read before it are handed out first.
        """
        while not self._stop.requested:
            try:
                yield self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._done.is_set() and self._queue.empty():
                    break
        if self._error is not None and not self._stop.requested:
            raise self._error

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=_PATIENCE_SECONDS)

    def _read(self) -> None:
        iterator = iter(self._items)
        try:
            while not (self._done.is_set() or self._stop.requested):
                start = time.perf_counter()
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                self.busy_seconds += time.perf_counter() - start
                self._put(item)
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that asks for the items
            self._error = error
        finally:
            self._done.set()

    def _put(self, item: T) -> None:
        while not (self._done.is_set() or self._stop.requested):
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


class WriteBehind(Generic[T]):
    """Calls `consume` for each item in a thread of its own, in order.

    Example:
        >>> taken = []
        >>> with WriteBehind(taken.append) as behind:
        ...     behind.put(1)
        >>> taken
        [1]
    """

    def __init__(self, consume: Callable[[T], None], *, capacity: int = 4) -> None:
        self.busy_seconds = 0.0
        self._consume = consume
        self._error: BaseException | None = None
        self._queue: queue.Queue[T | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._work, name="write-behind", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand over an item; waits while too many are waiting.

        Raises:
            BaseException: What an earlier item failed with.
        """
        self._queue.put(item)
        self._check()

    def close(self) -> None:
        """Wait until everything is consumed.

        Raises:
            BaseException: What an item failed with, unless `put` has told already.
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._check()

    def __enter__(self) -> WriteBehind[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        failed = False
        while (item := self._queue.get()) is not None:
            if failed:
                continue
            start = time.perf_counter()
            try:
                self._consume(item)
            except BaseException as error:  # noqa: BLE001 - carried over to the thread that hands over the items
                self._error, failed = error, True
            self.busy_seconds += time.perf_counter() - start
