"""The decoder of Video Depth Anything: a dense prediction head whose middle levels attend along time.

Module names follow the published state dict (`head.*`), so that its tensors load without renaming.
Source: Video Depth Anything (arXiv 2501.12375, section 3.1), built on DPT (arXiv 2103.13413).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

ATTENTION_HEADS = 8  # of every temporal layer
NORM_GROUPS = 32


@dataclass(frozen=True)
class HeadConfig:
    """Sizes of the head.

    Attributes:
        in_channels: Width of the encoder's tokens.
        features: Channels of the fusion path.
        out_channels: Channels of the four levels, finest first.
        num_frames: Longest clip that the temporal position table covers.
    """

    in_channels: int
    features: int
    out_channels: tuple[int, int, int, int]
    num_frames: int = 32


def sinusoidal_table(length: int, channels: int) -> Tensor:
    """Fixed position table, ``(1, length, channels)``: sines at even, cosines at odd channels.

    Example:
        >>> sinusoidal_table(4, 2)[0, 0].tolist()
        [0.0, 1.0]
    """
    position = torch.arange(length).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    table = torch.zeros(1, length, channels)
    table[0, :, 0::2] = torch.sin(position * frequency)
    table[0, :, 1::2] = torch.cos(position * frequency)
    return table


class PositionTable(nn.Module):
    """Adds the fixed table of temporal positions; kept as the buffer `pe`."""

    pe: Tensor

    def __init__(self, length: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("pe", sinusoidal_table(length, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T, C)`` tokens plus the first T rows of the table."""
        return tokens + self.pe[:, : tokens.shape[1]]


class TemporalAttention(nn.Module):
    """Self-attention along time at each place on its own."""

    def __init__(self, channels: int, num_frames: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(channels, channels, bias=False)
        self.to_v = nn.Linear(channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])
        self.pos_encoder = PositionTable(num_frames, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T, C)`` to ``(N, T, C)``; N counts places."""
        tokens = self.pos_encoder(tokens)
        shape = (*tokens.shape[:2], ATTENTION_HEADS, -1)
        query, key, value = (
            layer(tokens).view(shape).transpose(1, 2) for layer in (self.to_q, self.to_k, self.to_v)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        output: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return output


class GatedProjection(nn.Module):
    """A linear layer whose second half gates the first through a GELU."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(..., C)`` to ``(..., inner)``."""
        value, gate = self.proj(tokens).chunk(2, dim=-1)
        gated: Tensor = value * functional.gelu(gate)
        return gated


class FeedForward(nn.Module):
    """Gated projection to four times the width and back; `net` keeps the published indices 0 and 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 4 * channels
        self.net = nn.ModuleList(
            [GatedProjection(channels, inner), nn.Identity(), nn.Linear(inner, channels)]
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """``(..., C)`` to ``(..., C)``."""
        for layer in self.net:
            tokens = layer(tokens)
        return tokens


class TemporalBlock(nn.Module):
    """Two attention layers along time and a feed-forward layer, each with a norm before and a bypass."""

    def __init__(self, channels: int, num_frames: int) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList(TemporalAttention(channels, num_frames) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.ff = FeedForward(channels)
        self.ff_norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T, C)`` to ``(N, T, C)``."""
        for attention, norm in zip(self.attention_blocks, self.norms, strict=True):
            tokens = tokens + attention(norm(tokens))
        output: Tensor = tokens + self.ff(self.ff_norm(tokens))
        return output


class TemporalTransformer(nn.Module):
    """Mixes feature maps of one clip along time, place by place, around a bypass."""

    def __init__(self, channels: int, num_frames: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(NORM_GROUPS, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(channels, num_frames)])
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, maps: Tensor, clip_length: int) -> Tensor:
        """``(B * T, C, h, w)`` to the same shape, where T is `clip_length`."""
        height, width = maps.shape[-2:]
        tokens = self.norm(maps).unflatten(0, (-1, clip_length))  # B T C h w
        tokens = self.proj_in(tokens.permute(0, 3, 4, 1, 2).flatten(0, 2))  # B*h*w T C
        for block in self.transformer_blocks:
            tokens = block(tokens)
        tokens = self.proj_out(tokens).unflatten(0, (-1, height, width))  # B h w T C
        output: Tensor = maps + tokens.permute(0, 3, 4, 1, 2).flatten(0, 1)
        return output


