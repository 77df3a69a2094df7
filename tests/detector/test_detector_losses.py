"""What is learned from: losses by hand, alignment of layers, objects' tokens."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_detector import painted_frame, tiny_detector

from deptr.detector.modeling import DepTROutput
from deptr.records import LabelledFrame
from deptr.training.augment import Placement, make_example
from deptr.training.auxiliary import DenseAuxiliaryHead, assign_tokens
from deptr.training.criterion import DepTRCriterion, LayerOutput, split_layers
from deptr.training.data import Batch, collate, evaluation_batch
from deptr.training.losses import (
    LIKELIHOOD_WEIGHT,
    align_scale_and_shift,
    depth_loss,
    distillation_loss,
    feature_alignment_loss,
    label_weight,
    steadiness_loss,
)
from deptr.training.matching import generalised_iou, iou, match
from deptr.training.targets import Targets, targets_of

NAN = float("nan")


def targets_with(boxes: list[list[list[float]]], ignore: dict[int, list[float]] | None = None) -> Targets:
    """Targets of images with these boxes, class 1, depth 2."""
    counts = [len(image) for image in boxes]
    flat = torch.tensor([box for image in boxes for box in image]).view(-1, 4)
    ignored = ignore or {}
    return Targets(
        counts=counts,
        image=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)),
        class_labels=torch.ones(len(flat), dtype=torch.int64),
        boxes=flat,
        depth=torch.full((len(flat),), 2.0),
        depth_std=torch.full((len(flat),), NAN),
        ignore_image=torch.tensor(list(ignored), dtype=torch.int64),
        ignore_boxes=torch.tensor(list(ignored.values())).view(-1, 4),
        dense_image=torch.zeros(0, dtype=torch.int64),
        dense_depth=torch.zeros(0, 1, 1),
        pairs=torch.zeros(0, 2, dtype=torch.int64),
        pair_shift=torch.zeros(0),
    )


# losses by hand


def test_depth_loss_by_hand() -> None:
    predicted, label = torch.tensor([1.0, 4.0, 0.0]), torch.tensor([2.0, 1.0, NAN])
    weight = torch.tensor([1.0, 0.5, 1.0])
    assert depth_loss(predicted, None, label, weight).item() == pytest.approx((1 * 1 + 3 * 0.5) / 1.5)
    scale = torch.tensor([math.log(2.0), 0.0, 5.0])
    terms = [1 + LIKELIHOOD_WEIGHT * (1 / 2 + math.log(2)), 3 + LIKELIHOOD_WEIGHT * 3]
    wanted = (terms[0] + 0.5 * terms[1]) / 1.5
    assert depth_loss(predicted, scale, label, weight).item() == pytest.approx(wanted)


def test_depth_loss_without_labels_is_zero_with_a_gradient() -> None:
    predicted = torch.ones(2, requires_grad=True)
    loss = depth_loss(predicted, torch.zeros(2), torch.tensor([NAN, NAN]), torch.ones(2))
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad.tolist() == [0, 0]


def test_a_confident_scale_does_not_enlarge_the_depth_gradient() -> None:
    predicted = torch.zeros(1, requires_grad=True)
    depth_loss(predicted, torch.tensor([-4.0]), torch.ones(1), torch.ones(1)).backward()
    assert predicted.grad.abs().item() == pytest.approx(1.0)


def test_uncertain_labels_count_less() -> None:
    assert label_weight(torch.tensor([0.0, 0.1, 0.2, NAN]), 0.1).tolist() == pytest.approx([1, 0.5, 0.2, 1])


def test_scale_and_shift_are_free() -> None:
    label = torch.tensor([1.0, 2.0, 4.0])
    predicted = 3 * label + 7
    torch.testing.assert_close(align_scale_and_shift(predicted, label, with_scale=True), predicted)
    torch.testing.assert_close(align_scale_and_shift(label + 5, label, with_scale=False), label + 5)
    assert torch.isnan(align_scale_and_shift(predicted[:2], label[:2], with_scale=True)).all()


def test_feature_alignment_by_hand() -> None:
    student = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    teacher = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert feature_alignment_loss([student], [teacher]).item() == pytest.approx(1 - 1 / math.sqrt(2))
    assert feature_alignment_loss([student], [torch.ones(1, 8, 3, 3)]).item() == pytest.approx(1 - 2**-0.5)


def test_dense_depth_errors_by_hand() -> None:
    label = torch.tensor([1.0, 2.0, NAN, 4.0])
    metric = DenseAuxiliaryHead(tiny_detector().config)
    image = torch.zeros(4, dtype=torch.int64)
    assert metric._errors(torch.tensor([1.0, 4.0, 9.0, 4.0]), label, image).tolist() == [0, 2, 0]
    free = DenseAuxiliaryHead(tiny_detector(depth_kind="relative_inverse").config)
    np.testing.assert_allclose(free._errors(3 * label + 5, label, image), 0, atol=1e-5)


def test_labels_are_learnt_as_they_are_where_their_scale_is_not_free() -> None:
    """The paper regresses the teacher's own numbers, which are comparable from frame to frame."""
    config = tiny_detector(depth_kind="relative_inverse").config
    label, image = torch.tensor([1.0, 2.0, 4.0]), torch.zeros(3, dtype=torch.int64)
    as_given = DenseAuxiliaryHead(config, free_scale=False)
    assert as_given._errors(3 * label + 5, label, image).tolist() == [7, 9, 13]
    fixed, free = (DepTRCriterion(config, free_scale=word) for word in (False, True))
    torch.testing.assert_close(fixed._comparable(3 * label + 5, label, image), label)
    torch.testing.assert_close(free._comparable(3 * label + 5, label, image), 3 * label + 5)


