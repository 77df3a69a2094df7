"""What confidence, class, visibility and depth mean in each kind of file: the one place that says it.

``docs/inputs.md`` holds the same as a table for users. Columns are counted from 1 in texts and messages, and
from 0 in `Columns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from deptr.io.sequences import Benchmark
from deptr.records import BoolArray, FloatArray

# class numbers of the official scorers; a benchmark uses one of the two tables
MOT_CLASSES = (
    "pedestrian person_on_vehicle car bicycle motorbike non_mot_vehicle static_person distractor occluder "
    "occluder_on_ground occluder_full reflection crowd"
).split()
KITTI_CLASSES = "car van truck pedestrian person cyclist tram misc dontcare".split()
KITTI_TYPES = "Car Van Truck Pedestrian Person Person_sitting Cyclist Tram Misc DontCare".split()
NOT_SAID = -1  # a class, visibility or depth that a file leaves open
_SPELLING = {name.lower(): name for name in KITTI_TYPES}


@dataclass(frozen=True)
class Columns:
    """Places of what not every file has, from 0; None where a file has none.

    Attributes:
        class_id: Number of the class, -1 = not said.
        visibility: In [0, 1], -1 = unknown.
        depth: -1 or NaN = unknown.
    """

    class_id: int | None = None
    visibility: int | None = None
    depth: int | None = None


# by the number of columns; six are frame, identity and box, the seventh is the score or confidence
FOUND: Mapping[int, Columns] = MappingProxyType(
    {
        6: Columns(),
        7: Columns(),
        8: Columns(depth=7),
        9: Columns(class_id=7, visibility=8),
        10: Columns(depth=7),
        11: Columns(class_id=7, depth=10),
    }
)
TRUE: Mapping[int, Columns] = MappingProxyType(
    {
        7: Columns(),
        8: Columns(depth=7),
        9: Columns(class_id=7, visibility=8),
        10: Columns(class_id=7, visibility=8, depth=9),
        11: Columns(class_id=7, visibility=8, depth=10),
    }
)


def true_columns(table: FloatArray) -> Columns:
    """Meaning of the columns of a ground truth.

    MOT15's ten columns end with a place in the world, which has fractions where others have the class. Eight
    columns that end with whole numbers only may mean a class as well as a depth, so they mean neither.

    Args:
        table: ``(N, 7..11)`` its rows.

    Example:
        >>> true_columns(np.array([[1, 1, 0, 0, 9, 9, 1, 1, 0.5, 4.2]])).depth
        9
        >>> true_columns(np.array([[1, 1, 0, 0, 9, 9, 1, -3.2, 7.7, 0]]))
        Columns(class_id=None, visibility=None, depth=None)
    """
    meaning = TRUE[table.shape[1]]
    if table.shape[1] == 8 and whole(table[:, 7]).all():
        return Columns()
    if table.shape[1] >= 10 and not whole(table[:, 7]).all():
        return Columns()
    return meaning


def whole(values: FloatArray) -> BoolArray:
    """Which values are finite whole numbers."""
    return np.asarray(np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 1e9))


def counts(confidence: FloatArray) -> BoolArray:
    """Which rows of a ground truth count, by column 7: all but those that say 0.

    Example:
        >>> counts(np.array([1, 0, 0.61, -1])).tolist()
        [True, False, True, True]
    """
    return np.asarray(confidence != 0)


def known_depth(values: FloatArray) -> FloatArray:
    """Depths in metres with NaN where they are not known: 0 and below are no distance.

    Example:
        >>> known_depth(np.array([5.0, -1, 0, -1000, np.nan])).tolist()
        [5.0, nan, nan, nan, nan]
    """
    return np.where(values > 0, values, np.nan)


def known_visibility(values: FloatArray) -> FloatArray:
    """Visibilities with NaN where they are not known: files write -1, and what is no share says nothing."""
    return np.where((values >= 0) & (values <= 1), values, np.nan)


def class_table(benchmark: Benchmark) -> dict[str, int]:
    """Numbers of the class names of a benchmark.

    Example:
        >>> from deptr.io.sequences import benchmark_of
        >>> class_table(benchmark_of("kitti-pedestrian"))["pedestrian"]
        4
    """
    names = KITTI_CLASSES if benchmark.family == "kitti" else MOT_CLASSES
    return {name: number for number, name in enumerate(names, 1)}


def kitti_class(word: str) -> int | None:
    """Number of a KITTI type in any case, None for a word that KITTI does not know.

    Example:
        >>> kitti_class("Person_sitting") == kitti_class("person"), kitti_class("Robot")
        (True, None)
    """
    name = word.lower()
    name = "person" if name == "person_sitting" else name
    return KITTI_CLASSES.index(name) + 1 if name in KITTI_CLASSES else None


def kitti_spelling(word: str) -> str:
    """A type as KITTI spells it, as it stands where KITTI does not know it.

    Example:
        >>> kitti_spelling("DONTCARE"), kitti_spelling("robot")
        ('DontCare', 'robot')
    """
    return _SPELLING.get(word.lower(), word)
