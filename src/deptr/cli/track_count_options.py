"""What `deptr track` understands about counting: lines and zones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from deptr.pipeline.counting.request import CountRequest

_PANEL = "Counting"


@dataclass(frozen=True)
class CountOptions:
    """Options about counting."""

    line: Annotated[
        list[str] | None,
        typer.Option(
            "--line",
            metavar="X1,Y1,X2,Y2",
            help="Count who crosses this line, both ways. Can be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    zone: Annotated[
        list[str] | None,
        typer.Option(
            "--zone",
            metavar="X,Y,...",
            help="Count who enters and leaves this polygon. Can be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    @property
    def request(self) -> CountRequest:
        """The options as part of a request."""
        return CountRequest(tuple(self.line or ()), tuple(self.zone or ()))
