"""What is learned from: losses by hand, alignment of layers, objects' tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny_detector import COLLATE, painted_frame, tiny_detector

from deptr.detector.modeling import DepTROutput
from deptr.training.auxiliary import DenseAuxiliaryHead, assign_tokens
from deptr.training.criterion import DepTRCriterion, split_layers
from deptr.training.data import evaluation_batch
from deptr.training.losses import (
    LIKELIHOOD_WEIGHT,
    align_scale_and_shift,
    depth_loss,
    feature_alignment_loss,
    label_weight,
)

NAN = float("nan")


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
    assert metric._errors(torch.tensor([1.0, 4.0, 9.0, 4.0]), label).tolist() == [0, 2, 0]
    free = DenseAuxiliaryHead(tiny_detector(depth_kind="relative_inverse").config)
    np.testing.assert_allclose(free._errors(3 * label + 5, label), 0, atol=1e-5)


# alignment of layers


def _training_output(**changes: object) -> tuple[DepTROutput, list[dict[str, torch.Tensor]]]:
    model = tiny_detector(**changes).train()
    batch = evaluation_batch([painted_frame(1), painted_frame(2)], (64, 96), COLLATE)
    return model(batch.pixel_values, batch.targets), batch.targets


def test_corners_meet_the_boxes_of_their_own_layer() -> None:
    """The library zips them from the front, one layer off."""
    output, _ = _training_output()
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
    batch = evaluation_batch([painted_frame(1)], (64, 96), COLLATE)
    matching, _ = split_layers(model(batch.pixel_values, batch.targets))
    decoder = model.model.decoder
    project = weighting_function(decoder.max_num_bins, decoder.up, decoder.reg_scale)
    for layer in matching[:2]:
        distance = decoder.integral(layer.corners, project)
        boxes = distance2bbox(layer.references, distance, decoder.reg_scale).clamp(0, 1)
        torch.testing.assert_close(boxes, layer.boxes)


def test_matched_indices_of_a_hand_made_case() -> None:
    """Query 2 lies on the object, so only its depth is pulled, to the logarithm of the label."""
    config = tiny_detector().config
    criterion = DepTRCriterion(config)
    logits = torch.full((1, 3, 2), -3.0)
    logits[0, 2, 1] = 3.0
    boxes = torch.tensor([[[0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.2, 0.4]]])
    target = {
        "class_labels": torch.tensor([1]),
        "boxes": torch.tensor([[0.5, 0.5, 0.2, 0.38]]),
        "depth": torch.tensor([2.0]),
        "depth_std": torch.tensor([NAN]),
    }
    indices = criterion.matcher({"logits": logits, "pred_boxes": boxes}, [target])
    assert [part.tolist() for part in indices[0]] == [[2], [0]]
    depths = torch.tensor([[[5.0, 6.0, 1.5]]], requires_grad=True)
    output = DepTROutput(depths=depths, depth_log_scales=torch.zeros(1, 1, 3))
    loss = criterion._depth(output, [target], indices, None, 3)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * (1 + LIKELIHOOD_WEIGHT))
    assert depths.grad.tolist() == [[[0, 0, -1]]]


def test_queries_in_ignored_regions_are_no_negatives() -> None:
    config = tiny_detector().config
    criterion = DepTRCriterion(config)
    from deptr.training.criterion import LayerOutput

    layer = LayerOutput(
        torch.full((1, 2, 2), 2.0), torch.tensor([[[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]])
    )
    empty = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    target = {"class_labels": torch.zeros(0, dtype=torch.int64), "boxes": torch.zeros(0, 4)}
    whole = criterion._varifocal(layer, [target], [empty], 1.0, denoising=False)
    ignoring = target | {"ignore_boxes": torch.tensor([[0.8, 0.8, 0.4, 0.4]])}
    half = criterion._varifocal(layer, [ignoring], [empty], 1.0, denoising=False)
    assert half.item() == pytest.approx(whole.item() / 2)


# tokens of the auxiliary head


def test_auxiliary_head_gives_small_objects_their_own_tokens() -> None:
    head = DenseAuxiliaryHead(tiny_detector().config)
    maps = [torch.zeros(1, 32, 4, 6), torch.zeros(1, 32, 2, 3)]
    centres, sizes = head._grid(maps)
    boxes = torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.25, 0.375, 0.05, 0.05]])
    owner = assign_tokens(centres, sizes, boxes)
    assert int((owner == 0).sum()) >= 6
    assert int((owner == 1).sum()) == 2  # the token nearest to the small object, on each level
