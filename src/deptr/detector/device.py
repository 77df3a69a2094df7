"""The torch device that is meant, and the half precision it is good at."""

from __future__ import annotations

import torch

from deptr.errors import UsageError


def pick_device(device: str) -> torch.device:
    """The device of that name; ``auto`` takes a GPU if there is one, else the CPU.

    Raises:
        UsageError: torch sees no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device: torch sees no CUDA device; expected cpu or auto, got 'cuda'")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def half_of(device: torch.device) -> torch.dtype:
    """bfloat16 where the device has it, else float16."""
    return torch.bfloat16 if device.type == "cpu" or torch.cuda.is_bf16_supported() else torch.float16
