"""DepTR's own networks: letterboxed input, boxes and depth in one pass, and depth of given boxes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deptr.detector.backend import Backend
from deptr.detector.onnx_session import open_session
from deptr.detector.postprocess import (
    Preprocessing,
    RawOutput,
    depth_factor,
    to_detections,
    to_input,
)
from deptr.errors import DataError, UsageError
from deptr.records import DepthKind, FloatArray, Image

if TYPE_CHECKING:
    import supervision as sv

METADATA = "deptr"  # the key under which an exported file keeps how images become inputs
_OUTPUTS = ("boxes", "scores", "labels", "depths", "depth_std")
_STATES = "query_states"
_GIVEN, _GIVEN_OUTPUTS = "given_boxes", ("given_depths", "given_depth_std")


class Runner(Protocol):
    """Runs a network on a prepared batch."""

    settings: Preprocessing

    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""

    def given(self, batch: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Depth and deviation ``(K,)`` of boxes ``(K, 4)``, corners in [0, 1] of the one image's input."""


class OwnBackend(Backend):
    """A network of `deptr train`.

    Args:
        runner: Runs it.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.settings = runner.settings
        self.names = dict(enumerate(self.settings.names))
        self.depth_kind, self.start_score = self.settings.depth_kind, self.settings.start_score

    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        """Detections of each image; those that are looked at in inputs of one shape share a pass."""
        groups: dict[tuple[int, int], list[int]] = {}
        fitted = [self.settings.fitted((image.shape[0], image.shape[1])) for image in images]
        for place, settings in enumerate(fitted):
            groups.setdefault((settings.height, settings.width), []).append(place)
        found: dict[int, sv.Detections] = {}
        for places in groups.values():
            settings = fitted[places[0]]
            batch, scales = to_input([images[place] for place in places], settings)
            for place, raw, scale in zip(places, self._runner.run(batch), scales, strict=True):
                shape = images[place].shape[0], images[place].shape[1]
                found[place] = to_detections(
                    raw, scale, shape, settings, min_score=min_score, focal_px=focal_px
                )
        return [found[place] for place in range(len(images))]

    def depths(
        self, image: Image, boxes: FloatArray, *, focal_px: float | None
    ) -> tuple[FloatArray, FloatArray]:
        """Depth and standard deviation of given boxes: each is the anchor of a query of its own."""
        if self.depth_kind is None:
            return super().depths(image, boxes, focal_px=focal_px)
        if not len(boxes):
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        settings = self.settings.fitted((image.shape[0], image.shape[1]))
        batch, (scale,) = to_input([image], settings)
        size = np.array([settings.width, settings.height] * 2, np.float32)
        inside = np.clip(np.asarray(boxes, np.float32) * np.float32(scale) / size, 0, 1)
        depths, stds = self._runner.given(batch, inside)
        factor = depth_factor(settings, scale, image.shape[1], focal_px)
        return (depths * factor).astype(np.float32), (stds * factor).astype(np.float32)


class OnnxRunner:
    """A network in ONNX Runtime.

    Args:
        path: The ``.onnx`` file that `deptr export` wrote.
        threads: CPU threads; 0 leaves the choice to ONNX Runtime.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        size: Height and width of the input; None takes those of the file.
        session: The file, where it is open already.

    Raises:
        DataError: The file is missing, damaged or no DepTR network.
        UsageError: There is no such device, or the file has one size only.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 0,
        device: str = "auto",
        size: tuple[int, int] | None = None,
        session: Any = None,
    ) -> None:
        self._path = path
        self._session = session or open_session(path, threads=threads, device=device)
        settings = _settings_of(path, self._session.get_modelmeta().custom_metadata_map)
        free = not all(isinstance(side, int) for side in self._session.get_inputs()[0].shape[2:])
        self.settings = resized(settings, size, path, free=free)
        self._names = [output.name for output in self._session.get_outputs()]
        self._wanted = [*_OUTPUTS, _STATES] if _STATES in self._names else [*_OUTPUTS]

    def run(self, batch: FloatArray) -> list[RawOutput]:
        """Outputs of each image of ``(B, 3, H, W)`` float32."""
        values = self._session.run(self._wanted, {"pixel_values": batch})
        return [RawOutput(*(value[index] for value in values)) for index in range(len(batch))]

    def given(self, batch: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Depth and deviation ``(K,)`` of boxes ``(K, 4)``, corners in [0, 1] of the one image's input.

        Raises:
            DataError: The file was exported before it could be asked.
        """
        if _GIVEN_OUTPUTS[0] not in self._names:
            hint = "export the checkpoint again with `deptr export`"
            raise DataError(self._path, "cannot be asked about given boxes", hint=hint)
        feed = {"pixel_values": batch, _GIVEN: boxes[None].astype(np.float32)}
        depths, stds = self._session.run(_GIVEN_OUTPUTS, feed)
        return depths[0], stds[0]


def resized(
    settings: Preprocessing, size: tuple[int, int] | None, path: str | Path, *, free: bool
) -> Preprocessing:
    """Settings with another input size, which every image is then looked at in.

    Raises:
        UsageError: The network has one size only, or it is no multiple of 32, or too small for its queries.

    Example:
        >>> own = Preprocessing(64, 96, (0, 0, 0), (1, 1, 1), None, ["person"])
        >>> resized(own, (32, 64), "x.onnx", free=True).width
        64
    """
    if size is None:
        return settings if free else replace(settings, any_aspect=False)
    if size == (settings.height, settings.width):
        return settings.at(size)
    given, own = f"{size[1]}x{size[0]}", f"{settings.width}x{settings.height}"
    if not free:
        raise UsageError(f"detector size: {path} has an input of fixed size {own}, got {given}")
    if any(side <= 0 or side % 32 for side in size):
        raise UsageError(f"detector size: expected multiples of 32, got {given}")
    changed = settings.at(size)
    if settings.strides and changed.places() < settings.queries:
        raise UsageError(
            f"detector size: {given} has {changed.places()} places, {path} asks about "
            f"{settings.queries}: give a larger size"
        )
    return changed


def _settings_of(path: str | Path, metadata: dict[str, str]) -> Preprocessing:
    try:
        content = json.loads(metadata["deptr"])
        return Preprocessing(
            height=int(content["height"]),
            width=int(content["width"]),
            mean=content["mean"],
            std=content["std"],
            depth_kind=None if content["depth_kind"] is None else DepthKind.parse(content["depth_kind"]),
            names=content["names"],
            nms_iou=float(content.get("nms_iou", 1.0)),
            queries=int(content.get("queries", 0)),
            strides=[int(stride) for stride in content.get("strides", ())],
            aspect=int(content["width"]) / int(content["height"]),
            any_aspect=bool(content.get("any_aspect", False)),
            start_score=float(content.get("start_score", 0.0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        hint = "write it with `deptr export`"
        raise DataError(path, "no DepTR model: its metadata lacks the preprocessing", hint=hint) from error
