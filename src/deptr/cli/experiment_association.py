"""`deptr experiment gamma-sweep` and `occlusion`: what depth does to the association."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli.results import (
    BENCHMARK_HELP,
    ROOT_HELP,
    numbers_of,
    parameters_of_options,
    show,
    words_of,
    write_report,
)
from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.evaluation.cells import Cell, CellResult
    from deptr.evaluation.methods import Method
    from deptr.evaluation.tables import Table

app = typer.Typer(add_completion=False)

SWEEP_INTRO = """The paper's fusion in {tracker}:
cost = (1 - gamma) x IoU distance + gamma x min(1, lambda x |depth difference|); a pair must also pass the
plain 2-D limit. Lambda is per unit of depth: metres on KITTI, a relative unit on MOT17."""
OCCLUSION_INTRO = """{tracker} without depth against {tracker} with {fusion}.
A link is an object matched now and before; it switches when another track has it than before, as CLEAR
counts. Its circumstances are the worst between the two sightings; the depth gap is the relative difference to
the object that covers it most. Fixed: a switch without depth that does not
happen with depth, within {frames} frames; caused: the reverse."""


def floats_of(text: str, option: str) -> list[float]:
    """Comma-separated numbers from 0."""
    words = words_of(text, option)
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [-1.0]
    if not all(value >= 0 for value in values):
        raise UsageError(f"{option}: expected numbers from 0, separated by commas, got {text!r}")
    return values


@app.command("gamma-sweep")
def gamma_sweep(
    names: list[str] = typer.Argument(help=f"Benchmarks: {BENCHMARK_HELP}"),
    *,
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    tracker: str = typer.Option("bytetrack", "--tracker", help="One of our trackers."),
    gammas: str = typer.Option("0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8", "--gammas", help="Weights of depth."),
    scales: str = typer.Option("0.05,0.1,0.2,0.5,1", "--scales", help="The paper's lambda: cost per unit."),
    strides: str = typer.Option("1", "--strides", help="Keep every k-th frame, for each k."),
    param: list[str] = typer.Option([], "--param", help="name=value of the tracker."),
    cells: Path = typer.Option(Path("runs/benchmark"), "--cells", help="Folder that keeps finished cells."),
    output: Path = typer.Option(Path("runs/gamma-sweep"), "--output", help="Folder for table and plot."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes."),
) -> None:
    """HOTA and IDF1 over the weight of depth and its scale; the paper's first experiment."""
    from deptr.evaluation import plots
    from deptr.evaluation.gamma_sweep import WITHOUT, sweep_curves, sweep_methods, sweep_of, sweep_table
    from deptr.evaluation.tables import write_csv
    from deptr.io.sequences import benchmark_of

    tables: list[Table] = []
    panels, baselines = {}, {}
    for name in names:
        rows = sweep_methods(
            tracker,
            benchmark_of(name).family,
            gammas=floats_of(gammas, "--gammas"),
            scales=floats_of(scales, "--scales"),
            parameters=parameters_of_options(param),
        )
        for stride in numbers_of(strides, "--strides"):
            sweep = sweep_of(measured(name, root, rows, stride, cells=cells, workers=workers))
            title = name if stride == 1 else f"{name}, every {stride}th frame"
            panels[title], baselines[title] = sweep_curves(sweep), sweep[WITHOUT].combined["HOTA"]
            tables += [sweep_table(sweep, title, metric) for metric in ("HOTA", "IDF1")]
    for table in tables:
        show(table)
    plot = output / "gamma-sweep.png"
    plots.lines(plot, panels, x_label="gamma", y_label="HOTA", baselines=baselines)
    write_csv(output / "gamma-sweep.csv", tables)
    intro = SWEEP_INTRO.format(tracker=tracker) + "\n"
    write_report(output / "gamma-sweep.md", "Weight of depth", intro, tables, images=[plot])


@app.command("occlusion")
def occlusion(
    names: list[str] = typer.Argument(help=f"Benchmarks: {BENCHMARK_HELP}"),
    *,
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    tracker: str = typer.Option("bytetrack", "--tracker", help="One of our trackers."),
    fusion: str = typer.Option("adaptive", "--fusion", help="The fusion against none."),
    strides: str = typer.Option("1", "--strides", help="Keep every k-th frame, for each k."),
    param: list[str] = typer.Option([], "--param", help="name=value of the tracker."),
    output: Path = typer.Option(Path("runs/occlusion"), "--output", help="Folder for table and plot."),
) -> None:
    """Identity switches by occlusion, depth gap and crowding; which ones depth fixed and which it caused."""
    from deptr.cli.terminal import progress
    from deptr.evaluation import plots
    from deptr.evaluation.methods import our_method
    from deptr.evaluation.occlusion import compare, occlusion_tables
    from deptr.evaluation.switches import SAME_EVENT_FRAMES
    from deptr.evaluation.tables import write_csv
    from deptr.io.sequences import benchmark_of

    tables: list[Table] = []
    panels = {}
    jobs = [(name, stride) for name in names for stride in numbers_of(strides, "--strides")]
    with progress("occlusion") as told:
        for done, (name, stride) in enumerate(jobs, 1):
            family = benchmark_of(name).family
            words = parameters_of_options(param)
            rows = [our_method(tracker, word, family, words) for word in ("none", fusion)]
            plain, fused = _cells(name, root, rows, stride)
            found = occlusion_tables(compare(plain, fused), name if stride == 1 else f"{name}, 1 in {stride}")
            tables += found
            for table in found[1:3]:
                rates = {
                    head: [_rate(row[at]) for row in table.rows] for head, at in (("none", 3), (fusion, 5))
                }
                panels[table.title] = ([row[0] for row in table.rows], rates)
            told.update(done, len(jobs))
    for table in tables:
        show(table)
    plot = output / "occlusion.png"
    plots.bars(plot, panels, y_label="switches per 1000 links")
    write_csv(output / "occlusion.csv", tables)
    intro = OCCLUSION_INTRO.format(tracker=tracker, fusion=fusion, frames=SAME_EVENT_FRAMES) + "\n"
    write_report(output / "occlusion.md", "Where depth helps", intro, tables, images=[plot])


def _rate(text: str) -> float:
    return 0.0 if text == "-" else float(text)


def _cells(name: str, root: Path, rows: list[Method], stride: int) -> list[Cell]:
    from deptr.evaluation.grid import plan, scored_sequences
    from deptr.io.sequences import benchmark_of

    entry = benchmark_of(name)
    sequences, _ = scored_sequences(entry, root)
    return plan(entry, sequences, methods=rows, strides=[stride])


def measured(
    name: str, root: Path, rows: list[Method], stride: int, *, cells: Path, workers: int
) -> list[tuple[Cell, CellResult]]:
    """Results of some methods on a benchmark; finished cells are kept."""
    from deptr.cli.terminal import progress
    from deptr.evaluation.cells import CellStore
    from deptr.evaluation.grid import run_cells

    with progress(name) as told:
        planned = _cells(name, root, rows, stride)
        return list(run_cells(planned, CellStore(cells), workers=workers, progress=told))
