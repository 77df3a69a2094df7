"""What an identity decoder remembers: the latest observations of each identity, as it will read them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices
from deptr.tracking.learned.observations import LOG_H, LOG_W, OBSERVED, PATH, History

PATH_COLUMNS = 3 * PATH + 1
MOST_PAIRS = (
    300_000  # of detections and memories in one frame; in larger crowds only the newest memories are read
)
NO_PERIOD = 1e9  # pixels: an image without a seam


class Recall(NamedTuple):
    """What is remembered, as it stands in one frame.

    Attributes:
        payload: ``(P, ...)`` what was stored with each observation.
        seen: ``(P, 7)`` the observations, moved with the camera to now.
        paths: ``(P, 16)`` step, smooth place, slope, and whether there was an observation before.
        slots: ``(P,)`` identity.
        since: ``(P,)`` seconds that have passed.
        rank: ``(P,)`` how many newer ones there are of the same identity.
        context: ``(13,)`` see `History.context`.
        extent: ``(2,)`` right and lower border of all that was ever seen, which stands for the image's size.
        period: Width of a panorama in pixels, or so large that it makes no difference.
        shift: ``(2,)`` pixels by which everything has moved with the camera.
    """

    payload: FloatArray
    seen: FloatArray
    paths: FloatArray
    slots: IntArray
    since: FloatArray
    rank: IntArray
    context: FloatArray
    extent: FloatArray
    period: float
    shift: FloatArray


class Memory:
    """Observations of up to `capacity` identities.

    Args:
        capacity: Number of slots.
        depth: Observations kept of each.
        payload_shape: Of what is stored with each observation.
    """

    def __init__(self, capacity: int, depth: int, payload_shape: tuple[int, ...]) -> None:
        self._extent: FloatArray = np.ones(2)
        self._history = History(capacity)
        self._payload: FloatArray = np.zeros((capacity, depth, *payload_shape), np.float32)
        self._seen: FloatArray = np.zeros((capacity, depth, OBSERVED))
        self._paths: FloatArray = np.zeros((capacity, depth, PATH_COLUMNS))
        self._times: FloatArray = np.zeros((capacity, depth))
        self._count: IntArray = np.zeros(capacity, np.int64)
        self._now: float | None = None
        self._since = 0.0

    @property
    def alive(self) -> BoolArray:
        """``(K,)`` which slots hold an identity."""
        return np.asarray(self._count > 0)

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return len(self._count)

    def wrap(self, period: float | None) -> None:
        """Say how wide the panorama is, None where there is none."""
        self._history.period = period

    def middle(self) -> FloatArray:
        """``(2,)`` mean of the last places of all identities."""
        alive = self.alive
        return self._seen[alive, -1, :2].mean(0) if alive.any() else np.zeros(2)

    def free(self, count: int) -> Indices:
        """Up to `count` empty slots, the lowest first."""
        return np.flatnonzero(self._count == 0)[:count]

    def unseen(self, seconds: float) -> FloatArray:
        """``(K,)`` seconds since each slot's identity was seen, 0 for an empty one."""
        return np.where(self._count > 0, seconds - self._times[:, -1], 0.0)

    def forget(self, slots: Indices) -> None:
        """Empty these slots."""
        self._count[slots] = 0
        self._history.forget(slots)

    def begin(self, seconds: float, seen: FloatArray) -> Recall:
        """A new frame: all that is remembered moves with the camera.

        Args:
            seconds: Its time.
            seen: ``(N, 7)`` its observations.
        """
        self._since = 0.0 if self._now is None else seconds - self._now
        self._now = seconds
        corner = seen[:, :2] + np.exp(seen[:, LOG_W : LOG_H + 1]) / 2
        self._extent = np.maximum(self._extent, corner.max(0, initial=1.0))
        slots = np.flatnonzero(self.alive)
        shift = self._history.shift(seconds, slots, seen)
        self.move(shift)
        return self._recall(seconds, seen, shift)

    def move(self, shift: FloatArray) -> None:
        """Move all that is remembered by ``(2,)`` pixels."""
        self._history.move(shift)
        self._seen[..., :2] += shift
        self._paths[..., PATH : PATH + 2] += shift

    def end(self, slots: Indices, seen: FloatArray, payload: FloatArray) -> None:
        """Store observations ``(N, 7)`` of this frame, a slot at most once, with what belongs to each."""
        assert self._now is not None
        if self._history.period is not None:  # a path does not jump where it crosses the seam
            seen = seen.copy()
            known = self._count[slots] > 0
            expected = self.expected(slots[known])[:, :2]
            seen[known, :2] = expected + self._history.across_seam(seen[known, :2] - expected)
        paths = self._history.add(self._now, slots, seen)
        rows = np.column_stack([paths.step, paths.smooth, paths.slope, paths.known])
        for held, new in (
            (self._payload, payload),
            (self._seen, seen),
            (self._paths, rows),
            (self._times, self._now),
        ):
            latest = held[slots]
            latest[:, :-1] = latest[:, 1:]
            latest[:, -1] = new
            held[slots] = latest
        self._count[slots] = np.minimum(self._count[slots] + 1, self._times.shape[1])

    def expected(self, slots: Indices) -> FloatArray:
        """``(N, 5)`` where these identities should be now: centre, logarithms of sides and depth."""
        assert self._now is not None
        return self._history.expected(slots, self._now)

    def _recall(self, seconds: float, seen: FloatArray, shift: FloatArray) -> Recall:
        depth = self._times.shape[1]
        rank = np.arange(depth)[::-1]
        least = max(MOST_PAIRS // max(len(seen) * int(self.alive.sum()), 1), 1)
        slots, places = np.nonzero(rank < np.minimum(self._count, least)[:, None])
        return Recall(
            self._payload[slots, places],
            self._seen[slots, places],
            self._paths[slots, places],
            slots,
            seconds - self._times[slots, places],
            rank[places],
            self._history.context(seen, self._since),
            self._extent,
            self._history.period or NO_PERIOD,
            shift,
        )
