"""A finished result made better with hindsight: tracklets merged, gaps filled, all in (box, log depth).

Whoever has the whole sequence knows more than a tracker had: where an object was before a gap and where it
was after it. Every track is smoothed in centre, log size and depth. An end and a later start that predict
each other are merged, all such pairs in one assignment; then the frames between are filled by what the
smoother expects there.

How far different objects of this file differ in place, size, depth and motion is learned from the frames in
which they stand side by side, so depth that says nothing weighs nothing, and unknown depth is neutral.
Filled rows have the score `FILLED_SCORE`; rows with that score are no evidence when a result is refined
again, which is why doing it twice changes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deptr.errors import UsageError
from deptr.records import BoolArray, DepthKind, FloatArray, IntArray, real_number
from deptr.tracking import boxes as box
from deptr.tracking.assignment import Indices
from deptr.tracking.merging import Path, merge_once
from deptr.tracking.smoothing import between, smooth_tracks

FILLED_SCORE = 0.0  # of rows in which nothing was detected
MAX_GAP_SECONDS = 1.0
MIN_EVIDENCE = 5.0

BOX_NOISE = 0.05  # of the height: standard deviation of a box's centre
SIZE_NOISE = 0.05  # of the size
SPEED = 3.0  # heights per second, before anything is known
RATE = 1.0  # per second: relative change of size and distance, before anything is known
ACCELERATION = 1.0  # heights per second, after one second
RATE_ACCELERATION = 0.3  # per second, after one second
SMALLEST_DEPTH_NOISE, FIRST_DEPTH_NOISE = 0.02, 0.15  # in filter space
UNKNOWN_VARIANCE = 1.0  # in filter space, of a depth that is not known yet
ENOUGH = 20  # second differences of depth that tell its noise


@dataclass(frozen=True)
class Tracks:
    """Rows of a result, sorted by frame and then identity.

    Attributes:
        frame: ``(N,)`` whole numbers.
        track_id: ``(N,)``; an identity stands at most once in a frame.
        xyxy: ``(N, 4)`` pixels.
        score: ``(N,)``; `FILLED_SCORE` where nothing was detected.
        depth: ``(N,)``, NaN = unknown.
        class_id: ``(N,)`` whole numbers, -1 = not said.
    """

    frame: IntArray
    track_id: IntArray
    xyxy: FloatArray
    score: FloatArray
    depth: FloatArray
    class_id: IntArray

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, rows: Indices) -> Tracks:
        """These rows, in this order."""
        return Tracks(
            self.frame[rows],
            self.track_id[rows],
            self.xyxy[rows],
            self.score[rows],
            self.depth[rows],
            self.class_id[rows],
        )

    def sorted(self) -> Tracks:
        """The same rows in order."""
        return self.at(np.lexsort((self.track_id, self.frame)))

    def joined(self, other: Tracks) -> Tracks:
        """Rows of both, in order."""
        every = Tracks(
            np.concatenate([self.frame, other.frame]),
            np.concatenate([self.track_id, other.track_id]),
            np.concatenate([self.xyxy, other.xyxy]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.depth, other.depth]),
            np.concatenate([self.class_id, other.class_id]),
        )
        return every.sorted()


@dataclass(frozen=True)
class Refined:
    """What `refine` made.

    Attributes:
        tracks: The refined rows.
        merged: Tracklets that became part of an earlier one.
        gaps: Gaps that were filled.
        rows: Rows that were added.
    """

    tracks: Tracks
    merged: int
    gaps: int
    rows: int


def refine(
    tracks: Tracks,
    *,
    frame_rate: float,
    depth_kind: DepthKind | str = DepthKind.METRIC,
    max_gap_seconds: float = MAX_GAP_SECONDS,
    min_evidence: float = MIN_EVIDENCE,
    merge: bool = True,
    fill: bool = True,
    smooth: bool = False,
) -> Refined:
    """Merge tracklets that are one object, fill gaps, and if asked smooth every box.

    Args:
        tracks: A finished result.
        frame_rate: Frames per second.
        depth_kind: What the depths mean.
        max_gap_seconds: Longest time between two detections that is bridged, by merging and by filling.
        min_evidence: Nats by which one object must explain two tracklets better than two objects do.
        merge: Whether tracklets are merged; the merged one has the identity of the earliest.
        fill: Whether gaps are filled.
        smooth: Whether boxes and known depths of detected rows are replaced by smoothed ones too.

    Raises:
        UsageError: A number that cannot be meant.

    Example:
        >>> frames = np.array([1, 2, 3, 5, 6, 7])
        >>> left = 10.0 * frames
        >>> path = np.stack([left, np.zeros(6), left + 40, np.full(6, 80.0)], axis=1)
        >>> known = np.full(6, 0.9), np.full(6, 5.0), np.full(6, 1)
        >>> seen = Tracks(frames, np.full(6, 7), path, *known)
        >>> refined = refine(seen, frame_rate=10.0)
        >>> refined.gaps, refined.tracks.xyxy[3].round().tolist(), refined.tracks.score[3].item()
        (1, [40.0, 0.0, 80.0, 80.0], 0.0)
    """
    frame_rate = real_number(frame_rate)
    _check(frame_rate, max_gap_seconds, min_evidence)
    tracks = tracks.sorted()
    if not len(tracks):
        return Refined(tracks, 0, 0, 0)
    kind = DepthKind.parse(depth_kind)
    before = len(np.unique(tracks.track_id))
    path = _path(tracks, kind, frame_rate)
    while merge:
        renamed = merge_once(path, tracks.track_id, tracks.frame, max_gap_seconds, min_evidence)
        if renamed is None:
            break
        tracks = replace(tracks, track_id=renamed).sorted()
        path = _path(tracks, kind, frame_rate)
    identities = len(np.unique(tracks.track_id))
    filling, gaps = _filling(tracks, path, kind, max_gap_seconds)
    if smooth:
        tracks = _smoothed(tracks, path, kind)
    if not fill:
        return Refined(tracks, before - identities, 0, 0)
    return Refined(tracks.joined(filling), before - identities, gaps, len(filling))


def _check(frame_rate: float, max_gap_seconds: float, min_evidence: float) -> None:
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise UsageError(f"frame_rate: expected a positive number of frames per second, got {frame_rate}")
    if not (np.isfinite(max_gap_seconds) and max_gap_seconds >= 0):
        raise UsageError(f"max_gap_seconds: expected a number from 0, got {max_gap_seconds}")
    if not min_evidence >= 0:
        raise UsageError(f"min_evidence: expected a number from 0, got {min_evidence}")


def _path(tracks: Tracks, kind: DepthKind, frame_rate: float) -> Path:
    """Detected rows, track by track, with the state that all rows of its track give to each."""
    detected = tracks.score != FILLED_SCORE
    if not detected.any():  # a file without scores
        detected = np.ones(len(tracks), bool)
    rows = np.flatnonzero(detected)
    rows = rows[np.lexsort((tracks.frame[rows], tracks.track_id[rows]))]
    identity = tracks.track_id[rows]
    starts = np.flatnonzero(np.append(True, identity[1:] != identity[:-1]))
    seconds = tracks.frame[rows] / frame_rate
    measured = np.empty((len(rows), 5))
    measured[:, :4] = box.xyxy_to_xywh(tracks.xyxy[rows])
    heights = measured[:, 3].copy()
    measured[:, 2:4] = np.log(np.maximum(measured[:, 2:4], 1e-3))
    depths = tracks.depth[rows]
    unit = _depth_unit(depths, kind)
    measured[:, 4] = depths / unit if kind.larger_is_nearer else np.log(np.where(depths > 0, depths, np.nan))
    noise = _depth_noise(measured[:, 4], identity, tracks.frame[rows])
    variances = _variances(heights, BOX_NOISE, SIZE_NOISE, noise)
    _start_depths(measured[:, 4], variances[:, 4], starts)
    speeds = _variances(heights, SPEED, RATE, RATE)
    powers = _variances(heights, ACCELERATION, RATE_ACCELERATION, RATE_ACCELERATION)
    states = smooth_tracks(
        starts, seconds, measured, variances=variances, speed_variances=speeds, powers=powers
    )
    known = np.isfinite(measured[starts, 4])
    states[:, ~np.repeat(known, np.diff(np.append(starts, len(rows)))), 4] = np.nan
    return Path(rows, starts, tracks.frame[rows], seconds, states, powers, unit)


def _variances(heights: FloatArray, centre: float, size: float, depth: float) -> FloatArray:
    out = np.empty((len(heights), 5))
    out[:, :2] = ((centre * heights) ** 2)[:, None]
    out[:, 2:4], out[:, 4] = size**2, depth**2
    return out


def _depth_unit(depths: FloatArray, kind: DepthKind) -> float:
    """Unit of filter space for relative inverse depth."""
    known = depths[np.isfinite(depths)]
    if not kind.larger_is_nearer or not len(known):
        return 1.0
    return float(max(np.ptp(known) / 2, 0.25 * np.abs(known).max(), 1e-6))


def _depth_noise(values: FloatArray, identity: IntArray, frames: IntArray) -> float:
    """Standard deviation of a depth around its track's path, from second differences in a row."""
    if len(values) < 3:
        return FIRST_DEPTH_NOISE
    run = (identity[2:] == identity[:-2]) & (frames[2:] - frames[:-2] == 2)
    bends = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])[run]
    bends = bends[np.isfinite(bends)]
    if len(bends) < ENOUGH:
        return FIRST_DEPTH_NOISE
    return max(float(1.4826 * np.median(bends) / np.sqrt(6)), SMALLEST_DEPTH_NOISE)


