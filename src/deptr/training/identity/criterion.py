"""What the identity decoder minimises: the right identity, and where it errs, one that is near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deptr.boxes import iou
from deptr.records import FloatArray, IntArray
from deptr.tracking.learned.memory import PATH_COLUMNS
from deptr.tracking.learned.observations import CONTEXT, LOG_Z, OBSERVED
from deptr.training.identity.decoder import IdentityDecoder
from deptr.training.identity.detections import NOTHING, Clip
from deptr.training.identity.examples import Lesson, Question
from deptr.training.identity.pairs import Past

KINDS: dict[str, Any] = {"held": np.int64, "payload": np.int64, "remembered": bool}


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


class Room(NamedTuple):
    """Sizes that clips are padded to.

    Attributes:
        frames: Of a clip.
        detections: Of a frame.
        memories: That a frame looks back at.
    """

    frames: int
    detections: int
    memories: int

    @classmethod
    def of(cls, lesson: Lesson) -> Room:
        """The least that a clip needs."""
        counts = np.bincount(lesson.clip.frames, minlength=1)
        memories = max(len(asked.recall.slots) for asked in lesson.questions)
        return cls(len(lesson.extents), int(counts.max()), memories)

    def holds(self, other: Room) -> bool:
        """Whether the other fits into this one."""
        return all(own >= its for own, its in zip(self, other, strict=True))


class ClipTensors(NamedTuple):
    """A clip and what is asked in each of its ``F`` frames of ``D`` detections and ``P`` memories.

    Attributes:
        seen: ``(F, D, 7)`` detections, see `observe`.
        states: ``(F, D, S)`` query states.
        extents: ``(F, 2)`` see `Recall`.
        present: ``(F, D)`` whether there is a detection.
        counted: ``(F, D)`` whether its answer counts: there is something that it could carry on.
        payload: ``(F, P)`` which detection of the clip each memory was, of ``F * D``.
        past: ``(F, P, 7)`` the memories, moved with the camera to the frame.
        paths: ``(F, P, 16)``.
        held: ``(F, P)`` identity of each memory.
        since: ``(F, P)`` seconds.
        rank: ``(F, P)``.
        remembered: ``(F, P)`` whether there is a memory.
        period: ``(F,)``.
        context: ``(F, 13)``.
        targets: ``(F, D)`` identity, K for a newborn.
        weights: ``(F, D)`` overlap of the detection with the truth.
        slots: ``(F, D)`` identity whether remembered or not, -1 for a detection of nothing.
        errors: ``(F, D, D)`` how wrong it is to take one detection for another.
    """

    seen: Tensor
    states: Tensor
    extents: Tensor
    present: Tensor
    counted: Tensor
    payload: Tensor
    past: Tensor
    paths: Tensor
    held: Tensor
    since: Tensor
    rank: Tensor
    remembered: Tensor
    period: Tensor
    context: Tensor
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
        return IdentityBatch([ClipTensors(*(value.to(device) for value in clip)) for clip in self.clips])

    def saved(self) -> dict[str, Any]:
        """What is written down of a batch whose loss is not finite."""
        return {"clips": [clip._asdict() for clip in self.clips]}


def arrays_of(lesson: Lesson, settings: IdentityLossSettings, room: Room | None = None) -> dict[str, Any]:
    """A clip as arrays in the order of `ClipTensors`, padded.

    Args:
        lesson: The clip.
        settings: Weights of the errors.
        room: Sizes to pad to; None: no larger than it is.
    """
    clip, (frames, width, memories) = lesson.clip, room or Room.of(lesson)
    places = _places(clip.frames)
    made = _Padding(clip, lesson.extents, (frames, width), places)
    out = made.detections()
    shapes: dict[str, tuple[int, ...]] = {"past": (OBSERVED,), "paths": (PATH_COLUMNS,)}
    for name in ("past", "paths", "held", "since", "rank", "remembered", "payload"):
        out[name] = np.zeros((frames, memories, *shapes.get(name, ())), KINDS.get(name, np.float32))
    out |= {"period": np.ones(frames, np.float32), "context": np.zeros((frames, CONTEXT), np.float32)}
    out |= {"errors": np.zeros((frames, width, width), np.float32)}
    for asked in lesson.questions:
        frame, recall, count = asked.frame, asked.recall, len(asked.recall.slots)
        rows = recall.payload.astype(np.int64)
        out["payload"][frame, :count] = clip.frames[rows] * width + places[rows]
        for name, values in (
            ("past", recall.seen),
            ("paths", recall.paths),
            ("held", recall.slots),
            ("since", recall.since),
            ("rank", recall.rank),
            ("remembered", True),
        ):
            out[name][frame, :count] = values
        out["period"][frame], out["context"][frame] = recall.period, recall.context
        own = slice(len(asked.rows))
        out["counted"][frame, own] = True
        out["targets"][frame, own], out["slots"][frame, own] = asked.targets, asked.slots
        out["errors"][frame, own, own] = _errors(clip, asked, settings)
    return {name: out[name] for name in ClipTensors._fields}


def tensors_of(lesson: Lesson, settings: IdentityLossSettings, room: Room | None = None) -> ClipTensors:
    """A clip as tensors, see `arrays_of`."""
    return ClipTensors(*(torch.from_numpy(values) for values in arrays_of(lesson, settings, room).values()))


def _places(frames: IntArray) -> IntArray:
    """``(M,)`` which of its frame's detections each is."""
    starts = np.searchsorted(frames, frames)
    return np.asarray(np.arange(len(frames)) - starts)


