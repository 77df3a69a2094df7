"""The last step inside the network: named outputs, the same for torch and ONNX."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers.image_transforms import center_to_corners_format

from deptr.detector.config import DepTRConfig
from deptr.detector.modeling import DepTRForObjectDetection, DepTROutput

OUTPUT_NAMES = ("boxes", "scores", "labels", "depths", "depth_std")


def named_outputs(output: DepTROutput, config: DepTRConfig) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Boxes (corners in [0, 1]), scores, labels, depths and their standard deviation, ``(B, Q, ...)``.

    Depth of metric and relative kind is canonical depth (the network learns its logarithm); the deviation is
    ``sqrt(2)`` times the Laplace scale, carried through the exponential to first order. Without a depth
    module both are NaN.
    """
    assert output.logits is not None and output.pred_boxes is not None
    best, labels = output.logits.max(-1)
    scores = (best * config.score_scale + config.score_shift).sigmoid()
    boxes = center_to_corners_format(output.pred_boxes).clamp(0, 1)
    if output.depth is None or output.depth_log_scale is None:
        unknown = torch.full_like(scores, float("nan"))
        return boxes, scores, labels, unknown, unknown
    depth = output.depth
    std = math.sqrt(2.0) * torch.exp(output.depth_log_scale)
    if config.log_depth:
        depth = torch.exp(depth.clamp(-10, 10))
        std = depth * std
    if not config.depth_uncertainty:
        std = torch.full_like(depth, float("nan"))
    return boxes, scores, labels, depth, std


class NamedOutputs(nn.Module):
    """A detector whose forward gives the named outputs; what `deptr export` writes.

    Args:
        detector: In evaluation mode.
    """

    def __init__(self, detector: DepTRForObjectDetection) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """``(B, 3, H, W)`` to the five outputs."""
        return named_outputs(self.detector(pixel_values), self.detector.config)
