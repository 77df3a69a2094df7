"""Video Depth Anything: relative inverse depth of a clip, consistent along time.

The encoder is `transformers`' DINOv2, the decoder `video_depth_head`; together they answer what the
authors' network answers to 1e-4 (tests/teacher/test_video_depth.py). Source: arXiv 2501.12375.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.dinov2.configuration_dinov2 import Dinov2Config
from transformers.models.dinov2.modeling_dinov2 import Dinov2Backbone, Dinov2Embeddings

from deptr.errors import UsageError
from deptr.teacher.video_depth_head import HeadConfig, TemporalDPTHead

PATCH = 14
TABLE_SIDE = 37  # patches along each side of DINOv2's position table (518 px)
OFFSET = 0.1  # patches added to the size before interpolating the table, as DINOv2 was trained


@dataclass(frozen=True)
class VideoDepthConfig:
    """Sizes of one model.

    Attributes:
        hidden_size: Width of the encoder.
        layers: Transformer layers of the encoder.
        heads: Attention heads of the encoder.
        taps: Layers (from 0) whose tokens feed the decoder.
        features: Channels of the decoder's path.
        out_channels: Channels of the decoder's levels, finest first.
        num_frames: Longest clip.
        table_side: Patches along each side of the position table.
    """

    hidden_size: int
    layers: int
    heads: int
    taps: tuple[int, int, int, int]
    features: int
    out_channels: tuple[int, int, int, int]
    num_frames: int = 32
    table_side: int = TABLE_SIDE

    @classmethod
    def named(cls, size: str) -> VideoDepthConfig:
        """The published model of that size: ``"small"``, ``"base"`` or ``"large"``.

        Raises:
            UsageError: There is no such size.

        Example:
            >>> VideoDepthConfig.named("small").taps
            (2, 5, 8, 11)
        """
        published = {
            "small": cls(384, 12, 6, (2, 5, 8, 11), 64, (48, 96, 192, 384)),
            "base": cls(768, 12, 12, (2, 5, 8, 11), 128, (96, 192, 384, 768)),
            "large": cls(1024, 24, 16, (4, 11, 17, 23), 256, (256, 512, 1024, 1024)),
        }
        if size not in published:
            raise UsageError(f"video depth model: expected one of {', '.join(published)}, got {size!r}")
        return published[size]

    @classmethod
    def tiny(cls) -> VideoDepthConfig:
        """A model of a few thousand weights for tests."""
        return cls(32, 4, 2, (0, 1, 2, 3), 32, (32, 32, 32, 32), table_side=5)


class OffsetEmbeddings(Dinov2Embeddings):
    """DINOv2's embeddings with the position table resized by a factor that carries the trained offset."""

    def interpolate_pos_encoding(self, embeddings: Tensor, height: int, width: int) -> Tensor:
        """Table for an image of `height` by `width` pixels, ``(1, 1 + patches, C)``."""
        table: Tensor = self.position_embeddings
        rows, columns, side = height // PATCH, width // PATCH, math.isqrt(table.shape[1] - 1)
        if rows == columns == side:
            return table
        grid = table[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        factors = ((rows + OFFSET) / side, (columns + OFFSET) / side)
        grid = nn.functional.interpolate(grid.float(), scale_factor=factors, mode="bicubic", antialias=False)
        patches = grid.to(table.dtype).permute(0, 2, 3, 1).flatten(1, 2)
        return torch.cat((table[:, :1], patches), dim=1)


@dataclass(frozen=True)
class ClipDepth:
    """What the network says about clips.

    Attributes:
        depth: ``(B, T, H, W)`` relative inverse depth, at least 0, larger is nearer.
        features: ``(B, T, C, h, w)`` of the decoder after its last look along time, h = H / 7; None unless
            asked for.
    """

    depth: Tensor
    features: Tensor | None


class VideoDepthAnything(nn.Module):
    """Network that gives a clip's relative inverse depth.

    Args:
        config: Sizes, see `VideoDepthConfig.named`.

    Attributes:
        frames_at_once: How many frames go through the encoder, and through the frame-wise end of the
            decoder, in one piece; lowering it saves memory and changes nothing else.

    Example:
        >>> model = VideoDepthAnything(VideoDepthConfig.tiny()).eval()
        >>> with torch.inference_mode():
        ...     model(torch.zeros(1, 4, 3, 28, 42)).depth.shape
        torch.Size([1, 4, 28, 42])
    """

    def __init__(self, config: VideoDepthConfig) -> None:
        super().__init__()
        self.config = config
        self.frames_at_once = config.num_frames
        sizes: dict[str, Any] = {
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "image_size": PATCH * config.table_side,
            "patch_size": PATCH,
            "out_indices": [1 + tap for tap in config.taps],
        }
        encoder = Dinov2Config(**sizes)
        self.pretrained = Dinov2Backbone(encoder)
        self.pretrained.embeddings = OffsetEmbeddings(encoder)
        head = HeadConfig(config.hidden_size, config.features, config.out_channels, config.num_frames)
        self.head = TemporalDPTHead(head)

    def encode(self, frames: Tensor) -> list[Tensor]:
        """Normalised frames ``(N, 3, H, W)`` to four maps ``(N, C, H/14, W/14)``, final norm applied."""
        return list(self.pretrained(frames).feature_maps)

    def forward(self, clips: Tensor, *, with_features: bool = False) -> ClipDepth:
        """Depth of clips.

        Args:
            clips: ``(B, T, 3, H, W)`` float, normalised with ImageNet's mean and deviation; H and W
                multiples of 14, T at most `config.num_frames`.
            with_features: Whether to return the decoder's features too.

        Raises:
            UsageError: The shape is not as said.
        """
        self._check(clips)
        count, length, _, height, width = clips.shape
        frames = clips.flatten(0, 1)
        levels = self._levels(frames)
        _, path = self.head.mix(levels, length)
        parts = [
            self.head.decode(path[piece], [level[piece] for level in levels[:2]], (height, width))
            for piece in self._pieces(len(frames))
        ]
        depth = torch.relu(torch.cat(parts)).view(count, length, height, width)
        return ClipDepth(depth, path.view(count, length, *path.shape[1:]) if with_features else None)

    def _levels(self, frames: Tensor) -> list[Tensor]:
        pieces = [self.head.levels(self.encode(frames[piece])) for piece in self._pieces(len(frames))]
        return [torch.cat(level) for level in zip(*pieces, strict=True)]

    def _pieces(self, count: int) -> Iterator[slice]:
        for start in range(0, count, self.frames_at_once):
            yield slice(start, start + self.frames_at_once)

    def _check(self, clips: Tensor) -> None:
        shape = tuple(clips.shape)
        if len(shape) != 5 or shape[2] != 3:
            raise UsageError(f"clips: expected shape (B, T, 3, H, W), got {shape}")
        if not 1 <= shape[1] <= self.config.num_frames:
            raise UsageError(f"clips: expected 1 to {self.config.num_frames} frames, got {shape[1]}")
        if shape[3] % PATCH or shape[4] % PATCH or not shape[3] or not shape[4]:
            raise UsageError(f"clips: expected height and width in multiples of {PATCH}, got {shape[3:]}")
