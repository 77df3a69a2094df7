"""What a depth tells beyond the box it belongs to: ground-plane depth is the box's foot said twice."""

from __future__ import annotations

import numpy as np

from deptr.records import FloatArray
from deptr.tracking.depth.common_shift import own_part

# second differences of foot, log height and depth, standard deviations
TYPICAL = np.array([0.08, 0.06, 0.05])
FIRST_COUNT = 5.0  # pairs in which the three are thought to have trembled apart, before any was seen
LEAST = 1e-12
MEMORY = 1000.0  # pairs that are remembered
OUTLIER = 4.0  # of those standard deviations that the stream has
NEW, SAID_TWICE = 0.3, 0.5  # share of a depth's tremble that the box's explains: full say below, none above
# between close frames, where real changes of speed are small beside any tremble, less must be explained
CLOSE, CLOSE_NEW, CLOSE_SAID_TWICE = 0.15, 0.15, 0.3  # seconds; those shares


class Redundancy:
    """How much of a depth's tremble from frame to frame is that of its box.

    The tremble is the second difference of a track over three frames. A depth that is computed from the box
    trembles with it; one that is measured trembles by itself. What agrees because it is the same measurement
    must not count as a second witness.

    Args:
        own_scale: Whether the first pairs are thought to have trembled as much as what is seen, so that
            depth said twice is found out in few frames however little it trembles. Otherwise as is typical,
            which takes longer where depth trembles little and keeps the say of exact depth in crowds.

    Example:
        >>> redundancy, rng = Redundancy(), np.random.default_rng(0)
        >>> box = rng.normal(0, 0.1, (500, 2))
        >>> redundancy.learn(np.column_stack([box, -box[:, 0]]), np.arange(500.0))
        >>> redundancy.say
        0.0
    """

    def __init__(self, *, own_scale: bool = False) -> None:
        self._share: float | None = 0.0
        self._limits = (NEW, SAID_TWICE)
        self._pending = FIRST_COUNT if own_scale else 0.0
        self._count = FIRST_COUNT - self._pending
        self._moments: FloatArray = np.diag(self._count * TYPICAL**2)

    def step(self, seconds: float) -> None:
        """How far apart frames are, where the limits shall depend on it."""
        self._limits = (CLOSE_NEW, CLOSE_SAID_TWICE) if seconds <= CLOSE else (NEW, SAID_TWICE)

    def learn(self, tremble: FloatArray, places: FloatArray) -> None:
        """Take in what the tracks of one frame did.

        Args:
            tremble: ``(N, 3)`` second differences of v (in heights), log height and depth, NaN = unknown.
            places: ``(N,)`` where each stands in the image, from left to right.
        """
        tremble = own_part(tremble, places)
        typical = self._moments.diagonal() + self._pending * TYPICAL**2
        limits = OUTLIER * np.sqrt(typical / (self._count + self._pending))
        usual = tremble[(np.abs(tremble) < limits).all(1)]
        if not len(usual):
            return
        self._moments += usual.T @ usual
        self._count += len(usual)
        if self._count > MEMORY:
            self._moments *= MEMORY / self._count
            self._count = MEMORY
        self._share = None

    @property
    def full(self) -> bool:
        """Whether as much is learned as is remembered."""
        return self._count >= MEMORY

    @property
    def share(self) -> float:
        """Share of the depth's tremble that the box's explains, in [0, 1]."""
        if self._share is None:
            apart = np.diag(self._moments.diagonal() * self._pending / self._count + LEAST)
            (foot, across, foot_depth), (_, height, height_depth), (_, _, depth) = (
                self._moments + apart
            ).tolist()
            explained = (
                height * foot_depth**2 - 2 * across * foot_depth * height_depth + foot * height_depth**2
            )
            self._share = float(explained / ((foot * height - across**2) * depth))
        return self._share

    @property
    def say(self) -> float:
        """Share of the depth's evidence that counts, in [0, 1]."""
        new, said_twice = self._limits
        return min(max((said_twice - self.share) / (said_twice - new), 0.0), 1.0)
