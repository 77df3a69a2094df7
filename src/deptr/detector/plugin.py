"""The depth awareness module on a frozen detector of another family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForObjectDetection, PretrainedConfig

from deptr.detector.config import DEPTH_HEADS, DepTRConfig
from deptr.detector.depth import fresh_depth_head
from deptr.detector.foreign.checkpoint import load_foreign
from deptr.detector.foreign.processor import form_of_processor
from deptr.detector.loading import PLUG_IN, stored_json
from deptr.detector.modeling import DepTRForObjectDetection, DepTROutput
from deptr.errors import DataError, UsageError
from deptr.records import DepthKind

WEIGHTS = "model.safetensors"
# of each family, whether the batch comes before the layers in its queries' states, and where its maps are
FAMILIES = {
    "rf_detr": (False, "backbone_features"),
    "rt_detr": (True, "encoder_last_hidden_state"),
    "rt_detr_v2": (True, "encoder_last_hidden_state"),
    "deimv2": (False, "encoder_last_hidden_state"),
}


class PlugInConfig(PretrainedConfig):
    """Configuration of a detector of another family with a depth module.

    Attributes:
        detector_config: The detector's own.
        d_model: Width of its queries' states.
        decoder_layers: How many of its layers tell their states.
        encoder_hidden_dim: Channels of its maps.
        num_feature_levels: How many maps it has.

    The others are those of `DepTRConfig`.
    """

    model_type = PLUG_IN

    detector_config: dict[str, Any] | None = None
    d_model: int = 256
    decoder_layers: int = 3
    encoder_hidden_dim: int = 256
    num_feature_levels: int = 1
    depth_head: str = "light"
    depth_kind: str = "metric"
    depth_hidden: int = 64
    depth_layers: int = 2
    depth_points: int = 4
    depth_uncertainty: bool = True
    image_height: int = 640
    image_width: int = 640
    image_mean: list[float] | tuple[float, ...] = (0.0, 0.0, 0.0)
    image_std: list[float] | tuple[float, ...] = (1.0, 1.0, 1.0)
    nms_iou: float = 1.0
    score_scale: float = 1.0
    score_shift: float = 0.0
    matcher_alpha: float = 0.25
    matcher_gamma: float = 2.0
    matcher_class_cost: float = 2.0
    matcher_bbox_cost: float = 5.0
    matcher_giou_cost: float = 2.0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.depth_head not in DEPTH_HEADS[:2]:
            legal = ", ".join(DEPTH_HEADS[:2])
            raise UsageError(f"depth_head: expected one of {legal}, got {self.depth_head!r}")
        DepthKind.parse(self.depth_kind)
        super().__post_init__(**kwargs)

    log_depth = DepTRConfig.log_depth


class DepthPlugIn(nn.Module):
    """A detector of another family, frozen, and a depth module that learns from its queries' states.

    Args:
        config: Of both.
        detector: The detector with its weights; None makes one with random weights.
    """

    def __init__(self, config: PlugInConfig, detector: Any = None) -> None:
        super().__init__()
        self.config = config
        if detector is None:
            own = AutoConfig.for_model(**(config.detector_config or {}))
            detector = AutoModelForObjectDetection.from_config(own)
        self.detector: Any = detector
        self.family = str(detector.config.model_type)
        self.renew_depth()
        self.train_depth_only()

    @classmethod
    def from_detector(cls, name_or_path: str | Path, **changes: Any) -> DepthPlugIn:
        """A fresh depth module on a checkpoint of transformers.

        Args:
            name_or_path: Folder or hub name of a detector of one of `FAMILIES`.
            **changes: Fields of the configuration.

        Raises:
            DataError: The checkpoint cannot be used.
            UsageError: A field cannot be meant.
        """
        detector = load_foreign(name_or_path)
        own = detector.config
        processor = form_of_processor(stored_json(name_or_path, "preprocessor_config.json"), own.model_type)
        fields = {
            "detector_config": json.loads(own.to_json_string(use_diff=False)),
            "image_mean": list(processor.mean),
            "image_std": list(processor.std),
            "id2label": own.id2label,
            "label2id": own.label2id,
            **_shape_of(detector, changes),
            **changes,
        }
        return cls(PlugInConfig(**fields), detector)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> DepthPlugIn:
        """What `save_pretrained` wrote.

        Raises:
            DataError: A file is missing, damaged or of another network.
        """
        model = cls(PlugInConfig.from_pretrained(folder))
        try:
            missing, unexpected = load_model(model, str(Path(folder) / WEIGHTS), strict=False)
        except (SafetensorError, OSError, RuntimeError) as error:
            found, hint = " ".join(str(error).split())[:300], "is the file whole?"
            raise DataError(folder, "weights cannot be read", found=found, hint=hint) from error
        if missing or unexpected:
            names = ", ".join(sorted([*missing, *unexpected])[:4])
            raise DataError(folder, "weights of another architecture", found=f"{names}, ...")
        return model

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and the weights of both."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.config.save_pretrained(folder)
        save_model(self, str(Path(folder) / WEIGHTS), metadata={"format": "pt"})

    def renew_depth(self) -> None:
        """Put a fresh depth module in place of what there is."""
        self.depth_head: Any = fresh_depth_head(self.config)

    def train_depth_only(self) -> None:
        """Freeze all but the depth module, as it always is here."""
        self.detector.requires_grad_(False)

    def train(self, mode: bool = True) -> DepthPlugIn:
        """As in torch; the detector always answers as in use."""
        super().train(mode)
        self.detector.eval()
        return self

    def forward(
        self, pixel_values: Tensor, labels: list[dict[str, Tensor]] | None = None, given: Tensor | None = None
    ) -> DepTROutput:
        """Run the detector, and the depth module on its queries.

        Args:
            pixel_values: ``(B, 3, H, W)`` normalised.
            labels: Not used: nothing of the detector learns.
            given: Not possible here.

        Raises:
            UsageError: Depth of given boxes is asked for.
        """
        if given is not None:
            raise UsageError(
                f"depth of given boxes: a {self.family} cannot be asked, only DepTR's own networks"
            )
        with torch.no_grad():
            answer = self.detector(pixel_values=pixel_values)
        batch_first, name = FAMILIES[self.family]
        states, found = answer.intermediate_hidden_states.float(), getattr(answer, name)
        maps = [found.float()] if isinstance(found, Tensor) else [level.float() for level in found]
        boxes = answer.pred_boxes.float()
        with torch.autocast(pixel_values.device.type, enabled=False):
            depths, scales = self.depth_head(states.transpose(0, 1) if batch_first else states, boxes, maps)
        return DepTROutput(
            logits=answer.logits,
            pred_boxes=boxes,
            states=states[:, -1] if batch_first else states[-1],
            depth=depths[-1],
            depth_log_scale=scales[-1],
            depths=depths,
            depth_log_scales=scales,
            encoder_maps=maps,
        )


DepthNetwork = DepTRForObjectDetection | DepthPlugIn
DepthConfig = DepTRConfig | PlugInConfig


def _shape_of(detector: Any, changes: dict[str, Any]) -> dict[str, int]:
    """Widths and counts of what the depth module reads, as the detector answers them on an empty image."""
    height, width = changes.get("image_height", 640), changes.get("image_width", 640)
    batch_first, name = FAMILIES[detector.config.model_type]
    try:
        with torch.no_grad():
            answer = detector.eval()(pixel_values=torch.zeros(1, 3, height, width))
    except (RuntimeError, ValueError) as error:
        found = " ".join(str(error).split())[:200]
        raise UsageError(
            f"model.image_height, image_width: the detector cannot be run at {width}x{height}: {found}"
        ) from error
    states, maps = answer.intermediate_hidden_states, getattr(answer, name)
    levels = [maps] if isinstance(maps, Tensor) else list(maps)
    return {
        "d_model": states.shape[-1],
        "decoder_layers": states.shape[1 if batch_first else 0],
        "encoder_hidden_dim": levels[0].shape[1],
        "num_feature_levels": len(levels),
    }