# alignment of layers


def _pixels(batch: Batch) -> torch.Tensor:
    return batch.images.permute(0, 3, 1, 2).float() / 255


def _training_output(**changes: object) -> DepTROutput:
    model = tiny_detector(**changes).train()
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96))
    return model(_pixels(batch), batch.targets.per_image())


def test_corners_meet_the_boxes_of_their_own_layer() -> None:
    """The library zips them from the front, one layer off."""
    output = _training_output()
    matching, denoising = split_layers(output)
    dfine = output.dfine
    split = dfine.denoising_meta_values["dn_num_split"][0]
    assert dfine.intermediate_logits.shape[1] == dfine.intermediate_predicted_corners.shape[1] + 1
    for group, part in ((matching, slice(split, None)), (denoising, slice(0, split))):
        assert len(group) == 3
        for number, layer in enumerate((1, 0)):  # from the last layer to the first
            assert torch.equal(group[number].logits, dfine.intermediate_logits[:, layer + 1, part])
            assert torch.equal(group[number].corners, dfine.intermediate_predicted_corners[:, layer, part])
        assert group[2].corners is None
        assert torch.equal(group[2].logits, dfine.intermediate_logits[:, 0, part])


def test_corners_decode_to_the_boxes_they_are_paired_with() -> None:
    from transformers.models.d_fine.modeling_d_fine import distance2bbox, weighting_function

    model = tiny_detector().train()
    batch = evaluation_batch([painted_frame(1)], (64, 96))
    matching, _ = split_layers(model(_pixels(batch), batch.targets.per_image()))
    decoder = model.model.decoder
    project = weighting_function(decoder.max_num_bins, decoder.up, decoder.reg_scale)
    for layer in matching[:2]:
        distance = decoder.integral(layer.corners, project)
        boxes = distance2bbox(layer.references, distance, decoder.reg_scale).clamp(0, 1)
        torch.testing.assert_close(boxes, layer.boxes)


def test_matched_pairs_of_a_hand_made_case() -> None:
    """Query 2 lies on the object, so only its depth is pulled, to the logarithm of the label."""
    config = tiny_detector().config
    logits = torch.full((1, 1, 3, 2), -3.0)
    logits[0, 0, 2, 1] = 3.0
    boxes = torch.tensor([[[[0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.2, 0.4]]]])
    targets = targets_with([[[0.5, 0.5, 0.2, 0.38]]])
    matches = match(logits, boxes, targets, config)
    assert (matches[0].query.tolist(), matches[0].object.tolist()) == ([2], [0])
    depths = torch.tensor([[[5.0, 6.0, 1.5]]], requires_grad=True)
    output = DepTROutput(depths=depths, depth_log_scales=torch.zeros(1, 1, 3))
    loss = DepTRCriterion(config)._depth(output, targets, matches[0], None, 3)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * (1 + LIKELIHOOD_WEIGHT))
    assert depths.grad.tolist() == [[[0, 0, -1]]]


def test_objects_meet_queries_of_their_own_image_only() -> None:
    """Both images have one query on each object; the better ones lie in the wrong image."""
    config = tiny_detector().config
    left, right = [0.2, 0.5, 0.2, 0.4], [0.8, 0.5, 0.2, 0.4]
    boxes = torch.tensor([[[right, [0.25, 0.5, 0.2, 0.4]], [left, [0.75, 0.5, 0.2, 0.4]]]])
    targets = targets_with([[left], [right]])
    matches = match(torch.zeros(1, 2, 2, 2), boxes, targets, config)[0]
    assert (matches.query.tolist(), matches.object.tolist()) == ([1, 3], [0, 1])


def test_predictions_that_are_no_numbers_are_matched_last() -> None:
    config = tiny_detector().config
    boxes = torch.tensor([[[[NAN, 0.5, 0.2, 0.4], [0.9, 0.1, 0.1, 0.1]]]])
    matches = match(torch.zeros(1, 1, 2, 2), boxes, targets_with([[[0.5, 0.5, 0.2, 0.4]]]), config)
    assert matches[0].query.tolist() == [1]


def test_overlaps_by_hand() -> None:
    first, second = torch.tensor([0.25, 0.5, 0.5, 1.0]), torch.tensor([0.5, 0.5, 0.5, 1.0])
    assert iou(first, second).item() == pytest.approx(1 / 3)
    assert generalised_iou(first, second).item() == pytest.approx(1 / 3)
    apart = torch.tensor([0.875, 0.5, 0.25, 1.0])  # a quarter of the picture lies between
    assert generalised_iou(first, apart).item() == pytest.approx(0 - 0.25)


