"""SAM 2.1 in video mode: boxes prompt on key frames, memory carries the masks over the frames between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deptr.errors import UsageError
from deptr.records import BoolArray
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.masks import full_size, square_boxes
from deptr.teacher.preprocess import square_batch

BOX_CORNERS = (2, 3)  # labels of a box's corners among SAM's point prompts


class Sam2VideoMasks:
    """Masks that follow objects between key frames, by a `transformers.Sam2VideoModel`.

    On a key frame every box prompts. On the frames between, an object that was prompted since is carried
    by memory, whatever its box says; an object that is new prompts with its box there. Objects need
    identities; boxes without one (-1) prompt on every frame.

    Args:
        model: The network, in evaluation mode, on its device.
        name: For the labels' description.
        key_every: Frames from one key frame to the next.
        licence: Of the weights.
        revision: Hash of the weights.

    Raises:
        UsageError: `key_every` is not positive.
    """

    across_frames = True

    def __init__(
        self, model: Any, *, name: str, key_every: int = 8, licence: str = "Apache-2.0", revision: str = ""
    ) -> None:
        if key_every < 1:
            raise UsageError(f"key_every: expected a whole number from 1, got {key_every}")
        self.model, self.key_every = model, key_every
        self.name, self.licence, self.revision = f"{name}-video{key_every}", licence, revision
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.device = next(model.parameters()).device

    def masks(self, frames: Sequence[BoxedFrame]) -> Iterator[BoolArray]:
        """Masks of consecutive frames; the first and every `key_every`-th after it is a key frame."""
        session: Any = None
        for place, frame in enumerate(frames):
            if place % self.key_every == 0 or session is None:
                session = self._session(frame)
            yield self._follow(session, place % self.key_every, frame)

    def _session(self, frame: BoxedFrame) -> Any:
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        height, width = frame.image.shape[:2]
        return Sam2VideoInferenceSession(
            video_height=height,
            video_width=width,
            inference_device=self.device,
            inference_state_device=self.device,
            video_storage_device=self.device,
            dtype=torch.float32,
        )

    def _follow(self, session: Any, place: int, frame: BoxedFrame) -> BoolArray:
        size = frame.image.shape[0], frame.image.shape[1]
        if not len(frame.boxes) and not session.get_obj_num():
            return np.zeros((0, *size), bool)
        boxes = square_boxes(frame.boxes.boxes_xyxy, size, self.side)
        names = [
            int(identity) if identity >= 0 else -1 - 1000 * (place + 1) - index
            for index, identity in enumerate(frame.boxes.object_id)
        ]
        fresh = [index for index, name in enumerate(names) if name not in session.obj_ids]
        for index in fresh:
            self._prompt(session, place, names[index], boxes[index])
        session.obj_with_new_inputs = [names[index] for index in fresh]
        pixels = square_batch([frame.image], self.side, self.device)[0]
        with torch.inference_mode():
            answer = self.model(session, frame=pixels, frame_idx=place)
        by_name = dict(zip(answer.object_ids, answer.pred_masks[:, 0].float(), strict=True))
        session.processed_frames.pop(place - 1, None)
        if not names:
            return np.zeros((0, *size), bool)
        return full_size(torch.stack([by_name[name] for name in names]), size)

    def _prompt(self, session: Any, place: int, name: int, box: Tensor) -> None:
        corners = box.view(1, 1, 2, 2)
        labels = torch.tensor([[BOX_CORNERS]], dtype=torch.int32)
        inputs = {"point_coords": corners, "point_labels": labels}
        session.add_point_inputs(session.obj_id_to_idx(name), place, inputs)
