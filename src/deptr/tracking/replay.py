"""Observation-centric re-update: how a filter finds back after a time without measurements.

A filter that ran without measurements has drifted; when its object is found again the filter goes back to
where it was lost and is led to the new place along a straight line (arXiv 2203.14360, section 4.1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deptr.records import BoolArray, FloatArray, IntArray
from deptr.tracking.assignment import Indices
from deptr.tracking.kalman import KalmanBatch


class Replay:
    """Takes filters back to where they were lost and leads them to where they were found.

    Args:
        filters: The filters; their rows and this object's go together.
        noise: Variance added to position and velocity per reference frame.
        variance: Variance of a measurement.
        to_line: Measured coordinates to those in which the way is a straight line.
        from_line: The inverse.
    """

    def __init__(
        self,
        filters: KalmanBatch,
        *,
        noise: tuple[FloatArray, FloatArray],
        variance: FloatArray,
        to_line: Callable[[FloatArray], FloatArray],
        from_line: Callable[[FloatArray], FloatArray],
    ) -> None:
        self.filters = filters
        self._noise = noise
        self._variance = variance
        self._to_line = to_line
        self._from_line = from_line
        width = filters.mean.shape[1]
        self.saved: FloatArray = np.zeros((5, 0, width))
        self.last: FloatArray = np.zeros((0, width))
        self.lost: BoolArray = np.zeros(0, bool)
        self._missed: IntArray = np.zeros(0, np.int64)
        self._first: FloatArray = np.zeros(0)
        self._gap: FloatArray = np.zeros(0)

    def append(self, count: int) -> None:
        """Start tracks; one that was never seen again after its birth has no way back."""
        width = self.last.shape[1]
        self.saved = np.concatenate([self.saved, np.zeros((5, count, width))], axis=1)
        self.last = np.concatenate([self.last, np.full((count, width), np.nan)])
        self.lost = np.concatenate([self.lost, np.zeros(count, bool)])
        self._missed = np.concatenate([self._missed, np.zeros(count, np.int64)])
        self._first = np.concatenate([self._first, np.zeros(count)])
        self._gap = np.concatenate([self._gap, np.zeros(count)])

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self.saved = self.saved[:, kept]
        for name in ("last", "lost", "_missed", "_first", "_gap"):
            setattr(self, name, getattr(self, name)[kept])

    def before_predict(self, frames: float) -> None:
        """Save the state of tracks that were not seen in the frame that ends now."""
        fresh = np.flatnonzero((self._missed == 1) & ~self.lost & ~np.isnan(self.last[:, 0]))
        if len(fresh):
            self.saved[:, fresh] = self.filters.state(fresh)
            self.lost[fresh] = True
            self._first[fresh] = self._gap[fresh]
        self._missed += 1
        self._gap += frames

    def before_correct(self, rows: Indices, measured: FloatArray) -> None:
        """Lead those of the tracks that were lost to their new measurement."""
        back = self.lost[rows]
        if back.any():
            self._lead(rows[back], measured[back])
        self.lost[rows] = False
        self.last[rows] = measured
        self._missed[rows] = 0
        self._gap[rows] = 0.0

    def _lead(self, rows: Indices, measured: FloatArray) -> None:
        start, end = self._to_line(self.last[rows]), self._to_line(measured)
        steps, gap, first = self._missed[rows], self._gap[rows], self._first[rows]
        rest = (gap - first) / np.maximum(steps - 1, 1)
        walker = KalmanBatch(coordinates=start.shape[1])
        walker.append(start, start, start)
        everyone = np.arange(len(rows))
        walker.put(everyone, self.saved[:, rows])
        for step in range(int(steps.max())):
            going = np.flatnonzero(step < steps)
            share = np.where(gap > 0, (first + step * rest) / np.maximum(gap, 1e-9), 1.0)[going, None]
            walker.correct(
                going, self._from_line(start[going] + share * (end - start)[going]), self._variance
            )
            onward = np.where(step < steps - 1, rest, 0.0)[:, None]
            walker.predict(onward, self._noise[0] * onward, self._noise[1] * onward)
        self.filters.put(rows, walker.state(everyone))
