"""What both experiments about depth labels share: worlds, teachers' labels, students, and their figures.

A student is a detector whose depth module starts anew and alone learns, from the labels of one teacher on
one set of synthetic sequences. Boxes are therefore the same for all students; only the depth differs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deptr.boxes import iou
from deptr.detector.plugin import DepthNetwork
from deptr.errors import UsageError
from deptr.evaluation.cells import detections_of
from deptr.evaluation.depth_metrics import rank_correlation
from deptr.evaluation.depth_quality import Matched, match, quality
from deptr.evaluation.judge import check_tracks, combine
from deptr.evaluation.methods import our_method, run
from deptr.evaluation.trackeval_memory import raw_scores
from deptr.files import atomic_write
from deptr.io.label_runs import LabelRun
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.io.tables import DetectionTable
from deptr.io.text_files import read_json
from deptr.records import DepthKind, FloatArray, depth_of
from deptr.synth.library import LibraryPlan, sequence_jobs, split_seeds, write_library
from deptr.synth.scene import SceneOptions, World
from deptr.synth.writer import WriteOptions
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs
from deptr.teacher.rows import LabelOptions
from deptr.teacher.synthetic import SyntheticNoise
from deptr.training.builder import build_detector
from deptr.training.coco import CocoFrames
from deptr.training.config import TrainSettings, settings_from_dict
from deptr.training.data import CocoSource
from deptr.training.detector_task import DetectorTask
from deptr.training.evaluate import detect_frames
from deptr.training.trainer import Trainer

BENCHMARK = "mot"
LEAST_SCORE = 0.05  # of a student's detections
LEAST_OVERLAP = 0.5  # of a student's detection with a given box, to lend it its depth


@dataclass(frozen=True)
class Budget:
    """How much work an experiment does.

    Attributes:
        start: Folder of the detector whose boxes the students keep.
        steps: Optimizer steps of each student.
        batch_size: Images per step.
        size: Height and width of the sequences and of the network's input.
        train_sequences: Sequences to learn from.
        test_sequences: Sequences to measure on.
        frames: Frames of each.
        seeds: One student per seed and teacher.
    """

    start: str
    steps: int = 150
    batch_size: int = 4
    size: tuple[int, int] = (192, 320)
    train_sequences: int = 6
    test_sequences: int = 3
    frames: int = 60
    seeds: tuple[int, ...] = (0, 1, 2)

    def describe(self) -> str:
        """The budget in one sentence."""
        height, width = self.size
        return (
            f"{self.train_sequences} training and {self.test_sequences} test sequences of {self.frames} "
            f"frames ({width}x{height}, crowd world); students: depth module from scratch, "
            f"{self.steps} steps "
            f"of {self.batch_size} images, {len(self.seeds)} seed(s); mean ± standard deviation over seeds."
        )


@dataclass(frozen=True)
class Teaching:
    """A teacher of the experiment.

    Attributes:
        noise: How bad the stand-in teacher is.
        regions: ``"mask"`` or ``"box"``.
    """

    noise: SyntheticNoise = field(default_factory=SyntheticNoise)
    regions: str = "mask"


class StudentRuns:
    """Worlds on disk, labels of any teacher on them, students and their figures.

    Args:
        folder: Where everything goes.
        budget: How much work.

    Raises:
        UsageError: The network's input size is no multiple of 32.
    """

    def __init__(self, folder: str | Path, budget: Budget) -> None:
        if any(side % 32 for side in budget.size):
            raise UsageError(f"size: expected multiples of 32, got {budget.size}")
        self.folder, self.budget = Path(folder), budget
        for split, count in (("train", budget.train_sequences), ("test", budget.test_sequences)):
            options = SceneOptions(budget.size, budget.frames, 20.0, None, None)
            jobs = sequence_jobs(World.CROWD, split_seeds(split, 0, count), options)
            write_library(LibraryPlan(jobs, WriteOptions()), self.folder / split)
        self.test = CocoFrames(self.folder / "test" / "annotations.json")
        self.benchmark = benchmark_of(BENCHMARK)
        self.sequences = find_sequences(self.benchmark, self.folder / "test")

    def label(self, split: str, teaching: Teaching) -> LabelRun:
        """Labels of a teacher on one split."""
        plan = TeacherPlan(
            "synthetic",
            "synthetic",
            noise=teaching.noise,
            options=LabelOptions(regions=teaching.regions),
            device="cpu",
        )
        return label_locally(find_jobs([str(self.folder / split)]), self.folder / f"labels-{split}", plan).run

    def student(self, teaching: Teaching, seed: int) -> DepthNetwork:
        """A detector whose depth module learnt from that teacher alone."""
        annotations = relabelled(self.folder / "train" / "annotations.json", self.label("train", teaching))
        settings = student_settings(self.budget, seed)
        model = build_detector(settings.model)
        model.renew_depth()
        model.train_depth_only()
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(DetectorTask(model, CocoSource(CocoFrames(annotations)), settings), folder)
            trainer.run()
            return trainer.averaged_model()

    def detections(self, student: DepthNetwork) -> dict[str, DetectionTable]:
        """What a student finds on the test sequences, with metric depth."""
        frames = [self.test.frame(index) for index in range(len(self.test))]
        found = detect_frames(student, frames, size=self.budget.size, min_score=LEAST_SCORE)
        rows: dict[str, list[tuple[int, Any]]] = {}
        for entry, detections in zip(self.test.images, found, strict=True):
            rows.setdefault(str(entry["sequence"]), []).append((int(entry["frame"]), detections))
        return {name: _table(name, parts) for name, parts in rows.items()}

    def taught(self, teaching: Teaching) -> dict[str, DetectionTable]:
        """A teacher's labels on the test sequences as if they were detections."""
        labels = self.label("test", teaching)
        tables = {}
        for part in labels:
            rows = part.rows.select(part.rows.valid)
            boxes, depth = rows.boxes_xyxy.astype(np.float64), rows.depth.astype(np.float64)
            name = part.info.sequence
            tables[name] = DetectionTable(
                name, rows.frame.astype(np.int64), boxes, np.ones(len(rows)), depth, DepthKind.METRIC
            )
        return tables

    def matched(self, tables: Mapping[str, DetectionTable]) -> dict[str, Matched]:
        """Detections with the true object they lie on."""
        return {entry.name: match(self.benchmark, entry, tables[entry.name]) for entry in self.sequences}

    def figures(self, tables: Mapping[str, DetectionTable]) -> dict[str, float]:
        """Depth of detections against the truth, averaged over sequences by their number of objects."""
        matched = self.matched(tables)
        parts = [quality(matched[entry.name], entry.length) for entry in self.sequences]
        weights = np.array([part.matched for part in parts], float)
        names = ("error", "bias", "order", "flicker")
        values = {name: _mean(np.array([getattr(part, name) for part in parts]), weights) for name in names}
        depth = np.concatenate([part.depth for part in matched.values()])
        truth = np.concatenate([part.true_depth for part in matched.values()])
        known = np.isfinite(depth) & np.isfinite(truth)
        gaps = np.abs(np.expm1(depth[known] - truth[known]))
        values["correlation"] = rank_correlation(depth[known], truth[known])
        values["relative_error"] = float(gaps.mean()) if len(gaps) else float("nan")
        values["found"] = float(known.sum())
        return values

    def hota(self, depths: Mapping[str, DetectionTable] | None, fusion: str) -> float:
        """HOTA of ByteTrack in percent, on the worlds' own detections with the depths of others.

        Boxes and scores are the same whoever gives the depth, so that nothing but the depth is compared.

        Args:
            depths: Detections that lend their depth to the boxes they lie on; None for true depth.
            fusion: As for `deptr benchmark --fusions`.
        """
        method = our_method("bytetrack", fusion, self.benchmark.family)
        raw = {}
        for entry in self.sequences:
            table = detections_of(self.benchmark, entry, depth_kind=DepthKind.METRIC)
            if depths is not None:
                table = lend_depth(table, depths[entry.name])
            tracks, _ = run(method, self.benchmark, entry, table)
            raw[entry.name] = raw_scores(self.benchmark, entry, check_tracks(entry, tracks))
        return float(combine(raw)["HOTA"])


