"""One frame on its way into a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from deptr.cameras import Camera
from deptr.io.recordings.places import Places, places_of
from deptr.records import Image

if TYPE_CHECKING:
    import supervision as sv

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Moment:
    """One frame with its tracks.

    Attributes:
        nanoseconds: Its time, on the clock of the recording.
        tracked: Detections with ``tracker_id``.
        image: ``(H, W, 3)`` uint8 RGB, None where it shall not be recorded.
        camera: Who saw it, None where the focal length is unknown; places are then unknown too.
        class_names: Name of each class number that has one.
        frame_id: Name of the camera's optical frame, None for that of `camera`.
    """

    nanoseconds: int
    tracked: sv.Detections
    image: Image | None = None
    camera: Camera | None = None
    class_names: dict[int, str] | None = None
    frame_id: str | None = None

    @property
    def frame(self) -> str:
        """Name of the frame in which places are told."""
        return self.frame_id or (self.camera.frame_id if self.camera is not None else Camera.frame_id)

    @property
    def identities(self) -> list[int]:
        """Identity of each box."""
        return [] if self.tracked.tracker_id is None else [int(k) for k in self.tracked.tracker_id]

    @property
    def scores(self) -> list[float]:
        """Score of each box, 1 where none is given."""
        scores = self.tracked.confidence
        return [1.0] * len(self.tracked) if scores is None else [float(score) for score in scores]

    @property
    def classes(self) -> list[str]:
        """Class of each box: ``data["class_name"]``, the name of its number, the number, or ``object``."""
        given = self.tracked.data.get("class_name")
        if given is not None:
            return [str(name) or "object" for name in given]
        numbers = self.tracked.class_id
        if numbers is None:
            return ["object"] * len(self.tracked)
        names = self.class_names or {}
        return ["object" if k < 0 else names.get(int(k), str(int(k))) for k in numbers]

    def places(self) -> Places:
        """Where the objects are, in front of the camera."""
        return places_of(self.tracked, self.camera)

    def jpeg(self) -> bytes | None:
        """The image as JPEG, None without one."""
        import cv2

        if self.image is None:
            return None
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(self.image, cv2.COLOR_RGB2BGR), quality)
        return bytes(data.tobytes())


class Recorder(Protocol):
    """Writes moments, in the order of their time."""

    def write(self, moment: Moment) -> None:
        """Add one."""

    def close(self) -> None:
        """End the recording: from then on it is whole."""


def colour_of(identity: int) -> tuple[int, int, int]:
    """A colour for an identity, RGB from 0 to 255.

    Example:
        >>> colour_of(1) != colour_of(2), colour_of(1) == colour_of(1)
        (True, True)
    """
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb((identity * 0.618034) % 1.0, 0.75, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def label_of(moment: Moment, row: int) -> str:
    """What stands beside a box: identity, class and depth."""
    from deptr.records import depth_kind_of, depth_of

    depth = float(depth_of(moment.tracked)[row])
    unit = depth_kind_of(moment.tracked).unit
    told = "" if np.isnan(depth) else f" {depth:.1f}{' ' + unit if unit else ''}"
    return f"#{moment.identities[row]} {moment.classes[row]}{told}"
