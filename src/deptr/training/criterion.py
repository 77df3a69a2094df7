"""What training minimises: D-FINE's losses, correctly aligned, and the depth of every matched query.

D-FINE's decoder gives one more set of logits and boxes than of corner distributions (a first, "pre" set),
and the library pairs them from the front. Here each layer's corners meet their own layer's boxes; the pre set
gets class and box losses only. The matched pairs are kept, because the depth loss needs them.

Source: D-FINE (arXiv:2410.13842) for the box losses; DepTR-MOT (arXiv:2509.17323) for L_depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_d_fine import bbox2distance

from deptr.detector.config import DepTRConfig
from deptr.detector.modeling import DepTROutput
from deptr.detector.plugin import DepthConfig
from deptr.training.given_boxes import GivenBoxes
from deptr.training.losses import (
    align_scale_and_shift,
    depth_loss,
    distillation_loss,
    label_weight,
    steadiness_loss,
)
from deptr.training.matching import Matches, generalised_iou, iou, match
from deptr.training.targets import Targets


@dataclass
class LayerOutput:
    """Predictions of one layer for one group of queries.

    Attributes:
        logits: ``(B, Q, classes)``.
        boxes: ``(B, Q, 4)`` centre format.
        corners: ``(B, Q, 4 * bins)``, None for the pre and the encoder set.
        references: ``(B, Q, 4)`` boxes that the corners refine.
    """

    logits: Tensor
    boxes: Tensor
    corners: Tensor | None = None
    references: Tensor | None = None


def split_layers(output: DepTROutput) -> tuple[list[LayerOutput], list[LayerOutput]]:
    """Layers of the matching queries and of the denoising queries, each from the last to the pre set.

    The first of each list is the last decoder layer.
    """
    dfine = output.dfine
    logits, boxes = dfine.intermediate_logits.float(), dfine.intermediate_reference_points.float()
    corners, references = dfine.intermediate_predicted_corners.float(), dfine.initial_reference_points.float()
    meta = dfine.denoising_meta_values
    split = meta["dn_num_split"] if meta is not None else [0, logits.shape[2]]
    groups = []
    for start, end in ((split[0], logits.shape[2]), (0, split[0])):
        own = [value[:, :, start:end] for value in (logits, boxes.clamp(0, 1), corners, references)]
        groups.append(_layers(*own) if end > start else [])
    return groups[0], groups[1]


def _layers(logits: Tensor, boxes: Tensor, corners: Tensor, references: Tensor) -> list[LayerOutput]:
    layers = []
    for layer in reversed(range(corners.shape[1])):  # logits and boxes have the pre set in front: one further
        layers.append(
            LayerOutput(logits[:, layer + 1], boxes[:, layer + 1], corners[:, layer], references[:, layer])
        )
    return [*layers, LayerOutput(logits[:, 0], boxes[:, 0])]


class DepTRCriterion(nn.Module):
    """Sum of D-FINE's losses over all layers, of the depth loss and of the steadiness between two views.

    Args:
        config: Of the detector; holds D-FINE's weights.
        depth_weight: Of the depth loss.
        label_std: Label deviation at which a label counts half.
        steady_weight: Of the difference between what two views of one object say.
        free_scale: Whether scale and shift of labels without a unit are free in each image.
        given_weight: Of the depth loss of given boxes.
    """

    def __init__(
        self,
        config: DepthConfig,
        *,
        depth_weight: float = 1.0,
        label_std: float = 0.1,
        steady_weight: float = 0.0,
        free_scale: bool = True,
        given_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.config, self.free_scale = config, free_scale
        self.depth_weight, self.label_std, self.steady_weight = depth_weight, label_std, steady_weight
        self.given_weight = given_weight
        bound = config.up if isinstance(config, DepTRConfig) else 0.0  # other families have no such corners
        self.register_buffer("bound", torch.tensor([bound]), persistent=False)

    def forward(
        self, output: DepTROutput, targets: Targets, given: GivenBoxes | None = None
    ) -> dict[str, Tensor]:
        """Named, weighted loss terms; their sum is what to minimise.

        Args:
            output: Of the detector in training mode, called with the same targets and given boxes.
            targets: Of the batch.
            given: What the detector was asked about besides.
        """
        if output.dfine is None:
            return self._depth_alone(output, targets)
        matching, denoising = split_layers(output)
        dfine = output.dfine
        encoder = LayerOutput(dfine.enc_topk_logits.float(), dfine.enc_topk_bboxes.float().clamp(0, 1))
        layers = [*matching, encoder]
        stacked = [torch.stack([getattr(layer, name) for layer in layers]) for name in ("logits", "boxes")]
        matches = match(stacked[0], stacked[1], targets, self.config)
        count = max(1.0, float(len(targets)))
        losses = self._group(layers, matches, targets, count, denoising=False)
        own: Matches | None = None
        if denoising:
            own, groups = _denoising_matches(dfine.denoising_meta_values, targets, denoising[0].logits)
            terms = self._group(denoising, [own] * len(denoising), targets, count * groups, denoising=True)
            _add(losses, terms)
        if output.depths is not None:
            queries = matching[0].logits.shape[1]
            _add(losses, {"depth": self._depth(output, targets, matches[0], own, queries)})
        if given is not None and output.given_depths is not None:
            losses["given_depth"] = self._given(output, targets, given)
        if self.steady_weight > 0:
            _add(losses, {"steady": self._steadiness(output, matching[0], matches[0], targets)})
        return losses

    def _depth_alone(self, output: DepTROutput, targets: Targets) -> dict[str, Tensor]:
        """What a frozen detector of another family leaves to learn."""
        assert output.logits is not None and output.pred_boxes is not None
        last = LayerOutput(output.logits.float(), output.pred_boxes.float().clamp(0, 1))
        matched = match(last.logits[None], last.boxes[None], targets, self.config)[0]
        losses = {"depth": self._depth(output, targets, matched, None, last.logits.shape[1])}
        if self.steady_weight > 0:
            losses["steady"] = self._steadiness(output, last, matched, targets)
        return losses

    def _group(
        self,
        layers: Sequence[LayerOutput],
        matches: Sequence[Matches],
        targets: Targets,
        count: float,
        *,
        denoising: bool,
    ) -> dict[str, Tensor]:
        """Losses of the layers of one group of queries, summed over its layers."""
        config = self.config
        logits = torch.stack([layer.logits for layer in layers]).flatten(1, 2)
        boxes = torch.stack([layer.boxes for layer in layers])
        ignored = None if denoising else self._ignored(boxes, targets)
        boxes = boxes.flatten(1, 2)
        row = torch.cat([torch.full_like(own.query, place) for place, own in enumerate(matches)])
        query = torch.cat([own.query for own in matches])
        wanted = torch.cat([own.object for own in matches])
        predicted, true = boxes[row, query], targets.boxes[wanted]
        overlap = iou(predicted, true).detach()
        score = torch.zeros_like(logits)
        score[row, query, targets.class_labels[wanted]] = overlap.clamp(0, 1)
        keep = torch.ones(logits.shape[:2], dtype=torch.bool, device=logits.device)
        if ignored is not None:
            keep = ~ignored
            keep[row, query] = True
        terms = {
            "vfl": config.weight_loss_vfl * self._varifocal(logits, score, keep) / count,
            "bbox": config.weight_loss_bbox * (predicted - true).abs().sum() / count,
            "giou": config.weight_loss_giou * (1 - generalised_iou(predicted, true)).sum() / count,
        }
        fine = [(layer, own) for layer, own in zip(layers, matches, strict=True) if layer.corners is not None]
        shares = torch.split(overlap, [len(own.query) for own in matches])
        terms["fgl"] = config.weight_loss_fgl * self._fine_grained(fine, shares, targets) / count
        terms["ddf"] = config.weight_loss_ddf * self._distilled(fine, shares)
        return terms

    def _ignored(self, boxes: Tensor, targets: Targets) -> Tensor:
        """``(S, B * Q)`` whether the boxes ``(S, B, Q, 4)`` lie in regions to ignore."""
        sets, images, queries = boxes.shape[:3]
        side_by_side = boxes.detach().transpose(0, 1).reshape(images, sets * queries, 4)
        inside = targets.ignored(side_by_side).view(images, sets, queries)
        return inside.transpose(0, 1).reshape(sets, images * queries)

    def _varifocal(self, logits: Tensor, score: Tensor, keep: Tensor) -> Tensor:
        """Varifocal loss, summed; unmatched queries inside a region to ignore have no term."""
        config, confidence = self.config, logits.detach().sigmoid()
        negative = config.focal_loss_alpha * confidence.pow(config.focal_loss_gamma) * (score == 0)
        terms = functional.binary_cross_entropy_with_logits(
            logits, score, weight=negative + score, reduction="none"
        )
        return (terms * keep[..., None]).sum()

    def _fine_grained(
        self, fine: Sequence[tuple[LayerOutput, Matches]], shares: Sequence[Tensor], targets: Targets
    ) -> Tensor:
        """Cross-entropy of the edges' distributions with the two bins around the truth, summed."""
        bins = self.config.max_num_bins
        corners = torch.cat([_rows(layer.corners, own) for layer, own in fine]).view(-1, bins + 1)
        references = torch.cat([_rows(layer.references, own) for layer, own in fine]).detach()
        true = center_to_corners_format(targets.boxes[torch.cat([own.object for _, own in fine])])
        with torch.no_grad():
            place, right, left = bbox2distance(references, true, bins, self.config.reg_scale, self.bound)
        weight = torch.cat(list(shares[: len(fine)])).repeat_interleave(4)
        logarithms = functional.log_softmax(corners, dim=1)
        low = place.long()[:, None]
        terms = left * logarithms.gather(1, low)[:, 0] + right * logarithms.gather(1, low + 1)[:, 0]
        total: Tensor = -(terms * weight).sum()
        return total

    def _distilled(self, fine: Sequence[tuple[LayerOutput, Matches]], shares: Sequence[Tensor]) -> Tensor:
        """What the last layer teaches the earlier ones about the edges' distributions."""
        last = fine[0][0]
        assert last.corners is not None
        total = last.corners.sum() * 0
        certainty = last.logits.detach().sigmoid().amax(-1).flatten()
        teacher = last.corners.detach().reshape(len(certainty), 4, -1)
        for (layer, own), share in list(zip(fine, shares, strict=False))[1:]:
            assert layer.corners is not None
            matched = torch.zeros_like(certainty, dtype=torch.bool)
            matched[own.query] = True
            weight = certainty.index_put((own.query,), share)
            student = layer.corners.reshape(len(certainty), 4, -1)
            total = total + distillation_loss(student, teacher, weight, matched)
        return total

    def _depth(
        self, output: DepTROutput, targets: Targets, matched: Matches, denoising: Matches | None, queries: int
    ) -> Tensor:
        """Depth loss over all layers of matched and denoising queries, normalised once."""
        assert output.depths is not None and output.depth_log_scales is not None
        before = output.depths.shape[2] - queries
        image, query = matched.query // queries, matched.query % queries + before
        wanted = matched.object
        if denoising is not None:
            image = torch.cat([image, denoising.query // before])
            query = torch.cat([query, denoising.query % before])
            wanted = torch.cat([wanted, denoising.object])
        depths, scales = output.depths[:, image, query], output.depth_log_scales[:, image, query]
        terms = self._depth_terms(depths, scales, targets, wanted, image)
        unused = 0.0 if self.config.depth_uncertainty else output.depth_log_scales.sum() * 0
        return terms * self.depth_weight + unused

    def _given(self, output: DepTROutput, targets: Targets, given: GivenBoxes) -> Tensor:
        """Depth loss of the given boxes over all layers."""
        assert output.given_depths is not None and output.given_log_scales is not None
        image, query = torch.nonzero(given.objects >= 0, as_tuple=True)
        depths, scales = output.given_depths[:, image, query], output.given_log_scales[:, image, query]
        return self.given_weight * self._depth_terms(
            depths, scales, targets, given.objects[image, query], image
        )

    def _depth_terms(
        self, depths: Tensor, scales: Tensor, targets: Targets, wanted: Tensor, image: Tensor
    ) -> Tensor:
        """Depth loss of answers ``(L, P)`` about the objects `wanted` of the images `image`, ``(P,)``."""
        label, weight = targets.depth[wanted], label_weight(targets.depth_std[wanted], self.label_std)
        terms = []
        for depth, scale in zip(depths.float(), scales.float(), strict=True):
            own = self._comparable(depth, label, image)
            terms.append(depth_loss(depth, scale if self.config.depth_uncertainty else None, own, weight))
        return torch.stack(terms).sum()

    def _comparable(self, depth: Tensor, label: Tensor, image: Tensor) -> Tensor:
        """Labels whose scale and shift are free, brought to the prediction's per image."""
        if self.config.depth_kind == "metric" or not self.free_scale:
            return label
        own = torch.full_like(label, float("nan"))
        known = ~torch.isnan(label)
        for number in torch.unique(image[known]):
            chosen = known & (image == number)
            own[chosen] = align_scale_and_shift(
                depth[chosen], label[chosen], with_scale=not self.config.log_depth
            )
        return own

    def _steadiness(
        self, output: DepTROutput, last: LayerOutput, matched: Matches, targets: Targets
    ) -> Tensor:
        """How differently two views of one object are answered, in box sides and relative depth."""
        boxes = targets.boxes.clone()
        boxes[matched.object] = last.boxes.flatten(0, 1)[matched.query]
        off = (boxes - targets.boxes) / targets.boxes[:, 2:].repeat(1, 2).clamp(min=1e-3)
        depth = None
        if output.depth is not None and self.config.log_depth:
            queries = last.boxes.shape[1]
            own = output.depth[:, output.depth.shape[1] - queries :].flatten()[matched.query]
            depth = targets.depth.new_full((len(targets),), float("nan"))
            depth = depth.index_put((matched.object,), own.float())
        terms = steadiness_loss(off, depth, targets.pairs, targets.pair_shift)
        return self.steady_weight * terms


def _rows(values: Tensor | None, own: Matches) -> Tensor:
    """Values ``(B, Q, C)`` of the matched queries, ``(P, C)``."""
    assert values is not None
    return values.flatten(0, 1)[own.query]


def _denoising_matches(meta: dict[str, Any], targets: Targets, logits: Tensor) -> tuple[Matches, int]:
    """Pairs of denoising queries and the objects they were made from, and how many groups there are."""
    groups, queries = int(meta["dn_num_group"]), logits.shape[1]
    query, wanted, start = [], [], 0
    for image, (count, own) in enumerate(zip(targets.counts, meta["dn_positive_idx"], strict=True)):
        if count:
            query.append(own + image * queries)
            wanted.append(torch.arange(start, start + count).repeat(groups))
        start += count
    objects = torch.cat(wanted) if wanted else torch.zeros(0, dtype=torch.int64)
    return Matches(torch.cat(query), objects.to(logits.device)), groups


def _add(total: dict[str, Tensor], terms: dict[str, Any]) -> None:
    for name, value in terms.items():
        total[name] = total[name] + value if name in total else value


def total_loss(terms: Sequence[Tensor]) -> Tensor:
    """Sum of loss terms."""
    return torch.stack(list(terms)).sum()
