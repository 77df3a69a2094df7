"""Frames to network inputs, without torchvision."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deptr.records import FloatArray, Image

MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB
STD = (0.229, 0.224, 0.225)
WIDEST = 1.78  # aspect from which Video Depth Anything shrinks its input to bound memory


def clip_input_size(height: int, width: int, *, input_size: int = 518, multiple: int = 14) -> tuple[int, int]:
    """Network size ``(height, width)`` for a frame: the shorter side about `input_size`, aspect kept.

    Very wide or tall frames are shrunk so that the longer side stays about 16/9 of `input_size`.
    Source: `infer_video_depth` of Video Depth Anything (video_depth.py) and MiDaS' "lower bound" resizing.

    Example:
        >>> clip_input_size(1080, 1920)
        (518, 924)
        >>> clip_input_size(480, 480, input_size=70)
        (70, 70)
    """
    aspect = max(height, width) / min(height, width)
    if aspect > WIDEST:
        input_size = round(int(input_size * 1.777 / aspect) / multiple) * multiple
    scale = input_size / min(height, width)

    def side(length: int) -> int:
        wanted = scale * length / multiple
        rounded = round(wanted) * multiple
        return max(rounded if rounded >= input_size else math.ceil(wanted) * multiple, multiple)

    return side(height), side(width)


def normalise_frame(image: Image, size: tuple[int, int]) -> FloatArray:
    """An RGB frame resized bicubically to `size` (height, width) and normalised, ``(3, h, w)`` float32.

    Example:
        >>> normalise_frame(np.zeros((20, 30, 3), np.uint8), (14, 28)).shape
        (3, 14, 28)
    """
    height, width = size
    scaled: FloatArray = image.astype(np.float32) / np.float32(255)
    if image.shape[:2] != size:
        scaled = np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    normalised = (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1), dtype=np.float32)


def square_batch(images: list[Image], side: int, device: torch.device) -> Tensor:
    """RGB frames stretched to squares and normalised, ``(N, 3, side, side)``: what SAM 2.1 takes.

    Example:
        >>> square_batch([np.zeros((20, 30, 3), np.uint8)], 16, torch.device("cpu")).shape
        torch.Size([1, 3, 16, 16])
    """
    mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
    batch = []
    for image in images:
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None].float()
        size = (side, side)
        batch.append(functional.interpolate(pixels, size=size, mode="bilinear", antialias=True) / 255.0)
    return (torch.cat(batch) - mean) / std
