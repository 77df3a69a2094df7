"""TrackEval's official data sets fed from memory: its own preprocessing and metrics, no files in between.

Only the reading of files is replaced. Class tables and limits are those of
``trackeval/datasets/mot_challenge_2d_box.py`` and ``kitti_2d_box.py`` of release 1.3.0.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.evaluation.readings import ground_truth_of
from deptr.io.columns import class_table
from deptr.io.ground_truth import KITTI_MAX_OCCLUSION, GroundTruth
from deptr.io.sequences import Benchmark, Sequence
from deptr.records import FloatArray, IntArray

with contextlib.redirect_stdout(io.StringIO()):  # importing it prints which of its optional parts are missing
    from trackeval.datasets import Kitti2DBox, MotChallenge2DBox
    from trackeval.metrics import CLEAR, HOTA, Identity
    from trackeval.utils import TrackEvalException

RawScores = dict[str, dict[str, Any]]  # metric family -> field -> number or one number per threshold

KITTI_MIN_HEIGHT = 25
KITTI_MAX_TRUNCATION = 0


class MemoryMot(MotChallenge2DBox):  # type: ignore[misc]
    """MOTChallenge's rules over arrays."""

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark.rules
        self.do_preproc = True
        self.class_name_to_class_id = class_table(benchmark)
        self.valid_class_numbers = list(self.class_name_to_class_id.values())


class MemoryKitti(Kitti2DBox):  # type: ignore[misc]
    """KITTI's rules over arrays."""

    def __init__(self, benchmark: Benchmark) -> None:
        self.class_name_to_class_id = class_table(benchmark)
        self.max_occlusion = KITTI_MAX_OCCLUSION
        self.max_truncation = KITTI_MAX_TRUNCATION
        self.min_height = KITTI_MIN_HEIGHT


def metrics() -> dict[str, Any]:
    """The three official metric families with their standard settings."""
    quiet = {"PRINT_CONFIG": False}
    return {"HOTA": HOTA(), "CLEAR": CLEAR(quiet), "Identity": Identity(quiet)}


def split_frames(frames: IntArray, length: int) -> list[IntArray]:
    """Row numbers of each frame from 1 to `length`, in the order in which the rows stand.

    Example:
        >>> [rows.tolist() for rows in split_frames(np.array([2, 1, 2]), 3)]
        [[1], [0, 2], []]
    """
    order = np.argsort(frames, kind="stable")
    cuts = np.searchsorted(frames[order], np.arange(1, length + 2))
    return [order[cuts[index] : cuts[index + 1]] for index in range(length)]


def raw_scores(benchmark: Benchmark, sequence: Sequence, tracks: FloatArray) -> RawScores:
    """What TrackEval says about one sequence.

    Args:
        benchmark: Whose rules hold.
        sequence: The sequence; its stride thins the ground truth, `tracks` are already thinned.
        tracks: ``(N, >=6)`` frame from 1, identity, left, top, width, height[, score, ...], checked.

    Raises:
        DataError: The ground truth cannot be read or breaks a rule of the benchmark.
    """
    data = preprocessed(benchmark, sequence, ground_truth_of(benchmark, sequence), tracks)
    return {name: metric.eval_sequence(data) for name, metric in metrics().items()}


def preprocessed(
    benchmark: Benchmark, sequence: Sequence, truth: GroundTruth, tracks: FloatArray
) -> dict[str, Any]:
    """What TrackEval's metrics see of a sequence: objects and tracks that count, frame by frame.

    Raises:
        DataError: The ground truth breaks a rule of the benchmark.
    """
    data_set = (MemoryKitti if benchmark.family == "kitti" else MemoryMot)(benchmark)
    raw = _raw_data(benchmark, sequence, truth, tracks)
    pairs = zip(raw["gt_dets"], raw["tracker_dets"], strict=True)
    raw["similarity_scores"] = [data_set._calculate_similarities(truth_t, own) for truth_t, own in pairs]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            data: dict[str, Any] = data_set.get_preprocessed_seq_data(raw, benchmark.target)
    except TrackEvalException as error:
        where = sequence.ground_truth or sequence.name
        raise DataError(where, "refused by TrackEval", found=" ".join(str(error).split())) from error
    return data


def _raw_data(
    benchmark: Benchmark, sequence: Sequence, truth: GroundTruth, tracks: FloatArray
) -> dict[str, Any]:
    """The dictionary that TrackEval's own readers make (``_load_raw_file``)."""
    kitti = benchmark.family == "kitti"
    length = sequence.length
    rows = split_frames(truth.frames, length)
    own = split_frames(tracks[:, 0].astype(np.int64), length)
    regions = split_frames(truth.ignore_frames, length)
    boxes, own_boxes, region_boxes = truth.boxes_xywh, tracks[:, 2:6], truth.ignore_boxes_xywh
    if kitti:
        boxes, own_boxes, region_boxes = (corners(values) for values in (boxes, own_boxes, region_boxes))
    # large ids would make large tables
    ids, own_ids = (np.unique(values, return_inverse=True)[1] for values in (truth.ids, tracks[:, 1]))
    target = class_table(benchmark)[benchmark.target]
    own_class = np.full(len(tracks), target if kitti else 1)
    scores = tracks[:, 6] if tracks.shape[1] > 6 else np.ones(len(tracks))
    extras = {"truncation": truth.truncation, "occlusion": truth.occlusion}
    extras = extras if kitti else {"zero_marked": truth.scored.astype(np.int64)}
    return {
        "seq": sequence.name,
        "num_timesteps": length,
        "gt_ids": [ids.reshape(-1)[index] for index in rows],
        "gt_classes": [truth.class_ids[index] for index in rows],
        "gt_dets": [boxes[index] for index in rows],
        "gt_extras": [{name: values[index] for name, values in extras.items()} for index in rows],
        "gt_crowd_ignore_regions": [region_boxes[index] for index in regions],
        "tracker_ids": [own_ids.reshape(-1)[index] for index in own],
        "tracker_classes": [own_class[index] for index in own],
        "tracker_dets": [own_boxes[index] for index in own],
        "tracker_confidences": [scores[index] for index in own],
    }


def corners(boxes_xywh: FloatArray) -> FloatArray:
    """Boxes given as left, top, width, height as left, top, right, bottom."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:4]], axis=1)
