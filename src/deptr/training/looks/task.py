"""Learning a matrix under which thumbnails of one person are near and those of others far.

Supervised contrastive learning, Khosla et al., arXiv:2004.11362, within each crowd: every pair of one person
at two moments against all others of that crowd, so that what a whole crowd has in common, light and ground,
tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deptr.detector.looks import NUMBERS, numbers_of
from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.training.looks.config import LooksTrainSettings
from deptr.training.looks.crowds import Crowd
from deptr.training.task import Task

FILE = "looks.npz"
HELD_OUT_EVERY = 10  # crowds: never trained on
FIRST_LOG_TEMPERATURE = 2.3  # cosines are multiplied by ten


class Party(NamedTuple):
    """A crowd as tensors.

    Attributes:
        numbers: ``(M, 576)`` see `numbers_of`.
        people: ``(M,)``.
        moments: ``(M,)``.
    """

    numbers: Tensor
    people: Tensor
    moments: Tensor

    @classmethod
    def of(cls, crowd: Crowd) -> Party:
        """As it is, without changes of light."""
        numbers = torch.from_numpy(numbers_of(crowd.thumbs))
        return cls(numbers, torch.from_numpy(crowd.people.astype(np.int64)), torch.from_numpy(crowd.moments))


@dataclass
class LooksBatch:
    """Crowds of one step."""

    parties: list[Party]

    def to(self, device: torch.device) -> LooksBatch:
        """The same on another device."""
        return LooksBatch([Party(*(value.to(device) for value in party)) for party in self.parties])

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""
        return {"parties": [party._asdict() for party in self.parties]}


class LooksModel(nn.Module):
    """From thumbnails to looks.

    Args:
        width: Numbers of a look.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(NUMBERS, width)
        self.log_temperature = nn.Parameter(torch.tensor(FIRST_LOG_TEMPERATURE))

    def forward(self, numbers: Tensor) -> Tensor:
        """``(M, E)`` of unit length."""
        return functional.normalize(self.project(numbers), dim=-1)

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write what `LooksReader` reads, in half precision."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"matrix": self.project.weight, "shift": self.project.bias}
        columns: dict[str, Any] = {name: value.detach().cpu().half().numpy() for name, value in parts.items()}
        with atomic_path(folder / FILE) as temporary, temporary.open("wb") as file:
            np.savez(file, **columns)


class LooksStep(nn.Module):
    """Model and loss.

    Args:
        model: What is trained.
    """

    def __init__(self, model: LooksModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: LooksBatch) -> dict[str, Tensor]:
        """The loss, a mean over crowds."""
        losses = [self._loss(party) for party in batch.parties]
        return {"looks": torch.stack(losses).mean()}

    def _loss(self, party: Party) -> Tensor:
        looks = self.model(party.numbers)
        alike = looks @ looks.T * self.model.log_temperature.exp()
        one = party.people[:, None] == party.people[None]
        pairs = one & (party.moments[:, None] != party.moments[None])
        rivals = torch.where(one, -torch.inf, alike).logsumexp(1, keepdim=True)
        surprise = torch.where(pairs, torch.logaddexp(alike, rivals) - alike, 0.0)
        of_each = surprise.sum(1) / pairs.sum(1).clamp(min=1)
        return of_each.sum() / pairs.any(1).sum().clamp(min=1)


class LooksTask(Task[LooksModel]):
    """Looks that are learned from crowds.

    Args:
        settings: All settings.
        crowds: Of which every tenth is kept for evaluation.

    Raises:
        DataError: Nobody is seen twice beside others.
    """

    def __init__(self, settings: LooksTrainSettings, crowds: Sequence[Crowd]) -> None:
        torch.manual_seed(settings.data.seed)
        model = LooksModel(settings.width)
        super().__init__(
            LooksStep(model),
            model,
            settings.optimizer,
            settings.run,
            seed=settings.data.seed,
            settings=settings.as_dict(),
        )
        self._settings = settings
        taught = (crowd for row, crowd in enumerate(crowds) if row % HELD_OUT_EVERY != 1)
        self._crowds = [crowd for crowd in taught if _teaches(crowd)]
        if not self._crowds:
            raise DataError(
                settings.data.file, "no crowd of which two people are seen twice", hint="more scenes"
            )

    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[LooksBatch]:
        """See `Task.batches`."""
        data = self._settings.data
        for step in range(first_step, self.optimizer.steps):
            rng = np.random.default_rng((data.seed, step, rank))
            chosen = rng.integers(len(self._crowds), size=data.batch_size)
            yield LooksBatch([self._relit(self._crowds[row], rng) for row in chosen])

    def _relit(self, crowd: Crowd, rng: np.random.Generator) -> Party:
        party, light = Party.of(crowd), self._settings.data.light
        count = len(party.numbers)
        brightness = 1 + light * rng.normal(size=(count, 1))
        colour = np.tile(light / 2 * rng.normal(size=(count, 3)), NUMBERS // 3)
        changed = party.numbers * torch.from_numpy(brightness).float() + torch.from_numpy(colour).float()
        return party._replace(numbers=changed)

    def with_weights(self, state: Mapping[str, Tensor]) -> LooksModel:
        """See `Task.with_weights`."""
        model = LooksModel(self._settings.width)
        model.load_state_dict(state)
        return model.eval()

    def memory_advice(self, batch: Any) -> str:
        """See `Task.memory_advice`."""
        size = self._settings.data.batch_size
        return f"data.batch_size: {size} crowds do not fit into memory; try {max(1, size // 2)}"


def _teaches(crowd: Crowd) -> bool:
    """Whether somebody is seen twice, and others too."""
    _, counts = np.unique(crowd.people, return_counts=True)
    return len(counts) > 1 and bool(counts.max() > 1)


@torch.inference_mode()
def held_out_figures(model: LooksModel, crowds: Sequence[Crowd]) -> dict[str, float]:
    """How often the most alike look of a later moment is the same person's, in crowds kept for it.

    Returns:
        ``right``, ``chance`` and ``score``, which is the first.
    """
    right = chance = asked = 0.0
    for crowd in crowds[1::HELD_OUT_EVERY]:
        looks = model(Party.of(crowd).numbers).numpy()
        moments = np.unique(crowd.moments)
        for before, after in pairwise(moments):
            now, later = np.flatnonzero(crowd.moments == before), np.flatnonzero(crowd.moments == after)
            now = now[np.isin(crowd.people[now], crowd.people[later])]
            if len(now):
                best = later[(looks[now] @ looks[later].T).argmax(1)]
                right += float((crowd.people[best] == crowd.people[now]).sum())
                chance += len(now) / len(later)
                asked += len(now)
    figures = {"right": right / max(asked, 1), "chance": chance / max(asked, 1)}
    return {"score": figures["right"], **figures}
