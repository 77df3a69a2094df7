"""What is asked about the detector of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deptr.errors import UsageError
from deptr.pipeline.spelling import Spelling
from deptr.records import Image

if TYPE_CHECKING:
    import supervision as sv

    from deptr.detector.inference import Detector

DetectFunction = Callable[[Image], "sv.Detections"]
Pair = str | int | tuple[int, int] | None


@dataclass(frozen=True)
class DetectorRequest:
    """Which detector looks for objects, and how it is opened.

    Attributes:
        given: A name or path, a detector, or the user's own function; None for the one that comes along.
        device: ``auto``, ``cpu`` or ``cuda``.
        format: Form of another project's ONNX file, where it is not recognised.
        size: Size of its input, ``640x384`` or one number.
        tiles: Columns and rows of the parts that are looked at besides the whole, ``3x2``.
    """

    given: str | Path | Detector | DetectFunction | None = None
    device: str | None = None
    format: str | None = None
    size: Pair = None
    tiles: Pair = None

    def check(self, spelling: Spelling) -> None:
        """Look at everything that can be judged before a file is opened.

        Raises:
            UsageError: A choice cannot be meant.
        """
        if self.size is None and self.tiles is None:
            return
        from deptr.detector.sizes import parse_size, parse_tiles

        parse_size(self.size, spelling.choice("detector_size"))
        parse_tiles(self.tiles, spelling.choice("tiles"))

    def refuse(self, reason: str, spelling: Spelling) -> None:
        """Refuse every choice about opening a detector, where none is opened.

        Args:
            reason: Where the choices have no effect, such as "on detections of a file".
            spelling: How messages name the choices.

        Raises:
            UsageError: One is made.
        """
        choices = {"device": self.device, "detector_format": self.format, "detector_size": self.size}
        for choice, value in {**choices, "tiles": self.tiles}.items():
            if value is not None:
                raise UsageError(f"{spelling.choice(choice)}: has no effect {reason}")

    def open(self) -> Detector:
        """The detector of a name or path, or the one that comes along.

        Raises:
            DataError: The model cannot be loaded.
            MissingExtraError: It needs packages that are not installed.
            UsageError: A choice has no effect on it.
        """
        from deptr.detector.inference import Detector

        assert self.given is None or isinstance(self.given, (str, Path))
        return Detector.from_pretrained(
            self.given,
            device=self.device or "auto",
            format=self.format,
            size=self.size,
            tiles=self.tiles,
        )
