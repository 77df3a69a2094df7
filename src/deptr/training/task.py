"""What a training run needs to know of what is learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from deptr.training.config import OptimizerSettings, RunSettings


class Kept(Protocol):
    """A model that can be written to a folder."""

    def save_pretrained(self, save_directory: str | Path, /) -> Any:
        """Write configuration and weights."""


class AnyBatch(Protocol):
    """Tensors of one step."""

    def to(self, device: torch.device, /) -> Any:
        """The same on another device."""

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""


ModelT = TypeVar("ModelT", bound=Kept)


class Task(ABC, Generic[ModelT]):
    """A model, its losses and its data.

    Args:
        step: Takes a batch and answers with named losses; the model is a part of it.
        model: Whose weights are averaged and kept.
        optimizer: Rates and steps.
        run: How the run goes about it.
        seed: What every random choice derives from.
        settings: All settings, to be kept beside the weights.
    """

    def __init__(
        self,
        step: nn.Module,
        model: Any,
        optimizer: OptimizerSettings,
        run: RunSettings,
        *,
        seed: int,
        settings: dict[str, Any],
    ) -> None:
        self.step, self.model, self.optimizer, self.run = step, model, optimizer, run
        self.seed, self.settings = seed, settings

    @abstractmethod
    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[AnyBatch]:
        """Batches of one process from a step on; the same batch for the same step, however a run was cut."""

    @abstractmethod
    def with_weights(self, state: Mapping[str, Tensor]) -> ModelT:
        """A copy of the model with these weights, on the processor, for evaluation and export."""

    @abstractmethod
    def memory_advice(self, batch: Any) -> str:
        """What to change where this batch does not fit into memory."""
