"""Depth from a network that looks at the images: a DepTR asked about the boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import UsageError
from deptr.pipeline.depth.source import DepthSource
from deptr.pipeline.request import Request
from deptr.pipeline.steps import Step
from deptr.records import DepthKind, with_depth

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector


class NetworkDepth(DepthSource):
    """A DepTR network asked about each box, whoever found it.

    Args:
        detector: The network.
        known: Its name.
        focal_px: Focal length in pixels, None when unknown.
    """

    name = "network"

    def __init__(self, detector: Detector, known: str, focal_px: float | None) -> None:
        from deptr.detector.postprocess import reported_kind

        self._detector, self._known, self._focal_px = detector, known, focal_px
        self.kind = reported_kind(detector.depth_kind, focal_px)

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with their depths, unknown where there is no image."""
        if step.image is None or not len(detections):
            return _unknown(detections, self.kind)
        return self._detector.depth_of(step.image, detections, focal_px=self._focal_px)

    def details(self) -> dict[str, object]:
        """Which network."""
        return {"network": self._known}


def _unknown(detections: sv.Detections, kind: DepthKind | None) -> sv.Detections:
    nothing = np.full(len(detections), np.nan, np.float32)
    assert kind is not None
    return with_depth(detections, nothing, nothing, kind)


def network_depth(request: Request, focal_px: float | None) -> NetworkDepth:
    """A DepTR network asked about the boxes that a request names.

    Raises:
        DataError: The network cannot be loaded, or was exported before it could be asked.
        UsageError: It gives no depth.
    """
    from deptr.detector.inference import Detector
    from deptr.detector.opening import BUNDLED

    named = request.depth.network
    detector = Detector.from_pretrained(named, device=request.detector.device or "auto")
    if detector.depth_kind is None:
        option = request.spelling.choice("depth_network")
        raise UsageError(f"{option}: {named} has no depth module; take one of DepTR's own networks")
    return NetworkDepth(detector, str(named or BUNDLED), focal_px)
