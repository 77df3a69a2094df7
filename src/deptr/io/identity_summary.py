"""One row for each identity: when it was seen, how far away, how far it went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.records import DepthKind, FloatArray

_STEP_SECONDS = 0.5  # a path is measured between points so far apart: what is nearer is noise of boxes
_ENOUGH = 5  # bends of depth that tell its noise


@dataclass(frozen=True)
class IdentitySummary:
    """What one identity did.

    Attributes:
        track_id: The identity.
        class_name: Its most frequent class, empty where none is said.
        first_frame: Where it is seen first.
        last_frame: Where it is seen last.
        first_seconds: Time of the first frame, NaN when unknown.
        last_seconds: Time of the last frame, NaN when unknown.
        boxes: In how many frames it is seen.
        gaps: How often it was lost in between and found again.
        mean_score: Mean score.
        mean_depth: Mean of the known depths, in their unit; NaN without any.
        min_depth: Smallest known depth.
        max_depth: Largest known depth.
        depth_noise: Standard deviation of the depth around its own path, as a share of the mean depth; NaN
            where too little is known. 0.05 is steady, 0.3 is noise.
        path_metres: Length of its path in space; NaN unless the depth is in metres and the focal length is
            known.
        path_pixels: Length of the path of its foot point in the image.
    """

    track_id: int
    class_name: str
    first_frame: int
    last_frame: int
    first_seconds: float
    last_seconds: float
    boxes: int
    gaps: int
    mean_score: float
    mean_depth: float
    min_depth: float
    max_depth: float
    depth_noise: float
    path_metres: float
    path_pixels: float


def summarize(sequence: SequenceTracks) -> list[IdentitySummary]:
    """A summary of each identity, in the order of identities.

    Example:
        >>> frames = np.arange(1, 12)
        >>> boxes, depth = [[300, 190, 340, 290]] * 11, 5 + frames / 10
        >>> table = TrackTable.of("walk", frame=frames, track_id=[4] * 11, xyxy=boxes, depth=depth)
        >>> known = {"fps": 10.0, "size": (640, 480), "depth_kind": DepthKind.METRIC, "focal_px": 500.0}
        >>> [row] = summarize(SequenceTracks("walk", table, **known))
        >>> row.track_id, row.boxes, row.last_seconds, round(row.mean_depth, 2), round(row.path_metres, 2)
        (4, 11, 1.0, 5.6, 1.0)
    """
    table = sequence.tracks
    seconds = sequence.seconds_of(table.frame)
    places = places_of(sequence)
    order = np.lexsort((table.frame, table.track_id))
    _, starts = np.unique(table.track_id[order], return_index=True)
    return [
        _row(sequence, table.rows(rows), seconds[rows], places[rows])
        for rows in np.split(order, starts[1:])
        if len(rows)
    ]


def places_of(sequence: SequenceTracks) -> FloatArray:
    """Place of each row's object in the camera's frame, ``(N, 3)`` metres: right, down and away.

    NaN unless the depth is in metres and the focal length is known; the optical axis is taken to pass
    through the middle of the image.
    """
    table, focal = sequence.tracks, sequence.focal_px
    if sequence.depth_kind is not DepthKind.METRIC or not focal or sequence.size is None:
        return np.full((len(table), 3), np.nan)
    centre = (table.xyxy[:, :2] + table.xyxy[:, 2:]) / 2 - np.array(sequence.size) / 2
    return np.concatenate([centre * table.depth[:, None] / focal, table.depth[:, None]], axis=1)


def _row(
    sequence: SequenceTracks, rows: TrackTable, seconds: FloatArray, places: FloatArray
) -> IdentitySummary:
    classes, counts = np.unique(rows.class_id, return_counts=True)
    usual = int(classes[counts.argmax()])
    known = rows.depth[np.isfinite(rows.depth)]
    feet = np.stack([(rows.xyxy[:, 0] + rows.xyxy[:, 2]) / 2, rows.xyxy[:, 3]], axis=1)
    return IdentitySummary(
        track_id=int(rows.track_id[0]),
        class_name="" if usual < 0 else sequence.class_name(usual),
        first_frame=int(rows.frame[0]),
        last_frame=int(rows.frame[-1]),
        first_seconds=float(seconds[0]),
        last_seconds=float(seconds[-1]),
        boxes=len(rows),
        gaps=int((np.diff(rows.frame) > 1).sum()),
        mean_score=float(rows.score.mean()),
        mean_depth=float(known.mean()) if len(known) else np.nan,
        min_depth=float(known.min()) if len(known) else np.nan,
        max_depth=float(known.max()) if len(known) else np.nan,
        depth_noise=depth_noise(rows),
        path_metres=_length(places, seconds),
        path_pixels=_length(feet, np.where(np.isfinite(seconds), seconds, rows.frame / 30.0)),
    )


def depth_noise(rows: TrackTable) -> float:
    """Noise of one identity's depth, as a share of its mean, from second differences in consecutive frames.

    Example:
        >>> boxes, ids = [[0, 0, 1, 1]] * 8, [1] * 8
        >>> still = TrackTable.of("", frame=range(1, 9), track_id=ids, xyxy=boxes, depth=[4.0] * 8)
        >>> depth_noise(still)
        0.0
    """
    values, frames = rows.depth, rows.frame
    if len(values) < _ENOUGH + 2:
        return np.nan
    bends = (values[2:] - 2 * values[1:-1] + values[:-2])[frames[2:] - frames[:-2] == 2]
    bends = np.abs(bends[np.isfinite(bends)])
    if len(bends) < _ENOUGH:
        return np.nan
    mean = float(np.abs(values[np.isfinite(values)]).mean())
    return float(1.4826 * np.median(bends) / np.sqrt(6)) / mean if mean > 0 else np.nan


def _length(points: FloatArray, seconds: FloatArray) -> float:
    """Length of a path through points at least half a second apart, and its two ends."""
    known = np.isfinite(points).all(axis=1) & np.isfinite(seconds)
    points, seconds = points[known], seconds[known]
    if len(points) < 2:
        return 0.0 if len(points) else np.nan
    bins = np.floor((seconds - seconds[0]) / _STEP_SECONDS + 1e-9).astype(np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(bins) > 0))
    if starts[-1] != len(points) - 1:
        starts = np.append(starts, len(points) - 1)
    return float(np.linalg.norm(np.diff(points[starts], axis=0), axis=1).sum())
