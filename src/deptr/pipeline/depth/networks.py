"""Depth from networks that look at the images: a DepTR asked about the boxes, or maps of a depth network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import MissingExtraError, UsageError
from deptr.pipeline.depth.source import DepthSource
from deptr.pipeline.request import Request
from deptr.pipeline.steps import Step
from deptr.records import DepthKind, with_depth

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector
    from deptr.teacher.live_depth import LiveDepth


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


class MonocularDepth(DepthSource):
    """Maps of a depth network, read in the boxes; between the frames it looks at, depth is unknown.

    Trackers carry a track's depth through what is unknown, so every third frame is often enough.

    Args:
        network: Gives a map of each image.
        every: Frames from one map to the next.
    """

    def __init__(self, network: LiveDepth, every: int = 1) -> None:
        self.name, self.kind = network.name, network.kind
        self._network, self._every, self._seen = network, every, 0

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with what the map says of them, unknown without one."""
        from deptr.depth.in_boxes import depth_in_boxes

        assert self.kind is not None
        due = self._seen % self._every == 0
        if step.image is None or not due:
            self._seen += step.image is not None
            return _unknown(detections, self.kind)
        self._seen += 1
        depth_map = self._network.map_of(step.image)  # also where nothing is found: it remembers
        if not len(detections):
            return _unknown(detections, self.kind)
        found = depth_in_boxes(depth_map, np.asarray(detections.xyxy), kind=self.kind)
        return with_depth(detections, found.depth, found.std, self.kind)

    def details(self) -> dict[str, object]:
        """How often it looks, and the licence of its weights."""
        return {"every": self._every, "licence": self._network.licence}

    def notes(self) -> list[str]:
        """The licence of the weights."""
        return [f"depth by {self.name}: licence of its weights {self._network.licence}"]


def _unknown(detections: sv.Detections, kind: DepthKind | None) -> sv.Detections:
    nothing = np.full(len(detections), np.nan, np.float32)
    assert kind is not None
    return with_depth(detections, nothing, nothing, kind)


def looking_depth(request: Request, focal_px: float | None) -> DepthSource:
    """The network that a request names.

    Args:
        request: Its depth comes from a network.
        focal_px: Focal length in pixels, None when unknown.

    Raises:
        DataError: Weights are missing or damaged, or a network was exported before it could be asked.
        UsageError: The network gives no depth.
        MissingExtraError: It needs packages that are not installed.
    """
    return _asked(request, focal_px) if request.depth.source == "network" else _maps(request)


def _asked(request: Request, focal_px: float | None) -> NetworkDepth:
    from deptr.detector.inference import Detector
    from deptr.detector.opening import BUNDLED

    named = request.depth.network
    detector = Detector.from_pretrained(named, device=request.detector.device or "auto")
    if detector.depth_kind is None:
        option = request.spelling.choice("depth_network")
        raise UsageError(f"{option}: {named} has no depth module; take one of DepTR's own networks")
    return NetworkDepth(detector, str(named or BUNDLED), focal_px)


def _maps(request: Request) -> MonocularDepth:
    try:
        from deptr.teacher.live_depth import open_live_depth
    except ImportError as error:
        raise MissingExtraError(f"depth by {request.depth.source}", "teacher") from error
    network = open_live_depth(str(request.depth.source), device=request.detector.device or "auto")
    return MonocularDepth(network, request.depth.every or 1)
