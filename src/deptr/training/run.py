"""A whole training run: settings in, a folder with the averaged weights out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from deptr.progress import Progress
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings
from deptr.training.detector_task import DetectorTask
from deptr.training.evaluate import quick_figures
from deptr.training.identity.config import IdentityTrainSettings
from deptr.training.identity.joint import JointTask
from deptr.training.identity.task import IdentityTask, Lessons, held_out_figures
from deptr.training.looks import task as looks
from deptr.training.looks.config import LooksTrainSettings
from deptr.training.looks.crowds import crowds_of
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


def train_identity_in(
    folder: str | Path, settings: IdentityTrainSettings, *, progress: Progress | None = None
) -> Trained:
    """Train an identity decoder in a folder; see `train_in`."""
    lessons = Lessons(settings, progress)
    if settings.joint.enabled:
        return _train(Trainer(JointTask(settings, lessons), folder, progress=progress))
    evaluate = partial(held_out_figures, lessons=lessons) if settings.data.evaluate else None
    return _train(Trainer(IdentityTask(settings, lessons), folder, evaluate=evaluate, progress=progress))


def train_looks_in(
    folder: str | Path, settings: LooksTrainSettings, *, progress: Progress | None = None
) -> Trained:
    """Learn how people look in a folder; see `train_in`."""
    crowds = crowds_of(settings.data, progress=progress)
    evaluate = partial(looks.held_out_figures, crowds=crowds)
    return _train(Trainer(looks.LooksTask(settings, crowds), folder, evaluate=evaluate, progress=progress))


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
        DetectorTask(build_detector(settings.model), mixture, settings),
        folder,
        evaluate=(lambda model: quick_figures(model, sets)) if sets else None,
        progress=progress,
    )
    return _train(trainer)


def _train(trainer: Trainer[Any]) -> Trained:
    figures = train(trainer)
    if trainer.is_main:
        trainer.averaged_model().save_pretrained(trainer.folder / LAST)
    return Trained(trainer.step, figures)
