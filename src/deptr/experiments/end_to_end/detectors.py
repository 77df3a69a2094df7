"""Two detectors on the same images: one learns depth with all its features, the other beside them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deptr.detector.loading import load_detector
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.errors import UsageError
from deptr.experiments.end_to_end.arms import DISTILLED, Budget
from deptr.experiments.end_to_end.rendering import World, filmed
from deptr.records import LabelledFrame
from deptr.training.builder import build_detector
from deptr.training.config import TrainSettings, settings_from_dict
from deptr.training.detector_task import DetectorTask
from deptr.training.trainer import Trainer


class FilmedFrames:
    """Random frames of worlds that are rendered already, more as time goes on.

    Args:
        worlds: Training clips.
        scratch: Where they lie.
    """

    def __init__(self, worlds: Sequence[World], scratch: Path) -> None:
        self.worlds, self.scratch = worlds, scratch

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> LabelledFrame:
        """One frame."""
        while True:  # until one is there
            world = self.worlds[int(rng.integers(len(self.worlds)))]
            if (self.scratch / f"{world.name}.npz").is_file():
                own = filmed(world, self.scratch)
                return own.labelled(int(rng.integers(len(own.bodies))))
            time.sleep(0.01)


def train_detector(
    kind: str,
    worlds: Sequence[World],
    budget: Budget,
    *,
    start: str,
    scratch: Path,
    folder: Path,
    seconds: float,
) -> None:
    """Train the detector of one kind and write it to ``folder/kind``.

    Args:
        kind: ``distilled``: the depth loss reaches encoder, decoder and backbone, with a dense depth besides;
            ``plain``: the depth module reads states through which nothing flows back.
        worlds: Training clips.
        budget: How much work.
        start: ``backbone``: ImageNet weights below and random ones above, so that neither knows of depth; a
            file of such weights; or the folder of a detector, which then both continue.
        scratch: Where the pictures are.
        folder: Where the detector goes.
        seconds: Time for it, 0 without a limit.
    """
    torch.manual_seed(0)
    settings = detector_settings(kind, budget, start, seconds)
    model = build_detector(settings.model)
    assert isinstance(model, DepTRForObjectDetection)
    if kind != DISTILLED:
        if model.depth_head is None:
            raise UsageError("--start: the detector has no depth module, which this experiment is about")
        model.depth_head.register_forward_pre_hook(_detached)
    with tempfile.TemporaryDirectory() as place:
        trainer = Trainer(DetectorTask(model, FilmedFrames(worlds, scratch), settings), place)
        trainer.run()
        trainer.averaged_model().save_pretrained(folder / kind)


def _detached(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the depth module reads, without a way back."""
    states, boxes, maps = inputs
    return states.detach(), boxes.detach(), [level.detach() for level in maps]


def detector_settings(kind: str, budget: Budget, start: str, seconds: float) -> TrainSettings:
    """Of the detector of one kind; all but what depth teaches is the same."""
    steps = budget.detector_steps
    model: dict[str, Any] = {"image_height": budget.size[0], "image_width": budget.size[1]}
    if Path(start).is_dir():
        model |= {"start": start}
    else:
        model |= {"backbone_weights": "installed" if start == "backbone" else start, **SMALL}
    return settings_from_dict(
        {
            "model": model,
            "data": {
                "train": [{"kind": "crowd"}],  # named only: frames come from `FilmedFrames`
                "sizes": [list(size) for size in budget.detector_sizes],
                "batch_size": budget.detector_batch,
                "workers": min(budget.workers // 4, 4),
                "min_scale": 0.8,
                "max_scale": 1.5,
            },
            "optimizer": {
                "steps": steps,
                "learning_rate": 8e-4,
                "backbone_learning_rate": 2e-4,
                "warmup_steps": min(50, steps),
                "decay_steps": steps // 2,
                "ema_decay": 0.98,
            },
            "loss": {"dense": 1.0, "align_dense": 0.5 if kind == DISTILLED else 0.0, "given": 1.0},
            "run": {
                "precision": "bf16" if torch.cuda.is_available() else "no",
                "log_every": 50,
                "save_every": steps + 1,
                "evaluate_every": 0,
                "minutes": seconds / 60,
            },
        }
    )


# the shape of the bundled detector, `recipes/deptr-nano-person.toml`
SMALL: dict[str, Any] = {
    "size": "nano",
    "levels": 3,
    "options": {
        "encoder_hidden_dim": 96,
        "d_model": 96,
        "decoder_in_channels": [96, 96, 96],
        "encoder_ffn_dim": 384,
        "decoder_ffn_dim": 384,
        "num_queries": 120,
        "nms_iou": 0.7,
    },
}


def opened(folder: str, device: str) -> DepTRForObjectDetection:
    """A detector for looking."""
    detector = load_detector(folder)
    detector.to(torch.device(device))
    detector.eval()
    return detector
