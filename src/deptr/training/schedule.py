"""Learning rate over a run, the optimiser's groups, and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from deptr.training.config import OptimizerSettings


def rate_factor(step: int, settings: OptimizerSettings, time_used: float = 0.0) -> float:
    """Learning rate of a step relative to the peak: linear warm-up, flat, cosine to the end.

    Args:
        step: Number of the step from 0.
        settings: The run's.
        time_used: Share of the time that the run may take; the schedule follows what is used up further.

    Example:
        >>> settings = OptimizerSettings(steps=100, warmup_steps=10, decay_steps=50, final_fraction=0.0)
        >>> [round(rate_factor(step, settings), 2) for step in (0, 9, 40, 75, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        >>> round(rate_factor(40, settings, time_used=0.75), 2)
        0.5
    """
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    left = settings.steps - max(step, time_used * settings.steps)
    if left >= settings.decay_steps:
        return warm
    share = 1 - max(0, left) / settings.decay_steps
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return warm * (settings.final_fraction + (1 - settings.final_fraction) * cosine)


def build_optimizer(module: nn.Module, settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW with no decay of vectors (biases, norms).

    The backbone has a rate of its own, and so has all of a detector that is trained beneath something else.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            slow = ".backbone." in name or ".detector." in name
            groups.setdefault((slow, parameter.ndim > 1), []).append(parameter)
    options = [
        {
            "params": parameters,
            "lr": settings.learning_rate,
            "backbone": backbone,
            "weight_decay": settings.weight_decay if matrix else 0.0,
        }
        for (backbone, matrix), parameters in groups.items()
    ]
    on_gpu = all(p.is_cuda for parameters in groups.values() for p in parameters)
    return torch.optim.AdamW(options, betas=(0.9, 0.999), fused=on_gpu)


def set_rates(
    optimizer: torch.optim.Optimizer, step: int, settings: OptimizerSettings, time_used: float = 0.0
) -> None:
    """Give every group its rate for this step, see `rate_factor`."""
    factor = rate_factor(step, settings, time_used)
    for group in optimizer.param_groups:
        peak = settings.backbone_learning_rate if group["backbone"] else settings.learning_rate
        group["lr"] = peak * factor


class AveragedWeights:
    """Exponential moving average of a module's weights and buffers.

    Args:
        module: What to follow; its current state is the start.
        decay: Share of the old average that is kept each step, after a short warm-up.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        floats: list[tuple[Tensor, Tensor]] = []
        for name, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                floats.append((self.state[name], value.detach()))
            else:
                self.state[name].copy_(value)
        averages, values = zip(*floats, strict=True)
        torch._foreach_lerp_(list(averages), list(values), 1 - decay)


def finite(values: Iterable[Tensor]) -> bool:
    """Whether all are finite."""
    return all(bool(torch.isfinite(value).all()) for value in values)
