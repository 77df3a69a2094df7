"""What is said of the depth of each box, and the coordinate in which depths are compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from deptr.records import DepthKind, FloatArray, IntArray


class BoxDepthState(IntEnum):
    """Why a box has its depth, or none.

    `KNOWN`: measured. `COVERED`: hardly anything is left of the box beside what stands in front of it; its
    depth is that of what is seen there, with a large deviation. `EMPTY`: the map knows too little of the box
    (holes, beyond the sensor's range or border). `OUTSIDE`: the box lies outside of the map or has no extent.
    `UNSURE`: another depth explains what is seen nearly as well; the deviation spans both.
    """

    KNOWN = 0
    COVERED = 1
    EMPTY = 2
    OUTSIDE = 3
    UNSURE = 4


@dataclass(frozen=True)
class BoxDepths:
    """Depth of the boxes of one moment.

    Attributes:
        depth: ``(N,)`` float64 in the unit of the map or the points, NaN = unknown.
        std: ``(N,)`` float64 standard deviation in the same unit, NaN = unknown.
        state: ``(N,)`` int8, see `BoxDepthState`.
    """

    depth: FloatArray
    std: FloatArray
    state: IntArray


@dataclass(frozen=True)
class NearFirst:
    """Depths as coordinates that grow with the distance, in which equal steps are equally far apart.

    Distances go by their logarithm; inverse depth has a free shift, and goes by its negative in units of its
    own range.

    Attributes:
        kind: Meaning of the depths.
        unit: Of inverse depth: what counts as one.
    """

    kind: DepthKind
    unit: float = 1.0

    def enter(self, depths: FloatArray) -> FloatArray:
        """Coordinates, NaN where a depth is unknown; 0 and below is no distance."""
        if self.kind.larger_is_nearer:
            return np.asarray(-depths / self.unit)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(np.where(depths > 0, depths, np.nan)))

    def leave(self, values: FloatArray) -> FloatArray:
        """Coordinates as depths."""
        return -values * self.unit if self.kind.larger_is_nearer else np.exp(values)

    def leave_std(self, values: FloatArray, stds: FloatArray) -> FloatArray:
        """Small deviations at these coordinates as deviations of depth."""
        return stds * self.unit if self.kind.larger_is_nearer else np.exp(values) * stds
