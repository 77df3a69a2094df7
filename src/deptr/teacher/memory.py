"""Work in pieces that fit the device's memory: start big, halve when it runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from deptr.errors import DeptrError

Result = TypeVar("Result")


class DeviceMemoryError(DeptrError):
    """Not even a single item fits the device's memory."""


def pieces_that_fit(device: torch.device, bytes_per_item: int, largest: int) -> int:
    """How many items to try at once: what a quarter of the free memory holds, 1 to `largest`.

    On a CPU there is nothing to win from big pieces: 4 at most.

    Example:
        >>> pieces_that_fit(torch.device("cpu"), 1, 32)
        4
    """
    if device.type != "cuda":
        return min(4, largest)
    free, _ = torch.cuda.mem_get_info(device)
    return int(min(max(free // 4 // bytes_per_item, 1), largest))


def halve_when_full(attempt: Callable[[int], Result], size: int, what: str) -> tuple[Result, int]:
    """Try work with `size` items at once, halving it each time the device's memory runs out.

    Args:
        attempt: Does the whole work with that many items at once; starts afresh when called again.
        size: Items at once to begin with.
        what: What an item is, for the message.

    Returns:
        The result and the size that worked, to begin with next time.

    Raises:
        DeviceMemoryError: A single item does not fit.

    Example:
        >>> def attempt(size: int) -> str:
        ...     if size > 2:
        ...         raise torch.OutOfMemoryError("full")
        ...     return "done"
        >>> halve_when_full(attempt, 8, "frame")
        ('done', 2)
    """
    while True:
        try:
            return attempt(size), size
        except torch.OutOfMemoryError as error:
            if size == 1:
                text = f"the device's memory does not hold a single {what}; use a smaller model, a smaller "
                raise DeviceMemoryError(text + "--input-size or --device cpu") from error
            size = max(size // 2, 1)
        torch.cuda.empty_cache()
