"""`DepTRForObjectDetection`: D-FINE with a depth for every box, as a `transformers` model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForObjectDetection
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.d_fine.modeling_d_fine import DFineForObjectDetection
from transformers.utils import ModelOutput

from deptr.detector.config import DepTRConfig
from deptr.detector.depth import fresh_depth_head
from deptr.detector.queries import best_queries, decode, followed_by, memory_of, queries_at


@dataclass
class DepTROutput(ModelOutput):
    """What the network gives; Q counts queries, in training with denoising queries in front.

    Attributes:
        logits: ``(B, Q, classes)`` of the last layer.
        pred_boxes: ``(B, Q, 4)`` centre format in [0, 1] of the letterboxed input.
        states: ``(B, Q, C)`` query states after the last layer.
        depth: ``(B, Q)`` last layer's depth, in the unit that `DepTRConfig.depth_kind` says; or None.
        depth_log_scale: ``(B, Q)`` logarithm of its Laplace scale; or None.
        depths: ``(L, B, Q)`` depth after each layer, for training.
        depth_log_scales: ``(L, B, Q)``.
        encoder_maps: Encoder feature maps ``(B, C, H, W)``, finest first.
        dfine: D-FINE's own output, for the criterion.
        given_states: ``(B, K, C)`` states of the given boxes' queries; or None.
        given_depths: ``(L, B, K)`` depth of each given box after each layer; or None.
        given_log_scales: ``(L, B, K)`` logarithm of its Laplace scale; or None.
    """

    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    states: Tensor | None = None
    depth: Tensor | None = None
    depth_log_scale: Tensor | None = None
    depths: Tensor | None = None
    depth_log_scales: Tensor | None = None
    encoder_maps: list[Tensor] | None = None
    dfine: Any = None
    given_states: Tensor | None = None
    given_depths: Tensor | None = None
    given_log_scales: Tensor | None = None


class DepTRForObjectDetection(DFineForObjectDetection):
    """Boxes, scores and depth in one pass.

    Loads D-FINE checkpoints too: all their names are kept and only the depth module starts fresh. The loss is
    not computed here; see `deptr.training.criterion`.
    """

    config_class = DepTRConfig
    base_model_prefix = "model"
    _depth_only = False

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
        self.depth_head = fresh_depth_head(self.config)

    def train_depth_only(self) -> None:
        """Freeze all of D-FINE, its norms' statistics too: only the depth module learns, in minutes."""
        self._depth_only = True
        self.requires_grad_(False)
        if self.depth_head is not None:
            self.depth_head.requires_grad_(True)

    def train(self, mode: bool = True) -> DepTRForObjectDetection:
        """As in torch; what `train_depth_only` froze keeps the statistics that it has."""
        super().train(mode)
        if mode and self._depth_only:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(
        self, pixel_values: Tensor, labels: list[dict[str, Tensor]] | None = None, given: Tensor | None = None
    ) -> DepTROutput:
        """Run the network.

        Args:
            pixel_values: ``(B, 3, H, W)`` normalised, H and W multiples of 32.
            labels: Per image ``class_labels`` ``(N,)`` and ``boxes`` ``(N, 4)`` centre format in [0, 1]; in
                training they make D-FINE's denoising queries.
            given: ``(B, K, 4)`` boxes whose depth is asked for, centre format in [0, 1]: each is the anchor
                of a query of its own. No other answer depends on them.
        """
        maps = self._maps(pixel_values)
        # half precision would round box coordinates to pixels: from here on in float32
        with torch.autocast(pixel_values.device.type, enabled=False):
            maps = [level.float() for level in maps]
            if not self.training:
                return self._detected(maps, given)
            encoded = BaseModelOutput(last_hidden_state=maps)
            output = self._answer(
                maps, self.model(None, encoder_outputs=encoded, inputs_embeds=maps[0], labels=labels)
            )
            if given is not None:
                asked = self._detected(maps, given)
                output.given_depths, output.given_log_scales = asked.given_depths, asked.given_log_scales
            return output

    def _maps(self, pixel_values: Tensor) -> list[Tensor]:
        """Encoder maps ``(B, C, H, W)``, finest first."""
        core = self.model
        levels = core.backbone.model(pixel_values).feature_maps
        maps = [project(level) for project, level in zip(core.encoder_input_proj, levels, strict=True)]
        return list(core.encoder(maps).last_hidden_state)

    def _detected(self, maps: list[Tensor], given: Tensor | None) -> DepTROutput:
        """The answer without denoising queries."""
        core = self.model
        memory = memory_of(core, maps)
        queries, mask = best_queries(core, memory, self.config.num_queries), None
        if given is not None:
            queries, mask = followed_by(queries, queries_at(memory, given))
        return self._answer(maps, decode(core, memory, queries, mask), given)

    def _answer(self, maps: list[Tensor], dfine: Any, given: Tensor | None = None) -> DepTROutput:
        """Named parts of the decoder's output, the last queries being those of the given boxes."""
        logits, boxes = dfine.intermediate_logits[:, -1], dfine.intermediate_reference_points[:, -1]
        count = self.config.num_queries if given is not None else logits.shape[1]
        states = dfine.intermediate_hidden_states.to(logits.dtype)
        output = DepTROutput(
            logits=logits[:, :count],
            pred_boxes=boxes[:, :count],
            states=states[-1, :, :count],
            encoder_maps=maps,
            dfine=dfine,
        )
        if given is not None:
            output.given_states = states[-1, :, count:]
        if self.depth_head is None:
            return output
        if given is not None:
            boxes = torch.cat([boxes[:, :count], given.to(boxes.dtype)], dim=1)
        depths, scales = self.depth_head(states, boxes, maps)
        output.depths, output.depth_log_scales = depths[:, :, :count], scales[:, :, :count]
        output.depth, output.depth_log_scale = output.depths[-1], output.depth_log_scales[-1]
        if given is not None:
            output.given_depths, output.given_log_scales = depths[:, :, count:], scales[:, :, count:]
        return output


AutoModelForObjectDetection.register(DepTRConfig, DepTRForObjectDetection, exist_ok=True)
