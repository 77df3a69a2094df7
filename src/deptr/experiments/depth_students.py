"""Depth modules that learn alone, behind the queries of a frozen detector whose features are kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deptr.detector.config import DepTRConfig
from deptr.detector.depth import fresh_depth_head
from deptr.detector.outputs import named_depth
from deptr.detector.postprocess import RawOutput
from deptr.experiments.frozen_features import Features
from deptr.files import atomic_path
from deptr.records import FloatArray, IntArray
from deptr.training.config import OptimizerSettings
from deptr.training.losses import depth_loss, label_weight
from deptr.training.matching import iou, match
from deptr.training.schedule import AveragedWeights, build_optimizer, set_rates
from deptr.training.targets import targets_of

LEAST_OVERLAP = 0.5  # of a query's box with the object that it answers for
SHARE = 0.8  # of the images that one student sees


@dataclass(frozen=True)
class Form:
    """A depth module to train.

    Attributes:
        head: ``"light"`` or ``"deformable"``.
        std: Whether it learns a standard deviation.
        blind: Whether the query states are hidden from it, so that it knows the box alone.
    """

    head: str = "light"
    std: bool = True
    blind: bool = False

    def __str__(self) -> str:
        return f"{self.head}{'' if self.std else '-nostd'}{'-blind' if self.blind else ''}"


@dataclass(frozen=True)
class Lessons:
    """Queries that found an object, image by image, and the depths to learn.

    Attributes:
        states: ``(I, L, K, C)``.
        boxes: ``(I, K, 4)`` centre format.
        depth: ``(I, K)`` in the network's unit, NaN = unknown or no object.
        depth_std: ``(I, K)``.
        objects: ``(I, K)`` rows of each image's `Example`, -1 = none.
    """

    states: Tensor
    boxes: Tensor
    depth: Tensor
    depth_std: Tensor
    objects: IntArray

    def about(self, depths: Sequence[FloatArray], stds: Sequence[FloatArray]) -> Lessons:
        """The same queries with other labels, one array for each image's objects."""
        return Lessons(
            self.states,
            self.boxes,
            _spread(self.objects, depths),
            _spread(self.objects, stds),
            self.objects,
        )


def lessons_of(features: Features, config: DepTRConfig) -> Lessons:
    """Queries matched with the objects as in training, kept where their boxes overlap."""
    targets = targets_of(features.examples)
    logits, boxes = features.rows("logits", slice(None)), features.rows("boxes", slice(None))
    matches = match(logits[None], boxes[None], targets, config)[0]
    overlap = iou(boxes.flatten(0, 1)[matches.query], targets.boxes[matches.object])
    found = torch.nonzero(overlap >= LEAST_OVERLAP)[:, 0]
    queries, count = boxes.shape[1], len(features)
    query, wanted = matches.query[found].numpy(), matches.object[found].numpy()
    starts = np.cumsum([0, *targets.counts])
    image = query // queries
    room = int(np.bincount(image, minlength=count).max(initial=1))
    picked, objects = np.zeros((count, room), np.int64), np.full((count, room), -1)
    for number in range(count):
        own = image == number
        picked[number, : own.sum()] = query[own] % queries
        objects[number, : own.sum()] = wanted[own] - starts[number]
    images = np.arange(count)[:, None]
    states = torch.from_numpy(features.arrays["states"][images, :, picked]).transpose(1, 2)
    empty = torch.zeros(count, room)
    lessons = Lessons(
        states, torch.from_numpy(features.arrays["boxes"][images, picked]), empty, empty, objects
    )
    return lessons.about([e.depth for e in features.examples], [e.depth_std for e in features.examples])


def _spread(objects: IntArray, values: Sequence[FloatArray]) -> Tensor:
    result = np.full(objects.shape, np.nan, np.float32)
    for own, row, column in zip(result, objects, values, strict=True):
        known = row >= 0
        own[known] = column[row[known]]
    return torch.from_numpy(result)


