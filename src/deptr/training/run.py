"""A whole training run: settings in, a folder with the averaged weights out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from deptr.progress import Progress
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings
from deptr.training.evaluate import quick_figures
from deptr.training.sources import evaluation_sets, training_mixture
from deptr.training.trainer import Trainer, train

LAST = "last"  # folder of the averaged weights of the last step


@dataclass(frozen=True)
class Trained:
    """What a run came to.

    Attributes:
        step: The last step.
        figures: Of the last evaluation, empty without one.
    """

    step: int
    figures: dict[str, float]


def train_in(folder: str | Path, settings: TrainSettings, *, progress: Progress | None = None) -> Trained:
    """Train in a folder, from the newest state that is there; its folder ``last`` gets the averaged weights.

    Args:
        folder: Of the run.
        settings: All of it.
        progress: Told after each step.

    Raises:
        DataError: Data, weights or a saved state cannot be used, or the loss became NaN.
        UsageError: The settings cannot be meant, or a batch does not fit into memory.
    """
    mixture, sets = training_mixture(settings), evaluation_sets(settings)
    torch.manual_seed(settings.data.seed)  # of the parts that start fresh, whatever this process did before
    trainer = Trainer(
        build_detector(settings.model),
        mixture,
        settings,
        folder,
        evaluate=(lambda model: quick_figures(model, sets)) if sets else None,
        progress=progress,
    )
    figures = train(trainer)
    if trainer.is_main:
        trainer.averaged_detector().save_pretrained(Path(folder) / LAST)
    return Trained(trainer.step, figures)
