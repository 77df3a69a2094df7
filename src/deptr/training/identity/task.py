"""Training an identity decoder on simulated clips, by the trainer that detectors use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deptr.errors import DataError
from deptr.progress import Progress
from deptr.training.identity.config import IdentityTrainSettings
from deptr.training.identity.criterion import IdentityBatch, IdentityStep, clip_logits, tensors_of
from deptr.training.identity.decoder import IdentityConfig, IdentityDecoder
from deptr.training.identity.detections import Clip, with_depth
from deptr.training.identity.examples import Lesson, lesson
from deptr.training.identity.imported import import_identity
from deptr.training.identity.sightings import part_of, sighted_clips
from deptr.training.identity.worlds import simulate
from deptr.training.task import Task

HELD_OUT_EVERY = 10
EVALUATION = 2**31  # where the seeds of held-out clips begin


class Lessons:
    """Where clips come from: simulated worlds, or what a detector saw of rendered ones.

    Every tenth sighted clip is never trained on.

    Args:
        settings: All settings.
        progress: Told while clips are made.
    """

    def __init__(self, settings: IdentityTrainSettings, progress: Progress | None = None) -> None:
        self.settings = settings
        self._clips: list[Clip] = []
        data = settings.data
        if data.sightings.detector:
            self._clips = sighted_clips(data.sightings, progress=progress)
            widths = {clip.states.shape[1] for clip in self._clips}
            if settings.model.state_width not in (0, *widths):
                raise DataError(
                    data.sightings.file,
                    "clips of another detector",
                    expected=f"query states of model.state_width = {settings.model.state_width} numbers",
                    found=f"{widths}",
                )

    def draw(self, *seeds: int) -> Lesson:
        """A clip with its questions, the same for the same seeds."""
        settings, model = self.settings, self.settings.model
        rng = np.random.default_rng((settings.data.seed, *seeds))
        low, high = settings.data.lost_seconds
        while True:
            clip = self._sighted(rng, held_out=seeds[0] == EVALUATION) if self._clips else None
            made = lesson(
                clip or simulate(rng, settings.data.worlds),
                rng,
                capacity=model.identities,
                depth=model.memory,
                lost_seconds=float(rng.uniform(low, high)),
                augment=settings.data.augment,
            )
            if made.questions:
                return made

    def _sighted(self, rng: np.random.Generator, *, held_out: bool) -> Clip:
        data = self.settings.data
        usable = [row for row in range(len(self._clips)) if (row % HELD_OUT_EVERY == 1) == held_out]
        clip = self._clips[usable[int(rng.integers(len(usable)))]]
        count = min(int(rng.integers(data.worlds.frames[0], data.worlds.frames[1] + 1)), len(clip.seconds))
        part = part_of(clip, int(rng.integers(len(clip.seconds) - count + 1)), count)
        return with_depth(part, None) if rng.random() < data.without_depth else part


class _Steps(Dataset[IdentityBatch]):
    def __init__(self, lessons: Lessons, first: int, *, rank: int) -> None:
        self.lessons, self.settings = lessons, lessons.settings
        self.first, self.rank = first, rank

    def __len__(self) -> int:
        return self.settings.optimizer.steps - self.first

    def __getitem__(self, index: int) -> IdentityBatch:
        settings = self.settings
        lessons = (
            self.lessons.draw(self.rank, self.first + index, number)
            for number in range(settings.data.batch_size)
        )
        return IdentityBatch([tensors_of(made, settings.loss) for made in lessons])


class IdentityTask(Task[IdentityDecoder]):
    """An identity decoder that learns from clips.

    Args:
        settings: All settings.
        lessons: Where clips come from; None for what the settings say.
    """

    def __init__(self, settings: IdentityTrainSettings, lessons: Lessons | None = None) -> None:
        torch.manual_seed(settings.data.seed)
        decoder = started(settings)
        super().__init__(
            IdentityStep(decoder),
            decoder,
            settings.optimizer,
            settings.run,
            seed=settings.data.seed,
            settings=settings.as_dict(),
        )
        self._settings, self._lessons = settings, lessons or Lessons(settings)

    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[IdentityBatch]:
        """See `Task.batches`."""
        workers = self._settings.data.workers
        loader: Any = DataLoader(
            _Steps(self._lessons, first_step, rank=rank),
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


def started(settings: IdentityTrainSettings) -> IdentityDecoder:
    """The decoder that training starts with: fresh, or `settings.start`, whose boxes it may already know."""
    if not settings.start:
        return IdentityDecoder(settings.model)
    changes = {"identities": settings.model.identities, "memory": settings.model.memory}
    read = import_identity if settings.start.endswith(".onnx") else IdentityDecoder.from_pretrained
    known = read(settings.start, changes)
    if known.config.state_width == settings.model.state_width:
        return known
    decoder = IdentityDecoder(replace(known.config, state_width=settings.model.state_width))
    decoder.load_state_dict(known.state_dict(), strict=False)
    return decoder


@torch.inference_mode()
def held_out_figures(decoder: IdentityDecoder, lessons: Lessons) -> dict[str, float]:
    """Share of detections of held-out clips whose identity is found, and the same of newborns alone.

    Returns:
        ``right``, ``newborns_right`` and ``score``, which is the first.
    """
    decoder.eval()
    settings = lessons.settings
    right = newborns = newborns_right = total = 0
    for number in range(settings.data.evaluate):
        clip = tensors_of(lessons.draw(EVALUATION, number), settings.loss)
        found = (clip_logits(decoder, clip).argmax(-1) == clip.targets) & clip.counted
        new = (clip.targets == settings.model.identities) & clip.counted
        right, total = right + int(found.sum()), total + int(clip.counted.sum())
        newborns, newborns_right = newborns + int(new.sum()), newborns_right + int((found & new).sum())
    figures = {"right": right / max(total, 1), "newborns_right": newborns_right / max(newborns, 1)}
    return {"score": figures["right"], **figures}
