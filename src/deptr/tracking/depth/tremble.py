"""How boxes and their depths tremble: what a depth that is computed from the box cannot hide."""

from __future__ import annotations

import numpy as np

from deptr.records import BoolArray, FloatArray
from deptr.tracking.assignment import Indices
from deptr.tracking.depth.common_shift import DEVIATION, beside_shift
from deptr.tracking.depth.redundancy import FIRST_COUNT, TYPICAL, Redundancy
from deptr.tracking.measurements import Measurements
from deptr.tracking.part import Part, Step

UNEVEN = 0.2  # a step that differs by more than this share starts the histories anew
FRAMES = 3
FOOT, HEIGHT, DEPTH, PLACE = range(4)
USUAL = 3.0  # standard deviations of most depths' tremble within which one teaches
LEARN_EVERY = 4  # frames, once as much is learned as is remembered
MEMORY = 200.0  # trembles that are remembered of how large most are


class Tremble(Part):
    """Foot, log height and depth of all tracks in the last three frames, and what they teach.

    A track that took another object's detection jumps in foot, height and depth together, as if the depth
    were computed from the box. Such jumps are larger than what most depths do, and teach nothing.

    Args:
        redundancy: What learns from their second differences.
    """

    def __init__(self, redundancy: Redundancy) -> None:
        self._redundancy = redundancy
        self._last: FloatArray = np.full((FRAMES, 0, PLACE + 1), np.nan)  # newest first; NaN: not seen
        self._seconds, self._lessons = 0.0, 0
        self._deviation, self._count = float(TYPICAL[DEPTH]), FIRST_COUNT

    def predict(self, step: Step) -> None:
        """A new frame; those before teach."""
        self._redundancy.step(step.seconds)
        self._lessons += 1
        if not (self._lessons % LEARN_EVERY and self._redundancy.full):
            self._teach()
        last = self._last
        last[1:] = last[:-1]
        last[0] = np.nan
        if abs(step.seconds - self._seconds) > UNEVEN * self._seconds:
            last[:] = np.nan
            self._seconds = step.seconds

    def _teach(self) -> None:
        last = self._last
        tremble = last[0, :, :PLACE] - 2 * last[1, :, :PLACE] + last[2, :, :PLACE]
        known = np.isfinite(tremble[:, DEPTH]).nonzero()[0]
        if not len(known):
            return
        places = last[0, known, PLACE]
        usual = self._usual(np.abs(beside_shift(tremble[known, DEPTH], places)))
        known, places = known[usual], places[usual]
        tremble = tremble.take(known, 0)
        tremble[:, FOOT] /= np.exp(last[0, known, HEIGHT])
        self._redundancy.learn(tremble, places)

    def _usual(self, sizes: FloatArray) -> BoolArray:
        """Which trembles of depth, ``(N,)`` at least one, are of a size as most are."""
        count, middle = len(sizes), len(sizes) // 2
        deviation = DEVIATION * float(np.partition(sizes, middle)[middle])
        self._deviation += (deviation - self._deviation) * count / (self._count + count)
        self._count = min(self._count + count, MEMORY)
        return np.asarray(sizes <= USUAL * self._deviation)

    @staticmethod
    def _seen(taken: Measurements) -> FloatArray:
        feet, states = taken.boxes[:, 3], np.empty((len(taken), PLACE + 1))
        states[:, FOOT] = feet
        states[:, HEIGHT] = np.log(np.maximum(feet - taken.boxes[:, 1], 1e-3))
        states[:, DEPTH] = np.nan if taken.values is None else taken.values
        states[:, PLACE] = (taken.boxes[:, 0] + taken.boxes[:, 2]) / 2
        return states

    def correct(self, rows: Indices, taken: Measurements) -> None:
        """Remember what was seen."""
        self._last[0, rows] = self._seen(taken)

    def append(self, taken: Measurements) -> None:
        """New tracks, whose history begins."""
        fresh = np.full((FRAMES, len(taken), PLACE + 1), np.nan)
        fresh[0] = self._seen(taken)
        self._last = np.concatenate([self._last, fresh], axis=1)

    def select(self, kept: Indices) -> None:
        """Keep these tracks, in this order."""
        self._last = self._last[:, kept]
