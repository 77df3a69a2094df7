"""Where identities switch: each link of an object from one sighting to the next, and what surrounded it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from deptr.boxes import intersections, iou, ltwh_to_xyxy
from deptr.evaluation.readings import ground_truth_of
from deptr.evaluation.trackeval_memory import preprocessed, split_frames
from deptr.io.columns import class_table
from deptr.io.ground_truth import GroundTruth
from deptr.io.sequences import Benchmark, Sequence
from deptr.io.tables import DetectionTable
from deptr.records import BoolArray, FloatArray, IntArray

MATCH_IOU = 0.5
TOUCH = 0.05  # share of a box that another covers before it counts as a neighbour
SAME_EVENT_FRAMES = 5
EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Links:
    """Links of scored objects: matched now and matched before, at most one per object and frame.

    Attributes:
        objects: ``(N,)`` identity of the object.
        frames: ``(N,)`` frame in which it is matched again, from 1.
        switched: ``(N,)`` whether another track than before has it: what CLEAR counts as a switch.
        swapped: ``(N,)`` whether that track had another object before; else the track is new.
        visibility: ``(N,)`` least visibility between the two sightings, in [0, 1].
        depth_gap: ``(N,)`` absolute log ratio of the depths of the object and the one that covers it most;
            NaN without a neighbour or without depth.
        crowd: ``(N,)`` most neighbours between the two sightings.
        before: ``(N,)`` track that had the object at its last sighting.
        after: ``(N,)`` track that has it now.
    """

    objects: IntArray
    frames: IntArray
    switched: BoolArray
    swapped: BoolArray
    visibility: FloatArray
    depth_gap: FloatArray
    crowd: IntArray
    before: IntArray
    after: IntArray


@dataclass(frozen=True)
class Surroundings:
    """What surrounds each row of the ground truth that counts; ``(N,)`` each."""

    visibility: FloatArray
    covered: FloatArray
    depth_gap: FloatArray
    crowd: IntArray


def links(
    benchmark: Benchmark, sequence: Sequence, tracks: FloatArray, table: DetectionTable | None = None
) -> Links:
    """Links of a sequence, matched as CLEAR matches: the number of switches equals its IDSW.

    Args:
        benchmark: Whose rules hold.
        sequence: The (thinned) sequence.
        tracks: As for `evaluate`.
        table: Detections whose depth stands in where ground truth has none.
    """
    truth = ground_truth_of(benchmark, sequence)
    counted = np.flatnonzero(counting(benchmark, truth))
    around = surroundings(truth, counted, sequence.length, table)
    data = preprocessed(benchmark, sequence, truth, tracks)
    called = _names_of_tracks(data, tracks, corners=benchmark.family == "kitti")
    rows_by_frame = split_frames(truth.frames[counted], sequence.length)
    last_row: dict[int, int] = {}
    last_track: dict[int, int] = {}
    owner: dict[int, int] = {}
    seen_rows: dict[int, list[int]] = {}
    found: list[tuple[int, int, bool, bool, int, int, int]] = []
    for frame, matched in enumerate(_clear_matches(data), 1):
        rows = rows_by_frame[frame - 1]
        for row in rows:
            seen_rows.setdefault(int(truth.ids[counted[row]]), []).append(int(row))
        pairs = [(int(rows[index]), track) for index, track in matched]
        for row, track in pairs:
            identity = int(truth.ids[counted[row]])
            if identity in last_row:
                window = [other for other in seen_rows[identity] if other >= last_row[identity]]
                worst = max(window, key=lambda other: around.covered[other])
                switched = last_track[identity] != track
                swapped = switched and owner.get(track, identity) != identity
                found.append((identity, frame, switched, swapped, worst, last_track[identity], track))
            last_row[identity], last_track[identity] = row, track
            seen_rows[identity] = [row]
        owner.update({track: int(truth.ids[counted[row]]) for row, track in pairs})
    worst_rows = np.array([entry[4] for entry in found], np.int64)
    return Links(
        objects=np.array([entry[0] for entry in found], np.int64),
        frames=np.array([entry[1] for entry in found], np.int64),
        switched=np.array([entry[2] for entry in found], bool),
        swapped=np.array([entry[3] for entry in found], bool),
        visibility=around.visibility[worst_rows],
        depth_gap=around.depth_gap[worst_rows],
        crowd=around.crowd[worst_rows],
        before=np.array([called[entry[5]] for entry in found], np.int64),
        after=np.array([called[entry[6]] for entry in found], np.int64),
    )


def counting(benchmark: Benchmark, truth: GroundTruth) -> BoolArray:
    """Which rows of the ground truth are scored."""
    return np.asarray(truth.scored & (truth.class_ids == class_table(benchmark)[benchmark.target]))


def _names_of_tracks(data: dict[str, Any], tracks: FloatArray, *, corners: bool) -> dict[int, int]:
    """Identity in the result of each track, which TrackEval numbers anew: they have the same boxes."""
    boxes = ltwh_to_xyxy(tracks[:, 2:6]) if corners else tracks[:, 2:6]
    rows_by_frame = split_frames(tracks[:, 0].astype(np.int64), len(data["tracker_ids"]))
    called: dict[int, int] = {}
    for rows, numbers, found in zip(rows_by_frame, data["tracker_ids"], data["tracker_dets"], strict=True):
        for number, box in zip(numbers.tolist(), found, strict=True):
            if number not in called:
                called[number] = int(tracks[rows[int(np.abs(boxes[rows] - box).sum(axis=1).argmin())], 1])
    return called


def _clear_matches(data: dict[str, Any]) -> Iterator[list[tuple[int, int]]]:
    """Position of each matched object in its frame, and its track, as CLEAR matches frame by frame.

    A pair of the frame before is kept whenever it still overlaps enough; the rest is matched by overlap.
    """
    before: dict[int, int] = {}
    frames = zip(data["gt_ids"], data["tracker_ids"], data["similarity_scores"], strict=True)
    for objects, tracks, similarity in frames:
        if not len(objects) or not len(tracks):
            yield []
            continue
        kept = np.array([before.get(int(identity), -1) for identity in objects])[:, None] == tracks[None, :]
        score = np.where(similarity >= MATCH_IOU - EPSILON, 1000.0 * kept + similarity, 0.0)
        pairs = zip(*linear_sum_assignment(-score), strict=True)
        matched = [(int(row), int(tracks[column])) for row, column in pairs if score[row, column] > EPSILON]
        before = {int(objects[row]): track for row, track in matched}
        yield matched


def surroundings(
    truth: GroundTruth, counted: IntArray, length: int, table: DetectionTable | None = None
) -> Surroundings:
    """What surrounds each counted row: visibility, share covered by others, depth gap, neighbours."""
    boxes = ltwh_to_xyxy(truth.boxes_ltwh[counted])
    depth = object_depth(truth, counted, length, table)
    covered, gap = np.zeros(len(counted)), np.full(len(counted), np.nan)
    crowd = np.zeros(len(counted), np.int64)
    for rows in split_frames(truth.frames[counted], length):
        if len(rows) < 2:
            continue
        size = np.prod(boxes[rows, 2:] - boxes[rows, :2], axis=1)
        share = intersections(boxes[rows], boxes[rows]) / np.maximum(size, 1e-9)[:, None]
        np.fill_diagonal(share, 0)
        nearest = share.argmax(axis=1)
        covered[rows] = share.max(axis=1)
        crowd[rows] = (share > TOUCH).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.abs(np.log(depth[rows] / depth[rows[nearest]]))
        gap[rows] = np.where(covered[rows] > TOUCH, ratio, np.nan)
    known = truth.visibility[counted]
    visibility = np.where(np.isnan(known), 1 - np.minimum(covered, 1), known)
    return Surroundings(visibility, covered, gap, crowd)


def object_depth(
    truth: GroundTruth, counted: IntArray, length: int, table: DetectionTable | None
) -> FloatArray:
    """Depth of each counted row: the true one, else that of the detection on it, else NaN."""
    depth: FloatArray = truth.depth[counted].copy()
    if table is None:
        return depth
    boxes = ltwh_to_xyxy(truth.boxes_ltwh[counted])
    detections = split_frames(table.frame, length)
    for rows, others in zip(split_frames(truth.frames[counted], length), detections, strict=True):
        open_rows = rows[np.isnan(depth[rows])]
        if not len(open_rows) or not len(others):
            continue
        overlap = iou(boxes[open_rows], table.xyxy[others])
        best = overlap.argmax(axis=1)
        depth[open_rows] = np.where(overlap.max(axis=1) >= MATCH_IOU, table.depth[others[best]], np.nan)
    return depth


def fixed_and_caused(plain: Links, fused: Links) -> tuple[BoolArray, BoolArray]:
    """Which switches of the plain tracker the fused one avoids, and which of its switches are its own.

    Two switches are the same event when they happen to the same object within a few frames.

    Returns:
        ``(N,)`` over the plain links: switched, and no such switch with depth; ``(M,)`` over the fused
        links: switched, and no such switch without depth.
    """
    return _only_here(plain, fused), _only_here(fused, plain)


def _only_here(own: Links, other: Links) -> BoolArray:
    """Switches of `own` without a partner in `other`; each partner serves once."""
    free: dict[int, list[int]] = {}
    for identity, frame in zip(other.objects[other.switched], other.frames[other.switched], strict=True):
        free.setdefault(int(identity), []).append(int(frame))
    alone = np.zeros(len(own.frames), bool)
    for row in np.flatnonzero(own.switched):
        frames = free.get(int(own.objects[row]), [])
        near = [frame for frame in frames if abs(frame - int(own.frames[row])) <= SAME_EVENT_FRAMES]
        if near:
            frames.remove(min(near, key=lambda frame: abs(frame - int(own.frames[row]))))
        else:
            alone[row] = True
    return alone
