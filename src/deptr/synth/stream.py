"""Endless labelled frames in memory, for training without a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deptr.errors import UsageError
from deptr.records import LabelledFrame
from deptr.synth.cutouts import BackgroundFolder, CutoutFolder
from deptr.synth.single import CompositeWorld, CrowdWorld
from deptr.synth.stage import MOST_PEOPLE
from deptr.synth.truth import Wanted

_SMALLEST_SIDE = 32


def composite_frames(
    seeds: Iterable[int],
    *,
    cutouts: str | Path,
    backgrounds: str | Path,
    size: tuple[int, int] = (384, 640),
    largest_crowd: int = 30,
    min_visibility: float = 0.1,
    masks: bool = False,
    dense_depth: bool = False,
) -> Iterator[LabelledFrame]:
    """Unrelated frames of real people before real places, one for each seed.

    A frame depends on its seed, the two folders and the size only: split the seeds between workers
    as you like. Decoded pictures are kept in memory (about 0.5 GB for 1,000 cut-outs and 100 places).

    Args:
        seeds: Integers from 0, such as ``range(10_000)`` or ``itertools.count(worker, workers)``.
        cutouts: Folder of people as pictures with alpha, cropped or not, standing on their lower edge.
        backgrounds: Folder of pictures without people.
        size: Height and width of the frames in pixels.
        largest_crowd: Most people that a frame is given, up to 200.
        min_visibility: People who show less of themselves, in [0, 1], become regions to ignore.
        masks: Whether to make the visible masks.
        dense_depth: Whether to make a depth map (NaN outside people).

    Yields:
        Frames with metric depth of the middle of each body along the optical axis, boxes (amodal,
        inside the picture) and focal length. ``depth_std`` is 0: the depth is exact.

    Raises:
        UsageError: An argument is out of range.
        DataError: A folder is missing or empty, or one of its pictures cannot be used.
    """
    check_size(size)
    if not 0 <= largest_crowd <= 200:
        raise UsageError(f"largest_crowd: expected a number in [0, 200], got {largest_crowd}")
    if not 0 <= min_visibility <= 1:
        raise UsageError(f"min_visibility: expected a number in [0, 1], got {min_visibility}")
    wanted = Wanted(masks=masks, dense_depth=dense_depth, min_visibility=min_visibility)
    world = CompositeWorld(CutoutFolder(cutouts), BackgroundFolder(backgrounds), size, wanted, largest_crowd)
    return (world.frame(seed) for seed in seeds)


def crowd_frames(
    seeds: Iterable[int],
    *,
    size: tuple[int, int] = (384, 640),
    largest_crowd: int = 30,
    min_visibility: float = 0.1,
    masks: bool = False,
    dense_depth: bool = False,
) -> Iterator[LabelledFrame]:
    """Unrelated frames of drawn people in painted places, one for each seed; no files are needed.

    The arguments, the labels and the errors are those of `composite_frames`; the depth map holds the
    scenery too.

    Example:
        >>> frame = next(crowd_frames(range(3, 4), size=(96, 160)))
        >>> frame.image.shape, len(frame.depth) == len(frame.boxes_xyxy)
        ((96, 160, 3), True)
    """
    wanted = _checked(size, largest_crowd, Wanted(masks, dense_depth, min_visibility))
    world = CrowdWorld(size, wanted, largest_crowd)
    return (world.frame(seed) for seed in seeds)


def _checked(size: tuple[int, int], largest_crowd: int, wanted: Wanted) -> Wanted:
    check_size(size)
    if not 0 <= largest_crowd <= MOST_PEOPLE:
        raise UsageError(f"largest_crowd: expected a number in [0, {MOST_PEOPLE}], got {largest_crowd}")
    if not 0 <= wanted.min_visibility <= 1:
        raise UsageError(f"min_visibility: expected a number in [0, 1], got {wanted.min_visibility}")
    return wanted


def check_size(size: tuple[int, int]) -> None:
    """Refuse sizes that no frame can have.

    Raises:
        UsageError: A side is below 32 pixels.

    Example:
        >>> check_size((0, 640))
        Traceback (most recent call last):
        ...
        deptr.errors.UsageError: size: expected height and width of at least 32 pixels, got (0, 640)
    """
    if min(size) < _SMALLEST_SIDE:
        raise UsageError(f"size: expected height and width of at least {_SMALLEST_SIDE} pixels, got {size}")
