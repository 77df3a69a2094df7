"""Which query answers for which object: one optimal assignment per image and layer, all costs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from deptr.detector.plugin import DepthConfig
from deptr.training.targets import Targets

UNMATCHABLE = 1e6  # in place of costs that are not finite: taken only when nothing else is left


@dataclass(frozen=True)
class Matches:
    """Pairs of queries and objects.

    Attributes:
        query: ``(P,)`` int64, counted through the batch: image times queries plus query.
        object: ``(P,)`` int64 rows of `Targets`.
    """

    query: Tensor
    object: Tensor


@torch.no_grad()
def match(logits: Tensor, boxes: Tensor, targets: Targets, config: DepthConfig) -> list[Matches]:
    """Match each of several sets of predictions with the objects, image by image.

    Args:
        logits: ``(S, B, Q, classes)``.
        boxes: ``(S, B, Q, 4)`` centre format.
        targets: Of the batch.
        config: Its ``matcher_...`` fields weigh class, L1 and generalised IoU.

    Returns:
        One `Matches` for each of the S sets.

    Example:
        >>> from deptr.detector.config import nano_config
        >>> boxes = torch.tensor([[[[0.2, 0.2, 0.1, 0.1], [0.7, 0.7, 0.2, 0.2]]]])
        >>> from deptr.training.targets import Targets
        >>> one = torch.zeros(1)
        >>> none = one[:0].long()
        >>> targets = Targets([1], one.long(), one.long(), boxes[0, 0, 1:], one, one, none, boxes[0, 0, :0],
        ...                   none, boxes[0, :0, :, :2], none.view(0, 2), one[:0])
        >>> match(torch.zeros(1, 1, 2, 1), boxes, targets, nano_config())[0].query.tolist()
        [1]
    """
    sets, _, queries = logits.shape[:3]
    device = logits.device
    if not len(targets):
        empty = torch.zeros(0, dtype=torch.int64, device=device)
        return [Matches(empty, empty)] * sets
    costs = _costs(logits, boxes, targets, config).cpu().numpy()
    found: list[tuple[list[np.ndarray], list[np.ndarray]]] = [([], []) for _ in range(sets)]
    start = 0
    for image, count in enumerate(targets.counts):
        for place, (rows, columns) in enumerate(found) if count else ():
            query, own = linear_sum_assignment(costs[place, :, start : start + count])
            rows.append(query + image * queries)
            columns.append(own + start)
        start += count
    return [Matches(_joined(rows, device), _joined(columns, device)) for rows, columns in found]


def _joined(parts: list[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64)).to(device)


def _costs(logits: Tensor, boxes: Tensor, targets: Targets, config: DepthConfig) -> Tensor:
    """``(S, Q, M)`` cost of each object with each query of its own image."""
    own_boxes = boxes.float()[:, targets.image]  # (S, M, Q, 4)
    probability = logits.float().sigmoid()[:, targets.image]
    labels = targets.class_labels[None, :, None, None].expand(*probability.shape[:3], 1)
    probability = probability.gather(3, labels)[..., 0]
    alpha, gamma = config.matcher_alpha, config.matcher_gamma
    wrong = (1 - alpha) * probability**gamma * -(1 - probability + 1e-8).log()
    right = alpha * (1 - probability) ** gamma * -(probability + 1e-8).log()
    wanted = targets.boxes[None, :, None]
    distance = (own_boxes - wanted).abs().sum(-1)
    cost = (
        config.matcher_class_cost * (right - wrong)
        + config.matcher_bbox_cost * distance
        - config.matcher_giou_cost * generalised_iou(own_boxes, wanted)
    )
    cost = torch.nan_to_num(cost, nan=UNMATCHABLE, posinf=UNMATCHABLE, neginf=UNMATCHABLE)
    return cost.transpose(1, 2)


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU of boxes pair by pair; shapes ``(..., 4)`` that broadcast, centre format.

    Source: Rezatofighi et al., arXiv:1902.09630.

    Example:
        >>> box = torch.tensor([0.5, 0.5, 0.2, 0.2])
        >>> round(generalised_iou(box, box).item(), 4)
        1.0
    """
    shared, whole, hull = _areas(first, second)
    return shared / whole - (hull - whole) / hull


def iou(first: Tensor, second: Tensor) -> Tensor:
    """IoU of boxes pair by pair; shapes ``(..., 4)`` that broadcast, centre format."""
    shared, whole, _ = _areas(first, second)
    return shared / whole


def _areas(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Areas of what two boxes share, of their union, and of the box around both."""
    low_1, high_1 = first[..., :2] - first[..., 2:] / 2, first[..., :2] + first[..., 2:] / 2
    low_2, high_2 = second[..., :2] - second[..., 2:] / 2, second[..., :2] + second[..., 2:] / 2
    shared = (torch.minimum(high_1, high_2) - torch.maximum(low_1, low_2)).clamp(min=0).prod(-1)
    hull = (torch.maximum(high_1, high_2) - torch.minimum(low_1, low_2)).clamp(min=0).prod(-1)
    whole = first[..., 2:].clamp(min=0).prod(-1) + second[..., 2:].clamp(min=0).prod(-1) - shared
    return shared, whole.clamp(min=1e-9), hull.clamp(min=1e-9)
