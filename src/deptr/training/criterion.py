"""What training minimises: D-FINE's losses, correctly aligned, and the depth of every matched query.

D-FINE's decoder gives one more set of logits and boxes than of corner distributions (a first, "pre" set),
and the library pairs them from the front. Here each layer's corners meet their own layer's boxes; the pre set
gets class and box losses only. The matched indices are kept, because the depth loss needs them.

Source: D-FINE (arXiv:2410.13842) for the box losses; DepTR-MOT (arXiv:2509.17323) for L_depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_d_fine import DFineLoss
from transformers.loss.loss_for_object_detection import box_iou

from deptr.detector.config import DepTRConfig
from deptr.detector.modeling import DepTROutput
from deptr.training.losses import align_scale_and_shift, depth_loss, label_weight

Indices = list[tuple[Tensor, Tensor]]
Targets = list[dict[str, Tensor]]


@dataclass
class LayerOutput:
    """Predictions of one layer for one group of queries.

    Attributes:
        logits: ``(B, Q, classes)``.
        boxes: ``(B, Q, 4)`` centre format.
        corners: ``(B, Q, 4 * bins)``, None for the pre and the encoder set.
        references: ``(B, Q, 4)`` boxes that the corners refine.
        teacher_corners: Last layer's corners, None for the last layer itself.
        teacher_logits: Last layer's logits.
    """

    logits: Tensor
    boxes: Tensor
    corners: Tensor | None = None
    references: Tensor | None = None
    teacher_corners: Tensor | None = None
    teacher_logits: Tensor | None = None

    def as_dict(self) -> dict[str, Tensor]:
        """Under the library's names."""
        names = {"logits": self.logits, "pred_boxes": self.boxes, "pred_corners": self.corners}
        names |= {"ref_points": self.references, "teacher_corners": self.teacher_corners}
        names |= {"teacher_logits": self.teacher_logits}
        return {name: value for name, value in names.items() if value is not None}


def inside_ignored(boxes: Tensor, ignored: Tensor, *, share: float = 0.5) -> Tensor:
    """Which boxes lie with more than `share` of their area in one region to ignore.

    Args:
        boxes: ``(Q, 4)`` centre format.
        ignored: ``(M, 4)`` centre format.
        share: In [0, 1].

    Example:
        >>> box = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]])
        >>> inside_ignored(box, torch.tensor([[0.5, 0.5, 0.4, 0.4]])).tolist()
        [True, False]
    """
    if not len(ignored):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    first, second = center_to_corners_format(boxes)[:, None], center_to_corners_format(ignored)[None]
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    area = boxes[:, 2:].prod(-1).clamp(min=1e-9)
    return bool_any(sides.clamp(min=0).prod(-1) / area[:, None] > share)


def bool_any(table: Tensor) -> Tensor:
    """Rows of a boolean table that hold any True."""
    return table.any(dim=1)


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
    count = corners.shape[1]
    teacher = corners[:, -1].detach(), logits[:, -1].detach()
    layers = []
    for layer in reversed(range(count)):  # logits and boxes have the pre set in front: one further
        last = layer == count - 1
        layers.append(
            LayerOutput(
                logits[:, layer + 1],
                boxes[:, layer + 1],
                corners[:, layer],
                references[:, layer],
                corners[:, layer] if last else teacher[0],
                logits[:, layer + 1] if last else teacher[1],
            )
        )
    return [*layers, LayerOutput(logits[:, 0], boxes[:, 0])]


