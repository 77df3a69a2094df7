"""From what is asked about depth to the source that gives it."""

from __future__ import annotations

from deptr.errors import DataError
from deptr.pipeline.depth.source import CarriedDepth, DepthSource, GroundPlaneDepth
from deptr.pipeline.inputs import Input
from deptr.pipeline.request import Request
from deptr.pipeline.spelling import Spelling


def choose(request: Request, found: Input, size: tuple[int, int]) -> DepthSource:
    """The source of a run's depths, opened.

    Args:
        request: What was asked.
        found: Where detections come from.
        size: Width and height of the images, or the extent of all boxes.

    Raises:
        DataError: A file cannot be read or holds no depth.
        UsageError: A choice cannot be meant.
    """
    if request.depth.source == "pseudo":
        return GroundPlaneDepth(size)
    if found.depth_kind is not None:
        name = "detector" if found.table is None else "file"
        return CarriedDepth(name, found.depth_kind, request.depth.column)
    if request.depth.source == "file":
        raise _no_depth(found.name, request.spelling)
    return CarriedDepth("none", None, request.depth.column)


def _no_depth(name: str, spelling: Spelling) -> DataError:
    """The error for a wish to use depths of a file that has none."""
    hint = f"see {spelling.choice('depth_column')}, or take {spelling.choice('depth', 'pseudo')}"
    return DataError(name, "holds no depth", expected="a column with depths", hint=hint)
