"""The last step inside the network: named outputs, the same for torch and ONNX."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers.image_transforms import center_to_corners_format, corners_to_center_format

from deptr.detector.modeling import DepTROutput
from deptr.detector.plugin import DepthConfig, DepthNetwork

OUTPUT_NAMES = ("boxes", "scores", "labels", "depths", "depth_std")
QUERY_STATES = "query_states"  # the output that a file has where identities are wanted
GIVEN_BOXES = "given_boxes"  # the input that asks about boxes
GIVEN_NAMES = ("given_depths", "given_depth_std")


def named_outputs(output: DepTROutput, config: DepthConfig) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Boxes (corners in [0, 1]), scores, labels, depths and their standard deviation, ``(B, Q, ...)``.

    Without a depth module the last two are NaN.
    """
    assert output.logits is not None and output.pred_boxes is not None
    best, labels = output.logits.max(-1)
    scores = (best * config.score_scale + config.score_shift).sigmoid()
    boxes = center_to_corners_format(output.pred_boxes).clamp(0, 1)
    if output.depth is None or output.depth_log_scale is None:
        unknown = torch.full_like(scores, float("nan"))
        return boxes, scores, labels, unknown, unknown
    return boxes, scores, labels, *named_depth(output.depth, output.depth_log_scale, config)


def named_depth(depth: Tensor, log_scale: Tensor, config: DepthConfig) -> tuple[Tensor, Tensor]:
    """Depth and its standard deviation from the network's own numbers, both ``(B, Q)``.

    Depth of metric and relative kind is canonical depth (the network learns its logarithm); the deviation is
    ``sqrt(2)`` times the Laplace scale, carried through the exponential to first order.
    """
    std = math.sqrt(2.0) * torch.exp(log_scale)
    if config.log_depth:
        depth = torch.exp(depth.clamp(-10, 10))
        std = depth * std
    if not config.depth_uncertainty:
        std = torch.full_like(depth, float("nan"))
    return depth, std


class NamedOutputs(nn.Module):
    """A detector whose forward gives the named outputs; what `deptr export` writes.

    Args:
        detector: In evaluation mode.
        states: Whether to give the state of each query as well, ``(B, Q, C)``, behind the first five outputs.
    """

    def __init__(self, detector: DepthNetwork, *, states: bool = False) -> None:
        super().__init__()
        self.detector, self.states = detector, states

    def forward(self, pixel_values: Tensor, given_boxes: Tensor | None = None) -> tuple[Tensor, ...]:
        """``(B, 3, H, W)`` to five outputs; with boxes ``(B or 1, K, 4)``, corners in [0, 1], two more."""
        if given_boxes is None:
            return self._own(self.detector(pixel_values))
        given = corners_to_center_format(given_boxes).expand(pixel_values.shape[0], -1, -1)
        output = self.detector(pixel_values, given=given)
        assert output.given_depths is not None and output.given_log_scales is not None
        asked = named_depth(output.given_depths[-1], output.given_log_scales[-1], self.detector.config)
        return (*self._own(output), *asked)

    def _own(self, output: DepTROutput) -> tuple[Tensor, ...]:
        named = named_outputs(output, self.detector.config)
        if not self.states:
            return named
        assert output.states is not None
        return (*named, output.states)
