"""Depth from networks that look at the images: a DepTR asked about the boxes, or maps of a depth network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import MissingExtraError, UsageError
from deptr.pipeline.depth.request import DepthFunction
from deptr.pipeline.depth.source import DepthSource
from deptr.pipeline.request import Request
from deptr.pipeline.spelling import Spelling
from deptr.pipeline.steps import Step
from deptr.records import DepthKind, FloatArray, Image, with_depth

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


class FunctionDepth:
    """A function of the user's own, as a network that gives a map of each image.

    Args:
        function: From an RGB image to a depth map.
        kind: Meaning of its maps.
        name: How it is called.
    """

    licence = ""

    def __init__(self, function: DepthFunction, kind: DepthKind, name: str) -> None:
        self._function, self.kind, self.name = function, kind, name

    def map_of(self, image: Image) -> FloatArray:
        """The map of an image.

        Raises:
            UsageError: The function answered with something else.
        """
        found = np.asarray(self._function(image))
        if found.ndim != 2 or found.dtype.kind not in "iuf":
            got = f"{found.dtype} of shape {found.shape}"
            raise UsageError(
                f"depth: expected a function that answers with numbers of shape (h, w), got {got}"
            )
        return found


class MonocularDepth(DepthSource):
    """Maps of a depth network, read in the boxes; between the frames it looks at, depth is unknown.

    Trackers carry a track's depth through what is unknown, so every third frame is often enough.

    Args:
        network: Gives a map of each image.
        every: Frames from one map to the next.
        spelling: How messages name the choices.
    """

    def __init__(self, network: LiveDepth, every: int = 1, spelling: Spelling | None = None) -> None:
        self.name, self.kind = network.name, network.kind
        self._network, self._every, self._seen = network, every, 0
        self._spelling = spelling or Spelling()

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
        size = step.image.shape[1], step.image.shape[0]
        found = depth_in_boxes(depth_map, np.asarray(detections.xyxy), kind=self.kind, image_size=size)
        return with_depth(detections, found.depth, found.std, self.kind)

    def details(self) -> dict[str, object]:
        """How often it looks, the licence of its weights, and the focal length that it named."""
        told = {"licence": self._network.licence or None, "focal_px_seen": self._focal_px}
        return {"every": self._every, **{name: value for name, value in told.items() if value is not None}}

    def notes(self) -> list[str]:
        """The licence of the weights; the focal length, where only the network knows it."""
        notes = []
        if self._network.licence:
            notes.append(f"depth by {self.name}: licence of its weights {self._network.licence}")
        if self._focal_px is not None:
            give = self._spelling.choice("focal_px", round(self._focal_px))
            notes.append(
                f"depth by {self.name}: it sees a focal length of {self._focal_px:.0f} px; {give} holds it"
            )
        return notes

    @property
    def _focal_px(self) -> float | None:
        """Focal length that the network named for lack of a given one."""
        seen: float | None = getattr(self._network, "seen_focal_px", None)
        return seen


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
    return _asked(request, focal_px) if request.depth.source == "network" else _maps(request, focal_px)


def _asked(request: Request, focal_px: float | None) -> NetworkDepth:
    from deptr.detector.inference import Detector
    from deptr.detector.opening import BUNDLED

    named = request.depth.network
    detector = Detector.from_pretrained(named, device=request.detector.device or "auto")
    if detector.depth_kind is None:
        option = request.spelling.choice("depth_network")
        raise UsageError(f"{option}: {named} has no depth module; take one of DepTR's own networks")
    return NetworkDepth(detector, str(named or BUNDLED), focal_px)


def _maps(request: Request, focal_px: float | None) -> MonocularDepth:
    asked, every = request.depth, request.depth.every or 1
    if callable(asked.source):
        kind = DepthKind.METRIC if asked.kind is None else DepthKind.parse(asked.kind)
        return MonocularDepth(FunctionDepth(asked.source, kind, str(asked.word)), every, request.spelling)
    try:
        from deptr.teacher.live_depth import open_live_depth
    except ImportError as error:
        raise MissingExtraError(f"depth by {asked.word}", "teacher") from error
    device = request.detector.device or "auto"
    network = open_live_depth(str(asked.source), device=device, focal_px=focal_px)
    return MonocularDepth(network, every, request.spelling)
