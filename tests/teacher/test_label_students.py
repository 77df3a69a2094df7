"""What the experiments about labels hand from teacher to student."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from label_world import DEPTHS, make_world

from deptr.experiments.label_students import labels_by_object, lend_depth, taught_depth
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs
from deptr.training.augment import Placement, make_example
from deptr.training.coco import CocoFrames


def table(frames: list[int], boxes: list[list[float]], depth: list[float]) -> DetectionTable:
    count = len(frames)
    return DetectionTable(
        "t", np.array(frames), np.array(boxes, float), np.ones(count), np.array(depth), DepthKind.METRIC
    )


def test_boxes_borrow_depth_from_what_lies_on_them() -> None:
    own = table([1, 1, 2], [[0, 0, 10, 10], [50, 0, 60, 10], [0, 0, 10, 10]], [9.0, 9.0, 9.0])
    others = table([1, 1], [[1, 0, 10, 10], [0, 5, 10, 20]], [3.0, 4.0])
    np.testing.assert_array_equal(lend_depth(own, others).depth, [3.0, np.nan, np.nan])


def test_an_examples_depths_become_the_teachers(tmp_path: Path) -> None:
    world = make_world(tmp_path / "a", 4)
    plan = TeacherPlan("synthetic", "synthetic", device="cpu")
    run = label_locally(find_jobs([str(world)]), tmp_path / "labels", plan).run
    known = labels_by_object(run)
    frames = CocoFrames(world / "annotations.json")
    frame, ids = frames.frame(1), frames.track_ids(1)
    np.testing.assert_array_equal(ids, frame.track_ids)
    shape = frame.image.shape[0], frame.image.shape[1]
    example = make_example(frame, shape, Placement(2.0, -20.0, -10.0, mirrored=True))
    entry = {"sequence": "a", "frame": 2, "focal_px": 50.0}
    depth, _ = taught_depth(example, entry, ids, known)
    assert np.isfinite(depth).sum() >= 1
    for row, value in zip(example.object_ids, depth, strict=True):
        if np.isfinite(value):
            true = (
                DEPTHS[ids[row] - 1] * shape[1] / 2 / 50.0
            )  # of half the picture's width, at that focal length
            assert abs(np.exp(value) / true - 1) < 1e-3
    unknown, _ = taught_depth(example, {**entry, "frame": 77}, ids, known)
    assert np.isnan(unknown).all()
