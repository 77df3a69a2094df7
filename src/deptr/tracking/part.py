"""What a tracker knows of its tracks, in parts that it keeps in step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.measurements import Measurements

REFERENCE_RATE = 30.0


class Step(NamedTuple):
    """What passes from one frame to the next.

    Attributes:
        seconds: Time.
        frames: The same in 1/30 s, in which the authors' constants count.
        waiting: ``(T,)`` tracks that wait at their first box until a second one tells where they go, or None.
        lost: ``(T,)`` tracks that are not in sight, or None.
    """

    seconds: float
    frames: float
    waiting: BoolArray | None = None
    lost: BoolArray | None = None

    @classmethod
    def of(cls, seconds: float) -> Step:
        """A step for tracks that are all in sight.

        Example:
            >>> Step.of(0.1).frames
            3.0
        """
        return cls(seconds, seconds * REFERENCE_RATE)


class Part(ABC):
    """Arrays with a row per track, in the order of the tracks' birth.

    Whatever a tracker keeps of each track is a part of it; `Tracker.update` calls all of them alike.
    """

    def predict(self, step: Step) -> None:  # noqa: B027
        """Move all rows ahead in time."""

    def correct(self, rows: Indices, taken: Measurements) -> None:  # noqa: B027
        """These rows took these detections, ``(N,)`` each, a row at most once in a frame."""

    @abstractmethod
    def append(self, taken: Measurements) -> None:
        """Start a row at each of these detections."""

    @abstractmethod
    def select(self, kept: Indices) -> None:
        """Keep these rows, in this order."""

    def warp(self, affine: FloatArray) -> None:  # noqa: B027
        """Move what has a place in the image by a ``(2, 3)`` similarity: the camera moved."""
