"""What `deptr track` understands about depth: where it comes from and what it means."""

from __future__ import annotations

from typing import Annotated

import typer

from deptr.pipeline.depth.request import WORDS
from deptr.records import DepthKind

Depth = Annotated[
    str | None,
    typer.Option(
        "--depth",
        help=f"Where depth comes from: {' or '.join(WORDS)}; pseudo guesses it from the boxes and "
        "the ground plane. Default: the file's, if it has any.",
    ),
]
DepthColumn = Annotated[
    int | None,
    typer.Option(
        "--depth-column", help="Column with the depth, counted from 1. Default: 8, or 11 of 11 columns."
    ),
]
KindOfDepth = Annotated[
    str,
    typer.Option(
        "--depth-kind",
        help=f"What the file's depths mean: one of {', '.join(kind.value for kind in DepthKind)}.",
    ),
]
