"""What every tracker lets in: boxes that can be followed, as floats, and a clock that goes forward.

A row that cannot be followed costs no other: it is left out, and told once.
"""

from __future__ import annotations

import math
import warnings
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from deptr.boxes import have_extent
from deptr.errors import InputWarning, UsageError
from deptr.records import FloatArray, number_column, real_number, unmasked
from deptr.tracking.measurements import pick

if TYPE_CHECKING:
    import supervision as sv

VECTORS = ("embedding", "query_state")
STRANGE_STEP = 100  # frames that pass in one: milliseconds are a thousand, fewer without a frame rate
IMPOSSIBLE_STEP = 3600.0  # seconds between two frames that no pause explains


class Entrance:
    """Looks at what comes into one tracker and tells each kind of trouble once.

    Args:
        frame_rate: Frames per second, for frames without a time.
    """

    def __init__(self, frame_rate: float) -> None:
        self._period = 1.0 / frame_rate
        self._time: float | None = None
        self._strange = False
        self._told: set[str] = set()

    def admit(self, detections: sv.Detections) -> sv.Detections:
        """The detections that can be followed, with boxes as floats; the same object where that is all.

        Raises:
            UsageError: Not detections, or a column has not one value of its kind for each box.
        """
        if not hasattr(detections, "xyxy"):
            raise UsageError(f"detections: expected supervision.Detections, got {type(detections).__name__}")
        boxes = _as_boxes(detections.xyxy)
        scores = number_column(detections.confidence, len(boxes), 1.0, "confidence")
        _refuse_classes(detections.class_id, len(boxes))
        for name in VECTORS:
            if name in detections.data:
                detections = self._with_vectors(detections, len(boxes), name)
        if (scores > 1).any():
            what = f"a score of {scores.max():.6g}, taken as it is"
            self._tell("scores", f"detections: {what} (expected 0 to 1)")
        good = have_extent(boxes) & np.isfinite(scores)
        if not good.all():
            detections = pick(detections, np.flatnonzero(good))
            self._tell_rows(boxes, good)
            boxes = boxes[good]
        plain = type(detections.xyxy) is np.ndarray and detections.xyxy.dtype in (np.float64, np.float32)
        if not plain:
            detections = copy(detections)
            detections.xyxy = boxes
        return detections

    def seconds(self, timestamp: float | None) -> float:
        """Seconds since the frame before; a clock that stands still or goes back counts as no time.

        Args:
            timestamp: Seconds, any real number; None for one frame later than the one before.

        Raises:
            UsageError: Not a finite number.
        """
        before = self._time
        time = (before or 0.0) + self._period if timestamp is None else real_number(timestamp)
        if not math.isfinite(time):
            raise UsageError(f"timestamp: expected finite seconds, got {timestamp!r}")
        self._time = time
        if before is None:
            return self._period
        step = time - before
        strange = not 0 < step < STRANGE_STEP * self._period
        if strange:
            self._doubt(step, before, time)
        self._strange = strange and step > 0
        return max(step, 0.0)

    def _doubt(self, step: float, before: float, time: float) -> None:
        if step <= 0:
            what = "stands still at" if step == 0 else f"goes back from {before:.10g} s to"
            self._tell(
                "still" if step == 0 else "back",
                f"timestamp: {what} {time:.10g} s; no time passes there (expected seconds that grow)",
            )
        elif self._strange or step >= IMPOSSIBLE_STEP:
            self._tell(
                "unit",
                f"timestamp: {step:.6g} s between frames, taken as they are: tracks are forgotten at once "
                "(expected seconds; divide milliseconds by 1e3, nanoseconds by 1e9)",
            )

    def _with_vectors(self, detections: sv.Detections, count: int, name: str) -> sv.Detections:
        """The detections with vectors that can be compared: none where it is None, 0 where not finite."""
        values = detections.data[name]
        try:
            vectors = None if values is None else np.asarray(values, np.float64)
        except (TypeError, ValueError):
            expected = f'data["{name}"]: expected one vector of numbers for each of {count} boxes'
            raise UsageError(f"{expected}, got vectors of several lengths or no numbers") from None
        if vectors is not None and np.isfinite(vectors).all():
            return detections
        data = {other: column for other, column in detections.data.items() if other != name}
        if vectors is not None:
            data[name] = np.where(np.isfinite(vectors), vectors, 0.0)
            self._tell(name, f'data["{name}"]: not finite, taken for 0 (expected finite numbers)')
        detections = copy(detections)
        detections.data = data
        return detections

    def _tell_rows(self, boxes: FloatArray, good: np.ndarray) -> None:
        row = int(np.flatnonzero(~good)[0])
        what = "score that is not finite" if have_extent(boxes[row : row + 1])[0] else "box without extent"
        self._tell(
            "rows",
            f"detections: {int((~good).sum())} of {len(good)} left out, the first in row {row}: {what}, "
            f"{boxes[row].tolist()} (expected finite left < right and top < bottom in pixels)",
        )

    def _tell(self, kind: str, sentence: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            warnings.warn(f"{sentence}; this is said once", InputWarning, stacklevel=5)


def _refuse_classes(class_id: object, count: int) -> None:
    """Raise for classes that are no whole numbers: a name, or NaN for one that is not known."""
    if class_id is None or getattr(getattr(class_id, "dtype", None), "kind", "O") in "iub":
        return
    numbers = number_column(class_id, count, 0, "class_id")
    if not (np.isfinite(numbers) & (numbers == np.round(numbers))).all():
        raise UsageError(f"detections: class_id: expected whole numbers, got {numbers.tolist()!r:.60}")


def _as_boxes(xyxy: object) -> FloatArray:
    try:
        boxes = np.asarray(unmasked(xyxy), np.float64)
        return boxes.reshape(-1, 4) if boxes.size == 0 else boxes.reshape(len(boxes), 4)
    except (TypeError, ValueError):
        raise UsageError(
            f"detections: expected boxes as an (N, 4) array of numbers, got shape {np.shape(xyxy)}"
            if isinstance(xyxy, np.ndarray)
            else f"detections: expected boxes as an (N, 4) array of numbers, got {type(xyxy).__name__}"
        ) from None
