"""What `deptr track` understands about many sources, and how it tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deptr.pipeline.batch.sources import LIST, find_sources

_PANEL = "Many sources"


@dataclass(frozen=True)
class ManyOptions:
    """Options about many sources."""

    sources: Annotated[
        Path | None,
        typer.Option(
            "--sources", metavar="FILE", help="File with a source a line; as @FILE.", rich_help_panel=_PANEL
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Sources at a time. Default: 1.", rich_help_panel=_PANEL),
    ] = None
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray for many machines.", rich_help_panel=_PANEL)
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray cluster; none starts one here.", rich_help_panel=_PANEL),
    ] = None
    log_json: Annotated[
        bool,
        typer.Option(
            "--log-json", help="Tell progress, notes and results as lines of JSON.", rich_help_panel=_PANEL
        ),
    ] = False

    @property
    def asked(self) -> bool:
        """Whether anything here makes sense for many sources alone."""
        return self.workers is not None or self.engine != "local" or self.address is not None

    def all(self, words: Sequence[str]) -> list[str]:
        """Every source that is named.

        Raises:
            DataError: A list of sources cannot be read.
        """
        return find_sources([*words, *([] if self.sources is None else [f"{LIST}{self.sources}"])])
