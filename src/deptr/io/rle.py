"""Masks as COCO's compressed run-length strings: what annotation files and label stores hold.

Runs go down the columns and start with background. Each count is written in groups of five bits, and
from the fourth count on as the difference to the count two before. Source: the format of pycocotools'
`maskApi.c` (`rleToString`), written anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deptr.errors import UsageError
from deptr.records import BoolArray, IntArray


def mask_to_counts(mask: BoolArray) -> IntArray:
    """Lengths of the runs of a mask ``(H, W)`` down its columns, background first.

    Example:
        >>> mask_to_counts(np.array([[False, True], [False, True]])).tolist()
        [2, 2]
    """
    pixels = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    starts = [0, 0] if pixels.size and pixels[0] else [0]
    return np.diff(np.concatenate([starts, changes, [pixels.size]]))


def counts_to_mask(counts: IntArray, size: tuple[int, int]) -> BoolArray:
    """Inverse of `mask_to_counts` for a mask of `size` (height, width).

    Raises:
        UsageError: The runs do not add up to the size.
    """
    height, width = size
    if int(np.sum(counts)) != height * width:
        raise UsageError(f"run lengths: expected a sum of {height * width}, got {int(np.sum(counts))}")
    values = np.zeros(len(counts), dtype=bool)
    values[1::2] = True
    return np.repeat(values, counts).reshape((height, width), order="F")


def encode_mask(mask: BoolArray) -> bytes:
    """A mask ``(H, W)`` as COCO's compressed string.

    Example:
        >>> encode_mask(np.array([[False, True], [False, True]]))
        b'22'
    """
    counts = mask_to_counts(mask).tolist()
    text = bytearray()
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            text.append((group | (0x20 if more else 0)) + 48)
    return bytes(text)


def decode_mask(text: bytes | str, size: tuple[int, int]) -> BoolArray:
    """Inverse of `encode_mask`.

    Args:
        text: The compressed string.
        size: Height and width.

    Raises:
        UsageError: The string is damaged or of another size.

    Example:
        >>> decode_mask(b"22", (2, 2)).tolist()
        [[False, True], [False, True]]
    """
    data = text.encode("ascii") if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        group = byte - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    lengths = np.array(counts, dtype=np.int64)
    if (lengths < 0).any():
        raise UsageError("run-length string: a run of negative length")
    return counts_to_mask(lengths, size)


def segmentation_to_mask(segmentation: dict[str, Any]) -> BoolArray:
    """Mask of a COCO annotation's run-length `segmentation`, compressed or not.

    Raises:
        UsageError: It is damaged.

    Example:
        >>> segmentation_to_mask({"size": [2, 1], "counts": [1, 1]}).tolist()
        [[False], [True]]
    """
    size = (int(segmentation["size"][0]), int(segmentation["size"][1]))
    counts = segmentation["counts"]
    if isinstance(counts, list):
        return counts_to_mask(np.array(counts, dtype=np.int64), size)
    return decode_mask(counts, size)
