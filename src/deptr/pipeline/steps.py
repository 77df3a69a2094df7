"""The moments of a sequence, with an image where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from deptr.io.frame_source import FrameSource
from deptr.records import Image


@dataclass(frozen=True)
class Step:
    """One moment of the sequence; without an image where there is none or it is damaged.

    Attributes:
        captured: When a live frame came, in seconds of `time.monotonic`, else None.
        paused: Seconds so far in which a live source gave nothing and tracks shall not age.
    """

    index: int
    timestamp: float
    image: Image | None
    captured: float | None = None
    paused: float = 0.0


def steps_of_source(source: FrameSource, *, fill_gaps: bool) -> Iterator[Step]:
    """The frames of a source.

    Args:
        source: Where the images come from.
        fill_gaps: Whether a frame that cannot be decoded still is a moment, without an image, because its
            detections are known from elsewhere.
    """
    last, before = 0, 0.0
    for frame in source:
        missing = frame.index - last - 1 if fill_gaps else 0
        for k in range(1, missing + 1):
            yield Step(last + k, before + (frame.timestamp - before) * k / (missing + 1), None)
        yield Step(frame.index, frame.timestamp, frame.image, frame.captured, frame.paused)
        last, before = frame.index, frame.timestamp


def steps_without_images(last_frame: int, fps: float) -> Iterator[Step]:
    """Moments 1 to `last_frame`."""
    for index in range(1, last_frame + 1):
        yield Step(index, (index - 1) / fps, None)


def until(seconds: float, steps: Iterable[Step]) -> Iterator[Step]:
    """The moments before a time."""
    return takewhile(lambda step: step.timestamp < seconds, steps)