class _Padding:
    """The detections of a clip by frame."""

    def __init__(self, clip: Clip, extents: FloatArray, shape: tuple[int, int], places: IntArray) -> None:
        self._clip, self._extents, self._shape, self._places = clip, extents, shape, places

    def detections(self) -> dict[str, Any]:
        """Columns that need no memory."""
        clip, shape = self._clip, self._shape
        own = clip.frames, self._places
        seen = np.zeros((*shape, OBSERVED), np.float32)
        seen[..., LOG_Z] = np.nan  # where there is no detection no depth takes part in the middle
        seen[own] = clip.seen
        states = np.zeros((*shape, clip.states.shape[1]), np.float32)
        states[own] = clip.states
        extents = np.ones((shape[0], 2), np.float32)
        extents[: len(self._extents)] = self._extents
        present = np.zeros(shape, bool)
        present[own] = True
        weights = np.zeros(shape, np.float32)
        weights[own] = clip.quality
        return {
            "seen": seen,
            "states": states,
            "extents": extents,
            "present": present,
            "weights": weights,
            "counted": np.zeros(shape, bool),
            "targets": np.zeros(shape, np.int64),
            "slots": np.full(shape, NOTHING, np.int64),
        }


def _errors(clip: Clip, question: Question, settings: IdentityLossSettings) -> FloatArray:
    """``(D, D)`` how wrong it is to take the body of one detection for that of another."""
    boxes, depths = clip.boxes[question.rows], clip.log_z[question.rows]
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3)
    off = np.abs(boxes[:, None] - boxes[None]).mean(-1) / heights[:, None]
    apart = np.abs(depths[:, None] - depths[None])
    overlap = settings.overlap * (1 - iou(boxes, boxes)) + settings.place * np.minimum(off, 1) / 4
    return np.asarray(overlap + settings.depth * np.minimum(np.nan_to_num(apart), 1))


def clip_logits(decoder: IdentityDecoder, clip: ClipTensors) -> Tensor:
    """``(F, D, K + 1)`` the decoder's answers in each frame of a clip."""
    states = clip.states if decoder.config.state_width else None
    tokens = decoder.tokens(clip.seen, states, clip.extents)
    keys = decoder.memory(tokens).flatten(0, 1)[clip.payload]
    past = Past(keys, clip.past, clip.paths, clip.held, clip.since, clip.rank, clip.period)
    logits: Tensor = decoder(
        tokens,
        clip.seen,
        past,
        clip.context,
        visible=clip.present[:, :, None] & clip.remembered[:, None],
        together=clip.present[:, None] & clip.present[:, :, None],
    )
    return logits


def clip_losses(decoder: IdentityDecoder, clip: ClipTensors) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over a clip's detections: of what is lost by the names and by the confusion, and their number."""
    logits, counted = clip_logits(decoder, clip), clip.counted
    surprise = functional.cross_entropy(logits.flatten(0, 1), clip.targets.flatten(), reduction="none")
    names = (surprise * (clip.weights * counted).flatten()).sum()
    real = (clip.slots >= 0) & counted
    wanted = clip.slots.clamp(min=0)[:, None].expand(-1, logits.shape[1], -1)
    taken_for = logits.softmax(-1).gather(-1, wanted) * real[:, None] * real[:, :, None]
    return names, (taken_for * clip.errors).sum(), counted.sum()


class IdentityStep(nn.Module):
    """Decoder and losses.

    Args:
        decoder: What is trained.
    """

    def __init__(self, decoder: IdentityDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, batch: IdentityBatch) -> dict[str, Tensor]:
        """Named loss terms, means over detections."""
        terms = [clip_losses(self.decoder, clip) for clip in batch.clips]
        names, errors, counts = (torch.stack(parts).sum() for parts in zip(*terms, strict=True))
        return {"identity": names / counts, "confusion": errors / counts}
