"""`deptr convert`: a benchmark, with depth labels if there are any, as COCO json for training."""

from __future__ import annotations

from pathlib import Path

import typer

from deptr.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def convert(
    benchmark: str = typer.Argument(..., help="mot17, mot20, dancetrack, sportsmot, quadtrack, mot, ..."),
    root: Path = typer.Argument(..., help="Its folder."),
    *,
    output: Path = typer.Option(Path("runs/convert/train.json"), "--output", help="The json to write."),
    split: str | None = typer.Option(None, "--split", help="train, val, ... Default: the first there is."),
    labels: Path | None = typer.Option(
        None, "--labels", help="Store of `deptr label`, or one of its runs, whose depths come first."
    ),
    stride: int = typer.Option(1, "--stride", help="Take every so many frames."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
) -> None:
    """Turn a data set into COCO json with depth, for training. Images stay where they are."""
    from deptr.cli.terminal import progress
    from deptr.training.convert import convert_benchmark

    if stride < 1:
        raise UsageError(f"--stride: expected at least 1, got {stride}")
    if output.exists() and not overwrite:
        raise UsageError(f"--output: {output} exists; name another file or give --overwrite")
    with progress("convert") as told:
        done = convert_benchmark(
            benchmark, root, output, split=split, labels=labels, stride=stride, progress=told
        )
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{output}: {done.images} images, {done.objects} objects")
