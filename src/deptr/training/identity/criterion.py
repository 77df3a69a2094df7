"""What the identity decoder minimises: the right identity, and where it errs, one that is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deptr.boxes import iou
from deptr.records import FloatArray, IntArray
from deptr.tracking.learned.observations import LOG_Z
from deptr.training.identity.decoder import IdentityDecoder, Past
from deptr.training.identity.detections import Clip
from deptr.training.identity.examples import Lesson, Question


@dataclass(frozen=True)
class IdentityLossSettings:
    """Weights of the terms.

    Attributes:
        overlap: Of the expected 1 - IoU between a detection's body and the one it is taken for.
        place: Of the expected distance between them, in heights, at most 1.
        depth: Of their expected difference in log depth, at most 1.
    """

    overlap: float = 2.0
    place: float = 5.0
    depth: float = 1.0


def padded(arrays: Sequence[FloatArray | IntArray], fill: float = 0.0) -> Tensor:
    """Arrays ``(n_i, ...)`` as one ``(B, max n, ...)``."""
    longest = max(len(array) for array in arrays)
    out = np.full((len(arrays), longest, *arrays[0].shape[1:]), fill, np.float32)
    for row, array in enumerate(arrays):
        out[row, : len(array)] = array
    return torch.from_numpy(out)


@dataclass
class ClipTensors:
    """A clip's questions as tensors, ``Q`` frames of ``D`` detections and ``P`` memories."""

    seen: Tensor
    frames: Tensor
    states: Tensor
    extents: Tensor
    rows: Tensor
    payload: Tensor
    past: Past
    context: Tensor
    visible: Tensor
    present: Tensor
    targets: Tensor
    weights: Tensor
    slots: Tensor
    errors: Tensor


@dataclass
class IdentityBatch:
    """Clips of one step."""

    clips: list[ClipTensors]

    def to(self, device: torch.device) -> IdentityBatch:
        """The same on another device."""
        return IdentityBatch([_moved(clip, device) for clip in self.clips])

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""
        return {"clips": [vars(clip) | {"past": tuple(clip.past)} for clip in self.clips]}


def _moved(clip: ClipTensors, device: torch.device) -> ClipTensors:
    moved: dict[str, Any] = {}
    for entry in fields(clip):
        value = getattr(clip, entry.name)
        moved[entry.name] = (
            Past(*(p.to(device) for p in value)) if isinstance(value, Past) else value.to(device)
        )
    return ClipTensors(**moved)


def tensors_of(lesson: Lesson, settings: IdentityLossSettings) -> ClipTensors:
    """Questions of one clip, padded to the longest."""
    clip, asked = lesson.clip, lesson.questions
    present = padded([np.ones(len(q.rows)) for q in asked]) > 0
    remembered = padded([np.ones(len(q.recall.slots)) for q in asked]) > 0
    past = Past(
        torch.zeros(0),
        padded([q.recall.seen for q in asked]),
        padded([q.recall.paths for q in asked]),
        padded([q.recall.slots for q in asked]).long(),
        padded([q.recall.since for q in asked]),
        padded([q.recall.rank for q in asked]),
        torch.tensor([q.recall.period for q in asked], dtype=torch.float32),
    )
    return ClipTensors(
        seen=torch.from_numpy(clip.seen.astype(np.float32)),
        frames=torch.from_numpy(clip.frames),
        states=torch.from_numpy(clip.states.astype(np.float32)),
        extents=torch.from_numpy(lesson.extents.astype(np.float32)),
        rows=padded([q.rows for q in asked]).long(),
        payload=padded([q.recall.payload for q in asked]).long(),
        past=past,
        context=torch.from_numpy(np.stack([q.recall.context for q in asked]).astype(np.float32)),
        visible=present[:, :, None] & remembered[:, None],
        present=present,
        targets=padded([q.targets for q in asked]).long(),
        weights=padded([clip.quality[q.rows] for q in asked]),
        slots=padded([q.slots for q in asked], -1).long(),
        errors=_squared([_errors(clip, q, settings) for q in asked]),
    )


def _squared(arrays: list[FloatArray]) -> Tensor:
    longest = max(len(array) for array in arrays)
    return padded([np.pad(array, ((0, 0), (0, longest - len(array)))) for array in arrays])


def _errors(clip: Clip, question: Question, settings: IdentityLossSettings) -> FloatArray:
    """``(D, D)`` how wrong it is to take the body of one detection for that of another."""
    boxes, depths = clip.boxes[question.rows], clip.log_z[question.rows]
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3)
    off = np.abs(boxes[:, None] - boxes[None]).mean(-1) / heights[:, None]
    apart = np.abs(depths[:, None] - depths[None])
    overlap = settings.overlap * (1 - iou(boxes, boxes)) + settings.place * np.minimum(off, 1) / 4
    return np.asarray(overlap + settings.depth * np.minimum(np.nan_to_num(apart), 1))


class IdentityStep(nn.Module):
    """Decoder and losses.

    Args:
        decoder: What is trained.
    """

    def __init__(self, decoder: IdentityDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def logits(self, clip: ClipTensors) -> Tensor:
        """``(Q, D, K + 1)`` the decoder's answers."""
        decoder = self.decoder
        count = int(clip.frames.max()) + 1
        places = torch.cat([torch.arange(int(n)) for n in torch.bincount(clip.frames, minlength=count)])
        width = int(places.max()) + 1
        by_frame = torch.zeros(count, width, clip.seen.shape[-1])
        by_frame[..., LOG_Z] = float("nan")  # where there is no detection no depth takes part in the middle
        by_frame[clip.frames, places] = clip.seen
        states = None
        if decoder.state is not None:
            states = torch.zeros(count, width, clip.states.shape[-1])
            states[clip.frames, places] = clip.states
        tokens = decoder.tokens(by_frame, states, clip.extents[:count])[clip.frames, places]
        keys = decoder.memory(tokens)
        past = clip.past._replace(keys=keys[clip.payload])
        logits: Tensor = decoder(
            tokens[clip.rows],
            clip.seen[clip.rows],
            past,
            clip.context,
            visible=clip.visible,
            together=clip.present[:, None] & clip.present[:, :, None],
        )
        return logits

    def forward(self, batch: IdentityBatch) -> dict[str, Tensor]:
        """Named loss terms, means over detections."""
        names, errors, count = torch.zeros(()), torch.zeros(()), 0.0
        for clip in batch.clips:
            logits = self.logits(clip)
            chosen = clip.present
            surprise = functional.cross_entropy(logits[chosen], clip.targets[chosen], reduction="none")
            names = names + (surprise * clip.weights[chosen]).sum()
            shares = logits.softmax(-1)
            real = (clip.slots >= 0) & chosen
            wanted = clip.slots.clamp(min=0)[:, None].expand(-1, logits.shape[1], -1)
            taken_for = shares.gather(-1, wanted) * real[:, None] * real[:, :, None]
            errors = errors + (taken_for * clip.errors).sum()
            count += float(chosen.sum())
        return {"identity": names / count, "confusion": errors / count}
