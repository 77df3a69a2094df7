"""Training a decoder and the detector whose query states it reads as one: its loss reaches the detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from deptr.detector.loading import load_detector
from deptr.detector.modeling import DepTRForObjectDetection, DepTROutput
from deptr.records import FloatArray, Image
from deptr.training.identity.config import IdentityTrainSettings
from deptr.training.identity.criterion import ClipTensors, clip_losses, tensors_of
from deptr.training.identity.decoder import IdentityDecoder
from deptr.training.identity.examples import Lesson
from deptr.training.identity.sightings import scene_of
from deptr.training.identity.task import Lessons, started
from deptr.training.matching import iou
from deptr.training.task import Task

DETECTOR = "detector"  # folder of the detector inside that of the decoder
SAME_OVERLAP = 0.5  # of a query's box with the detection that it gave before training


@dataclass
class FilmedClip:
    """A clip with its pictures.

    Attributes:
        tensors: What is asked.
        images: ``(F, H, W, 3)`` uint8 RGB.
        boxes: ``(F, D, 4)`` centre format in [0, 1], of the detections in `tensors`.
    """

    tensors: ClipTensors
    images: Tensor
    boxes: Tensor


@dataclass
class JointBatch:
    """Clips of one step."""

    clips: list[FilmedClip]

    def to(self, device: torch.device) -> JointBatch:
        """The same on another device."""
        return JointBatch(
            [
                FilmedClip(
                    ClipTensors(*(value.to(device) for value in clip.tensors)),
                    clip.images.to(device),
                    clip.boxes.to(device),
                )
                for clip in self.clips
            ]
        )

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""
        return {"clips": [clip.tensors._asdict() | {"images": clip.images} for clip in self.clips]}


class JointModel(nn.Module):
    """A decoder and its detector.

    Args:
        decoder: Reads states.
        detector: Gives them; its norms keep their statistics.
        decoder_only: Whether only its decoder and heads learn.
    """

    def __init__(
        self, decoder: IdentityDecoder, detector: DepTRForObjectDetection, *, decoder_only: bool = False
    ) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.decoder, self.detector = decoder, detector
        for name, values in (("mean", detector.config.image_mean), ("std", detector.config.image_std)):
            self.register_buffer(name, 255 * torch.tensor(values).view(1, 3, 1, 1), persistent=False)

        core: Any = detector.model
        for part in (core.backbone, core.encoder_input_proj, core.encoder) if decoder_only else ():
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> JointModel:
        """As in torch; the detector answers as in use."""
        super().train(mode)
        self.detector.eval()
        return self

    def sighted(self, clip: FilmedClip) -> tuple[ClipTensors, Tensor]:
        """The clip with the states that the detector gives now, and what it changed of its detections."""
        output = self.detector((clip.images.permute(0, 3, 1, 2).float() - self.mean) / self.std)
        assert output.states is not None and output.pred_boxes is not None
        near = iou(clip.boxes[:, :, None], output.pred_boxes[:, None])  # (F, D, Q)
        overlap, query = near.max(-1)
        known = clip.tensors.present & (overlap >= SAME_OVERLAP)
        picked = query[..., None].expand(-1, -1, output.states.shape[-1])
        states = output.states.gather(1, picked) * known[..., None]
        return clip.tensors._replace(states=states), self._changed(output, clip, query, known)

    def _changed(self, output: DepTROutput, clip: FilmedClip, query: Tensor, known: Tensor) -> Tensor:
        """How far boxes and scores are from those of the detector before, whose detections the clip holds."""
        assert output.logits is not None and output.pred_boxes is not None
        config = self.detector.config
        boxes = output.pred_boxes.gather(1, query[..., None].expand(-1, -1, 4))
        off = (boxes - clip.boxes).abs().sum(-1) * known
        logits = output.logits.max(-1).values * config.score_scale + config.score_shift
        wanted = torch.zeros_like(logits).scatter_reduce(1, query, clip.tensors.seen[..., -1] * known, "amax")
        surprise = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        count = clip.tensors.present.sum().clamp(min=1)
        return (5 * off.sum() + surprise.sum()) / count

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write the decoder to a folder, and the detector beneath it."""
        self.decoder.save_pretrained(save_directory)
        self.detector.save_pretrained(Path(save_directory) / DETECTOR)


