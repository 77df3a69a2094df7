"""Randomness that depends on integers only, never on workers, order or platform."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from deptr.errors import UsageError
from deptr.records import FloatArray, Image

_LARGEST_SEED = 2**63 - 1


def generator(seed: int, *path: int) -> np.random.Generator:
    """A PCG64 generator for one part of one scene.

    Args:
        seed: The scene's seed, in [0, 2**63).
        path: Numbers naming the part (actor 3, frame 17); other paths give independent streams.

    Raises:
        UsageError: The seed is negative or too large.

    Example:
        >>> generator(7, 1).integers(1000), generator(7, 1).integers(1000)
        (np.int64(870), np.int64(870))
    """
    if not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"seed: expected an integer in [0, 2**63), got {seed}")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *path])))


def rounded(values: FloatArray, digits: int = 6) -> FloatArray:
    """Values without the last bits, in which sines and roots differ between processors.

    Geometry passes through here before it becomes pixels, so that a seed gives the same bytes anywhere.

    Example:
        >>> rounded(np.array([0.1 + 0.2])).item()
        0.3
    """
    return np.round(values, digits) + 0.0


@lru_cache(maxsize=2)
def noise_bank(height: int, width: int) -> Image:
    """``(height + 64, width + 64, 3)`` fixed sensor noise around 128 with a deviation of 32; slice it."""
    rng = generator(0, height, width)
    noise = rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32) * 32 + 128
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)
