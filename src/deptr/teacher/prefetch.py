"""Work that runs ahead in a thread, so that decoding and models overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End:
    """What the thread puts last: the error that stopped it, if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetched(items: Iterable[Item], ahead: int) -> Generator[Item, None, None]:
    """The same items, of which a thread makes up to `ahead` before they are asked for.

    The thread ends when the consumer closes the generator. An error in `items` reaches the consumer.

    Example:
        >>> list(prefetched(range(3), 2))
        [0, 1, 2]
    """
    producer = _Producer(items, ahead)
    thread = threading.Thread(target=producer.work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = producer.ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        producer.closed.set()
        thread.join()


class _Producer(Generic[Item]):
    """The thread's side."""

    def __init__(self, items: Iterable[Item], ahead: int) -> None:
        self.items = items
        self.ready: queue.Queue[Item | _End] = queue.Queue(maxsize=ahead)
        self.closed = threading.Event()

    def work(self) -> None:
        """Make items until there are no more, one fails or nobody wants them."""
        error: BaseException | None = None
        try:
            for item in self.items:
                if not self._put(item):
                    return
        except BaseException as caught:  # noqa: BLE001 - handed over to the consumer, who raises it
            error = caught
        self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self.closed.is_set():
            try:
                self.ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
