"""The depth awareness module, in two forms behind one interface.

Both take the box decoder's query states and its final boxes, and refine one depth per query layer by layer;
between layers the depth is detached, as D-FINE does with its boxes.

Source: DepTR-MOT, arXiv:2509.17323, depth awareness module; the light form is this project's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from deptr.detector.config import DepTRConfig

PLAUSIBLE_DEPTH = 10.0
MIN_LOG_SCALE, MAX_LOG_SCALE = -4.0, 3.0


def box_geometry(boxes: Tensor) -> Tensor:
    """What a box alone says about depth: place, size, their logarithms and where its foot stands.

    Args:
        boxes: ``(..., 4)`` centre x, centre y, width, height in [0, 1].

    Returns:
        ``(..., 8)``.
    """
    sizes = boxes[..., 2:].clamp(min=1e-3)
    foot = boxes[..., 1:2] + boxes[..., 3:] / 2
    shape = torch.log(sizes[..., 1:] / sizes[..., :1])
    return torch.cat([boxes, torch.log(sizes), foot, shape], dim=-1)


def _head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    head = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
    last = head[-1]
    assert isinstance(last, nn.Linear)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return head


class LightDepthHead(nn.Module):
    """An MLP per decoder layer on query state and box: almost free."""

    def __init__(self, config: DepTRConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _head(config.d_model + 8, config.depth_hidden, 2) for _ in range(config.decoder_layers)
        )

    def forward(self, states: Tensor, boxes: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Depth and the logarithm of its Laplace scale after each layer.

        Args:
            states: ``(L, B, Q, C)`` query states after each box decoder layer.
            boxes: ``(B, Q, 4)`` final boxes, centre format in [0, 1].
            features: Encoder maps, not used here.

        Returns:
            Two tensors ``(L, B, Q)``.
        """
        geometry = box_geometry(boxes.detach()).to(states.dtype)
        depth = states.new_zeros(states.shape[1:3])
        depths, scales = [], []
        for layer, state in zip(self.layers, states, strict=True):
            change = layer(torch.cat([state, geometry], dim=-1))
            depth = depth.detach() + change[..., 0]
            depths.append(depth)
            scales.append(change[..., 1].clamp(MIN_LOG_SCALE, MAX_LOG_SCALE))
        return torch.stack(depths), torch.stack(scales)


class DepthSampling(nn.Module):
    """Deformable attention around a box centre in which every sampling point also carries a depth offset."""

    def __init__(self, config: DepTRConfig, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.points, self.width = heads, config.depth_points, config.depth_hidden
        self.levels = config.num_feature_levels
        count = heads * self.levels * self.points
        self.values = nn.Linear(config.encoder_hidden_dim, self.width)
        self.offsets = nn.Linear(self.width, count * 2)
        self.weights = nn.Linear(self.width, count)
        self.depth_offsets = nn.Linear(self.width, count)
        self.output = nn.Linear(self.width, self.width)
        nn.init.zeros_(self.offsets.weight)
        nn.init.uniform_(self.offsets.bias, -0.5, 0.5)
        nn.init.zeros_(self.weights.weight)
        nn.init.normal_(self.depth_offsets.weight, std=0.01)
        nn.init.zeros_(self.depth_offsets.bias)

    def forward(self, state: Tensor, boxes: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Sampled features ``(B, Q, C)`` and the attention-weighted depth offset ``(B, Q)``."""
        batch, queries, _ = state.shape
        grid = (batch, queries, self.heads, self.levels, self.points)
        offsets = self.offsets(state).view(*grid, 2)
        places = boxes[:, :, None, None, None, :2] + offsets * 0.5 * boxes[:, :, None, None, None, 2:]
        attention = self.weights(state).view(*grid[:3], -1).softmax(-1).view(grid)
        shift = (attention * self.depth_offsets(state).view(grid)).sum((2, 3, 4)) / self.heads
        sampled = state.new_zeros(batch * self.heads, self.width // self.heads, queries)
        for level, feature in enumerate(features):
            value = self.values(feature.flatten(2).transpose(1, 2)).transpose(1, 2)
            value = value.reshape(batch * self.heads, self.width // self.heads, *feature.shape[-2:])
            where = places[:, :, :, level].transpose(1, 2).flatten(0, 1) * 2 - 1
            taken = functional.grid_sample(value, where.to(value.dtype), align_corners=False)
            share = attention[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
            sampled = sampled + (taken * share).sum(-1)
        sampled = sampled.view(batch, self.width, queries).transpose(1, 2)
        return self.output(sampled), shift


class DeformableDepthHead(nn.Module):
    """The paper's depth decoder: queries of the box decoder look around their box centre, layer by layer."""

    def __init__(self, config: DepTRConfig) -> None:
        super().__init__()
        width = config.depth_hidden
        self.enter = nn.Linear(config.d_model + 8, width)
        self.samplings = nn.ModuleList(DepthSampling(config) for _ in range(config.depth_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.depth_layers))
        self.heads = nn.ModuleList(_head(width + 1, width, 2) for _ in range(config.depth_layers))

    def forward(self, states: Tensor, boxes: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Depth and the logarithm of its Laplace scale after each layer; arguments as `LightDepthHead`."""
        boxes = boxes.detach()
        geometry = box_geometry(boxes).to(states.dtype)
        state = functional.relu(self.enter(torch.cat([states[-1], geometry], dim=-1)))
        depth = states.new_zeros(states.shape[1:3])
        depths, scales = [], []
        for sampling, norm, head in zip(self.samplings, self.norms, self.heads, strict=True):
            seen, shift = sampling(state, boxes, features)
            state = norm(state + seen)
            before = depth.detach()
            change = head(torch.cat([state, before[..., None]], dim=-1))
            depth = before + shift + change[..., 0]
            depths.append(depth)
            scales.append(change[..., 1].clamp(MIN_LOG_SCALE, MAX_LOG_SCALE))
        return torch.stack(depths), torch.stack(scales)


def fresh_depth_head(config: DepTRConfig) -> nn.Module | None:
    """`build_depth_head`, its first layer at a plausible depth, so that early training does not shout."""
    head = build_depth_head(config)
    if head is not None and config.log_depth:
        layers: Any = head.layers if isinstance(head, LightDepthHead) else head.heads
        with torch.no_grad():
            layers[0][-1].bias[0] = math.log(PLAUSIBLE_DEPTH)
    return head


def build_depth_head(config: DepTRConfig) -> nn.Module | None:
    """The depth module that `config` asks for, None for a plain detector."""
    if config.depth_head == "none":
        return None
    return DeformableDepthHead(config) if config.depth_head == "deformable" else LightDepthHead(config)
