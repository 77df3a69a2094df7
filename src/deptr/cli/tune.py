"""`deptr tune`: search a tracker's parameters with and without depth, on cached detections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.cli.extras import need
from deptr.cli.results import (
    BENCHMARK_HELP,
    ROOT_HELP,
    numbers_of,
    parameters_of_options,
    show,
    words_of,
    write_report,
)
from deptr.files import atomic_write

if TYPE_CHECKING:
    from deptr.evaluation.tables import Table
    from deptr.evaluation.tuning import TuneResult

app = typer.Typer(add_completion=False)

SHOWN = ("HOTA", "AssA", "IDF1", "IDSW")


@app.command()
def tune(
    benchmark: str = typer.Argument(help=BENCHMARK_HELP),
    *,
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    tracker: str = typer.Option("bytetrack", "--tracker", help="One of our trackers."),
    fusion: str = typer.Option("adaptive", "--fusion", help="fixed, kalman or adaptive, against none."),
    trials: int = typer.Option(100, "--trials", min=1, help="Trials with depth, and as many without."),
    strides: str = typer.Option("1", "--strides", help="Keep every k-th frame; the mean over them counts."),
    metric: str = typer.Option("HOTA", "--metric", help="HOTA, AssA, IDF1, MOTA or IDSW."),
    search: str = typer.Option("", "--search", help="Search only these parameters."),
    param: list[str] = typer.Option([], "--param", help="name=value that stays as it is."),
    validation: str = typer.Option("", "--validation", help="Sequences to judge on."),
    share: float = typer.Option(0.5, "--validation-share", help="Share of them, where none are named."),
    split: str = typer.Option("", "--split", help="Split of the benchmark."),
    detections: Path | None = typer.Option(None, "--detections", help="Folder of SEQUENCE.txt detections."),
    seed: int = typer.Option(0, "--seed", help="Seed of split and search."),
    output: Path = typer.Option(Path("runs/tune"), "--output", help="Folder; the same one goes on."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes that share the sequences."),
) -> None:
    """Search parameters on some sequences, judge on the others, and say whether depth helps."""
    from deptr.cli.terminal import progress
    from deptr.errors import UsageError
    from deptr.evaluation.bootstrap import METRICS
    from deptr.evaluation.grid import scored_sequences
    from deptr.evaluation.tuning import Setting, split_sequences
    from deptr.evaluation.tuning import tune as run_search
    from deptr.io.sequences import benchmark_of

    need("deptr tune", "tune", "optuna")
    if metric not in METRICS:
        raise UsageError(f"--metric: expected one of {', '.join(METRICS)}, got {metric!r}")
    entry = benchmark_of(benchmark)
    found, _ = scored_sequences(entry, root, split=split or None, detections=detections)
    names = words_of(validation, "--validation") if validation else []
    training, held = split_sequences(found, share=share, names=names, seed=seed)
    setting = Setting(
        entry,
        training,
        held,
        tracker=tracker,
        fusion=fusion,
        strides=tuple(numbers_of(strides, "--strides")),
        search=tuple(words_of(search, "--search")) if search else (),
        fixed=tuple(parameters_of_options(param).items()),
        metric=metric,
        seed=seed,
    )
    journal = output / "tune.journal"
    try:
        with progress("tune") as told:
            result = run_search(setting, journal, trials=trials, workers=workers, progress=told)
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted: finished trials are in {journal}; the same command goes on", err=True)
        raise
    table = _table(result, tracker, fusion)
    show(table)
    typer.echo(result.verdict)
    write_toml(output / "tuned.toml", result)
    sides = f"Training: {', '.join(s.name for s in training)}. Validation: {', '.join(s.name for s in held)}."
    intro = f"{trials} trials with depth and as many without. {sides}\n\n**{result.verdict}**\n"
    write_report(output / "tune.md", f"Tuning {tracker} on {benchmark}", intro, [table, _parameters(result)])


def _table(result: TuneResult, tracker: str, fusion: str) -> Table:
    from deptr.evaluation.tables import Table, figure

    heads = [f"{side} {name}" for side in ("training", "validation") for name in SHOWN]
    table = Table(f"{tracker}, {result.trials} trials each", ["setting", *heads])
    rows = (
        ("default", result.default),
        ("tuned without depth", result.plain),
        (f"tuned with {fusion}", result.fused),
    )
    for name, candidate in rows:
        sides = (candidate.training, candidate.validation)
        figures = [figure(side[key], 0 if key == "IDSW" else 2) for side in sides for key in SHOWN]
        table.rows.append([name, *figures])
    return table


def _parameters(result: TuneResult) -> Table:
    from deptr.evaluation.tables import Table

    columns = [result.default.method, result.plain.method, result.fused.method]
    names = list(dict.fromkeys(name for entry in columns for name in entry.parameters))
    table = Table("Parameters", ["parameter", "default", "without depth", "with depth"])
    for name in names:
        table.rows.append([name, *(_shown(entry.parameters.get(name, "")) for entry in columns)])
    table.rows.append(["fusion", *(entry.fusion for entry in columns)])
    return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_toml(path: Path, result: TuneResult) -> None:
    """The best parameters as a TOML file that ``deptr track --config`` reads."""
    best = result.best.method
    use = f"deptr track ... --tracker {best.tracker} --config {path}"
    lines = [f"# {result.verdict}", "# found by deptr tune", "", f"[{best.tracker}]"]
    lines += [f"{name} = {_toml(value)}" for name, value in best.parameters.items()]
    lines += ["", "[fusion]", *fusion_lines(best.fusion)]
    with atomic_write(path) as file:
        file.write("\n".join(lines) + "\n")
    typer.echo(f"wrote {path}: use it with {use}")


def fusion_lines(fusion: str) -> list[str]:
    """The table ``[fusion]`` of a fusion's words.

    Example:
        >>> fusion_lines("fixed:gamma=0.2,scale=0.1")
        ['mode = "fixed"', 'gamma = 0.2', 'scale = 0.1']
    """
    mode, _, rest = fusion.partition(":")
    pairs = [part.partition("=") for part in rest.split(",") if part]
    return [f'mode = "{mode}"', *(f"{name} = {value}" for name, _, value in pairs)]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:.6g}" if isinstance(value, float) else str(value)
