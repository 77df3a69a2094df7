"""Doing two things at once: reading ahead, writing behind, and a wish to stop between two steps."""

from __future__ import annotations

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
    reader = _Reader(items, capacity, stop or Stop())
    thread = threading.Thread(target=reader.work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not reader.stop.requested:
            try:
                item = reader.ready.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        reader.closed.set()
        thread.join(timeout=_PATIENCE_SECONDS)


class _Reader(Generic[T]):
    """The thread's side of `read_ahead`."""

    def __init__(self, items: Iterable[T], capacity: int, stop: Stop) -> None:
        self.items = items
        self.stop = stop
        self.closed = threading.Event()
        self.ready: queue.Queue[T | _End] = queue.Queue(capacity)

    def work(self) -> None:
        """Make items until there are no more, one fails or nobody wants them."""
        error: BaseException | None = None
        iterator = None
        try:
            iterator = iter(self.items)
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
        while not (self.closed.is_set() or self.stop.requested):
            try:
                self.ready.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
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
