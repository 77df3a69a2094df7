"""SAM 2.1 as mask teacher: every box of a frame is one prompt of one batch, the image is looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deptr.records import BoolArray, FloatArray
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.memory import halve_when_full, pieces_that_fit
from deptr.teacher.preprocess import square_batch

BYTES_PER_IMAGE = 1 << 30  # of the image encoder at 1024 px, generously
MASKS_PER_RESIZE = 16  # full-size masks in floating point at a time
EVERY_BOX = 1 << 10  # prompts per batch to begin with


class MaskTeacher(Protocol):
    """Says which pixels of a box are the object.

    Attributes:
        name: For the run's name and the labels' description.
        licence: Of the weights.
        revision: Hash of the weights.
        across_frames: Whether the mask of a box depends on other frames of the same call.
    """

    name: str
    licence: str
    revision: str
    across_frames: bool

    def masks(self, frames: Sequence[BoxedFrame]) -> Iterator[BoolArray]:
        """Masks of consecutive frames, one ``(N, H, W)`` per frame, N its number of boxes."""


class BoxMasks:
    """No model: the whole box counts as the object, which the paper's second experiment compares with."""

    name = "box"
    licence = "none"
    revision = ""
    across_frames = False

    def masks(self, frames: Sequence[BoxedFrame]) -> Iterator[BoolArray]:
        """Rectangles."""
        for frame in frames:
            yield box_masks(frame.boxes.boxes_xyxy, (frame.image.shape[0], frame.image.shape[1]))


def box_masks(boxes_xyxy: FloatArray, size: tuple[int, int]) -> BoolArray:
    """Pixels whose centre lies in each box, ``(N, H, W)``.

    Example:
        >>> box_masks(np.array([[0.0, 0.0, 1.0, 2.0]]), (2, 2))[0].tolist()
        [[True, False], [True, False]]
    """
    height, width = size
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    columns = (x >= boxes_xyxy[:, 0, None]) & (x < boxes_xyxy[:, 2, None])
    rows = (y >= boxes_xyxy[:, 1, None]) & (y < boxes_xyxy[:, 3, None])
    return np.asarray(rows[:, :, None] & columns[:, None, :])


class Sam2Masks:
    """Masks of single images by a `transformers.Sam2Model`.

    Args:
        model: The network, in evaluation mode, on its device.
        name: See `MaskTeacher`.
        licence: See `MaskTeacher`.
        revision: See `MaskTeacher`.
        half: Whether to compute in bfloat16.
    """

    across_frames = False

    def __init__(
        self, model: Any, *, name: str, licence: str = "Apache-2.0", revision: str = "", half: bool = False
    ) -> None:
        self.model = model
        self.name, self.licence, self.revision, self.half = name, licence, revision, half
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.device = next(model.parameters()).device
        self.images_at_once = pieces_that_fit(self.device, BYTES_PER_IMAGE, 8)
        if self.device.type == "cpu":
            self.images_at_once = 1
        self.boxes_at_once = EVERY_BOX

    def masks(self, frames: Sequence[BoxedFrame]) -> Iterator[BoolArray]:
        """Masks of each frame; frames without boxes cost nothing."""
        busy = [frame for frame in frames if len(frame.boxes)]
        embedded = self._embedded(busy)
        for frame in frames:
            size = frame.image.shape[0], frame.image.shape[1]
            if not len(frame.boxes):
                yield np.zeros((0, *size), bool)
                continue
            logits = self._prompt(next(embedded), square_boxes(frame.boxes.boxes_xyxy, size, self.side))
            yield full_size(logits, size)

    def _embedded(self, frames: Sequence[BoxedFrame]) -> Iterator[list[Tensor]]:
        """Image embeddings of each frame on its own, made for several at once."""
        start = 0
        while start < len(frames):

            def attempt(count: int, start: int = start) -> list[Tensor]:
                images = [frame.image for frame in frames[start : start + count]]
                with torch.inference_mode(), self._precision():
                    embeddings: list[Tensor] = self.model.get_image_embeddings(
                        square_batch(images, self.side, self.device)
                    )
                return embeddings

            levels, self.images_at_once = halve_when_full(attempt, self.images_at_once, "frame")
            count = len(levels[0])
            for place in range(count):
                yield [level[place : place + 1] for level in levels]
            start += count

    def _prompt(self, embeddings: list[Tensor], boxes: Tensor) -> Tensor:
        """Logits ``(N, h, w)`` of N boxes on one image."""

        def attempt(count: int) -> Tensor:
            parts = []
            with torch.inference_mode(), self._precision():
                for piece in torch.split(boxes.to(self.device), count):
                    answer = self.model(
                        image_embeddings=list(embeddings), input_boxes=piece[None], multimask_output=False
                    )
                    parts.append(answer.pred_masks[0, :, 0].float())
            return torch.cat(parts)

        logits, self.boxes_at_once = halve_when_full(attempt, self.boxes_at_once, "box")
        return logits

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half)


def square_boxes(boxes_xyxy: FloatArray, size: tuple[int, int], side: int) -> Tensor:
    """Boxes cut to the frame of `size` (height, width) and stretched with it to a square of `side`.

    Example:
        >>> square_boxes(np.array([[-5.0, 0.0, 10.0, 20.0]]), (20, 40), 100).tolist()
        [[0.0, 0.0, 25.0, 100.0]]
    """
    height, width = size
    limits = np.array([width, height, width, height], np.float32)
    inside = np.clip(np.asarray(boxes_xyxy, np.float32), 0, limits)
    return torch.from_numpy(inside / limits * np.float32(side))


def full_size(logits: Tensor, size: tuple[int, int]) -> BoolArray:
    """Mask logits ``(N, h, w)`` to masks ``(N, H, W)`` of the frame's size."""
    parts = [
        functional.interpolate(piece[:, None], size=size, mode="bilinear", align_corners=False)[:, 0] > 0
        for piece in torch.split(logits, MASKS_PER_RESIZE)
    ]
    masks: BoolArray = torch.cat(parts).cpu().numpy()
    return masks
