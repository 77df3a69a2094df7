"""Training the detector: its losses as one module, its images as batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.plugin import DepthNetwork
from deptr.errors import UsageError
from deptr.training.auxiliary import DenseAuxiliaryHead
from deptr.training.config import TrainSettings
from deptr.training.criterion import DepTRCriterion
from deptr.training.data import Batch, ExampleStream, FrameSource, batches
from deptr.training.given_boxes import given_boxes
from deptr.training.losses import feature_alignment_loss
from deptr.training.task import Task


class TrainingStep(nn.Module):
    """Detector, criterion and auxiliary head as one module, so that one backward pass serves all processes.

    Args:
        detector: What is trained.
        settings: Loss weights.
    """

    def __init__(self, detector: DepthNetwork, settings: TrainSettings) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        loss, config = settings.loss, detector.config
        self.detector = detector
        self.criterion = DepTRCriterion(
            config,
            depth_weight=loss.depth,
            label_std=loss.label_std,
            steady_weight=loss.steady,
            free_scale=loss.free_scale,
            given_weight=loss.given,
        )
        for name, values in (("mean", config.image_mean), ("std", config.image_std)):
            self.register_buffer(name, 255 * torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.auxiliary = None
        if loss.dense > 0 and not settings.model.depth_only and isinstance(detector, DepTRForObjectDetection):
            self.auxiliary = DenseAuxiliaryHead(
                detector.config,
                weight=loss.dense,
                depth_weight=loss.align_dense,
                free_scale=loss.free_scale,
            )
        self.align_features = loss.align_features
        self.given_noise = loss.given_noise if loss.given > 0 else None

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named loss terms of a batch."""
        images, targets = batch.images, batch.targets
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        given = None if self.given_noise is None else given_boxes(targets, self.given_noise)
        asked = None if given is None else given.boxes
        output = self.detector(pixels, targets.per_image(), given=asked)
        with torch.autocast(images.device.type, enabled=False):
            output.depths = None if output.depths is None else output.depths.float()
            losses: dict[str, Tensor] = self.criterion(output, targets, given)
            maps = [level.float() for level in output.encoder_maps]
            if self.auxiliary is not None:
                losses |= self.auxiliary(maps, targets)
            if self.align_features > 0:
                if targets.teacher_features is None:
                    raise UsageError("loss.align_features: the data has no teacher features; set it to 0")
                teacher = [targets.teacher_features] * len(maps)
                losses["align_features"] = self.align_features * feature_alignment_loss(maps, teacher)
        return losses


class DetectorTask(Task[DepthNetwork]):
    """A detector, and where its images come from.

    Args:
        detector: What is trained.
        source: Where frames come from.
        settings: All settings.
    """

    def __init__(self, detector: DepthNetwork, source: FrameSource, settings: TrainSettings) -> None:
        # seeded first: the auxiliary head starts at random
        torch.manual_seed(settings.data.seed)
        step: Any = TrainingStep(detector, settings)
        step = step.to(memory_format=torch.channels_last)
        super().__init__(
            step,
            detector,
            settings.optimizer,
            settings.run,
            seed=settings.data.seed,
            settings=settings.as_dict(),
        )
        self._source, self._data = source, settings.data

    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[Batch]:
        """See `Task.batches`."""
        config = self.model.config
        per_step = self._data.batch_size * processes
        stream = ExampleStream(
            self._source,
            self._data,
            self.optimizer.steps * per_step,
            first=first_step * per_step,
            processes=processes,
            aspect=config.image_width / config.image_height,
        )
        return batches(stream, rank=rank, processes=processes, pin=pin)

    def with_weights(self, state: Mapping[str, Tensor]) -> DepthNetwork:
        """See `Task.with_weights`."""
        model: DepthNetwork = copy.deepcopy(self.model).cpu()
        model.load_state_dict(state)
        model.eval()
        return model

    def memory_advice(self, batch: Any) -> str:
        """See `Task.memory_advice`."""
        size = self._data.batch_size
        return (
            f"data.batch_size: {size} images of {tuple(batch.images.shape[1:3])} do not fit into memory; "
            f"try {max(1, size // 2)}, smaller data.sizes or run.precision = 'bf16'"
        )
