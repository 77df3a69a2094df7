"""What the experiments about labels hand from teacher to student."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from label_world import DEPTHS, make_world

from deptr.experiments.label_students import lend_depth, relabelled
from deptr.io.tables import DetectionTable
from deptr.records import DepthKind
from deptr.teacher.build import TeacherPlan
from deptr.teacher.engine import label_locally
from deptr.teacher.jobs import find_jobs


def table(frames: list[int], boxes: list[list[float]], depth: list[float]) -> DetectionTable:
    count = len(frames)
    return DetectionTable(
        "t", np.array(frames), np.array(boxes, float), np.ones(count), np.array(depth), DepthKind.METRIC
    )


def test_boxes_borrow_depth_from_what_lies_on_them() -> None:
    own = table([1, 1, 2], [[0, 0, 10, 10], [50, 0, 60, 10], [0, 0, 10, 10]], [9.0, 9.0, 9.0])
    others = table([1, 1], [[1, 0, 10, 10], [0, 5, 10, 20]], [3.0, 4.0])
    np.testing.assert_array_equal(lend_depth(own, others).depth, [3.0, np.nan, np.nan])


def test_a_worlds_depths_become_the_teachers(tmp_path: Path) -> None:
    world = make_world(tmp_path / "a", 4)
    plan = TeacherPlan("synthetic", "synthetic", device="cpu")
    run = label_locally(find_jobs([str(world)]), tmp_path / "labels", plan).run
    path = world / "annotations.json"
    content = json.loads(path.read_text())
    for image in content["images"]:
        image["sequence"] = "a"
    for entry in content["annotations"]:
        entry["depth"] = 99.0
    path.write_text(json.dumps(content))
    taught = json.loads(relabelled(path, run).read_text())["annotations"]
    known = [entry for entry in taught if entry["depth"] is not None]
    assert len(known) >= 8
    for entry in known:
        assert abs(entry["depth"] - DEPTHS[entry["track_id"] - 1]) < 1e-3