def test_queries_in_ignored_regions_are_no_negatives() -> None:
    criterion = DepTRCriterion(tiny_detector().config)
    queries = torch.tensor([[[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]])
    layer = LayerOutput(torch.full((1, 2, 2), 2.0), queries, torch.zeros(1, 2, 68), queries)
    nobody = torch.zeros(1, 1, 2, 2), queries[None]
    values = []
    for ignore in (None, {0: [0.8, 0.8, 0.4, 0.4]}):
        targets = targets_with([[]], ignore)
        matches = match(*nobody, targets, criterion.config)
        values.append(criterion._group([layer], matches, targets, 1.0, denoising=False)["vfl"].item())
    assert values[1] == pytest.approx(values[0] / 2)


def test_distillation_pulls_towards_the_teacher_and_weighs_both_groups_by_their_roots() -> None:
    teacher = torch.zeros(5, 4, 3)
    student = torch.zeros(5, 4, 3)
    student[0, :, 0] = 5.0
    matched = torch.tensor([True, False, False, False, False])
    alone = distillation_loss(student[:1], teacher[:1], torch.ones(1), matched[:1]).item()
    assert alone > 0
    # one matched and four others: 1 * alone + 2 * 0, over 1 + 2
    assert distillation_loss(student, teacher, torch.ones(5), matched).item() == pytest.approx(alone / 3)
    assert distillation_loss(teacher, teacher, torch.ones(5), matched).item() == pytest.approx(0, abs=1e-6)


# two views of one moment


def two_boxes() -> LabelledFrame:
    boxes = np.array([[4, 4, 20, 30], [60, 4, 90, 30]], np.float32)
    both = np.zeros(2, np.float32)
    return replace(
        painted_frame(7),
        boxes_xyxy=boxes,
        class_ids=np.array([0, 1]),
        depth=both + 5,
        depth_std=both,
        visibility=both + 1,
        track_ids=np.array([1, 2]),
    )


def test_views_of_a_pair_meet_by_object_and_know_how_depth_changes() -> None:
    """The second view is twice as large: half the canonical depth, and the left object is out of it."""
    frame = two_boxes()
    whole = make_example(frame, (64, 96), Placement(1.0, 0.0, 0.0))
    zoomed = make_example(frame, (64, 96), Placement(2.0, -96.0, 0.0))
    views = [replace(example, pair=4) for example in (whole, zoomed)]
    targets = targets_of([*views, replace(whole, pair=-1)])
    first, second = targets.pairs.unbind(1)
    assert (first.tolist(), second.tolist()) == ([1], [2])
    assert targets.pair_shift.tolist() == pytest.approx([math.log(2)])
    depth = targets.depth[first] - targets.depth[second]
    torch.testing.assert_close(depth, targets.pair_shift)


def test_steadiness_by_hand() -> None:
    off = torch.tensor([[0.1, 0.0, 0.0, 0.0], [0.1, 0.2, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]])
    pairs, shift = torch.tensor([[0, 1]]), torch.tensor([0.5])
    assert steadiness_loss(off, None, pairs, shift).item() == pytest.approx(0.2)
    depth = torch.tensor([1.0, 0.4, NAN])
    assert steadiness_loss(off, depth, pairs, shift).item() == pytest.approx(0.2 + 0.1)
    unknown = steadiness_loss(off, depth, torch.tensor([[0, 2]]), shift)
    assert unknown.item() == pytest.approx(4.0)  # boxes only, each side's difference cut at one side


def test_steadiness_counts_only_where_it_is_asked_for() -> None:
    frame = two_boxes()
    views = [
        replace(make_example(frame, (64, 96), Placement(scale, 0.0, 0.0)), pair=0) for scale in (1.0, 1.05)
    ]
    batch = collate(views)
    model = tiny_detector().train()
    output = model(_pixels(batch), batch.targets.per_image())
    assert "steady" not in DepTRCriterion(model.config)(output, batch.targets)
    loss = DepTRCriterion(model.config, steady_weight=1.0)(output, batch.targets)["steady"]
    loss.backward()
    assert loss.item() > 0
    assert model.model.decoder.bbox_embed[-1].layers[-1].weight.grad.abs().sum() > 0


# tokens of the auxiliary head


def test_auxiliary_head_gives_small_objects_their_own_tokens() -> None:
    head = DenseAuxiliaryHead(tiny_detector().config)
    maps = [torch.zeros(1, 32, 4, 6), torch.zeros(1, 32, 2, 3)]
    centres, sizes = head._grid(maps)
    boxes = torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.25, 0.375, 0.05, 0.05]])
    _, token, owner = assign_tokens(centres, sizes, targets_with([boxes.tolist()]))
    assert len(set(token.tolist())) == len(token)
    assert int((owner == 0).sum()) >= 6
    assert int((owner == 1).sum()) == 2  # the token nearest to the small object, on each level
