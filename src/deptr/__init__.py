"""Depth-aware multi-object tracking: trackers, a detector with depth, its teacher and the official metrics.

Names are imported on first use, so `import deptr` costs nothing and never needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deptr.detector.inference import Detector
    from deptr.io.library_results import detections_from
    from deptr.io.video_writer import VideoWriter
    from deptr.pipeline.follow import TrackedFrame
    from deptr.pipeline.run import Run, track
    from deptr.records import DepthKind
    from deptr.tracking.botsort import BoTSORT
    from deptr.tracking.bytetrack import ByteTrack
    from deptr.tracking.depth.fusion import DepthFusion
    from deptr.tracking.hybridsort import HybridSORT
    from deptr.tracking.learned.tracker import LearnedTracker
    from deptr.tracking.likelihood.tracker import LikelihoodTracker
    from deptr.tracking.ocsort import OCSORT
    from deptr.tracking.sort import Sort

__version__ = "0.2.0"

__all__ = [
    "OCSORT",
    "BoTSORT",
    "ByteTrack",
    "DepthFusion",
    "DepthKind",
    "Detector",
    "HybridSORT",
    "LearnedTracker",
    "LikelihoodTracker",
    "Run",
    "Sort",
    "TrackedFrame",
    "VideoWriter",
    "__version__",
    "detections_from",
    "track",
]

_HOME = {
    "BoTSORT": "deptr.tracking.botsort",
    "ByteTrack": "deptr.tracking.bytetrack",
    "DepthFusion": "deptr.tracking.depth.fusion",
    "DepthKind": "deptr.records",
    "Detector": "deptr.detector.inference",
    "HybridSORT": "deptr.tracking.hybridsort",
    "LearnedTracker": "deptr.tracking.learned.tracker",
    "LikelihoodTracker": "deptr.tracking.likelihood.tracker",
    "OCSORT": "deptr.tracking.ocsort",
    "Run": "deptr.pipeline.run",
    "Sort": "deptr.tracking.sort",
    "TrackedFrame": "deptr.pipeline.follow",
    "VideoWriter": "deptr.io.video_writer",
    "detections_from": "deptr.io.library_results",
    "track": "deptr.pipeline.run",
}

if not TYPE_CHECKING:  # type checkers know the names above, and would believe any other of this function

    def __getattr__(name):
        if name not in _HOME:
            raise AttributeError(
                f"module 'deptr' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}"
            )
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
