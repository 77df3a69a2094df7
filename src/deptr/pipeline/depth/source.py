"""What every source of depth is, and those that need nothing but the boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from deptr.pipeline.steps import Step
from deptr.records import DepthKind

if TYPE_CHECKING:
    import supervision as sv


class DepthSource(ABC):
    """Puts depth into the detections of a moment, one moment after the other.

    Attributes:
        name: Its word in ``run.json``.
        kind: Meaning of its depths, None where it gives none.
    """

    name: str
    kind: DepthKind | None

    @abstractmethod
    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with ``data["depth"]``, ``data["depth_std"]`` and ``metadata["depth_kind"]``.

        Args:
            detections: Of the moment; never changed (`deptr.records.with_depth` makes a copy).
            step: The moment; its image may be missing, and then the depths may be unknown.

        Raises:
            DataError: What it reads from is damaged or cannot belong to these detections.
        """

    def details(self) -> dict[str, object]:
        """What ``run.json`` says of it besides its name and kind."""
        return {}

    def notes(self) -> list[str]:
        """What the user should know when the run has ended, in sentences."""
        return []

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of files and devices."""


class CarriedDepth(DepthSource):
    """The depths that the detections carry themselves, or none.

    Args:
        name: ``file``, ``detector`` or ``none``.
        kind: Their meaning, None without any.
        column: Column of the file, where the user named it.
    """

    def __init__(self, name: str, kind: DepthKind | None, column: int | None = None) -> None:
        self.name, self.kind, self._column = name, kind, column

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections as they are."""
        return detections

    def details(self) -> dict[str, object]:
        """The column that the user named."""
        return {"column": self._column}


class GroundPlaneDepth(DepthSource):
    """Pseudo-depth: a guess from the boxes and the ground plane, whatever the detections carry.

    Args:
        size: Width and height of the images.
    """

    name = "pseudo"
    kind = DepthKind.PSEUDO

    def __init__(self, size: tuple[int, int]) -> None:
        from deptr.tracking.depth.pseudo_depth import PseudoDepth

        self._plane = PseudoDepth(size)

    def fill(self, detections: sv.Detections, step: Step) -> sv.Detections:
        """The detections with the depth of where their feet stand."""
        return self._plane.update(detections)
