"""Depth networks that tell metres, through their authors' packages: Depth Anything 3 metric and MoGe-2."""

from __future__ import annotations

import contextlib
import io
import math
from abc import abstractmethod
from collections import deque
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from deptr.errors import DataError, MissingExtraError
from deptr.records import DepthKind, FloatArray, Image
from deptr.teacher.depth_teachers import FrameTeacher
from deptr.teacher.frames import BoxedFrame
from deptr.teacher.preprocess import normalise_frame
from deptr.teacher.video_depth_head import resize

DEPTH_ANYTHING_3, MOGE = "depth-anything-3-metric", "moge-2-"
PRESET = "da3metric-large"  # what the package calls the network of the weights
CANONICAL_FOCAL_PX = 300.0  # at which Depth Anything 3 answers in metres
LONGER_SIDE, PATCH = 504, 14  # of its input, pixels
SKY = 0.3  # from which it takes a pixel for sky
_REMEMBERED = 101  # frames whose focal lengths are remembered
INSTALL_DEPTH_ANYTHING_3 = (
    "pip install addict einops omegaconf && pip install --no-deps depth-anything-3==0.1.1"
)
INSTALL_MOGE = "pip install git+https://github.com/microsoft/MoGe.git"


class MetricTeacher(FrameTeacher):
    """What these networks share: a model on its device, the camera's focal length, a map for each image.

    Args:
        model: The network, in evaluation mode.
        name: See `DepthTeacher`.
        licence: See `DepthTeacher`.
        revision: See `DepthTeacher`.
        focal_px: Focal length of the images in pixels, None when unknown.
    """

    def __init__(
        self, model: Any, *, name: str, licence: str, revision: str = "", focal_px: float | None = None
    ) -> None:
        self.model, self.focal_px = model, focal_px
        self.name, self.licence, self.revision = name, licence, revision
        self.device = next(model.parameters()).device

    def depth(self, frame: BoxedFrame) -> FloatArray:
        """The map of a frame's image."""
        return self.map_of(frame.image)

    @abstractmethod
    def map_of(self, image: Image) -> FloatArray:
        """Depth ``(H, W)`` of an image, NaN where nothing is known."""


class DepthAnything3Metric(MetricTeacher):
    """Depth Anything 3's metric network: metres where the focal length is known, else a free scale.

    The network answers for a focal length of 300 pixels of its input, whatever the camera.
    """

    @property
    def kind(self) -> DepthKind:  # type: ignore[override]
        """Metric with a focal length; the scale is free, and steady, without."""
        return DepthKind.RELATIVE if self.focal_px is None else DepthKind.METRIC

    def map_of(self, image: Image) -> FloatArray:
        """Depth of an image, NaN in the sky."""
        height, width = image.shape[:2]
        size = patched_size(height, width)
        small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(normalise_frame(np.asarray(small), size))[None, None].to(self.device)
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=pixels.is_cuda):
            answer = self.model(pixels)
            depth, sky = answer["depth"].float().reshape(1, 1, *size), answer.get("sky")
            if sky is not None:
                sky = resize(sky.float().reshape(1, 1, *size), (height, width))[0, 0] >= SKY
            depth = resize(depth, (height, width))[0, 0]
        metres = depth.cpu().numpy()
        if self.focal_px is not None:
            shrink = (size[0] / height + size[1] / width) / 2
            metres = metres * np.float32(self.focal_px * shrink / CANONICAL_FOCAL_PX)
        return np.asarray(metres if sky is None else np.where(sky.cpu().numpy(), np.float32(np.nan), metres))


class MogeMetric(MetricTeacher):
    """MoGe-2: metres, and the focal length where it is not known."""

    kind = DepthKind.METRIC

    def __init__(self, model: Any, **named: Any) -> None:
        super().__init__(model, **named)
        self._focal_lengths: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def seen_focal_px(self) -> float | None:
        """Median of the focal lengths that the network named of late, None where one was given."""
        return float(np.median(self._focal_lengths)) if self._focal_lengths else None

    def map_of(self, image: Image) -> FloatArray:
        """Depth of an image, NaN where the network sees no surface."""
        width = image.shape[1]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1).float() / 255
        view = None if self.focal_px is None else math.degrees(2 * math.atan(width / 2 / self.focal_px))
        answer = self.model.infer(pixels, fov_x=view, use_fp16=pixels.is_cuda)
        seen = float(answer["intrinsics"][0, 0]) * width
        if self.focal_px is None and math.isfinite(seen) and seen > 0:
            self._focal_lengths.append(seen)
        depth = answer["depth"].float().cpu().numpy()
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def load_metric_depth(
    name: str, place: Path, *, device: torch.device, licence: str, revision: str, focal_px: float | None
) -> MetricTeacher:
    """One of these networks from the folder of its weights.

    Args:
        name: `DEPTH_ANYTHING_3`, or one that begins with `MOGE`.
        place: Folder with the weights.
        device: Where it runs.
        licence: Of the weights.
        revision: Hash of the weights.
        focal_px: Focal length of the images in pixels, None when unknown.

    Raises:
        DataError: The weights are damaged, or of another network.
        MissingExtraError: The authors' package is not installed.
    """
    kind: type[MetricTeacher]
    if name == DEPTH_ANYTHING_3:
        kind, model = DepthAnything3Metric, _load_depth_anything_3(place / "model.safetensors")
    else:
        kind, model = MogeMetric, _load_moge(place / "model.pt", name)
    model = model.to(device).eval()
    return kind(model, name=name, licence=licence, revision=revision, focal_px=focal_px)


def patched_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of Depth Anything 3's input: the longer side 504, both in whole patches of 14.

    Example:
        >>> patched_size(1080, 1920), patched_size(10, 504)
        ((280, 504), (14, 504))
    """
    scale = LONGER_SIDE / max(height, width)
    rows, columns = (max(round(round(side * scale) / PATCH), 1) * PATCH for side in (height, width))
    return rows, columns


def _load_depth_anything_3(file: Path) -> Any:
    """The network alone, which needs little of its package: not xformers, Open3D or numpy 1."""
    try:
        from depth_anything_3.cfg import create_object, load_config
        from depth_anything_3.registry import MODEL_REGISTRY
    except ImportError as error:
        raise MissingExtraError(f"depth by {DEPTH_ANYTHING_3}", install=INSTALL_DEPTH_ANYTHING_3) from error
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with contextlib.redirect_stdout(io.StringIO()):  # the package prints what it builds
        model = create_object(load_config(MODEL_REGISTRY[PRESET]))
    try:
        given = {name.removeprefix("model."): tensor for name, tensor in load_file(file).items()}
        model.load_state_dict(given)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _damaged(file, error) from error
    return model


def _load_moge(file: Path, name: str) -> Any:
    try:
        from moge.model.v2 import MoGeModel
    except ImportError as error:
        raise MissingExtraError(f"depth by {name}", install=INSTALL_MOGE) from error
    import pickle

    try:
        return MoGeModel.from_pretrained(file)
    except (pickle.UnpicklingError, OSError, RuntimeError, KeyError, EOFError, TypeError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DataError:
    lines = str(error).splitlines()
    found = " ".join(lines[:2])[:120] or type(error).__name__
    hint = "truncated, or of another network? download them again"
    return DataError(file, "weights cannot be loaded", found=found, hint=hint)
