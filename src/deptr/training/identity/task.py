"""Training an identity decoder on simulated clips, by the trainer that detectors use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deptr.training.identity.config import IdentityTrainSettings
from deptr.training.identity.criterion import IdentityBatch, IdentityStep, clip_logits, tensors_of
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.examples import Lesson, lesson
from deptr.training.identity.worlds import simulate
from deptr.training.task import Task

EVALUATION = 2**31  # where the seeds of held-out clips begin


def simulated_lesson(settings: IdentityTrainSettings, *seeds: int) -> Lesson:
    """A clip of a world of its own, the same for the same seeds."""
    rng = np.random.default_rng((settings.data.seed, *seeds))
    model = settings.model
    while True:
        made = lesson(
            simulate(rng, settings.data.worlds),
            rng,
            capacity=model.identities,
            depth=model.memory,
            lost_seconds=float(rng.uniform(settings.data.lost_seconds[0], settings.data.lost_seconds[1])),
            augment=settings.data.augment,
        )
        if made.questions:
            return made


class _Steps(Dataset[IdentityBatch]):
    def __init__(self, settings: IdentityTrainSettings, first: int, *, rank: int) -> None:
        self.settings, self.first, self.rank = settings, first, rank

    def __len__(self) -> int:
        return self.settings.optimizer.steps - self.first

    def __getitem__(self, index: int) -> IdentityBatch:
        settings = self.settings
        lessons = (
            simulated_lesson(settings, self.rank, self.first + index, number)
            for number in range(settings.data.batch_size)
        )
        return IdentityBatch([tensors_of(made, settings.loss) for made in lessons])


class IdentityTask(Task[IdentityDecoder]):
    """An identity decoder that learns from simulated clips.

    Args:
        settings: All settings.
    """

    def __init__(self, settings: IdentityTrainSettings) -> None:
        torch.manual_seed(settings.data.seed)
        decoder = (
            IdentityDecoder.from_pretrained(settings.start)
            if settings.start
            else IdentityDecoder(settings.model)
        )
        super().__init__(
            IdentityStep(decoder),
            decoder,
            settings.optimizer,
            settings.run,
            seed=settings.data.seed,
            settings=settings.as_dict(),
        )
        self._settings = settings

    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[IdentityBatch]:
        """See `Task.batches`."""
        workers = self._settings.data.workers
        loader: Any = DataLoader(
            _Steps(self._settings, first_step, rank=rank),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=3 if workers else None,
        )
        yield from loader

    def with_weights(self, state: Mapping[str, Tensor]) -> IdentityDecoder:
        """See `Task.with_weights`."""
        decoder = IdentityDecoder(IdentityConfig(**self.model.config.as_dict()))
        decoder.load_state_dict(state)
        return decoder.eval()

    def memory_advice(self, batch: Any) -> str:
        """See `Task.memory_advice`."""
        size = len(batch.clips)
        return f"data.batch_size: {size} clips do not fit into memory; try {max(1, size // 2)}"


@torch.inference_mode()
def held_out_figures(decoder: IdentityDecoder, settings: IdentityTrainSettings) -> dict[str, float]:
    """Share of detections of held-out clips whose identity is found, and the same of newborns alone.

    Returns:
        ``right``, ``newborns_right`` and ``score``, which is the first.
    """
    decoder.eval()
    right = newborns = newborns_right = total = 0
    for number in range(settings.data.evaluate):
        clip = tensors_of(simulated_lesson(settings, EVALUATION, number), settings.loss)
        found = (clip_logits(decoder, clip).argmax(-1) == clip.targets) & clip.counted
        new = (clip.targets == settings.model.identities) & clip.counted
        right, total = right + int(found.sum()), total + int(clip.counted.sum())
        newborns, newborns_right = newborns + int(new.sum()), newborns_right + int((found & new).sum())
    figures = {"right": right / max(total, 1), "newborns_right": newborns_right / max(newborns, 1)}
    return {"score": figures["right"], **figures}
