"""Doing two things at once: reading ahead or the newest, writing behind, a wish to stop between two steps."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
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


class _End:
    """What the reading thread puts last: the error that stopped it, if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(
    items: Iterable[T], capacity: int = 4, *, stop: Stop | None = None
) -> Generator[T, None, None]:
    """The same items in the same order, of which a thread makes some before they are asked for.

    The thread starts with the first item that is asked for, and ends when the items do, when a stop is
    requested, or when the generator is closed or dropped; `items`, if it can be closed, is closed in it.

    Args:
        items: What to read; iterated only in the thread.
        capacity: How many items may wait.
        stop: Ends the reading early.

    Raises:
        BaseException: Whatever ended the reading; items read before it are handed out first.

    Example:
        >>> list(read_ahead(range(3)))
        [0, 1, 2]
    """
    yield from _Reader(items, _Line[T](capacity), stop or Stop()).hand_out()


class Newest(Generic[T]):
    """The newest of the items that a thread makes: one that nobody asked for in time gives way to the next.

    The thread never waits, so what comes out is never older than the time between two items. The last item
    is always handed out. Thread and errors are as with `read_ahead`.

    Args:
        items: What to read; iterated only in the thread.
        stop: Ends the reading early.
        seconds: Ends it so long after the first item; None for no end.
        wake: Called when nobody wants items any more, so that a source that waits ends at once.

    Attributes:
        skipped: Items so far that gave way.

    Example:
        >>> newest = Newest(range(1000))
        >>> taken = list(newest)
        >>> taken[-1], len(taken) + newest.skipped
        (999, 1000)
    """

    def __init__(
        self,
        items: Iterable[T],
        *,
        stop: Stop | None = None,
        seconds: float | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._slot = _Slot[T]()
        self._reader = _Reader(items, self._slot, stop or Stop(), seconds=seconds, wake=wake)

    @property
    def skipped(self) -> int:
        """Items so far that gave way."""
        return self._slot.skipped

    def __iter__(self) -> Generator[T, None, None]:
        """Items as they are asked for, once."""
        return self._reader.hand_out()


class _Line(Generic[T]):
    """Items wait in a row; who brings one more than fits waits too."""

    def __init__(self, capacity: int) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(capacity)

    def put(self, item: T | _End) -> bool:
        """Hand over an item; False when it does not fit yet."""
        try:
            self._queue.put(item, timeout=_POLL_SECONDS)
        except queue.Full:
            return False
        return True

    def get(self) -> T | _End:
        """The next item.

        Raises:
            queue.Empty: There is none yet.
        """
        return self._queue.get(timeout=_POLL_SECONDS)


class _Slot(Generic[T]):
    """One item waits, the newest."""

    def __init__(self) -> None:
        self.skipped = 0
        self._items: list[T] = []  # none or one
        self._end: _End | None = None
        self._filled = threading.Condition()

    def put(self, item: T | _End) -> bool:
        """Hand over an item; it always fits."""
        with self._filled:
            if isinstance(item, _End):
                self._end = item
            else:
                self.skipped += len(self._items)
                self._items = [item]
            self._filled.notify()
        return True

    def get(self) -> T | _End:
        """The newest item, then the end.

        Raises:
            queue.Empty: There is none yet.
        """
        with self._filled:
            if not self._items and self._end is None:
                self._filled.wait(_POLL_SECONDS)
            if self._items:
                return self._items.pop()
            if self._end is None:
                raise queue.Empty
            return self._end


class _Reader(Generic[T]):
    """A thread that makes items, and the loop that hands them out."""

    def __init__(
        self,
        items: Iterable[T],
        ready: _Line[T] | _Slot[T],
        stop: Stop,
        *,
        seconds: float | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._items = items
        self._ready = ready
        self._stop = stop
        self._seconds = math.inf if seconds is None else seconds
        self._wake = wake
        self._closed = threading.Event()

    def hand_out(self) -> Generator[T, None, None]:
        """Items as they are asked for."""
        thread = threading.Thread(target=self._work, name="read-ahead", daemon=True)
        thread.start()
        end = math.inf
        try:
            while not self._stop.requested and time.monotonic() < end:
                try:
                    item = self._ready.get()
                except queue.Empty:
                    continue
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                end = min(end, time.monotonic() + self._seconds)
                yield item
        finally:
            self._closed.set()
            if self._wake is not None:
                self._wake()
            thread.join(timeout=_PATIENCE_SECONDS)

    def _work(self) -> None:
        """Make items until there are no more, one fails or nobody wants them."""
        error: BaseException | None = None
        iterator = None
        try:
            iterator = iter(self._items)
            for item in iterator:
                if not self._put(item):
                    break
        except BaseException as caught:  # noqa: BLE001 - carried over to the thread that asks for the items
            error = caught
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not (self._closed.is_set() or self._stop.requested):
            if self._ready.put(item):
                return True
        return False


class WriteBehind(Generic[T]):
    """Calls `consume` for each item in a thread of its own, in order.

    Args:
        consume: What to do with an item; called only in the thread.
        capacity: How many items may wait.

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