class DepTRCriterion(DFineLoss):
    """Sum of D-FINE's losses over all layers and of the depth loss.

    Args:
        config: Of the detector; holds D-FINE's weights.
        depth_weight: Of the depth loss.
        label_std: Label deviation at which a label counts half.
    """

    def __init__(self, config: DepTRConfig, *, depth_weight: float = 1.0, label_std: float = 0.1) -> None:
        super().__init__(config)
        self.config = config
        self.depth_weight, self.label_std = depth_weight, label_std

    def forward(self, output: DepTROutput, targets: Targets) -> dict[str, Tensor]:
        """Named, weighted loss terms; their sum is what to minimise.

        Args:
            output: Of the detector in training mode, called with the same targets.
            targets: Per image ``class_labels``, ``boxes`` and optionally ``depth``, ``depth_std``,
                ``ignore_boxes``.
        """
        matching, denoising = split_layers(output)
        count = max(1.0, float(sum(len(target["class_labels"]) for target in targets)))
        indices = self.matcher(matching[0].as_dict(), targets)
        losses = self._layer_losses(matching[0], targets, indices, count)
        dfine = output.dfine
        encoder = LayerOutput(dfine.enc_topk_logits.float(), dfine.enc_topk_bboxes.float().clamp(0, 1))
        for layer in [*matching[1:], encoder]:
            own = self.matcher(layer.as_dict(), targets)
            _add(losses, self._layer_losses(layer, targets, own, count))
        denoising_indices: Indices | None = None
        if denoising:
            meta = dfine.denoising_meta_values
            denoising_indices = self.get_cdn_matched_indices(meta, targets)
            for layer in denoising:
                terms = self._layer_losses(
                    layer, targets, denoising_indices, count * meta["dn_num_group"], denoising=True
                )
                _add(losses, terms)
        if output.depths is not None:
            shift = matching[0].logits.shape[1]
            _add(losses, {"depth": self._depth(output, targets, indices, denoising_indices, shift)})
        return losses

    def _layer_losses(
        self, layer: LayerOutput, targets: Targets, indices: Indices, count: float, *, denoising: bool = False
    ) -> dict[str, Tensor]:
        outputs = layer.as_dict()
        terms = self.loss_boxes(outputs, targets, indices, count)
        terms |= {"loss_vfl": self._varifocal(layer, targets, indices, count, denoising=denoising)}
        if layer.corners is not None:
            terms |= self.loss_local(outputs, targets, indices, count)
        return {name.removeprefix("loss_"): terms[name] * self.weight_dict[name] for name in terms}

    def _varifocal(
        self, layer: LayerOutput, targets: Targets, indices: Indices, count: float, *, denoising: bool
    ) -> Tensor:
        """Varifocal loss; unmatched queries inside a region to ignore have no term."""
        logits, boxes = layer.logits, layer.boxes.detach()
        score = torch.zeros_like(logits)
        keep = torch.ones(logits.shape[:2], dtype=torch.bool, device=logits.device)
        for image, ((queries, objects), target) in enumerate(zip(indices, targets, strict=True)):
            ignored = target.get("ignore_boxes")
            if ignored is not None and len(ignored) and not denoising:
                keep[image] = ~inside_ignored(boxes[image], ignored)
            if len(queries):
                own = center_to_corners_format(boxes[image, queries])
                iou = torch.diag(box_iou(own, center_to_corners_format(target["boxes"][objects]))[0])
                score[image, queries, target["class_labels"][objects]] = iou.clamp(0, 1)
                keep[image, queries] = True
        positive = (score > 0).to(logits)
        confidence = logits.detach().sigmoid()
        weight = self.alpha * confidence.pow(self.gamma) * (1 - positive) + score
        terms = functional.binary_cross_entropy_with_logits(logits, score, weight=weight, reduction="none")
        return (terms * keep[..., None]).sum() / count

    def _depth(
        self, output: DepTROutput, targets: Targets, indices: Indices, denoising: Indices | None, queries: int
    ) -> Tensor:
        """Depth loss over all layers of matched and denoising queries, normalised once."""
        assert output.depths is not None and output.depth_log_scales is not None
        before = output.depths.shape[2] - queries
        places, labels, weights = [], [], []
        for image, target in enumerate(targets):
            if "depth" not in target:
                continue
            picked = [(indices[image][0] + before, indices[image][1])]
            if denoising is not None:
                picked.append(denoising[image])
            query = torch.cat([place for place, _ in picked]).to(target["depth"].device)
            objects = torch.cat([item for _, item in picked]).to(query.device)
            places.append(torch.stack([torch.full_like(query, image), query], dim=1))
            labels.append(target["depth"][objects])
            weights.append(label_weight(target["depth_std"][objects], self.label_std))
        if not places:
            return output.depths.sum() * 0
        place, label, weight = torch.cat(places), torch.cat(labels), torch.cat(weights)
        depths = output.depths[:, place[:, 0], place[:, 1]].float()
        scales = output.depth_log_scales[:, place[:, 0], place[:, 1]].float()
        terms = []
        for depth, scale in zip(depths, scales, strict=True):
            own = self._comparable(depth, label, place[:, 0])
            terms.append(depth_loss(depth, scale if self.config.depth_uncertainty else None, own, weight))
        unused = 0.0 if self.config.depth_uncertainty else output.depth_log_scales.sum() * 0
        return torch.stack(terms).sum() * self.depth_weight + unused

    def _comparable(self, depth: Tensor, label: Tensor, image: Tensor) -> Tensor:
        """Labels whose scale and shift are free, brought to the prediction's per image."""
        if self.config.depth_kind == "metric":
            return label
        own = torch.full_like(label, float("nan"))
        known = ~torch.isnan(label)
        for number in torch.unique(image[known]):
            chosen = known & (image == number)
            own[chosen] = align_scale_and_shift(
                depth[chosen], label[chosen], with_scale=not self.config.log_depth
            )
        return own


def _add(total: dict[str, Tensor], terms: dict[str, Any]) -> None:
    for name, value in terms.items():
        total[name] = total[name] + value if name in total else value


def total_loss(terms: Sequence[Tensor]) -> Tensor:
    """Sum of loss terms."""
    return torch.stack(list(terms)).sum()
