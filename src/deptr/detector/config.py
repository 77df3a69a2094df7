"""Configuration of the DepTR detector: D-FINE's, and what the depth awareness module adds."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig
from transformers.models.d_fine.configuration_d_fine import DFineConfig

from deptr.detector.backbone import LEVEL_STAGES, EfficientNetLiteConfig, stages_of
from deptr.errors import UsageError
from deptr.records import DepthKind

DEPTH_HEADS = ("light", "deformable", "none")
# public D-FINE checkpoints whose weights everything but the depth module starts from
HUB_CHECKPOINTS = {
    "n": "ustc-community/dfine-nano-coco",
    "s": "ustc-community/dfine-small-coco",
    "m": "ustc-community/dfine-medium-coco",
    "l": "ustc-community/dfine-large-coco",
    "x": "ustc-community/dfine-xlarge-coco",
}


class DepTRConfig(DFineConfig):
    """A D-FINE configuration with a depth awareness module.

    Attributes:
        depth_head: ``"light"`` (an MLP per decoder layer on query state and box), ``"deformable"`` (the
            paper's depth decoder) or ``"none"`` (a plain detector).
        depth_kind: What the depth means. For ``"metric"`` and ``"relative"`` the network predicts the
            logarithm of canonical depth ``z * width / focal`` (at inputs of another aspect: the width that
            one of that height and of this aspect has); for the other kinds the value itself.
        depth_hidden: Width of the depth module.
        depth_layers: Layers of the deformable depth decoder.
        depth_points: Sampling points per head and level of the deformable form.
        depth_uncertainty: Whether a standard deviation (of a Laplace distribution) is predicted as well.
        image_height: Height in pixels that images are letterboxed to, a multiple of 32.
        image_width: Width in pixels that images are letterboxed to, a multiple of 32.
        image_mean: Mean per channel, for pixels in [0, 1].
        image_std: Standard deviation per channel, for pixels in [0, 1].
        nms_iou: Boxes of a class that overlap by more are fused into one, see `fusing`; 1 keeps all.
        any_aspect: Whether the network was trained on inputs of other aspects as well: each image is then
            looked at in one of its own shape, with as many pixels.
        start_score: Score from which a detection of it is worth a new track; 0 leaves that to the tracker.
        score_scale: Scores are ``sigmoid(score_scale * logit + score_shift)``, fitted on held-out images so
            that a score is the share of such boxes that are right. The order of scores is the network's.
        score_shift: See `score_scale`.
    """

    model_type = "deptr"

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
    any_aspect: bool = False
    start_score: float = 0.0
    score_scale: float = 1.0
    score_shift: float = 0.0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.depth_head not in DEPTH_HEADS:
            legal = ", ".join(DEPTH_HEADS)
            raise UsageError(f"depth_head: expected one of {legal}, got {self.depth_head!r}")
        DepthKind.parse(self.depth_kind)
        for name in ("image_height", "image_width"):
            if getattr(self, name) % 32 or getattr(self, name) <= 0:
                raise UsageError(f"{name}: expected a positive multiple of 32, got {getattr(self, name)}")
        super().__post_init__(**kwargs)

    @property
    def log_depth(self) -> bool:
        """Whether the network's depth output is a logarithm of canonical depth."""
        return self.depth_kind in (DepthKind.METRIC.value, DepthKind.RELATIVE.value)


def nano_config(
    *, backbone: int = 0, levels: int = 3, image_size: tuple[int, int] = (320, 512), **changes: Any
) -> DepTRConfig:
    """The bundled size: EfficientNet-Lite0, width 128, three decoder layers, one class.

    Args:
        backbone: EfficientNet-Lite 0, 1 or 2.
        levels: Feature levels: 3 is strides 8, 16 and 32; 2 leaves out stride 8.
        image_size: Height and width that images are letterboxed to.
        **changes: Any other field of `DepTRConfig`.

    Example:
        >>> nano_config(levels=2).feat_strides
        [16, 32]
    """
    channels = [stages_of(backbone)[stage][5] for stage in LEVEL_STAGES][-levels:]
    strides = [8, 16, 32][-levels:]
    fields: dict[str, Any] = {
        "backbone_config": EfficientNetLiteConfig(variant=backbone, out_indices=[2, 3, 4][-levels:]),
        "freeze_backbone_batch_norms": False,  # its norms are folded: there is nothing to replace
        "encoder_in_channels": channels,
        "feat_strides": strides,
        "encode_proj_layers": [levels - 1],
        "encoder_hidden_dim": 128,
        "encoder_ffn_dim": 512,
        "hidden_expansion": 0.34,
        "depth_mult": 0.34,
        "d_model": 128,
        "decoder_in_channels": [128] * levels,
        "decoder_ffn_dim": 512,
        "num_feature_levels": levels,
        "decoder_n_points": [4] * levels,
        "decoder_layers": 3,
        "num_queries": 100,
        "num_denoising": 50,
        "num_labels": 1,
        "id2label": {0: "person"},
        "label2id": {"person": 0},
        "initializer_bias_prior_prob": 0.01,  # the library's default starts one class at p = 0.5
        "image_height": image_size[0],
        "image_width": image_size[1],
        "image_mean": [0.498] * 3,
        "image_std": [0.502] * 3,
    }
    return DepTRConfig(**{**fields, **changes})


AutoConfig.register("deptr", DepTRConfig, exist_ok=True)
