"""What `deptr track` understands about time: live sources and when to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from deptr.pipeline.live.request import RECONNECT_SECONDS, LiveRequest

_PANEL = "Live"


@dataclass(frozen=True)
class LiveOptions:
    """Options about time."""

    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Take the newest frame and skip those that came meanwhile; a file plays at its own pace. "
            "Default: for cameras and streams.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    reconnect: Annotated[
        float | None,
        typer.Option(
            "--reconnect",
            metavar="SECONDS",
            help=f"How long to try again when a camera or stream breaks off, inf for ever. "
            f"Default: {RECONNECT_SECONDS:g}.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", help="End after so many seconds.", rich_help_panel=_PANEL),
    ] = None

    @property
    def request(self) -> LiveRequest:
        """What is asked."""
        return LiveRequest(self.live, self.reconnect, self.max_seconds)
