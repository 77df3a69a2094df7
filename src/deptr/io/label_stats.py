"""What depth labels look like in numbers: coverage, reasons for doubt, flicker, distribution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deptr.io.labels import FrameLabels, SequenceLabels, Validity
from deptr.records import FloatArray

BINS = 20


@dataclass(frozen=True)
class LabelStats:
    """Summary of some labels.

    Attributes:
        frames: Frames of the sequences.
        boxes: Labelled boxes.
        valid: Boxes whose depth may be learnt from.
        doubts: Number of boxes by reason, without the good ones.
        unreadable: Frames that could not be decoded.
        flicker: Median change of the log depth of an object from one frame to the next; NaN without
            identities.
        relative_std: Median of each valid label's spread relative to its depth, NaN without any.
        quantiles: 0, 5, 25, 50, 75, 95 and 100 % of the valid depths.
        counts: Valid depths in `BINS` equal bins between the first and the last quantile.
    """

    frames: int
    boxes: int
    valid: int
    doubts: dict[str, int]
    unreadable: int
    flicker: float
    relative_std: float
    quantiles: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def coverage(self) -> float:
        """Share of the boxes that have a valid depth, NaN without boxes."""
        return self.valid / self.boxes if self.boxes else float("nan")


def label_stats(sequences: Iterable[SequenceLabels]) -> LabelStats:
    """Summary of all labels of some sequences."""
    parts = list(sequences)
    rows = FrameLabels.join(part.rows for part in parts)
    depth = rows.depth[rows.valid].astype(np.float64)
    doubts = {kind.name.lower(): int((rows.validity == kind).sum()) for kind in Validity if kind}
    changes = [log_changes(part.rows) for part in parts]
    joined = np.concatenate(changes) if changes else np.zeros(0)
    spread = rows.depth_std[rows.valid] / np.abs(depth) if len(depth) else np.zeros(0)
    quantiles = np.percentile(depth, [0, 5, 25, 50, 75, 95, 100]) if len(depth) else np.zeros(0)
    counts = np.histogram(depth, BINS)[0] if len(depth) else np.zeros(0, int)
    return LabelStats(
        frames=sum(part.info.frame_count for part in parts),
        boxes=len(rows),
        valid=len(depth),
        doubts={name: count for name, count in doubts.items() if count},
        unreadable=sum(len(part.info.unreadable) for part in parts),
        flicker=float(np.median(np.abs(joined))) if len(joined) else float("nan"),
        relative_std=float(np.median(spread)) if len(spread) else float("nan"),
        quantiles=tuple(float(value) for value in quantiles),
        counts=tuple(int(count) for count in counts),
    )


def log_changes(rows: FrameLabels) -> FloatArray:
    """Change of the log depth of each object between consecutive frames, where both labels are valid.

    Example:
        >>> log_changes(FrameLabels.empty())
        array([], dtype=float64)
    """
    chosen = rows.select(rows.valid & (rows.object_id >= 0) & (rows.depth > 0))
    order = np.lexsort((chosen.frame, chosen.object_id))
    same = (np.diff(chosen.object_id[order]) == 0) & (np.diff(chosen.frame[order]) == 1)
    return np.asarray(np.diff(np.log(chosen.depth[order].astype(np.float64)))[same])
