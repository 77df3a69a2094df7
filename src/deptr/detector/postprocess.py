"""From network outputs to `supervision.Detections`, and images to network inputs: numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from deptr.boxes import iou
from deptr.detector.fusing import LEAST_SCORE, between_others, fuse
from deptr.detector.sizes import fitting_size
from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, Image, IntArray

if TYPE_CHECKING:
    import supervision as sv

PADDING_GREY = 114


@dataclass(frozen=True)
class Preprocessing:
    """How images become inputs; travels in the model's metadata.

    Attributes:
        height: Input height in pixels.
        width: Input width in pixels.
        mean: Per channel, for pixels in [0, 1].
        std: Per channel.
        depth_kind: What the depth output means before `to_detections`; None without a depth module.
        names: Class names by class id.
        nms_iou: Boxes of a class that overlap by more are fused into one, see `fusing`; 1 keeps all.
        queries: Places of the feature maps that the network asks about; an input must have as many. 0: any.
        strides: Pixels between places, of each feature map.
        aspect: Width by height of the network's own input, in which its depth is canonical; 0: of this one.
        any_aspect: Whether each image is looked at in an input of its own shape, of as many pixels.
        start_score: Score from which a detection is worth a new track; 0 leaves that to the tracker.
    """

    height: int
    width: int
    mean: Sequence[float]
    std: Sequence[float]
    depth_kind: DepthKind | None
    names: Sequence[str]
    nms_iou: float = 1.0
    queries: int = 0
    strides: Sequence[int] = ()
    aspect: float = 0.0
    any_aspect: bool = False
    start_score: float = 0.0

    def at(self, size: tuple[int, int]) -> Preprocessing:
        """The same with an input of that height and width for every image."""
        return replace(self, height=size[0], width=size[1], any_aspect=False)

    def fitted(self, image_size: tuple[int, int]) -> Preprocessing:
        """The same with the input that an image of that height and width is looked at in."""
        if not self.any_aspect:
            return self
        fitted = self.at(fitting_size(image_size, (self.height, self.width)))
        return fitted if fitted.places() >= self.queries else self.at((self.height, self.width))

    def places(self) -> int:
        """Places of the feature maps of this input; 0 where the strides are not known."""
        return sum((self.height // stride) * (self.width // stride) for stride in self.strides)


@dataclass(frozen=True)
class RawOutput:
    """Network outputs of one image.

    Attributes:
        boxes: ``(Q, 4)`` corners in [0, 1] of the input.
        scores: ``(Q,)`` in [0, 1].
        labels: ``(Q,)`` class ids.
        depths: ``(Q,)``: canonical depth for metric and relative kinds; NaN without a depth module.
        depth_std: ``(Q,)`` in the same unit.
        states: ``(Q, C)`` query states; None of a file that was exported without.
    """

    boxes: FloatArray
    scores: FloatArray
    labels: Any
    depths: FloatArray
    depth_std: FloatArray
    states: FloatArray | None = None


def check_image(image: object) -> Image:
    """An image as ``(H, W, 3)`` uint8 RGB, or an error that says what is wrong.

    Grey images ``(H, W)`` and ``(H, W, 1)``, images with alpha and 16-bit images are converted.

    Raises:
        UsageError: Not an array of that kind.

    Example:
        >>> check_image(np.zeros((4, 6), np.uint8)).shape
        (4, 6, 3)
    """
    if not isinstance(image, np.ndarray):
        raise UsageError(f"image: expected a numpy array, got {type(image).__name__}")
    expected = "(H, W, 3) uint8 RGB, (H, W) grey or (H, W, 4) with alpha"
    array = image[:, :, None] if image.ndim == 2 else image
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise UsageError(f"image: expected {expected}, got shape {image.shape}")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(f"image: expected {expected}, got {image.dtype}")
    array = np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[:, :, :3]
    return np.ascontiguousarray(array)


def letterbox(image: Image, height: int, width: int) -> tuple[Image, float]:
    """The image scaled to fit and set against the upper left corner, and the scale.

    Example:
        >>> inside, scale = letterbox(np.zeros((10, 20, 3), np.uint8), 32, 32)
        >>> inside.shape, scale
        ((32, 32, 3), 1.6)
    """
    scale = min(height / image.shape[0], width / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result = np.full((height, width, 3), PADDING_GREY, np.uint8)
    result[: size[1], : size[0]] = cv2.resize(image, size, interpolation=method)
    return result, scale


def to_input(images: Sequence[Image], settings: Preprocessing) -> tuple[FloatArray, list[float]]:
    """Images as a batch ``(B, 3, H, W)`` float32, and their scales."""
    batch = np.empty((len(images), 3, settings.height, settings.width), np.float32)
    scales = []
    gain = (1 / (255 * np.asarray(settings.std, np.float64))).astype(np.float32)
    offset = (np.asarray(settings.mean, np.float64) / np.asarray(settings.std, np.float64)).astype(np.float32)
    for index, image in enumerate(images):
        inside, scale = letterbox(image, settings.height, settings.width)
        for channel in range(3):
            np.multiply(inside[:, :, channel], gain[channel], out=batch[index, channel], casting="unsafe")
            batch[index, channel] -= offset[channel]
        scales.append(scale)
    return batch, scales


def suppress(boxes: FloatArray, labels: Any, limit: float) -> IntArray:
    """Places of the boxes that are left when each box silences the worse ones of its class around it.

    Args:
        boxes: ``(N, 4)`` corners, best first.
        labels: ``(N,)`` classes.
        limit: IoU above which a worse box is dropped.

    Example:
        >>> suppress(np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10.0]]), np.zeros(3), 0.5)
        array([0, 2])
    """
    silences = (iou(boxes, boxes) > limit) & (labels[:, None] == labels[None])
    kept = np.ones(len(boxes), dtype=bool)
    for place in range(len(boxes)):
        if kept[place]:
            kept[place + 1 :] &= ~silences[place, place + 1 :]
    return np.flatnonzero(kept)


def to_detections(
    raw: RawOutput,
    scale: float,
    image_size: tuple[int, int],
    settings: Preprocessing,
    *,
    min_score: float,
    focal_px: float | None = None,
) -> sv.Detections:
    """Outputs of one image as detections in its pixels.

    Args:
        raw: Network outputs.
        scale: Of the letterbox.
        image_size: Height and width of the image.
        settings: The model's.
        min_score: Detections below are dropped, in [0, 1].
        focal_px: Focal length in image pixels. With it canonical depth becomes metres; without, depth is
            ``relative``: in metres if the focal length were one image width.

    Returns:
        Detections, best first, with ``data["depth"]`` and ``data["depth_std"]`` (float32) where the model has
        a depth module, and ``data["query_state"]`` ``(N, C)`` (float32) where it gives states.
    """
    import supervision as sv

    size = np.array([settings.width, settings.height] * 2, np.float32)
    limits = np.array([image_size[1], image_size[0]] * 2, np.float32)
    raw = replace(raw, boxes=np.clip(raw.boxes * size / np.float32(scale), 0, limits))
    raw = _chosen(raw, (raw.boxes[:, 2:] - raw.boxes[:, :2] > 0).all(axis=1))
    if settings.nms_iou < 1:
        raw = _one_of_each(raw, settings.nms_iou, min_score)
    raw = _chosen(raw, raw.scores >= min_score)
    raw = _chosen(raw, np.argsort(-raw.scores, kind="stable"))
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    if raw.states is not None:
        data["query_state"] = raw.states.astype(np.float32)
    kind = reported_kind(settings.depth_kind, focal_px)
    if kind is not None:
        factor = depth_factor(settings, scale, image_size[1], focal_px)
        data["depth"] = (raw.depths * factor).astype(np.float32)
        data["depth_std"] = (raw.depth_std * factor).astype(np.float32)
        metadata["depth_kind"] = kind.value
    return sv.Detections(
        xyxy=raw.boxes.astype(np.float32),
        confidence=raw.scores.astype(np.float32),
        class_id=np.asarray(raw.labels).astype(int),
        data=data,
        metadata=metadata,
    )


def _chosen(raw: RawOutput, which: Any) -> RawOutput:
    """Some of the queries."""
    states = None if raw.states is None else raw.states[which]
    return RawOutput(
        raw.boxes[which],
        raw.scores[which],
        np.asarray(raw.labels)[which],
        raw.depths[which],
        raw.depth_std[which],
        states,
    )


def _one_of_each(raw: RawOutput, limit: float, min_score: float) -> RawOutput:
    """Boxes of one object made one; half the score for boxes that lie between two others."""
    raw = _chosen(raw, raw.scores >= min(min_score, LEAST_SCORE))
    raw = _chosen(raw, np.argsort(-raw.scores, kind="stable"))
    found = fuse(raw.boxes, raw.scores, raw.labels, limit)
    wanted = found.scores >= min_score  # best first: what lies on a box is wanted too
    shares, scores = found.shares[wanted], found.scores[wanted]
    best = _chosen(raw, found.kept[wanted])
    boxes = (shares @ raw.boxes).astype(np.float32)
    return replace(
        best,
        boxes=boxes,
        scores=np.where(between_others(boxes, best.labels), 0.5, 1.0) * scores,
        depths=shares @ raw.depths,
        depth_std=shares @ raw.depth_std,
    )


def depth_factor(settings: Preprocessing, scale: float, image_width: int, focal_px: float | None) -> float:
    """What canonical depth is multiplied by; 1 for kinds whose depth is the value itself.

    Args:
        settings: The model's.
        scale: Of the letterbox.
        image_width: In pixels.
        focal_px: In pixels of the image; None takes one image width.
    """
    if settings.depth_kind not in (DepthKind.METRIC, DepthKind.RELATIVE):
        return 1.0
    wide = settings.height * settings.aspect if settings.aspect else settings.width
    return (image_width if focal_px is None else focal_px) * scale / wide


def reported_kind(kind: DepthKind | None, focal_px: float | None) -> DepthKind | None:
    """What a model's depths mean in detections: metres only where the focal length is known.

    Example:
        >>> reported_kind(DepthKind.METRIC, None).value
        'relative'
    """
    return DepthKind.RELATIVE if kind is DepthKind.METRIC and focal_px is None else kind
