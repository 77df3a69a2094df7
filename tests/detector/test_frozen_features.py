"""Depth modules and encoders that learn behind kept features learn what they would behind the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_detector import painted_frame, tiny_detector

from deptr.experiments.alignment_ablation import Replayed
from deptr.experiments.depth_students import Form, Student, lessons_of
from deptr.experiments.frozen_features import Features, backbone_maps, queries_and_maps, seen_once
from deptr.experiments.paired import Shares, paired_gap, seed_gap
from deptr.training.augment import Example, letterbox_placement, make_example
from deptr.training.config import OptimizerSettings

SIZE = (64, 96)
IMAGES = 45  # more than one part


def example(number: int) -> Example:
    frame = painted_frame(number)
    return make_example(frame, SIZE, letterbox_placement(SIZE, SIZE))


def pixels_of(model: Any, numbers: list[int]) -> torch.Tensor:
    images = torch.from_numpy(np.stack([example(number).image for number in numbers]))
    mean, std = (
        255 * torch.tensor(v).view(1, 3, 1, 1) for v in (model.config.image_mean, model.config.image_std)
    )
    return (images.permute(0, 3, 1, 2).float() - mean) / std


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_detector(num_queries=30).eval()


@pytest.fixture(scope="module")
def features(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Features:
    folder = tmp_path_factory.mktemp("features")
    return seen_once(folder, "painted", model, queries_and_maps(model, maps=True), example, count=IMAGES)


def test_features_are_the_networks_and_are_seen_once(model: Any, tmp_path: Path) -> None:
    see = queries_and_maps(model, maps=True)
    first = seen_once(tmp_path, "painted", model, see, example, count=IMAGES)
    with torch.no_grad():
        output = model(pixels_of(model, [43]))
    np.testing.assert_allclose(first.rows("boxes", [43]), output.pred_boxes, atol=1e-5)
    np.testing.assert_allclose(first.maps([43])[0], output.encoder_maps[0], atol=1e-2)
    states = output.dfine.intermediate_hidden_states[:, 0]
    np.testing.assert_allclose(first.rows("states", [43])[0], states, atol=1e-2)
    own = example(43)
    for name in ("boxes", "depth", "object_ids", "ignore_boxes", "class_ids"):
        np.testing.assert_array_equal(getattr(first.examples[43], name), getattr(own, name))

    def never(_: Any) -> Any:
        raise AssertionError("looked at again")

    again = seen_once(tmp_path, "painted", model, never, never, count=IMAGES)
    np.testing.assert_array_equal(again.arrays["states"], first.arrays["states"])
    with pytest.raises(AssertionError, match="looked at again"):  # other weights see other things
        seen_once(tmp_path, "painted", tiny_detector(seed=1, num_queries=30), never, never, count=IMAGES)


def test_a_network_behind_kept_maps_answers_as_the_whole_network(model: Any, tmp_path: Path) -> None:
    kept = seen_once(tmp_path, "maps", model, backbone_maps(model), example, count=4)
    with torch.no_grad():
        whole = model(pixels_of(model, [3, 1]))
        backbone, model.model.backbone.model = model.model.backbone.model, Replayed(kept)
        try:
            behind = model(torch.tensor([3, 1]))
        finally:
            model.model.backbone.model = backbone
    np.testing.assert_allclose(behind.encoder_maps[0], whole.encoder_maps[0], atol=2e-2)


def found_everywhere(features: Features) -> Features:
    """The same, each object being exactly where one query says: an untrained network finds nothing."""
    boxes = features.arrays["boxes"].copy()
    for own, entry in zip(boxes, features.examples, strict=True):
        own[: len(entry.boxes)] = entry.boxes
    return Features({**features.arrays, "boxes": boxes}, features.examples)


@pytest.mark.parametrize("form", [Form(), Form("deformable"), Form(std=False)])
def test_a_student_learns_depth_from_kept_queries(model: Any, features: Features, form: Form) -> None:
    seen = found_everywhere(features)
    lessons = lessons_of(seen, model.config)
    known = lessons.objects >= 0
    assert known.sum() == sum(len(entry.boxes) for entry in seen.examples)
    np.testing.assert_array_equal(
        lessons.depth[0][known[0]], seen.examples[0].depth[lessons.objects[0][known[0]]]
    )
    student = Student(form, model.config, seed=0)

    def error() -> float:
        rows = np.arange(len(seen))
        depths, _ = student._answer(lessons.states.float().transpose(0, 1), lessons.boxes.float(), seen, rows)
        return float((depths[-1].detach() - lessons.depth).abs()[torch.from_numpy(known)].mean())

    before = error()
    rule = OptimizerSettings(steps=100, learning_rate=1e-2, warmup_steps=5, decay_steps=50, ema_decay=0.9)
    student.learn(lessons, seen, rule, 8)
    assert error() < 0.5 * before
    raw = student.raw_outputs(seen)
    assert len(raw) == IMAGES
    assert np.isnan(raw[0].depth_std).all() == (not form.std)


def test_a_blind_student_answers_from_the_box_alone(model: Any, features: Features) -> None:
    other = Features({**features.arrays, "states": features.arrays["states"] + 1}, features.examples)
    for form, same in ((Form(blind=True), True), (Form(), False)):
        student = Student(form, model.config, seed=0)
        first, second = (student.raw_outputs(seen)[0].depths for seen in (features, other))
        assert np.array_equal(first, second) == same


def test_a_learnt_student_is_kept(model: Any, features: Features, tmp_path: Path) -> None:
    rule = OptimizerSettings(steps=2, warmup_steps=1, decay_steps=1)
    lessons = lessons_of(found_everywhere(features), model.config)
    first = Student(Form(), model.config, seed=0)
    first.learn_once(tmp_path / "student", lessons, features, rule, 4)
    second = Student(Form(), model.config, seed=0)
    second.learn = None  # type: ignore[method-assign, assignment]
    second.learn_once(tmp_path / "student", lessons, features, rule, 4)
    np.testing.assert_array_equal(
        first.raw_outputs(features)[5].depths, second.raw_outputs(features)[5].depths
    )


def test_intervals_are_of_pairs() -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(1, 50, (1, 40)) * np.ones((5, 1))  # images differ by far more than the arms
    whole = np.full((5, 40), 10.0)
    theirs, ours = Shares(hard, whole), Shares(hard + rng.normal(0.5, 0.3, (5, 40)), whole)
    gap = paired_gap(ours, theirs)
    assert gap.certain
    assert gap.low < 0.05 < gap.high
    assert not paired_gap(Shares(hard + rng.normal(0, 0.3, (5, 40)), whole), theirs).certain
    one_seed = hard.copy()
    one_seed[0] += 5  # what a single seed does is no difference of the arms
    assert not paired_gap(Shares(one_seed, whole), theirs).certain
    assert not seed_gap(np.array([5.0, 0, 0, 0, 0]), np.zeros(5)).certain
