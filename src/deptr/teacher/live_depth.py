"""Depth maps while a video goes on: each frame's depth from it and those before, none from those to come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, Image
from deptr.teacher.build import TeacherFactory, TeacherPlan
from deptr.teacher.depth_teachers import DepthAnythingTeacher, VideoDepthTeacher
from deptr.teacher.metric_depth import MetricTeacher
from deptr.teacher.preprocess import clip_input_size, normalise_frame
from deptr.teacher.video_depth_anything import VideoDepthAnything
from deptr.teacher.video_depth_head import resize
from deptr.teacher.video_depth_windows import fit_scale_shift

CLIP = 8  # frames that the network sees at a time: the first of the video and the latest
Levels = list[Tensor]


class LiveDepth(Protocol):
    """Says how far away each pixel of the newest frame is.

    Attributes:
        name: Of the network.
        licence: Of its weights.
    """

    name: str
    licence: str

    @property
    def kind(self) -> DepthKind:
        """Meaning of its maps."""

    def map_of(self, image: Image) -> FloatArray:
        """Depth map ``(H, W)`` of the newest frame."""


@dataclass
class StreamingVideoDepth:
    """Video Depth Anything frame by frame: the encoder sees each frame once, the decoder a short clip.

    A clip's scale and shift are free, so each is carried to what was said of the first frame and of the one
    before, as the windows of the whole-video way are.

    Attributes:
        model: The network, in evaluation mode, on its device.
        name: See `LiveDepth`.
        licence: See `LiveDepth`.
        input_size: Length of the shorter side for the network.
    """

    model: VideoDepthAnything
    name: str
    licence: str
    input_size: int = 518
    kind: DepthKind = DepthKind.RELATIVE_INVERSE
    _size: tuple[int, int] = (0, 0)
    _first: tuple[Levels, Tensor] | None = None
    _latest: deque[Levels] = field(default_factory=lambda: deque(maxlen=CLIP - 2))
    _before: Tensor | None = None

    @torch.inference_mode()
    def map_of(self, image: Image) -> FloatArray:
        """Relative inverse depth, larger is nearer, in the scale of the first frame."""
        size = image.shape[0], image.shape[1]
        inner = clip_input_size(*size, input_size=self.input_size)
        if inner != self._size:  # another camera: nothing before it counts
            self._size, self._first, self._before = inner, None, None
            self._latest.clear()
        device = next(self.model.parameters()).device
        pixels = torch.from_numpy(normalise_frame(image, inner))[None].to(device)
        own = self.model.head.levels(self.model.encode(pixels))
        depth = self._in_clip(own)
        if self._first is None:
            self._first = own, depth
        else:
            self._latest.append(own)
        self._before = depth
        result: FloatArray = resize(depth[None, None], size)[0, 0].cpu().numpy()
        return result

    def _in_clip(self, own: Levels) -> Tensor:
        """Depth of the newest frame ``(h, w)``, its scale and shift those of what was said before."""
        frames = [*([] if self._first is None else [self._first[0]]), *self._latest, own]
        levels = [torch.cat(level) for level in zip(*frames, strict=True)]
        _, path = self.model.head.mix(levels, len(frames))
        asked = sorted({0, max(len(frames) - 2, 0), len(frames) - 1})
        maps = self.model.head.decode(path[asked], [level[asked] for level in levels[:2]], self._size)
        maps = torch.relu(maps[:, 0].float())
        if self._first is None or self._before is None:
            return maps[-1]
        said = [self._first[1], self._before][: len(asked) - 1]
        scale, shift = fit_scale_shift(maps[:-1].cpu().numpy(), torch.stack(said).cpu().numpy())
        if scale <= 0 or not np.isfinite(scale):  # nothing in common
            return maps[-1]
        return torch.relu(maps[-1] * scale + shift)


def open_live_depth(
    name: str,
    *,
    device: str = "auto",
    weights: str | None = None,
    input_size: int = 518,
    focal_px: float | None = None,
) -> LiveDepth:
    """A network that gives depth maps while the video goes on.

    Args:
        name: Of its weights, see `deptr.weights.WEIGHTS`.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        weights: Folder with the weights, None for the usual place.
        input_size: Shorter side of its input; smaller is faster and coarser.
        focal_px: Focal length of the images in pixels, for networks that tell metres; None when unknown.

    Raises:
        DataError: The weights are missing or damaged.
        UsageError: It gives no depth.
        MissingExtraError: It needs its authors' package, which is not installed.
    """
    plan = TeacherPlan(
        masks="synthetic",
        depth=name,
        weights=weights,
        device=device,
        input_size=input_size,
        focal_px=focal_px,
    )
    teacher = TeacherFactory(plan).depth
    if isinstance(teacher, DepthAnythingTeacher | MetricTeacher):
        return teacher
    if isinstance(teacher, VideoDepthTeacher):
        return StreamingVideoDepth(teacher.model.eval(), teacher.name, teacher.licence, input_size)
    raise UsageError(f"depth: {name} gives no depth of images")
