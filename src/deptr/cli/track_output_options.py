"""What `deptr track` understands about results: where they go and in which forms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deptr.io.json_lines import STANDARD_OUTPUT
from deptr.pipeline.output import DEFAULT_FOLDER

_PANEL = "Results"


@dataclass(frozen=True)
class OutputOptions:
    """Options about results."""

    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help=f"Folder for the results. Default: {DEFAULT_FOLDER}, or {DEFAULT_FOLDER}-2, ... if taken.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no video.", rich_help_panel=_PANEL)] = (
        False
    )
    jsonl: Annotated[
        str | None,
        typer.Option(
            "--jsonl",
            metavar="FILE",
            help="Write a line of JSON for each frame as it comes; - for standard output.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    show: Annotated[
        bool,
        typer.Option("--show", help="Show the run in a window; q or Escape ends it.", rich_help_panel=_PANEL),
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the results of an earlier run.", rich_help_panel=_PANEL),
    ] = False

    @property
    def to_standard_output(self) -> bool:
        """Whether standard output is for lines of JSON alone."""
        return self.jsonl == STANDARD_OUTPUT
