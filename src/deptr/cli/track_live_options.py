"""What `deptr track` understands about time: live sources, when to end, results as they come."""

from __future__ import annotations

from typing import Annotated

import typer

from deptr.pipeline.live.request import RECONNECT_SECONDS

_PANEL = "Live"

Live = Annotated[
    bool | None,
    typer.Option(
        "--live/--no-live",
        help="Take the newest frame and skip those that came meanwhile; a file plays at its own pace. "
        "Default: for cameras and streams.",
        rich_help_panel=_PANEL,
    ),
]
Reconnect = Annotated[
    float | None,
    typer.Option(
        "--reconnect",
        metavar="SECONDS",
        help=f"How long to try again when a camera or stream breaks off, inf for ever. "
        f"Default: {RECONNECT_SECONDS:g}.",
        rich_help_panel=_PANEL,
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", help="End after so many seconds.", rich_help_panel=_PANEL),
]
JsonLines = Annotated[
    str | None,
    typer.Option(
        "--jsonl",
        metavar="FILE",
        help="Write a line of JSON for each frame as it comes; - for standard output.",
        rich_help_panel=_PANEL,
    ),
]
Show = Annotated[
    bool,
    typer.Option("--show", help="Show the run in a window; q or Escape ends it.", rich_help_panel=_PANEL),
]