class JointStep(nn.Module):
    """Both and their losses.

    Args:
        model: Both.
        keep: Weight of what must not change of the detections.
    """

    def __init__(self, model: JointModel, keep: float) -> None:
        super().__init__()
        self.model, self.keep = model, keep

    def forward(self, batch: JointBatch) -> dict[str, Tensor]:
        """Named loss terms, means over detections."""
        sums, changes = [], []
        for clip in batch.clips:
            tensors, changed = self.model.sighted(clip)
            sums.append(clip_losses(self.model.decoder, tensors))
            changes.append(changed)
        names, errors, counts = (torch.stack(parts).sum() for parts in zip(*sums, strict=True))
        changed = self.keep * torch.stack(changes).mean()
        return {"identity": names / counts, "confusion": errors / counts, "detections": changed}


class _Steps(Dataset[JointBatch]):
    def __init__(self, lessons: Lessons, first: int, *, rank: int) -> None:
        self.lessons, self.first, self.rank = lessons, first, rank

    def __len__(self) -> int:
        return self.lessons.settings.optimizer.steps - self.first

    def __getitem__(self, index: int) -> JointBatch:
        settings = self.lessons.settings
        seeds = (self.rank, self.first + index)
        drawn = [self.lessons.draw(*seeds, number) for number in range(settings.data.batch_size)]
        return JointBatch([filmed(made, settings) for made in drawn])


def filmed(made: Lesson, settings: IdentityTrainSettings) -> FilmedClip:
    """A sighted clip with the pictures that it was seen in, rendered again."""
    clip = made.clip
    scene = scene_of(settings.data.sightings, clip.scene)
    frames: list[Image] = [scene.frame(clip.first_frame + index).image for index in range(len(clip.seconds))]
    tensors = tensors_of(made, settings.loss)
    width, height = clip.size
    seen: FloatArray = tensors.seen.numpy()
    sides = np.exp(seen[..., 2:4])
    boxes = np.concatenate([seen[..., :2], sides], axis=-1) / [width, height, width, height]
    return FilmedClip(tensors, torch.from_numpy(np.stack(frames)), torch.from_numpy(boxes.astype(np.float32)))


class JointTask(Task[JointModel]):
    """A decoder and its detector that learn from rendered clips.

    Args:
        settings: All settings; `IdentityDataSettings.sightings` names the detector.
        lessons: Where clips come from.
    """

    def __init__(self, settings: IdentityTrainSettings, lessons: Lessons) -> None:
        torch.manual_seed(settings.data.seed)
        model = JointModel(
            started(settings),
            load_detector(settings.data.sightings.detector),
            decoder_only=settings.joint.decoder_only,
        )
        super().__init__(
            JointStep(model, settings.joint.keep),
            model,
            settings.optimizer,
            settings.run,
            seed=settings.data.seed,
            settings=settings.as_dict(),
        )
        self._settings, self._lessons = settings, lessons

    def batches(self, first_step: int, *, rank: int, processes: int, pin: bool) -> Iterator[JointBatch]:
        """See `Task.batches`."""
        workers = self._settings.data.workers
        loader: Any = DataLoader(
            _Steps(self._lessons, first_step, rank=rank),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=2 if workers else None,
        )
        yield from loader

    def with_weights(self, state: Mapping[str, Tensor]) -> JointModel:
        """See `Task.with_weights`."""
        detector = DepTRForObjectDetection(self.model.detector.config)
        model = JointModel(IdentityDecoder(self.model.decoder.config), detector)
        model.load_state_dict(state)
        return model.eval()

    def memory_advice(self, batch: Any) -> str:
        """See `Task.memory_advice`."""
        size = len(batch.clips)
        return f"data.batch_size: {size} clips do not fit into memory; try {max(1, size // 2)}"