def _start_depths(values: FloatArray, variances: FloatArray, starts: Indices) -> None:
    """Give each track whose depth is known only later a vague first one, in place."""
    known = np.flatnonzero(np.isfinite(values))
    for row, end in zip(starts, np.append(starts[1:], len(values)), strict=True):
        at = np.searchsorted(known, row)
        if at < len(known) and row < known[at] < end:
            values[row], variances[row] = values[known[at]], UNKNOWN_VARIANCE


def _filling(tracks: Tracks, path: Path, kind: DepthKind, max_gap_seconds: float) -> tuple[Tracks, int]:
    """Rows for the frames between two detections of a track that have none, and the number of gaps."""
    left = np.setdiff1d(np.arange(len(path.rows) - 1), path.starts - 1)
    missing = path.frames[left + 1] - path.frames[left] - 1
    left = left[(missing > 0) & (path.seconds[left + 1] - path.seconds[left] <= max_gap_seconds + 1e-9)]
    missing = path.frames[left + 1] - path.frames[left] - 1
    gap = np.repeat(np.arange(len(left)), missing)
    steps = np.arange(len(gap)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    frames, identity = path.frames[left[gap]] + steps, tracks.track_id[path.rows[left[gap]]]
    new = ~_stand(frames, identity, tracks)
    gap, steps, frames, identity = gap[new], steps[new], frames[new], identity[new]
    row = left[gap]
    seconds = (path.seconds[row + 1] - path.seconds[row])[:, None]
    share = (steps / (path.frames[row + 1] - path.frames[row]))[:, None]
    states = between(path.states[:, row], path.states[:, row + 1], seconds, share)
    xyxy, depth = _leave(states, path, kind)
    scores, classes = np.full(len(frames), FILLED_SCORE), tracks.class_id[path.rows[row]]
    return Tracks(frames, identity, xyxy, scores, depth, classes), len(np.unique(gap))


def _stand(frames: IntArray, identity: IntArray, tracks: Tracks) -> BoolArray:
    """Whether these identities already have a row in these frames."""
    _, names = np.unique(np.concatenate([tracks.track_id, identity]), return_inverse=True)
    every = np.concatenate([tracks.frame, frames]) * (names.max() + 1) + names
    return np.isin(every[len(tracks) :], every[: len(tracks)])


def _leave(positions: FloatArray, path: Path, kind: DepthKind) -> tuple[FloatArray, FloatArray]:
    """Boxes and depths of states."""
    sizes = np.exp(positions[:, 2:4])
    xyxy = box.xywh_to_xyxy(np.concatenate([positions[:, :2], sizes], axis=1))
    if kind.larger_is_nearer:
        return xyxy, np.maximum(positions[:, 4] * path.depth_unit, 0.0)
    return xyxy, np.exp(positions[:, 4])


def _smoothed(tracks: Tracks, path: Path, kind: DepthKind) -> Tracks:
    """Detected rows at their smoothed places; a depth that is not known stays so."""
    xyxy, depth = tracks.xyxy.copy(), tracks.depth.copy()
    places, depths = _leave(path.states[0], path, kind)
    xyxy[path.rows] = places
    depth[path.rows] = np.where(np.isfinite(depth[path.rows]), depths, np.nan)
    return replace(tracks, xyxy=xyxy, depth=depth)
