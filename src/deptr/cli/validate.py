"""`deptr validate`: what is wrong with a result file, before it scores zero."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from deptr.cli.results import BENCHMARK_HELP, tell_passed_over
from deptr.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
def validate(
    tracks: Path = typer.Argument(help="A result file, or a folder with SEQUENCE.txt files."),
    *,
    benchmark: str = typer.Option("", "--benchmark", help=BENCHMARK_HELP),
    root: Path | None = typer.Option(None, "--root", help="Folder of the benchmark."),
    split: str = typer.Option("", "--split", help="Split of the benchmark."),
    image_size: str = typer.Option("", "--image-size", help="WIDTHxHEIGHT, where no benchmark says it."),
    stride: int = typer.Option(1, "--stride", min=1, help="Every k-th frame was tracked."),
) -> None:
    """Explain what is wrong with a result file before it scores zero; exit code 1 when something is."""
    from deptr.evaluation.result_files import result_paths
    from deptr.evaluation.validation import errors
    from deptr.evaluation.validation import validate as check
    from deptr.io.sequences import benchmark_of

    if bool(benchmark) != bool(root):
        raise UsageError("--benchmark and --root belong together: give both or none")
    findings = check(
        tracks,
        benchmark=benchmark_of(benchmark) if benchmark else None,
        root=root,
        split=split or None,
        image_size=_size(image_size),
        stride=stride,
    )
    tell_passed_over(tracks)
    for finding in findings:
        typer.echo(str(finding))
    wrong = len(errors(findings))
    files, warnings = len(result_paths(tracks)), len(findings) - wrong
    counts = ((files, "file"), (wrong, "error"), (warnings, "warning"))
    typer.echo(", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts))
    if wrong:
        raise typer.Exit(1)


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise UsageError(f"--image-size: expected WIDTHxHEIGHT such as 1920x1080, got {text!r}")
    return int(match.group(1)), int(match.group(2))
