"""What stands behind `deptr.Detector`: a network with all that belongs to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.records import DepthKind, FloatArray, Image

if TYPE_CHECKING:
    import supervision as sv


class Backend(ABC):
    """Images in, detections out.

    Attributes:
        names: Of the classes.
        depth_kind: What its depths mean where the focal length is known; None where it gives none.
        start_score: Score from which a detection of it is worth a new track; 0 leaves that to the tracker.
    """

    names: Mapping[int, str]
    depth_kind: DepthKind | None = None
    start_score: float = 0.0

    @abstractmethod
    def detect(
        self, images: Sequence[Image], *, min_score: float, focal_px: float | None
    ) -> list[sv.Detections]:
        """Detections of each image ``(H, W, 3)`` uint8 RGB, best first.

        Args:
            images: Of any sizes.
            min_score: Detections below are left out.
            focal_px: Focal length in pixels of the images, None when unknown.
        """

    def depths(
        self, image: Image, boxes: FloatArray, *, focal_px: float | None
    ) -> tuple[FloatArray, FloatArray]:
        """Depth and standard deviation, ``(N,)`` each, of boxes ``(N, 4)``, corners in pixels.

        Raises:
            UsageError: The network cannot be asked.
        """
        raise UsageError("depth of given boxes: this detector has no depth module; take one of DepTR's own")
