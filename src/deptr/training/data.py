"""The mixture of sources as batches; example `i` of a run depends on its seed and `i` only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deptr.records import LabelledFrame
from deptr.training.augment import Example, letterbox_placement, make_example, random_placement
from deptr.training.coco import CocoFrames
from deptr.training.config import DataSettings


class FrameSource(Protocol):
    """Anything that gives labelled frames for training."""

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """One frame, chosen by `rng`; `size` (height, width) is what the network will see."""


class CocoSource:
    """Random images of a COCO json."""

    def __init__(self, frames: CocoFrames) -> None:
        self.frames = frames

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """One image of the file."""
        return self.frames.frame(int(rng.integers(len(self.frames))))


@dataclass(frozen=True)
class Mixture:
    """Sources with their shares.

    Attributes:
        sources: Where frames come from.
        weights: Share of each, any positive scale.
    """

    sources: Sequence[FrameSource]
    weights: Sequence[float]

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A frame of a random source."""
        shares = np.asarray(self.weights, dtype=np.float64)
        index = int(rng.choice(len(self.sources), p=shares / shares.sum()))
        return self.sources[index].draw(rng, size)


class ExampleStream(Dataset[Example]):
    """Example number `i` of an endless run.

    Args:
        source: Where frames come from.
        settings: Sizes, zoom range, batch size and seed.
        total: How many examples the run has.
        first: The number that index 0 stands for, so that a resumed run continues where it stopped.
        processes: Training processes; all of them see the same size in the same step.
    """

    def __init__(
        self, source: FrameSource, settings: DataSettings, total: int, *, first: int = 0, processes: int = 1
    ) -> None:
        self.source, self.settings, self.total, self.first = source, settings, total, first
        self.step_examples = settings.batch_size * processes

    def __len__(self) -> int:
        """Examples that are left."""
        return self.total - self.first

    def __getitem__(self, index: int) -> Example:
        number = self.first + index
        settings = self.settings
        step = np.random.default_rng([settings.seed, 1, number // self.step_examples])
        height, width = settings.sizes[int(step.integers(len(settings.sizes)))]
        rng = np.random.default_rng([settings.seed, 2, number])
        frame = self.source.draw(rng, (height, width))
        scales = settings.min_scale, settings.max_scale
        placement = random_placement(rng, frame, (height, width), scales)
        return make_example(frame, (height, width), placement, rng)


@dataclass
class Batch:
    """Tensors of one step.

    Attributes:
        pixel_values: ``(B, 3, H, W)`` float32, normalised.
        targets: Per image ``class_labels``, ``boxes``, ``depth``, ``depth_std``, ``ignore_boxes`` and, where
            there is a depth map, ``dense_depth``.
    """

    pixel_values: Tensor
    targets: list[dict[str, Tensor]]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        moved = [{name: value.to(device) for name, value in target.items()} for target in self.targets]
        return Batch(self.pixel_values.to(device), moved)


@dataclass(frozen=True)
class Collate:
    """Examples of one size to tensors.

    Attributes:
        mean: Per channel, for pixels in [0, 1].
        std: Per channel.
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """Stack the images and normalise them."""
        pixels = torch.from_numpy(np.stack([example.image for example in examples])).permute(0, 3, 1, 2)
        mean, std = torch.tensor(self.mean).view(1, 3, 1, 1), torch.tensor(self.std).view(1, 3, 1, 1)
        values = (pixels.float() / 255 - mean) / std
        return Batch(values.contiguous(memory_format=torch.channels_last), [_target(e) for e in examples])


def _target(example: Example) -> dict[str, Tensor]:
    target = {
        "class_labels": torch.from_numpy(example.class_ids.astype(np.int64)),
        "boxes": torch.from_numpy(np.asarray(example.boxes, np.float32)),
        "depth": torch.from_numpy(np.asarray(example.depth, np.float32)),
        "depth_std": torch.from_numpy(np.asarray(example.depth_std, np.float32)),
        "ignore_boxes": torch.from_numpy(np.asarray(example.ignore_boxes, np.float32)),
    }
    if example.dense_depth is not None:
        target["dense_depth"] = torch.from_numpy(example.dense_depth.copy())
    return target


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)


def batches(stream: ExampleStream, collate: Collate, *, rank: int, processes: int) -> Iterator[Batch]:
    """Batches of one process; process `rank` takes its share of each step's examples, in order."""
    size = stream.settings.batch_size
    steps = len(stream) // stream.step_examples
    order = [
        [step * stream.step_examples + rank * size + offset for offset in range(size)]
        for step in range(steps)
    ]
    workers = stream.settings.workers
    loader: Any = DataLoader(
        stream,
        batch_sampler=order,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=_one_thread if workers else None,
        persistent_workers=False,
        prefetch_factor=3 if workers else None,
    )
    yield from loader


def evaluation_batch(frames: Sequence[LabelledFrame], size: tuple[int, int], collate: Collate) -> Batch:
    """Frames letterboxed without augmentation."""
    places = [letterbox_placement((f.image.shape[0], f.image.shape[1]), size) for f in frames]
    return collate([make_example(f, size, p) for f, p in zip(frames, places, strict=True)])
