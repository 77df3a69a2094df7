"""What is reported of a detector: steadiness, and depth beside what the box alone says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from tiny_detector import painted_frame, write_coco

from deptr.detector.inference import Detector
from deptr.errors import DataError, UsageError
from deptr.experiments.depth_rules import ground_rule, height_rule, relative_errors
from deptr.experiments.detector_report import detector_tables
from deptr.experiments.rivals import rivals_table
from deptr.experiments.steadiness import _matched, jitter
from deptr.records import LabelledFrame
from deptr.training.coco import CocoFrames
from deptr.training.evaluate import match_depths

BOX = np.array([10.0, 10.0, 60.0, 110.0])


def test_smooth_motion_is_no_jitter() -> None:
    frames = np.arange(60)
    way = 0.02 * (frames[:, None] - 30.0) ** 2 * [1, 0, 1, 0]
    own = jitter(np.ones(60, int), frames, BOX + way, np.exp(0.01 * frames))
    assert (own.centre, own.size, own.depth) == pytest.approx((0, 0, 0), abs=1e-6)


def test_white_noise_is_measured_as_it_is() -> None:
    rng, count = np.random.default_rng(0), 4000
    boxes = BOX + rng.normal(0, 5, (count, 4))  # 5 % of the height on each edge
    own = jitter(np.ones(count, int), np.arange(count), boxes, 5 * np.exp(rng.normal(0, 0.05, count)))
    assert own.centre == pytest.approx(0.05 / np.sqrt(2), rel=0.05)
    assert own.size == pytest.approx(0.05 * np.sqrt(2), rel=0.05)
    assert own.depth == pytest.approx(0.05, rel=0.05)


def test_neither_gaps_nor_other_identities_are_jitter() -> None:
    frames = np.concatenate([np.arange(20), np.arange(40, 60), np.arange(20), np.arange(5)])
    names = np.repeat([1, 1, 2, 3], [20, 20, 20, 5])  # the third is seen too shortly to count
    boxes = BOX + 100.0 * (frames >= 40)[:, None] + 300.0 * (names == 2)[:, None]
    own = jitter(names, frames, boxes, np.full(len(frames), 4.0))
    assert own.frames == 3 * 14
    assert own.centre == pytest.approx(0, abs=1e-9)
    assert np.isnan(jitter(names[:0], frames[:0], boxes[:0], np.zeros(0)).centre)


def test_detections_belong_to_the_object_that_they_cover_most() -> None:
    true = np.array([BOX, BOX + 20])
    found = sv.Detections(np.array([BOX + 19, BOX + 400]), data={"depth": np.array([3.0, 9.0])})
    rows = _matched(7, found, true, np.array([5, 6]))
    assert [(name, frame, depth) for name, frame, _, depth in rows] == [(6, 7, 3.0)]


def _found(boxes: np.ndarray, depths: np.ndarray) -> sv.Detections:
    data = {"depth": depths, "depth_std": np.full(len(boxes), 0.1)}
    classes = np.zeros(len(boxes), int)
    return sv.Detections(boxes, confidence=np.full(len(boxes), 0.9), class_id=classes, data=data)


def test_rules_are_taken_on_the_detectors_own_boxes() -> None:
    frame = painted_frame(3)  # depth 500 / height, focal length 100 px
    height = frame.boxes_xyxy[:, 3] - frame.boxes_xyxy[:, 1]
    taller = frame.boxes_xyxy + np.array([0, 0, 0, 2.0], np.float32)
    found = [_found(taller, frame.depth * 1.1)]
    own = match_depths([frame], found)
    np.testing.assert_allclose(sorted(height_rule(own)), sorted(170 / (height + 2)), rtol=1e-5)
    errors = relative_errors(own, [frame], found)
    np.testing.assert_allclose(errors["detector"], 0.1, rtol=1e-4)
    assert set(errors) == {"detector", "height rule", "ground plane"}


def test_the_ground_plane_is_fitted_to_each_image_and_scaled_to_its_truth() -> None:
    """Equal bodies on one plane: right but for the guess's caution with five boxes, whatever the scale."""
    depth = np.array([4.0, 6.0, 8.0, 12.0, 16.0])
    foot, height = 100 + 400 / depth, 170 / depth
    left = np.linspace(0, 250, 5)
    boxes = np.stack([left, foot - height, left + 20, foot], axis=1).astype(np.float32)
    frame = painted_frame(3, (240, 320))
    nothing = np.zeros(5, np.float32)
    frame = replace(
        frame,
        boxes_xyxy=boxes,
        class_ids=np.zeros(5, int),
        depth=depth.astype(np.float32),
        depth_std=nothing,
        visibility=nothing + 1,
        track_ids=np.arange(5),
    )
    found = [_found(boxes, depth)]
    own = match_depths([frame], found)
    guess = ground_rule(own, [frame], found)
    np.testing.assert_allclose(guess, own.true, rtol=0.2)
    farther = match_depths([replace(frame, depth=frame.depth * 3)], found)
    np.testing.assert_allclose(ground_rule(farther, [frame], found), 3 * guess, rtol=1e-6)


