"""`deptr experiment synthetic`: what true depth is worth, by level of crowding."""

from __future__ import annotations

from pathlib import Path

import typer

from deptr.cli.results import numbers_of, show, words_of, write_report
from deptr.errors import DataError

app = typer.Typer(add_completion=False)

INTRO = """Detections are the boxes of everybody of whom at least 25 % is visible, with the depth of the
middle of the body, true or off by what the folder's world.json says, so what is left is association; the
ceiling stays below 100 because people of whom 10 to 25 % is visible count, but are not detected. `depth
adds` is the change of HOTA against the same tracker without depth, with the 95 % interval of a paired
bootstrap over sequences.
Made by

    deptr synth --benchmark deptr-crowd-v1 --output runs/crowd-v1
    deptr experiment synthetic --root runs/crowd-v1 --output {output}
"""


@app.command("synthetic")
def synthetic(
    *,
    root: Path = typer.Option(..., "--root", help="Folder written by deptr synth."),
    trackers: str = typer.Option(
        "sort,bytetrack,ocsort,botsort,hybridsort", "--trackers", help="Separated by commas."
    ),
    fusions: str = typer.Option("none,fixed,kalman,adaptive", "--fusions", help="As for deptr benchmark."),
    strides: str = typer.Option("1,4", "--strides", help="Keep every k-th frame, for each k."),
    cells: Path = typer.Option(Path("runs/benchmark"), "--cells", help="Folder that keeps finished cells."),
    output: Path = typer.Option(Path("runs/synthetic.md"), "--output", help="Markdown report to write."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes."),
) -> None:
    """Trackers x fusions on ground-truth boxes and depth of a crowd world, a table per level."""
    from deptr.cli.terminal import progress
    from deptr.evaluation.benchmark_report import index, score_tables
    from deptr.evaluation.cells import CellStore
    from deptr.evaluation.grid import plan, rows_of, run_cells
    from deptr.io.sequences import benchmark_of, find_sequences
    from deptr.records import DepthKind
    from deptr.synth.library import LEVEL_NAMES

    entry = benchmark_of("mot")
    found = find_sequences(entry, root)
    rows = rows_of(
        entry,
        trackers=words_of(trackers, "--trackers"),
        fusions=words_of(fusions, "--fusions"),
        peers=False,
    )
    tables = []
    for level in LEVEL_NAMES.values():
        sequences = [sequence for sequence in found if level in sequence.name.split("-")]
        if not sequences:
            continue
        plans = plan(
            entry,
            sequences,
            contenders=rows,
            strides=numbers_of(strides, "--strides"),
            depth_kind=DepthKind.METRIC,
        )
        with progress(level) as told:
            results = list(run_cells(plans, CellStore(cells), workers=workers, progress=told))
        order = {id(cell): place for place, cell in enumerate(plans)}
        results.sort(key=lambda pair: order[id(pair[0])])
        for table in score_tables(index(results)):
            titled = type(table)(
                table.title.replace("mot", level, 1), table.columns, table.rows, table.note, table.words
            )
            show(titled)
            tables.append(titled)
    if not tables:
        names = ", ".join(LEVEL_NAMES.values())
        raise DataError(root, "no sequence of a level", expected=f"names with one of {names}")
    write_report(output, "What true depth is worth", INTRO.format(output=output), tables)
