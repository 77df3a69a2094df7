"""`deptr benchmark`: trackers x fusions x frame strides on the same detections, in one table."""

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
from deptr.io.text_files import read_toml

if TYPE_CHECKING:
    from deptr.evaluation.cells import Cell, CellResult, CellStore
    from deptr.evaluation.corruption import Corruption

app = typer.Typer(add_completion=False)

INTRO = """Every row tracks the same detections and is scored by TrackEval {trackeval}. {settings}
{legend} {left_out}"""
SETTINGS = """Each data family has one operating point for all
frame rates: KITTI's saturated detections use a high threshold of 0.8, ours and peers alike, and start
tracks from 0.9; our ByteTrack and BoT-SORT from 0.8 (the peers' two move by -1.2 to +0.3 HOTA with that).
Ours also report a detection above 0.96 at once, for which the peers have no parameter. PyPI `trackers` run
with their defaults otherwise and without frames, hence without camera motion compensation."""


@app.command()
def benchmark(
    names: list[str] = typer.Argument(help=f"Benchmarks: {BENCHMARK_HELP}"),
    *,
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    trackers: str = typer.Option(
        "sort,bytetrack,ocsort,botsort,hybridsort", "--trackers", help="Our trackers, separated by commas."
    ),
    fusions: str = typer.Option(
        "none,fixed,kalman,adaptive", "--fusions", help="Fusions, such as none,fixed:gamma=0.2,scale=0.1"
    ),
    strides: str = typer.Option("1,2,4", "--strides", help="Keep every k-th frame, for each k."),
    corruptions: str = typer.Option(
        "clean",
        "--corruptions",
        help="Depth as clean, noise:S, shuffle, constant, drift:S, missing:P, or standard for all of them.",
    ),
    param: list[str] = typer.Option([], "--param", help="name=value for all our trackers."),
    config: Path | None = typer.Option(
        None, "--config", help="TOML: [mot] and [kitti] with parameters, [mot.bytetrack] for one tracker."
    ),
    peers: bool = typer.Option(True, "--peers/--no-peers", help="Rows of PyPI trackers, if installed."),
    oracle: bool = typer.Option(True, "--oracle/--no-oracle", help="The ceiling with true identities."),
    sequences: str = typer.Option("", "--sequences", help="Only these sequences."),
    split: str = typer.Option("", "--split", help="Split of the benchmark."),
    detections: Path | None = typer.Option(None, "--detections", help="Folder of SEQUENCE.txt detections."),
    all_sequences: bool = typer.Option(
        False, "--all-sequences", help="Also sequences without any scored object."
    ),
    cells: Path = typer.Option(Path("runs/benchmark"), "--cells", help="Folder that keeps finished cells."),
    output: Path | None = typer.Option(None, "--output", help="Markdown report to write."),
    csv: Path | None = typer.Option(None, "--csv", help="All tables as CSV."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes; 1 gives the cleanest times."),
    seeds: str = typer.Option(
        "0", "--seeds", help="Seeds of the depth corruptions, separated by commas; their mean is told."
    ),
) -> None:
    """Compare trackers, fusions and frame rates on the same detections; finished cells are kept."""
    from deptr.evaluation.cells import CellStore
    from deptr.evaluation.grid import plan, rows_of, scored_sequences
    from deptr.io.sequences import benchmark_of

    plans, left_out = [], []
    for name in names:
        entry = benchmark_of(name)
        found, without = scored_sequences(
            entry,
            root,
            split=split or None,
            names=words_of(sequences, "--sequences") if sequences else None,
            detections=detections,
            everything=all_sequences,
        )
        left_out += [f"{name} {sequence}" for sequence in without]
        parameters = _parameters(config, entry.family, param)
        own = {"trackers": words_of(trackers, "--trackers"), "fusions": words_of(fusions, "--fusions")}
        rows = rows_of(entry, **own, parameters=parameters, peers=_peers(peers), oracle=oracle)
        ways, every = _corruptions(corruptions), numbers_of(strides, "--strides")
        drawn = numbers_of(seeds, "--seeds", least=0)
        plans += plan(entry, found, methods=rows, strides=every, corruptions=ways, seeds=drawn)
    _tell(_run(plans, CellStore(cells), workers), left_out, csv, output)


def _tell(
    results: list[tuple[Cell, CellResult]], left_out: list[str], csv: Path | None, output: Path | None
) -> None:
    """Print all tables and write what was asked for."""
    from deptr.evaluation.benchmark_report import LEGEND, all_tables
    from deptr.evaluation.fingerprint import installed_version
    from deptr.evaluation.tables import write_csv

    tables = all_tables(results)
    for table in tables:
        show(table)
    excluded = f"Without any scored object and left out: {', '.join(left_out)}." if left_out else ""
    typer.echo(f"{LEGEND}\n{excluded}".strip())
    if csv:
        write_csv(csv, tables)
        typer.echo(f"wrote {csv}")
    if output:
        intro = INTRO.format(
            trackeval=installed_version("trackeval"), settings=SETTINGS, legend=LEGEND, left_out=excluded
        )
        write_report(output, "Association on real detections", intro.rstrip() + "\n", tables)


def _peers(wanted: bool) -> bool:
    from deptr.evaluation.methods import peers_installed

    if wanted and not peers_installed():
        typer.echo("PyPI `trackers` is not installed: its rows are left out", err=True)
        return False
    return wanted


def _corruptions(text: str) -> list[Corruption]:
    from deptr.evaluation.corruption import STANDARD, Corruption

    words: list[str] = []
    for word in words_of(text, "--corruptions"):
        words += ["clean", *STANDARD] if word == "standard" else [word]
    return [Corruption.parse(word) for word in dict.fromkeys(words)]


def _parameters(config: Path | None, family: str, param: list[str]) -> dict[str, dict[str, object]]:
    parameters = _configured(config, family)
    return {**parameters, "all": {**parameters.get("all", {}), **parameters_of_options(param)}}


def _configured(config: Path | None, family: str) -> dict[str, dict[str, object]]:
    """Parameters of a family: ``all`` for every tracker, and those of single trackers."""
    if config is None:
        return {}
    content = read_toml(config)
    unknown = sorted(set(content) - {"mot", "kitti"})
    if unknown:
        raise UsageError(f"{config}: expected tables [mot] and [kitti], got {', '.join(unknown)}")
    section = content.get(family, {})
    shared = {name: value for name, value in section.items() if not isinstance(value, dict)}
    own = {name: value for name, value in section.items() if isinstance(value, dict)}
    return {"all": shared, **own}


def _run(plans: list[Cell], store: CellStore, workers: int) -> list[tuple[Cell, CellResult]]:
    from deptr.cli.terminal import progress
    from deptr.evaluation.grid import run_cells

    results = []
    try:
        with progress("benchmark") as told:
            for pair in run_cells(plans, store, workers=workers, progress=told):
                results.append(pair)
    except KeyboardInterrupt:
        typer.echo(
            f"\ninterrupted: {len(results)} of {len(plans)} cells are kept in {store.folder}; "
            "the same command goes on from there",
            err=True,
        )
        raise
    order = {id(cell): position for position, cell in enumerate(plans)}
    return sorted(results, key=lambda pair: order[id(pair[0])])
