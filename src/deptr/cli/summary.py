"""`deptr summary`: one row for each identity of a result."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table
    from deptr.io.identity_summary import IdentitySummary

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EPILOG = """\b
Examples:
  deptr summary runs/track
  deptr summary runs/track --output people.csv
  deptr summary tracks.txt --fps 25 --focal 1100

\b
gaps     how often the identity was lost in between and found again
noise    of the depth around its own path, as a share of the depth: 0.05 is steady, 0.3 is noise
path     in metres where the depth is in metres and the focal length is known, else in pixels
"""


@app.command(epilog=EPILOG)
def summary(
    source: Path = typer.Argument(..., help="Folder of a run, or a file of tracks in any format."),
    *,
    output: Path | None = typer.Option(None, "--output", help="Write it as CSV, with all columns."),
    ids: str | None = typer.Option(None, "--ids", help="Only these identities, separated by commas."),
    renumber: bool = typer.Option(False, "--renumber", help="Identities 1, 2, 3, ... without gaps."),
    fps: float | None = typer.Option(None, "--fps", help="Frames per second, where SOURCE does not say."),
    focal: float | None = typer.Option(None, "--focal", help="Focal length in pixels, for paths in metres."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
) -> None:
    """Tell of each identity when it was seen, how far away, and how far it went."""
    from dataclasses import asdict

    from deptr.cli.results import show
    from deptr.cli.track_selection import selected
    from deptr.io.formats import read_sequence
    from deptr.io.identity_summary import IdentitySummary, summarize
    from deptr.io.table_files import write_rows

    if output is not None and output.exists() and not overwrite:
        raise UsageError(f"--output: {output} exists; name another file or give --overwrite")
    sequence = selected(read_sequence(source), ids=ids, renumber=renumber, fps=fps, focal=focal)
    rows = summarize(sequence)
    if output is None:
        show(_table(sequence.name, rows))
        return
    names = list(IdentitySummary.__dataclass_fields__)
    write_rows(output, names, (list(asdict(row).values()) for row in rows))
    typer.echo(f"{output}: {len(rows)} identities")


def _table(name: str, rows: list[IdentitySummary]) -> Table:
    from deptr.evaluation.tables import Table, figure

    columns = ["identity", "class", "first", "last", "seconds", "boxes", "gaps", "depth", "noise", "path"]
    table = Table(name, columns, words=2)
    for row in rows:
        metric = isfinite(row.path_metres)
        path = f"{row.path_metres:.1f} m" if metric else f"{row.path_pixels:.0f} px"
        lasted = row.last_seconds - row.first_seconds
        table.rows.append(
            [
                *(str(row.track_id), row.class_name, str(row.first_frame), str(row.last_frame)),
                *(figure(lasted, 1), str(row.boxes), str(row.gaps)),
                *(figure(row.mean_depth, 2), figure(row.depth_noise, 3), path),
            ]
        )
    return table
