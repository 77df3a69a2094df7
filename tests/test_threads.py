"""Threads that read ahead and write behind: order, errors, ends."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import pytest

from deptr.errors import DataError
from deptr.threads import Newest, Stop, WriteBehind, read_ahead


def running(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


class Numbers:
    """Counts what was made, fails at 50 and knows when it was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = False

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(100):
                self.made = number + 1
                if number == 50:
                    raise DataError("source", "torn")
                yield number
        finally:
            self.closed = True


def test_an_error_arrives_after_the_items_before_it() -> None:
    taken = []
    ahead = read_ahead(Numbers(), 3)
    with pytest.raises(DataError, match="source: torn"):
        taken.extend(iter(ahead))
    assert taken == list(range(50))
    assert not running("read-ahead")


def test_nothing_is_read_before_the_first_item_is_asked_for() -> None:
    numbers = Numbers()
    read_ahead(numbers, 3).close()
    time.sleep(0.02)
    assert (numbers.made, running("read-ahead")) == (0, [])


@pytest.mark.parametrize("drop", [False, True], ids=["closed", "dropped"])
def test_reading_ends_with_its_consumer(drop: bool) -> None:
    numbers = Numbers()
    ahead = read_ahead(iter(numbers), 3)
    assert next(ahead) == 0
    assert running("read-ahead")
    if drop:
        del ahead
        gc.collect()
    else:
        ahead.close()
    assert not running("read-ahead")
    assert numbers.made <= 6
    assert numbers.closed


def test_a_stop_ends_waiting_for_a_slow_source() -> None:
    stop, hang = Stop(), threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        stop.request()
        hang.wait(1.0)
        yield 2

    start = time.monotonic()
    assert [item for item in read_ahead(slow(), stop=stop) if item > 1] == []
    hang.set()
    assert time.monotonic() - start < 5


def ticks(count: int, seconds: float) -> Iterator[int]:
    for number in range(count):
        yield number
        time.sleep(seconds)


def test_a_slow_taker_gets_the_newest_item_and_the_last() -> None:
    newest, taken = Newest(ticks(60, 0.01)), []
    for number in newest:
        taken.append(number)
        time.sleep(0.1)
    assert taken == sorted(set(taken))
    assert taken[-1] == 59
    assert len(taken) < 20
    assert newest.skipped == 60 - len(taken)
    assert not running("read-ahead")


def test_the_newest_item_comes_before_the_error_behind_it() -> None:
    taken = []
    with pytest.raises(DataError, match="source: torn"):
        for number in Newest(Numbers()):
            taken.append(number)
            time.sleep(0.05)
    assert taken[-1] == 49


def test_taking_the_newest_ends_in_time_and_wakes_the_source() -> None:
    woken = threading.Event()

    def one() -> Iterator[int]:
        yield 1
        woken.wait(10)

    start = time.monotonic()
    assert list(Newest(one(), seconds=0.3, wake=woken.set)) == [1]
    assert 0.2 < time.monotonic() - start < 3
    stop = Stop()
    stop.request()
    assert list(Newest(one(), stop=stop)) == []
    assert not running("read-ahead")


def test_an_error_of_writing_arrives_once_and_what_follows_is_dropped() -> None:
    taken = []

    def consume(item: int) -> None:
        if item == 2:
            raise DataError("disk", "full")
        taken.append(item)

    behind = WriteBehind(consume, capacity=1)
    with pytest.raises(DataError, match="disk: full"):
        for item in range(100):
            behind.put(item)
    behind.close()
    assert taken == [0, 1]
    assert not running("write-behind")