def lend_depth(table: DetectionTable, others: DetectionTable) -> DetectionTable:
    """Detections with the depth of the best overlapping other one of their frame, NaN without any."""
    depth = np.full(len(table), np.nan)
    for frame in np.unique(table.frame):
        rows, columns = np.flatnonzero(table.frame == frame), np.flatnonzero(others.frame == frame)
        if len(columns):
            overlap = iou(table.xyxy[rows], others.xyxy[columns])
            best = overlap.argmax(1)
            near = overlap[np.arange(len(rows)), best] >= LEAST_OVERLAP
            depth[rows[near]] = others.depth[columns[best[near]]]
    return replace(table, depth=depth)


def student_settings(budget: Budget, seed: int) -> TrainSettings:
    """Settings of one student's training."""
    height, width = budget.size
    return settings_from_dict(
        {
            "model": {
                "start": budget.start,
                "depth_only": True,
                "image_height": height,
                "image_width": width,
            },
            "data": {
                "train": [{"kind": "coco", "annotations": "given"}],
                "sizes": [list(budget.size)],
                "batch_size": budget.batch_size,
                "min_scale": 0.8,
                "max_scale": 1.25,
                "seed": seed,
            },
            "optimizer": {
                "steps": budget.steps,
                "warmup_steps": min(20, budget.steps),
                "decay_steps": budget.steps // 2,
                "ema_decay": 0.95,
            },
            "loss": {"dense": 0.0, "align_dense": 0.0},
            "run": {"device": "cpu", "log_every": budget.steps + 1, "save_every": budget.steps + 1},
        }
    )


