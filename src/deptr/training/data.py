"""The mixture of sources as batches; example `i` of a run depends on its seed and `i` only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deptr.records import LabelledFrame
from deptr.training.augment import (
    Example,
    Placement,
    letterbox_placement,
    make_example,
    nearby_placement,
    random_placement,
)
from deptr.training.coco import CocoFrames
from deptr.training.config import DataSettings
from deptr.training.mosaic import TILES, mosaic
from deptr.training.targets import Targets, targets_of


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
        mosaics: Share of the frames that show four frames of photo sources side by side.
        photos: Numbers of the photo sources.
    """

    sources: Sequence[FrameSource]
    weights: Sequence[float]
    mosaics: float = 0.0
    photos: Sequence[int] = ()

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """A frame of a random source, or a mosaic."""
        if self.mosaics and rng.random() < self.mosaics:
            return mosaic(rng, [self._one_of(self.photos, rng, size) for _ in range(TILES)], size)
        return self._one_of(range(len(self.sources)), rng, size)

    def without_mosaics(self) -> Mixture:
        """The same sources, each frame as it is."""
        return replace(self, mosaics=0.0)

    def _one_of(
        self, numbers: Sequence[int], rng: np.random.Generator, size: tuple[int, int]
    ) -> LabelledFrame:
        shares = np.asarray(self.weights, dtype=np.float64)[list(numbers)]
        index = int(rng.choice(len(shares), p=shares / shares.sum()))
        return self.sources[numbers[index]].draw(rng, size)


class ExampleStream(Dataset[Example]):
    """Example number `i` of an endless run.

    Args:
        source: Where frames come from.
        settings: Sizes, zoom range, batch size and seed.
        total: How many examples the run has.
        first: The number that index 0 stands for, so that a resumed run continues where it stopped.
        processes: Training processes; all of them see the same size in the same step.
        aspect: See `make_example`.
    """

    def __init__(
        self,
        source: FrameSource,
        settings: DataSettings,
        total: int,
        *,
        first: int = 0,
        processes: int = 1,
        aspect: float | None = None,
    ) -> None:
        self.source, self.settings, self.total, self.first = source, settings, total, first
        self.aspect = aspect
        self.last_source = source.without_mosaics() if isinstance(source, Mixture) else source
        self.step_examples = settings.batch_size * processes
        self._drawn: tuple[int, LabelledFrame, Placement] | None = None

    def __len__(self) -> int:
        """Examples that are left."""
        return self.total - self.first

    def __getitem__(self, index: int) -> Example:
        number = self.first + index
        settings = self.settings
        step = np.random.default_rng([settings.seed, 1, number // self.step_examples])
        late = self._is_late(number)
        sizes = settings.last_sizes if late else settings.sizes
        height, width = sizes[int(step.integers(len(sizes)))]
        paired = step.random() < settings.paired
        first = number - number % 2 if paired else number
        frame, placement = self._view(first, (height, width))
        rng = np.random.default_rng([settings.seed, 3, number])
        if number > first:
            placement = nearby_placement(rng, placement, (height, width))
        example = make_example(frame, (height, width), placement, rng, aspect=self.aspect)
        return replace(example, pair=first) if paired else example

    def _is_late(self, number: int) -> bool:
        return self.total - number <= self.settings.last_steps * self.step_examples

    def _view(self, number: int, size: tuple[int, int]) -> tuple[LabelledFrame, Placement]:
        """The frame of an example and where it is placed; the second view of a pair asks for it again."""
        if self._drawn is None or self._drawn[0] != number:
            rng = np.random.default_rng([self.settings.seed, 2, number])
            source = self.last_source if self._is_late(number) else self.source
            frame = source.draw(rng, size)
            scales = self.settings.min_scale, self.settings.max_scale
            self._drawn = number, frame, random_placement(rng, frame, size, scales)
        return self._drawn[1], self._drawn[2]


@dataclass
class Batch:
    """Tensors of one step.

    Attributes:
        images: ``(B, H, W, 3)`` uint8 RGB: what travels to a device is a quarter of the network's input.
        targets: What they show.
    """

    images: Tensor
    targets: Targets

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(self.images.to(device, non_blocking=True), self.targets.to(device))

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""
        return {"images": self.images, "targets": vars(self.targets)}

    def pin_memory(self) -> Batch:
        """The same batch in memory from which a GPU copies while it computes; torch's loader calls this."""
        return Batch(self.images.pin_memory(), self.targets.pinned())


def collate(examples: Sequence[Example]) -> Batch:
    """Examples of one size as a batch."""
    return Batch(torch.from_numpy(np.stack([example.image for example in examples])), targets_of(examples))


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """For forking inside: a thread pool that OpenCV has used hangs a forked process when that changes it."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def batches(stream: ExampleStream, *, rank: int, processes: int, pin: bool = False) -> Iterator[Batch]:
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
        persistent_workers=False,
        prefetch_factor=3 if workers else None,
        pin_memory=pin,
    )
    with _one_opencv_thread():
        started = iter(loader)
    yield from started


def evaluation_batch(frames: Sequence[LabelledFrame], size: tuple[int, int]) -> Batch:
    """Frames letterboxed without augmentation."""
    places = [letterbox_placement((f.image.shape[0], f.image.shape[1]), size) for f in frames]
    return collate([make_example(f, size, p) for f, p in zip(frames, places, strict=True)])