class Student:
    """A depth module behind a frozen detector.

    Args:
        form: Which module.
        config: Of the detector.
        seed: Of its first weights and of what it sees when.
        device: Where it runs.
    """

    def __init__(self, form: Form, config: DepTRConfig, seed: int, device: str = "cpu") -> None:
        self.form, self.seed, self.device = form, seed, device
        self.config = copy.deepcopy(config)
        self.config.depth_head, self.config.depth_uncertainty = form.head, form.std
        torch.manual_seed(seed)
        head = fresh_depth_head(self.config)
        assert head is not None
        self.head: nn.Module = head.to(device)

    def learn_once(
        self,
        kept: Path,
        lessons: Lessons,
        features: Features,
        optimizer: OptimizerSettings,
        batch: int,
    ) -> None:
        """`learn`, or what an earlier run with the same budget kept under that name."""
        budget = f"{len(features)}-{optimizer.steps}x{batch}-{optimizer.learning_rate:g}"
        path = kept.with_name(f"{kept.name}-{self.form}-{budget}-{self.seed}.safetensors")
        if path.is_file():
            self.head.load_state_dict(load_file(path, device=self.device))
            self.head.eval()
            return
        self.learn(lessons, features, optimizer, batch)
        with atomic_path(path) as temporary:
            save_file({key: value.contiguous() for key, value in self.head.state_dict().items()}, temporary)

    def learn(self, lessons: Lessons, features: Features, optimizer: OptimizerSettings, batch: int) -> None:
        """Train on four fifths of the images, chosen by the seed; keeps the averaged weights."""
        rng = np.random.default_rng([self.seed, 5])
        own = rng.permutation(len(features))[: max(1, round(SHARE * len(features)))]
        rule, average = build_optimizer(self.head, optimizer), AveragedWeights(self.head, optimizer.ema_decay)
        self.head.train()
        for step in range(optimizer.steps):
            rows = np.sort(rng.choice(own, min(batch, len(own)), replace=False))
            set_rates(rule, step, optimizer)
            rule.zero_grad(set_to_none=True)
            self._loss(lessons, features, rows).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.head.parameters(), optimizer.clip_norm)
            rule.step()
            average.update(self.head, step)
        self.head.load_state_dict(average.state)
        self.head.eval()

    def _loss(self, lessons: Lessons, features: Features, rows: IntArray) -> Tensor:
        states = lessons.states[rows].to(self.device).float().transpose(0, 1)
        boxes = lessons.boxes[rows].to(self.device).float()
        depths, scales = self._answer(states, boxes, features, rows)
        label, std = (value[rows].to(self.device) for value in (lessons.depth, lessons.depth_std))
        weight = label_weight(std, 0.1)
        terms = [
            depth_loss(depth, scale if self.form.std else None, label, weight)
            for depth, scale in zip(depths, scales, strict=True)
        ]
        return torch.stack(terms).sum()

    def _answer(
        self, states: Tensor, boxes: Tensor, features: Features, rows: IntArray
    ) -> tuple[Tensor, Tensor]:
        maps = features.maps(rows, self.device) if self.form.head == "deformable" else []
        answer: tuple[Tensor, Tensor] = self.head(states * 0 if self.form.blind else states, boxes, maps)
        return answer

    @torch.no_grad()
    def raw_outputs(self, features: Features, batch: int = 20) -> list[RawOutput]:
        """What a whole detector with this depth module says of each image."""
        outputs = []
        for start in range(0, len(features), batch):
            rows = np.arange(start, min(start + batch, len(features)))
            boxes = features.rows("boxes", rows, self.device)
            states = features.rows("states", rows, self.device).transpose(0, 1)
            depths, scales = self._answer(states, boxes, features, rows)
            outputs += _raw(features, rows, named_depth(depths[-1], scales[-1], self.config), self.config)
        return outputs


def _raw(
    features: Features, rows: IntArray, depth: tuple[Tensor, Tensor], config: DepTRConfig
) -> list[RawOutput]:
    best, labels = features.rows("logits", rows).max(-1)
    scores = (best * config.score_scale + config.score_shift).sigmoid()
    centre = features.rows("boxes", rows)
    corners = torch.cat([centre[..., :2] - centre[..., 2:] / 2, centre[..., :2] + centre[..., 2:] / 2], -1)
    values: list[Any] = [corners.clamp(0, 1), scores, labels, *(value.cpu() for value in depth)]
    return [RawOutput(*(value[index].numpy() for value in values)) for index in range(len(rows))]
