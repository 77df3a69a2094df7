"""`deptr eval`: the official metrics of a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli.results import BENCHMARK_HELP, ROOT_HELP, show, tell_passed_over, words_of, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deptr.evaluation.judge import EvaluationResult
    from deptr.evaluation.tables import Table
    from deptr.io.sequences import Benchmark, Sequence
    from deptr.records import FloatArray

app = typer.Typer(add_completion=False)

SHOWN = ("HOTA", "DetA", "AssA", "LocA", "IDF1", "MOTA", "MOTP")
SEAM = ("BCIC", "crossings")
COUNTS = ("IDSW", "CLR_FP", "CLR_FN", "MT", "ML", "Frag")


@app.command("eval")
def evaluate_tracks(
    tracks: Path = typer.Argument(help="Folder with SEQUENCE.txt files, or one such file."),
    *,
    benchmark: str = typer.Option(..., "--benchmark", help=BENCHMARK_HELP),
    root: Path = typer.Option(..., "--root", help=ROOT_HELP),
    split: str = typer.Option("", "--split", help="Split of the benchmark."),
    sequences: str = typer.Option("", "--sequences", help="Score only these sequences."),
    stride: int = typer.Option(
        1, "--stride", min=1, help="Every k-th frame was tracked, renumbered 1, 2, 3."
    ),
    json: Path | None = typer.Option(None, "--json", help="All figures as JSON."),
    csv: Path | None = typer.Option(None, "--csv", help="All figures as CSV."),
    seam: bool = typer.Option(False, "--seam", help="360 degree images: also identities across the seam."),
    allow_empty: bool = typer.Option(False, "--allow-empty", help="A sequence may have no track."),
    workers: int = typer.Option(2, "--workers", min=1, help="Processes that share the sequences."),
) -> None:
    """Score tracks with the official metrics (HOTA, CLEAR, IDF1) by TrackEval."""
    from deptr.cli.terminal import progress
    from deptr.evaluation.judge import evaluate
    from deptr.evaluation.result_files import read_result, result_paths, tracks_of
    from deptr.evaluation.tables import write_csv
    from deptr.io.sequences import benchmark_of, find_sequences

    entry = benchmark_of(benchmark)
    names = words_of(sequences, "--sequences") if sequences else None
    tell_passed_over(tracks)
    files = [read_result(path) for path in result_paths(tracks)]
    files = [result for result in files if names is None or result.name in names]
    if tracks.is_file() and names is None:
        names = [tracks.stem]
    with progress("eval") as told:
        scored = tracks_of(files, entry)
        result = evaluate(
            entry,
            root,
            scored,
            stride=stride,
            split=split or None,
            names=names,
            workers=workers,
            allow_empty=allow_empty,
            progress=told,
        )
    if seam:
        found = find_sequences(entry, root, split=split or None, names=names, copies=scored)
        _add_seam(result, entry, [sequence.strided(stride) for sequence in found], scored)
    show(_table(result, [*SHOWN, *COUNTS, *(SEAM if seam else ())]))
    if json:
        figures = {"combined": result.combined, "sequences": result.sequences}
        write_json(json, {"benchmark": benchmark, "stride": stride, **figures})
    if csv:
        write_csv(csv, [_table(result, list(result.combined), digits=6)])
        typer.echo(f"wrote {csv}")


def _add_seam(
    result: EvaluationResult,
    benchmark: Benchmark,
    sequences: list[Sequence],
    tracks: Mapping[str, FloatArray],
) -> None:
    """Identities across the seam, beside the official figures."""
    from deptr.evaluation.judge import check_tracks
    from deptr.evaluation.seam import SeamConsistency, seam_consistency

    found = {}
    for sequence in sequences:
        checked = check_tracks(sequence, tracks[sequence.name])
        found[sequence.name] = seam_consistency(benchmark, sequence, checked)
    total = SeamConsistency.total(found.values())
    for figures, seam in [(result.combined, total), *((result.sequences[key], found[key]) for key in found)]:
        figures |= {"BCIC": seam.bcic, "crossings": seam.crossings, "crossings_judged": seam.judged}


def _table(result: EvaluationResult, metrics: list[str], digits: int = 2) -> Table:
    from deptr.evaluation.tables import Table, figure

    def row(name: str, values: dict[str, float]) -> list[str]:
        return [
            name,
            *(figure(values[key], 0 if isinstance(values[key], int) else digits) for key in metrics),
        ]

    table = Table(result.benchmark, ["sequence", *metrics])
    table.rows.extend(row(name, values) for name, values in result.sequences.items())
    table.rows.append(row("combined", result.combined))
    return table