def test_tables_of_a_detector_that_sees_everything() -> None:
    frames = [painted_frame(seed) for seed in range(6)]
    answers = iter([_found(frame.boxes_xyxy, frame.depth * 1.2) for frame in frames])

    def detector(image: object, *, min_score: float, focal_px: float | None) -> sv.Detections:
        return next(answers)

    boxes, depth, rules, _ = detector_tables(detector, {"painted": frames})
    assert boxes.rows[0][0] == "painted"
    assert float(depth.rows[0][2]) == pytest.approx(0.2, abs=1e-3)
    assert rules.rows[0][:3] == ["painted", depth.rows[0][1], depth.rows[0][2]]


def test_only_the_named_categories_count(tmp_path: Path) -> None:
    path = write_coco(tmp_path)
    frame = CocoFrames(path, classes=["person"]).frame(0)
    assert frame.class_ids.tolist() == [0]
    assert frame.boxes_xyxy.tolist() == [[30, 6, 40, 26]]
    assert sorted(frame.ignore_boxes_xyxy.tolist()) == [[0, 0, 5, 5], [5, 6, 15, 26]]  # a crowd, a dog
    both = CocoFrames(path, classes=["dog", "person"]).frame(0)
    assert sorted(both.class_ids.tolist()) == [0, 1]
    names = [entry["name"] for entry in json.loads(path.read_text())["categories"]]
    with pytest.raises(DataError, match=f"no such category.*{', '.join(names)}.*cat"):
        CocoFrames(path, classes=["cat"])


class Sees(Detector):
    """Another project's detector: it gives each label of the frames in turn, as the class of that number."""

    def __init__(self, names: dict[int, str], number: int, frames: list[LabelledFrame]) -> None:
        self.names, self.number, self.frames = names, number, frames

    def __call__(self, images: object, **_: object) -> sv.Detections:  # type: ignore[override]
        boxes = next(frame.boxes_xyxy for frame in self.frames if frame.image is images)
        count = len(boxes)
        return sv.Detections(boxes, confidence=np.full(count, 0.9), class_id=np.full(count, self.number))


def test_rivals_are_judged_by_their_persons_alone() -> None:
    frames = [
        replace(frame, class_ids=np.zeros(len(frame.class_ids), int))
        for frame in map(painted_frame, range(4))
    ]
    coco = {0: "car", 5: "person"}
    rivals = {"right": Sees(coco, 5, frames), "cars": Sees(coco, 0, frames)}
    table = rivals_table(rivals, {"painted": frames, "again": frames[:2]})
    assert list(table.columns) == ["set", "images", "right", "cars"]
    assert [row[1:] for row in table.rows] == [
        ["4", "1.000", "0.000"],
        ["2", "1.000", "0.000"],
        ["6", "1.000", "0.000"],
    ]
    with pytest.raises(UsageError, match="--rival cats: expected a detector with a class 'person'"):
        rivals_table({"cats": Sees({0: "cat"}, 0, frames)}, {"painted": frames})
