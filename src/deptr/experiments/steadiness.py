"""How much a detector's boxes and depths tremble from frame to frame, apart from what really moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import savgol_filter

from deptr.evaluation.tables import Table
from deptr.io.frames import open_source
from deptr.records import FloatArray, IntArray
from deptr.synth.library import benchmark_jobs
from deptr.synth.scene import Scene
from deptr.synth.truth import Wanted
from deptr.tracking.boxes import iou
from deptr.tracking.bytetrack import ByteTrack

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector

WINDOW = 7  # frames through which the smooth path is fitted
ORDER = 2  # of its polynomial: place, speed and acceleration
LEAST = 2 * WINDOW  # frames without a gap that an identity must be seen to count
# the fit follows part of the noise: white noise keeps this share of its deviation as a residual
KEPT = float(np.sqrt(2 / 3))
FIRST_OF_LEVEL = "-01"
MIN_SCORE = 0.3
MATCH_IOU = 0.5
Row = tuple[int, int, FloatArray, float]  # identity, frame, box, depth


@dataclass(frozen=True)
class Jitter:
    """Standard deviations around smooth paths.

    Attributes:
        frames: How many rows were judged.
        centre: Of the centre, in heights of the box.
        size: Of width and height, in heights.
        depth: Of the depth, relative.
    """

    frames: int
    centre: float
    size: float
    depth: float


def jitter(identities: IntArray, frames: IntArray, boxes: FloatArray, depths: FloatArray) -> Jitter:
    """Residuals of boxes and log depths around a parabola through seven frames, per identity.

    Args:
        identities: ``(N,)``.
        frames: ``(N,)`` frame numbers.
        boxes: ``(N, 4)`` corners in pixels.
        depths: ``(N,)`` NaN = unknown.

    Example:
        >>> frames, boxes = np.arange(40), np.tile([10.0, 10.0, 30.0, 60.0], (40, 1))
        >>> jitter(np.ones(40, int), frames, boxes, np.full(40, 5.0)).centre
        0.0
    """
    sizes = boxes[:, 2:] - boxes[:, :2]
    values = np.column_stack([(boxes[:, :2] + boxes[:, 2:]) / 2, sizes, np.log(depths)])
    height = sizes[:, 1]
    residuals = []
    for rows in _stretches(identities, frames):
        path = savgol_filter(values[rows], WINDOW, ORDER, axis=0)
        off = (values[rows] - path) / KEPT
        off[:, :4] /= height[rows, None]
        residuals.append(off[WINDOW // 2 : -(WINDOW // 2)])
    if not residuals:
        nothing = float("nan")
        return Jitter(0, nothing, nothing, nothing)
    spread = np.sqrt(np.nanmean(np.clip(np.concatenate(residuals), -1, 1) ** 2, axis=0))
    count = sum(len(part) for part in residuals)
    centre, size = float(np.hypot(*spread[:2]) / np.sqrt(2)), float(np.hypot(*spread[2:4]) / np.sqrt(2))
    return Jitter(count, round(centre, 9), round(size, 9), round(float(spread[4]), 9))


def _stretches(identities: IntArray, frames: IntArray) -> Iterable[IntArray]:
    """Rows of each identity's stretches without a gap that are long enough."""
    order = np.lexsort((frames, identities))
    breaks = (np.diff(identities[order]) != 0) | (np.diff(frames[order]) != 1)
    for rows in np.split(order, np.flatnonzero(breaks) + 1):
        if len(rows) >= LEAST:
            yield rows


def crowd_jitter(detector: Detector, *, frames: int = 60) -> dict[str, Jitter]:
    """Jitter on the first sequence of each level of the crowd benchmark, by the identities of the truth."""
    found = {}
    for job in benchmark_jobs("deptr-crowd-v1"):
        if not job.name.endswith(FIRST_OF_LEVEL):
            continue
        scene = Scene(job.seed, job.options)
        rows: list[Row] = []
        for number in range(min(frames, len(scene))):
            truth = scene.frame(number).labelled(Wanted())
            own = detector(truth.image, min_score=MIN_SCORE, focal_px=truth.focal_px)
            rows += _matched(number, own, truth.boxes_xyxy, truth.track_ids)
        found[job.name] = _of_rows(rows)
    return found


def video_jitter(detector: Detector, path: str | Path) -> Jitter:
    """Jitter on a video, by the identities that ByteTrack gives the detector's boxes."""
    rows: list[Row] = []
    with open_source(str(path)) as source:
        tracker = ByteTrack(frame_rate=source.fps or 30.0, boxes="observed")
        for frame in source:
            tracked = tracker.update(detector(frame.image, min_score=0.1))
            depths, boxes = tracked.data["depth"], tracked.xyxy
            rows += [
                (int(name), frame.index, boxes[row], float(depths[row]))
                for row, name in enumerate(tracked.tracker_id if tracked.tracker_id is not None else ())
            ]
    return _of_rows(rows)


def _matched(number: int, found: sv.Detections, true: FloatArray, names: IntArray) -> list[Row]:
    """Detections that overlap a known object by half and no other one more."""
    overlap = iou(np.asarray(true, np.float64), np.asarray(found.xyxy, np.float64))
    if not overlap.size:
        return []
    best = overlap.argmax(1)
    own = (overlap.max(1) >= MATCH_IOU) & (overlap.argmax(0)[best] == np.arange(len(true)))
    return [
        (int(names[row]), number, found.xyxy[best[row]], float(found.data["depth"][best[row]]))
        for row in np.flatnonzero(own)
    ]


def _of_rows(rows: Sequence[Row]) -> Jitter:
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return jitter(
        np.asarray(columns[0], int),
        np.asarray(columns[1], int),
        np.asarray(columns[2], np.float64).reshape(-1, 4),
        np.asarray(columns[3], np.float64),
    )


def jitter_table(figures: Mapping[str, Jitter]) -> Table:
    """Jitter of several clips."""
    table = Table(
        "Steadiness",
        ["clip", "boxes", "centre, % of height", "size, % of height", "depth, %"],
        note="Standard deviation around a parabola through seven frames of each identity.",
    )
    for name, own in figures.items():
        cells = [f"{100 * value:.1f}" for value in (own.centre, own.size, own.depth)]
        table.rows.append([name, str(own.frames), *cells])
    return table
