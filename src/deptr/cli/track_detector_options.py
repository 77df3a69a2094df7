"""What `deptr track` and `deptr detect` understand about the detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from deptr.detector.forms import FORMATS
from deptr.pipeline.detector_request import DetectorRequest

Format = Annotated[
    str | None,
    typer.Option(
        "--detector-format",
        help=f"Form of another project's .onnx file, where it is not recognised: {', '.join(FORMATS)}.",
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--detector-size",
        help="Size of the detector's input, WIDTHxHEIGHT or one number, where the model leaves it free. "
        "Default: the model's own, for the bundled detector in the shape of each image.",
    ),
]
Tiles = Annotated[
    str | None,
    typer.Option(
        "--tiles",
        help="Look at COLUMNSxROWS overlapping parts of each image too, for small objects in large images.",
    ),
]


@dataclass(frozen=True)
class DetectorOptions:
    """Who looks for objects where no file tells."""

    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            help="Looks for objects where no file tells: an .onnx file of any common export, a checkpoint "
            "folder of any detector in transformers, or its name on the hub. Default: the person detector "
            "that comes with deptr.",
        ),
    ] = None
    device: Annotated[
        str | None, typer.Option("--device", help="Where the detector runs: auto (default), cpu or cuda.")
    ] = None
    detector_format: Format = None
    detector_size: Size = None
    tiles: Tiles = None

    @property
    def request(self) -> DetectorRequest:
        """What they ask for."""
        return DetectorRequest(
            self.detector, self.device, self.detector_format, self.detector_size, self.tiles
        )
