"""What both experiments about depth labels share: worlds, teachers' labels, students, and their figures.

A student is a depth module that learns from the labels of one teacher on one set of synthetic sequences,
behind a frozen detector whose features are computed once. Boxes are therefore the same for all students; only
the depth differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deptr.boxes import iou
from deptr.detector.device import pick_device
from deptr.detector.loading import load_detector
from deptr.detector.postprocess import to_detections
from deptr.detector.preprocess import preprocessing_of
from deptr.errors import UsageError
from deptr.evaluation.cells import detections_of
from deptr.evaluation.depth_metrics import rank_correlation
from deptr.evaluation.depth_quality import Matched, match, quality
from deptr.evaluation.judge import check_tracks, combine
from deptr.evaluation.methods import our_method, run
from deptr.evaluation.trackeval_memory import RawScores, raw_scores
from deptr.experiments.depth_students import Form, Lessons, Student, lessons_of
from deptr.experiments.frozen_features import Features, fingerprint, queries_and_maps, seen_once
from deptr.experiments.paired import Shares
from deptr.io.label_runs import LabelRun
from deptr.io.sequences import benchmark_of, find_sequences
from deptr.io.tables import DetectionTable
from deptr.progress import Progress, SilentProgress
from deptr.records import DepthKind, FloatArray, depth_of
from deptr.synth.library import LibraryPlan, sequence_jobs, split_seeds, write_library
from deptr.synth.scene import SceneOptions, World
from deptr.synth.writer import WriteOptions
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs
from deptr.teacher.rows import LabelOptions
from deptr.teacher.synthetic import SyntheticNoise
from deptr.training.augment import (
    Example,
    letterbox_placement,
    make_example,
    network_depth,
    random_placement,
)
from deptr.training.coco import CocoFrames
from deptr.training.config import OptimizerSettings

BENCHMARK = "mot"
LEAST_SCORE = 0.05  # of a student's detections
LEAST_OVERLAP = 0.5  # of a student's detection with a given box, to lend it its depth
ZOOMS = (0.8, 1.5)  # of training frames, against letterboxing
Labels = Mapping[tuple[str, int, int], tuple[float, float]]


@dataclass(frozen=True)
class Budget:
    """How much work an experiment does.

    Attributes:
        start: Folder of the detector whose boxes the students keep.
        steps: Optimizer steps of each student.
        batch_size: Images per step.
        size: Height and width of the sequences and of the network's input.
        train_sequences: Sequences to learn from; many short ones, since cameras teach more than frames.
        train_frames: Frames of each.
        test_sequences: Sequences to measure on.
        test_frames: Frames of each.
        seeds: One student per seed and teacher.
    """

    start: str
    steps: int = 600
    batch_size: int = 8
    size: tuple[int, int] = (384, 640)
    train_sequences: int = 80
    train_frames: int = 4
    test_sequences: int = 6
    test_frames: int = 30
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def describe(self) -> str:
        """The budget in one sentence."""
        height, width = self.size
        return (
            f"{self.train_sequences} training sequences of {self.train_frames} frames and "
            f"{self.test_sequences} test sequences of {self.test_frames} ({width}x{height}, crowd world); "
            f"students: depth module from scratch behind kept features, {self.steps} steps of "
            f"{self.batch_size} images, {len(self.seeds)} seed(s), each with its own four fifths of the "
            "images; mean ± standard deviation over seeds."
        )

    def optimizer(self) -> OptimizerSettings:
        """How students learn."""
        steps = self.steps
        return OptimizerSettings(
            steps=steps,
            learning_rate=2e-3,
            warmup_steps=min(20, steps),
            decay_steps=max(1, 2 * steps // 3),
            ema_decay=0.98,
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
        folder: Where everything goes; what is there is used again.
        budget: How much work.
        progress: Told while the detector looks at the images.

    Raises:
        UsageError: The network's input size is no multiple of 32.
    """

    def __init__(self, folder: str | Path, budget: Budget, progress: Progress | None = None) -> None:
        if any(side % 32 for side in budget.size):
            raise UsageError(f"size: expected multiples of 32, got {budget.size}")
        self.folder, self.budget = Path(folder), budget
        parts = (("train", budget.train_sequences, budget.train_frames),
                 ("test", budget.test_sequences, budget.test_frames))  # fmt: skip
        for split, count, frames in parts:
            options = SceneOptions(budget.size, frames, 20.0, None, None)
            jobs = sequence_jobs(World.CROWD, split_seeds(split, 0, count), options)
            write_library(LibraryPlan(jobs, WriteOptions()), self.folder / split)
        self.worlds = {split: CocoFrames(self.folder / split / "annotations.json") for split, *_ in parts}
        self.benchmark = benchmark_of(BENCHMARK)
        self.sequences = find_sequences(self.benchmark, self.folder / "test")
        self.device = str(pick_device("auto"))
        self.model = load_detector(budget.start).to(self.device).eval()
        self.mark = fingerprint(self.model)
        told = progress or SilentProgress()
        self.seen = {split: self._look(split, told) for split in self.worlds}
        self.lessons = lessons_of(self.seen["train"], self.model.config)

    def _look(self, split: str, told: Progress) -> Features:
        world, size = self.worlds[split], self.budget.size
        aspect = preprocessing_of(self.model.config).aspect

        def example(number: int) -> Example:
            frame = world.frame(number)
            if split == "test":
                return make_example(frame, size, letterbox_placement(size, size), aspect=aspect)
            rng = np.random.default_rng([number, 2])
            return make_example(frame, size, random_placement(rng, frame, size, ZOOMS), rng, aspect=aspect)

        see = queries_and_maps(self.model, maps=False)
        name = f"{split}-{size[1]}x{size[0]}"
        return seen_once(
            self.folder / "seen", name, self.model, see, example, count=len(world), progress=told
        )

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

    def student(self, teaching: Teaching, seed: int) -> Student:
        """A depth module that learnt from that teacher alone."""
        student = Student(Form(), self.model.config, seed, self.device)
        labels = self.label("train", teaching)
        kept = self.folder / "seen" / f"student-{self.mark}-{labels.folder.name}"
        lessons, budget = self.taught_lessons(labels), self.budget
        student.learn_once(kept, lessons, self.seen["train"], budget.optimizer(), budget.batch_size)
        return student

    def shipped(self) -> Student:
        """The depth module that the detector came with."""
        student = Student(Form(self.model.config.depth_head), self.model.config, 0, self.device)
        assert self.model.depth_head is not None
        student.head = self.model.depth_head
        return student

    def taught_lessons(self, labels: LabelRun) -> Lessons:
        """What the detector sees, with the depths of a teacher; those it does not trust are unknown."""
        world, examples = self.worlds["train"], self.seen["train"].examples
        known = labels_by_object(labels)
        pairs = [
            taught_depth(example, entry, world.track_ids(number), known)
            for number, (example, entry) in enumerate(zip(examples, world.images, strict=True))
        ]
        return self.lessons.about([depth for depth, _ in pairs], [std for _, std in pairs])

    def detections(self, student: Student) -> dict[str, DetectionTable]:
        """What a student finds on the test sequences, with metric depth."""
        settings = preprocessing_of(self.model.config).at(self.budget.size)
        rows: dict[str, list[tuple[int, Any]]] = {}
        outputs = student.raw_outputs(self.seen["test"])
        for entry, raw in zip(self.worlds["test"].images, outputs, strict=True):
            found = to_detections(
                raw, 1.0, self.budget.size, settings, min_score=LEAST_SCORE, focal_px=entry["focal_px"]
            )
            rows.setdefault(str(entry["sequence"]), []).append((int(entry["frame"]), found))
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

    def shares(self, tables: Mapping[str, DetectionTable]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Numerators and denominators ``(sequences,)`` of the relative error and of order at overlaps."""
        columns: dict[str, list[tuple[float, float]]] = {"relative_error": [], "order": []}
        for name, part in self.matched(tables).items():
            length = next(entry.length for entry in self.sequences if entry.name == name)
            gaps = np.abs(np.expm1(part.depth - part.true_depth))
            known, own = np.isfinite(gaps), quality(part, length)
            columns["relative_error"].append((float(gaps[known].sum()), float(known.sum())))
            columns["order"].append((float(np.nan_to_num(own.order) * own.pairs), float(own.pairs)))
        return {key: (np.array(v)[:, 0], np.array(v)[:, 1]) for key, v in columns.items()}

    def raw(self, depths: Mapping[str, DetectionTable] | None, fusion: str) -> dict[str, RawScores]:
        """TrackEval's fields of ByteTrack by sequence, on the worlds' own detections with others' depths.

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
        return raw


@dataclass(frozen=True)
class StudentFigures:
    """What the students of one teacher reach, seed by seed.

    Attributes:
        figures: Name to ``(S,)``, see `StudentRuns.figures`.
        shares: Name to the figure as a share, for paired differences.
        raw: TrackEval's fields of each seed.
        tables: Detections of each seed.
    """

    figures: Mapping[str, FloatArray]
    shares: Mapping[str, Shares]
    raw: list[dict[str, RawScores]]
    tables: list[dict[str, DetectionTable]]

    @classmethod
    def of(cls, runs: StudentRuns, teaching: Teaching, *, track: bool = True) -> StudentFigures:
        """Train a student for each seed and measure it; `track` asks for TrackEval's fields too."""
        students = [runs.student(teaching, seed) for seed in runs.budget.seeds]
        tables = [runs.detections(student) for student in students]
        figures = [runs.figures(table) for table in tables]
        parts = [runs.shares(table) for table in tables]
        return cls(
            {name: np.array([own[name] for own in figures]) for name in figures[0]},
            {name: Shares(*np.stack([own[name] for own in parts], axis=1)) for name in parts[0]},
            [runs.raw(table, "adaptive") for table in tables] if track else [],
            tables,
        )


def hota_of(raw: Mapping[str, RawScores]) -> float:
    """HOTA over all sequences in percent."""
    return float(combine(dict(raw))["HOTA"])


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


def labels_by_object(labels: LabelRun) -> Labels:
    """Depth and deviation that a teacher is sure of, by sequence, frame and identity."""
    known = {}
    for part in labels:
        rows = part.rows.select(part.rows.valid)
        for frame, identity, depth, std in zip(
            rows.frame, rows.object_id, rows.depth, rows.depth_std, strict=True
        ):
            known[part.info.sequence, int(frame), int(identity)] = float(depth), float(std)
    return known


def taught_depth(
    example: Example, entry: Mapping[str, Any], track_ids: Any, known: Labels
) -> tuple[FloatArray, FloatArray]:
    """A teacher's depth of an example's objects and its deviation, both in the network's unit.

    Args:
        example: Whose objects.
        entry: Its image in the COCO json, with ``sequence``, ``frame`` and ``focal_px``.
        track_ids: ``(N,)`` identities of the frame's objects.
        known: What the teacher says.
    """
    place = str(entry["sequence"]), int(entry["frame"])
    rows = [known.get((*place, int(track_ids[row])), (np.nan, np.nan)) for row in example.object_ids]
    depth, std = np.array(rows, np.float64).reshape(-1, 2).T
    return network_depth(depth, std, DepthKind.METRIC, float(np.exp(example.log_view)), entry["focal_px"])


def label_lookup(tables: Mapping[str, Matched]) -> dict[tuple[str, int, int], float]:
    """Log depth of each matched object by sequence, frame and identity."""
    return {
        (name, int(frame), int(identity)): float(depth)
        for name, part in tables.items()
        for frame, identity, depth in zip(part.frames, part.objects, part.depth, strict=True)
    }


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
