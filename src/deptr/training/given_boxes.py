"""Boxes as any detector will give them: labelled ones, a little off, whose depth is asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.image_transforms import center_to_corners_format, corners_to_center_format

from deptr.training.targets import Targets

BOXES = 16  # per image; given boxes do not see each other, so how many there are teaches nothing
SMALLEST = 2e-3  # side of a box, of the image's


@dataclass(frozen=True)
class GivenBoxes:
    """Boxes whose depth is asked.

    Attributes:
        boxes: ``(B, K, 4)`` centre format in [0, 1].
        objects: ``(B, K)`` int64 row of `Targets` that each was made of, -1 in images without any.
    """

    boxes: Tensor
    objects: Tensor


def given_boxes(targets: Targets, noise: float) -> GivenBoxes:
    """Random labelled boxes of each image, their edges moved.

    Args:
        targets: Of the batch.
        noise: Each edge moves by a normal deviation of at most twice this share of the side, half of which
            is the mean: some detectors are exact, others are not.
    """
    device = targets.boxes.device
    counts = torch.tensor(targets.counts, device=device)[:, None]
    place = (torch.rand(len(counts), BOXES, device=device) * counts).long().clamp(max=counts - 1)
    objects = torch.where(counts > 0, counts.cumsum(0) - counts + place, -1)
    if not len(targets):
        boxes = torch.full((*objects.shape, 4), 0.5, device=device)
        return GivenBoxes(boxes, objects)
    boxes = targets.boxes[objects.clamp(min=0)]
    level = 2 * noise * torch.rand_like(boxes[..., :1])
    corners = center_to_corners_format(boxes) + torch.randn_like(boxes) * level * boxes[..., 2:].repeat(
        1, 1, 2
    )
    low, high = corners.clamp(0, 1).split(2, dim=-1)
    moved = torch.cat([torch.minimum(low, high), torch.maximum(low, high)], dim=-1)
    moved = corners_to_center_format(moved)
    return GivenBoxes(torch.cat([moved[..., :2], moved[..., 2:].clamp(min=SMALLEST)], dim=-1), objects)