def relabelled(annotations: Path, labels: LabelRun) -> Path:
    """A copy of a world's COCO json, beside it, whose depths are a teacher's; untrusted ones are unknown."""
    content = read_json(annotations)
    places = {image["id"]: (image["sequence"], image["frame"]) for image in content["images"]}
    known: dict[tuple[str, int, int], tuple[float, float]] = {}
    for part in labels:
        rows = part.rows.select(part.rows.valid)
        for frame, identity, depth, spread in zip(
            rows.frame, rows.object_id, rows.depth, rows.depth_std, strict=True
        ):
            known[part.info.sequence, int(frame), int(identity)] = float(depth), float(spread)
    for entry in content["annotations"]:
        place = *places[entry["image_id"]], entry["track_id"]
        entry["depth"], entry["depth_std"] = known.get(place, (None, None))
    path = annotations.with_name(f"annotations-{labels.folder.name}.json")
    with atomic_write(path) as file:
        json.dump(content, file)
    return path


def label_lookup(tables: Mapping[str, Matched]) -> dict[tuple[str, int, int], float]:
    """Log depth of each matched object by sequence, frame and identity."""
    return {
        (name, int(frame), int(identity)): float(depth)
        for name, part in tables.items()
        for frame, identity, depth in zip(part.frames, part.objects, part.depth, strict=True)
    }


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean and, for several values, standard deviation.

    Example:
        >>> spread([1.0, 3.0], 1), spread([0.5])
        ('2.0 ± 1.0', '0.500')
    """
    text = f"{np.mean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {np.std(values):.{digits}f}"


def _table(name: str, parts: list[tuple[int, Any]]) -> DetectionTable:
    ordered = sorted(parts, key=lambda part: part[0])
    frames = np.concatenate([np.full(len(found), frame) for frame, found in ordered])
    boxes = np.concatenate([found.xyxy for _, found in ordered]).astype(np.float64)
    scores = np.concatenate([found.confidence for _, found in ordered]).astype(np.float64)
    depth = np.concatenate([depth_of(found) for _, found in ordered])
    return DetectionTable(name, frames.astype(np.int64), boxes, scores, depth, DepthKind.METRIC)


def _mean(values: FloatArray, weights: FloatArray) -> float:
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")