class MotionModule(nn.Module):
    """Holder that gives the transformer its published name."""

    def __init__(self, channels: int, num_frames: int) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(channels, num_frames)

    def forward(self, maps: Tensor, clip_length: int) -> Tensor:
        """``(B * T, C, h, w)`` to the same shape."""
        output: Tensor = self.temporal_transformer(maps, clip_length)
        return output


class ResidualConv(nn.Module):
    """Two 3 x 3 convolutions, each after a ReLU, around a bypass."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """``(N, C, h, w)`` to the same shape."""
        inner = self.conv1(functional.relu(maps))
        output: Tensor = maps + self.conv2(functional.relu(inner))
        return output


class Fusion(nn.Module):
    """Adds a finer level to the path, refines it and resizes it to the next level's size."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(features, features, 1)
        self.resConfUnit1 = ResidualConv(features)
        self.resConfUnit2 = ResidualConv(features)

    def forward(self, path: Tensor, size: tuple[int, int], level: Tensor | None = None) -> Tensor:
        """Path and level ``(N, C, h, w)`` to ``(N, C, *size)``; the coarsest step has no level to add."""
        if level is not None:
            path = path + self.resConfUnit1(level)
        path = resize(self.resConfUnit2(path), size)
        output: Tensor = self.out_conv(path)
        return output


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with aligned corners, as everywhere in this network."""
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=True)


class Scratch(nn.Module):
    """The convolutions of the fusion path, under their published names.

    The coarsest step's `resConfUnit1` is never used; it stays because the published state dict has it.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        features = config.features

        def level(channels: int) -> nn.Conv2d:
            return nn.Conv2d(channels, features, 3, padding=1, bias=False)

        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = map(level, config.out_channels)
        self.refinenet1, self.refinenet2 = Fusion(features), Fusion(features)
        self.refinenet3, self.refinenet4 = Fusion(features), Fusion(features)
        self.output_conv1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(features // 2, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1), nn.ReLU()
        )


class TemporalDPTHead(nn.Module):
    """Four levels of tokens of a clip to one inverse depth map per frame."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        width, features = config.out_channels, config.features
        self.projects = nn.ModuleList(nn.Conv2d(config.in_channels, channels, 1) for channels in width)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(width[0], width[0], 4, stride=4),
                nn.ConvTranspose2d(width[1], width[1], 2, stride=2),
                nn.Identity(),
                nn.Conv2d(width[3], width[3], 3, stride=2, padding=1),
            ]
        )
        self.scratch = Scratch(config)
        temporal = (width[2], width[3], features, features)
        self.motion_modules = nn.ModuleList(MotionModule(size, config.num_frames) for size in temporal)

    def levels(self, maps: list[Tensor]) -> list[Tensor]:
        """Encoder maps ``(N, C, h, w)`` of four layers to levels of 4, 2, 1 and 1/2 times their size."""
        steps = zip(maps, self.projects, self.resize_layers, strict=True)
        return [scale(project(level)) for level, project, scale in steps]

    def mix(self, levels: list[Tensor], clip_length: int) -> tuple[Tensor, Tensor]:
        """The part that looks along time.

        Args:
            levels: Result of `levels` for whole clips.
            clip_length: Frames per clip.

        Returns:
            Fusion path after its second step and the third level's step, both ``(B * T, features, ., .)``:
            the paths named 4 and 3 in the published network. Path 3 feeds `decode`.
        """
        scratch = self.scratch
        third = scratch.layer3_rn(self.motion_modules[0](levels[2], clip_length))
        fourth = scratch.layer4_rn(self.motion_modules[1](levels[3], clip_length))
        path_4 = scratch.refinenet4(fourth, third.shape[-2:])
        path_4 = self.motion_modules[2](path_4, clip_length)
        path_3 = scratch.refinenet3(path_4, levels[1].shape[-2:], third)
        return path_4, self.motion_modules[3](path_3, clip_length)

    def decode(self, path: Tensor, levels: list[Tensor], size: tuple[int, int]) -> Tensor:
        """The part that works frame by frame: path 3 and the two finest levels to ``(N, 1, *size)``."""
        scratch = self.scratch
        first, second = scratch.layer1_rn(levels[0]), scratch.layer2_rn(levels[1])
        path = scratch.refinenet2(path, first.shape[-2:], second)
        path = scratch.refinenet1(path, (2 * first.shape[-2], 2 * first.shape[-1]), first)
        output: Tensor = scratch.output_conv2(resize(scratch.output_conv1(path), size))
        return output
