"""Depth-aware multi-object tracking: trackers, a detector with depth, its teacher and the official metrics.

Names are imported on first use, so `import deptr` costs nothing and never needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "BoTSORT": "deptr.tracking.botsort",
    "ByteTrack": "deptr.tracking.bytetrack",
    "DepthFusion": "deptr.tracking.depth.fusion",
    "DepthKind": "deptr.records",
    "Detector": "deptr.detector.inference",
    "HybridSORT": "deptr.tracking.hybridsort",
    "OCSORT": "deptr.tracking.ocsort",
    "Sort": "deptr.tracking.sort",
}

__all__ = ["DepthFusion", "DepthKind", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'deptr' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])


if TYPE_CHECKING:
    from deptr.records import DepthKind
