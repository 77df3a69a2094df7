"""Lessons cut out of clips, padded and stacked, the same for all arms but for depths and states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deptr.experiments.end_to_end.arms import DEPTHS, STATES, Budget, View
from deptr.experiments.end_to_end.rendering import World
from deptr.experiments.end_to_end.views import clips_of
from deptr.records import FloatArray
from deptr.training.identity.criterion import ClipTensors, IdentityLossSettings, Room, arrays_of
from deptr.training.identity.decoder import IdentityConfig
from deptr.training.identity.detections import Clip
from deptr.training.identity.examples import AugmentSettings, Lesson, lesson
from deptr.training.identity.sightings import part_of

BY_DEPTH = ("seen", "past", "paths", "context")  # what depends on depths
HELD_OUT_EVERY = 10  # clips: never trained on
LOST_SECONDS = (1.0, 4.0)
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Cutting:
    """How lessons are cut out of clips.

    Attributes:
        view: Whose boxes.
        folder: Where clips lie.
        budget: How many, and how large.
        config: Of the decoders.
    """

    view: View
    folder: Path
    budget: Budget
    config: IdentityConfig


def lessons_of(world: World, cutting: Cutting) -> list[tuple[int, Arrays]]:
    """Lessons of a clip, each with the number of the room that it is padded to."""
    clips, states = clips_of(cutting.view, world, cutting.folder)
    made = []
    for number in range(cutting.budget.windows):
        arrays = _lesson(clips, states, (world.number, number), cutting)
        if arrays is not None:
            made.append(arrays)
    return made


def _lesson(
    clips: dict[str, Clip], states: dict[str, FloatArray], seeds: tuple[int, int], cutting: Cutting
) -> tuple[int, Arrays] | None:
    view, budget, config = cutting.view, cutting.budget, cutting.config
    clip = next(iter(clips.values()))
    rng = np.random.default_rng((*seeds, 1))
    count = min(budget.window, len(clip.seconds))
    first = int(rng.integers(len(clip.seconds) - count + 1))
    chosen = (clip.frames >= first) & (clip.frames < first + count)
    lost_seconds = float(rng.uniform(*LOST_SECONDS))
    found: dict[str, Lesson] = {
        word: lesson(
            part_of(own, first, count),
            np.random.default_rng((*seeds, 2)),
            capacity=config.identities,
            depth=config.memory,
            lost_seconds=lost_seconds,
            augment=AugmentSettings(),
        )
        for word, own in clips.items()
    }
    one = next(iter(found.values()))
    if not one.questions:
        return None
    needed = Room.of(one)
    number = next((row for row, room in enumerate(budget.rooms) if room.holds(needed)), None)
    if number is None:
        return None
    room = budget.rooms[number]
    parts = [arrays_of(_bare(found[word]), IdentityLossSettings(), room) for word in DEPTHS[view]]
    out = {name: values for name, values in parts[0].items() if name not in BY_DEPTH}
    out |= {name: np.stack([part[name] for part in parts]) for name in BY_DEPTH}
    where = np.nonzero(out["present"])
    shape = out["present"].shape
    width = clip.states.shape[1]
    out["states"] = np.zeros((len(STATES[view]), *shape, width), np.float16)
    for row, word in enumerate(STATES[view]):
        out["states"][(row, *where)] = states[word][chosen]  # both stand by frame, in one order
    return number, out


def _bare(made: Lesson) -> Lesson:
    """Without states, of which there are several."""
    clip = made.clip
    return replace(made, clip=replace(clip, states=np.zeros((len(clip.frames), 0))))


@dataclass
class Pool:
    """Lessons of one room.

    Attributes:
        columns: By field of `ClipTensors` ``(N, ...)``; of `BY_DEPTH` ``(N, depths, ...)``, of states
            ``(N, detectors, ...)``.
    """

    columns: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.columns["present"])

    @classmethod
    def of(cls, lessons: Iterable[Arrays], device: str) -> Pool:
        """Lessons as tensors."""
        kept = list(lessons)
        return cls(
            {name: torch.from_numpy(np.stack([own[name] for own in kept])).to(device) for name in kept[0]}
        )

    def take(self, rows: Tensor, depth: Tensor, states: Tensor) -> ClipTensors:
        """Lessons ``(M, B)`` for ``M`` decoders, of which each has its kind of depths and of states."""
        picked = {}
        for name in ClipTensors._fields:
            values = self.columns[name]
            if name in BY_DEPTH:
                picked[name] = values[rows, depth[:, None]]
            elif name == "states":
                picked[name] = values[rows, states[:, None]].float()
            else:
                picked[name] = values[rows]
        return ClipTensors(**picked)
