"""The labels of a batch as flat tensors: one row per object of any image, so that losses need no loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from deptr.records import FloatArray, IntArray
from deptr.training.augment import Example


@dataclass
class Targets:
    """What a batch of images shows.

    Attributes:
        counts: Objects of each image; the rows below are in the order of the images.
        image: ``(M,)`` int64 image of each object.
        class_labels: ``(M,)`` int64.
        boxes: ``(M, 4)`` centre format in [0, 1].
        depth: ``(M,)`` in the network's unit, NaN = unknown.
        depth_std: ``(M,)`` same unit, NaN = unknown.
        ignore_image: ``(K,)`` int64 image of each region to ignore.
        ignore_boxes: ``(K, 4)`` centre format in [0, 1].
        dense_image: ``(D,)`` int64 images that have a depth map.
        dense_depth: ``(D, H / 8, W / 8)`` in the network's unit, NaN = unknown.
        pairs: ``(P, 2)`` int64 rows that are one object in two views of the same moment.
        pair_shift: ``(P,)`` how much larger the first row's depth is, in the network's unit.
        teacher_features: ``(B, C, h, w)`` features of a depth teacher, None where there are none.
    """

    counts: list[int]
    image: Tensor
    class_labels: Tensor
    boxes: Tensor
    depth: Tensor
    depth_std: Tensor
    ignore_image: Tensor
    ignore_boxes: Tensor
    dense_image: Tensor
    dense_depth: Tensor
    pairs: Tensor
    pair_shift: Tensor
    teacher_features: Tensor | None = None

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self.image)

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return self._each(lambda value: value.to(device, non_blocking=True))

    def pinned(self) -> Targets:
        """The same in memory from which a GPU copies while it computes."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: object) -> Targets:
        assert callable(change)
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Targets(**{name: change(v) if isinstance(v, Tensor) else v for name, v in values.items()})

    def per_image(self) -> list[dict[str, Tensor]]:
        """Labels and boxes of each image, as D-FINE's denoising queries take them."""
        labels = torch.split(self.class_labels, self.counts)
        boxes = torch.split(self.boxes, self.counts)
        return [{"class_labels": a, "boxes": b} for a, b in zip(labels, boxes, strict=True)]

    def ignored(self, boxes: Tensor, *, share: float = 0.5) -> Tensor:
        """Which boxes lie with more than `share` of their area in a region to ignore of their image.

        Args:
            boxes: ``(B, Q, 4)`` centre format.
            share: In [0, 1].

        Returns:
            ``(B, Q)`` bool.
        """
        inside = torch.zeros(boxes.shape[:2], dtype=torch.int64, device=boxes.device)
        if not len(self.ignore_image):
            return inside > 0
        own = boxes[self.ignore_image]
        low = torch.maximum(own[..., :2] - own[..., 2:] / 2, _low(self.ignore_boxes))
        high = torch.minimum(own[..., :2] + own[..., 2:] / 2, _high(self.ignore_boxes))
        covered = (high - low).clamp(min=0).prod(-1) / own[..., 2:].prod(-1).clamp(min=1e-9)
        return inside.index_add(0, self.ignore_image, (covered > share).long()) > 0


def _low(boxes: Tensor) -> Tensor:
    return (boxes[:, :2] - boxes[:, 2:] / 2)[:, None]


def _high(boxes: Tensor) -> Tensor:
    return (boxes[:, :2] + boxes[:, 2:] / 2)[:, None]


def targets_of(examples: Sequence[Example]) -> Targets:
    """The labels of examples, in their order."""
    counts = [len(example.boxes) for example in examples]
    ignored = [len(example.ignore_boxes) for example in examples]
    dense = [(index, e.dense_depth) for index, e in enumerate(examples) if e.dense_depth is not None]
    maps = [depth for _, depth in dense]
    pairs, shift = _pairs(examples, np.cumsum([0, *counts]))
    return Targets(
        counts=counts,
        image=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64)),
        class_labels=_joined([e.class_ids for e in examples], np.int64),
        boxes=_joined([e.boxes for e in examples], np.float32),
        depth=_joined([e.depth for e in examples], np.float32),
        depth_std=_joined([e.depth_std for e in examples], np.float32),
        ignore_image=torch.arange(len(counts)).repeat_interleave(torch.tensor(ignored, dtype=torch.int64)),
        ignore_boxes=_joined([e.ignore_boxes for e in examples], np.float32),
        dense_image=torch.tensor([index for index, _ in dense], dtype=torch.int64),
        dense_depth=torch.from_numpy(np.stack(maps)) if maps else torch.zeros(0, 1, 1),
        pairs=torch.from_numpy(pairs),
        pair_shift=torch.from_numpy(shift),
    )


def _joined(parts: Sequence[FloatArray | IntArray], dtype: type) -> Tensor:
    return torch.from_numpy(np.concatenate([np.asarray(part, dtype) for part in parts]))


def _pairs(examples: Sequence[Example], starts: IntArray) -> tuple[IntArray, FloatArray]:
    """Rows of the objects that neighbours of one `Example.pair` share, and the depth between the views."""
    rows, shifts = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    for index, (first, second) in enumerate(pairwise(examples)):
        if first.pair < 0 or first.pair != second.pair:
            continue
        _, one, other = np.intersect1d(first.object_ids, second.object_ids, return_indices=True)
        rows.append(np.stack([one + starts[index], other + starts[index + 1]], axis=1))
        shifts.append(np.full(len(one), first.log_view - second.log_view, np.float32))
    return np.concatenate(rows), np.concatenate(shifts)
