"""`DepTRForObjectDetection`: D-FINE with a depth for every box, as a `transformers` model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForObjectDetection
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.d_fine.modeling_d_fine import DFineForObjectDetection
from transformers.utils import ModelOutput

from deptr.detector.config import DepTRConfig
from deptr.detector.depth import LightDepthHead, build_depth_head
from deptr.detector.queries import best_queries, decode, memory_of, queries_at


@dataclass
class DepTROutput(ModelOutput):
    """What the network gives; Q counts queries, in training with denoising queries in front.

    Attributes:
        logits: ``(B, Q, classes)`` of the last layer.
        pred_boxes: ``(B, Q, 4)`` centre format in [0, 1] of the letterboxed input.
        depth: ``(B, Q)`` last layer's depth, in the unit that `DepTRConfig.depth_kind` says; or None.
        depth_log_scale: ``(B, Q)`` logarithm of its Laplace scale; or None.
        depths: ``(L, B, Q)`` depth after each layer, for training.
        depth_log_scales: ``(L, B, Q)``.
        encoder_maps: Encoder feature maps ``(B, C, H, W)``, finest first.
        dfine: D-FINE's own output, for the criterion.
    """

    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    depth: Tensor | None = None
    depth_log_scale: Tensor | None = None
    depths: Tensor | None = None
    depth_log_scales: Tensor | None = None
    encoder_maps: list[Tensor] | None = None
    dfine: Any = None


class DepTRForObjectDetection(DFineForObjectDetection):
    """Boxes, scores and depth in one pass.

    Loads D-FINE checkpoints too: all their names are kept and only the depth module starts fresh. The loss is
    not computed here; see `deptr.training.criterion`.
    """

    config_class = DepTRConfig
    base_model_prefix = "model"

    def __init__(self, config: DepTRConfig) -> None:
        super().__init__(config)
        self.renew_depth()

    def _init_weights(self, module: nn.Module) -> None:
        if any(module is part for part in self._depth_parts()):
            return
        super()._init_weights(module)

    def _depth_parts(self) -> list[nn.Module]:
        head = getattr(self, "depth_head", None)
        return [] if head is None else list(head.modules())

    def renew_depth(self) -> None:
        """Put a fresh depth module, of the form that the configuration says, in place of what there is."""
        self.depth_head = build_depth_head(self.config)
        if self.depth_head is not None and self.config.log_depth:
            _start_at_depth(self.depth_head, math.log(10.0))

    def train_depth_only(self) -> None:
        """Freeze all of D-FINE: only the depth module learns, in minutes."""
        self.requires_grad_(False)
        if self.depth_head is not None:
            self.depth_head.requires_grad_(True)

    def forward(self, pixel_values: Tensor, labels: list[dict[str, Tensor]] | None = None) -> DepTROutput:
        """Run the network.

        Args:
            pixel_values: ``(B, 3, H, W)`` normalised, H and W multiples of 32.
            labels: Per image ``class_labels`` ``(N,)`` and ``boxes`` ``(N, 4)`` centre format in [0, 1]; in
                training they make D-FINE's denoising queries.
        """
        core, maps = self.model, self._maps(pixel_values)
        # half precision would round box coordinates to pixels: from here on in float32
        with torch.autocast(pixel_values.device.type, enabled=False):
            maps = [level.float() for level in maps]
            if self.training:
                encoded = BaseModelOutput(last_hidden_state=maps)
                output = self.model(None, encoder_outputs=encoded, inputs_embeds=maps[0], labels=labels)
            else:
                memory = memory_of(core, maps)
                output = decode(core, memory, best_queries(core, memory, self.config.num_queries))
            return self._answer(maps, output)

    def at_boxes(self, pixel_values: Tensor, boxes: Tensor) -> DepTROutput:
        """What the network says of given boxes: each is the anchor of a query of its own.

        Args:
            pixel_values: As for `forward`.
            boxes: ``(B, Q, 4)`` centre format in [0, 1] of the input.

        Returns:
            Depths belong to the given boxes; `DepTROutput.pred_boxes` is what the network would make of them.
        """
        core, maps = self.model, self._maps(pixel_values)
        memory = memory_of(core, maps)
        return self._answer(maps, decode(core, memory, queries_at(memory, boxes)), boxes)

    def _maps(self, pixel_values: Tensor) -> list[Tensor]:
        """Encoder maps ``(B, C, H, W)``, finest first."""
        core = self.model
        levels = core.backbone.model(pixel_values).feature_maps
        maps = [project(level) for project, level in zip(core.encoder_input_proj, levels, strict=True)]
        return list(core.encoder(maps).last_hidden_state)

    def _answer(self, maps: list[Tensor], dfine: Any, given: Tensor | None = None) -> DepTROutput:
        logits, boxes = dfine.intermediate_logits[:, -1], dfine.intermediate_reference_points[:, -1]
        output = DepTROutput(logits=logits, pred_boxes=boxes, encoder_maps=maps, dfine=dfine)
        if self.depth_head is not None:
            states = dfine.intermediate_hidden_states.to(logits.dtype)
            depths, scales = self.depth_head(states, boxes if given is None else given, maps)
            output.depths, output.depth_log_scales = depths, scales
            output.depth, output.depth_log_scale = depths[-1], scales[-1]
        return output


def _start_at_depth(head: nn.Module, value: float) -> None:
    """Let the first layer start at a plausible depth, so that early training does not shout."""
    layers: Any = head.layers if isinstance(head, LightDepthHead) else head.heads
    with torch.no_grad():
        layers[0][-1].bias[0] = value


AutoModelForObjectDetection.register(DepTRConfig, DepTRForObjectDetection, exist_ok=True)
