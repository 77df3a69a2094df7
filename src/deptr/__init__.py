"""Depth-aware multi-object tracking: trackers, a detector with depth, its teacher and the official metrics.

Names are imported on first use, so `import deptr` costs nothing and never needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deptr.cameras import Calibration, Camera
    from deptr.depth.box_depths import BoxDepths, BoxDepthState
    from deptr.depth.from_points import depth_from_points
    from deptr.depth.in_boxes import depth_in_boxes
    from deptr.detector.inference import Detector
    from deptr.io.camera_files import read_calibration, read_camera
    from deptr.io.library_results import detections_from
    from deptr.io.point_files import read_points
    from deptr.io.pose_files import read_poses
    from deptr.io.video_writer import VideoWriter
    from deptr.pipeline.depth.request import DepthRequest
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
    "BoxDepthState",
    "BoxDepths",
    "ByteTrack",
    "Calibration",
    "Camera",
    "DepthFusion",
    "DepthKind",
    "DepthRequest",
    "Detector",
    "HybridSORT",
    "LearnedTracker",
    "LikelihoodTracker",
    "Run",
    "Sort",
    "TrackedFrame",
    "VideoWriter",
    "__version__",
    "depth_from_points",
    "depth_in_boxes",
    "detections_from",
    "read_calibration",
    "read_camera",
    "read_points",
    "read_poses",
    "track",
]

_HOME = {
    "BoTSORT": "deptr.tracking.botsort",
    "BoxDepthState": "deptr.depth.box_depths",
    "BoxDepths": "deptr.depth.box_depths",
    "ByteTrack": "deptr.tracking.bytetrack",
    "Calibration": "deptr.cameras",
    "Camera": "deptr.cameras",
    "DepthFusion": "deptr.tracking.depth.fusion",
    "DepthKind": "deptr.records",
    "DepthRequest": "deptr.pipeline.depth.request",
    "Detector": "deptr.detector.inference",
    "HybridSORT": "deptr.tracking.hybridsort",
    "LearnedTracker": "deptr.tracking.learned.tracker",
    "LikelihoodTracker": "deptr.tracking.likelihood.tracker",
    "OCSORT": "deptr.tracking.ocsort",
    "Run": "deptr.pipeline.run",
    "Sort": "deptr.tracking.sort",
    "TrackedFrame": "deptr.pipeline.follow",
    "VideoWriter": "deptr.io.video_writer",
    "depth_from_points": "deptr.depth.from_points",
    "depth_in_boxes": "deptr.depth.in_boxes",
    "detections_from": "deptr.io.library_results",
    "read_calibration": "deptr.io.camera_files",
    "read_camera": "deptr.io.camera_files",
    "read_points": "deptr.io.point_files",
    "read_poses": "deptr.io.pose_files",
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
