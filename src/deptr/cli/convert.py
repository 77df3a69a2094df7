"""`deptr convert`: tracks from one format into another, or a benchmark into COCO json for training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import UsageError
from deptr.files import first_free

if TYPE_CHECKING:
    from deptr.io.sequence_tracks import SequenceTracks

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_FOLDER = Path("runs/convert")


def _formats() -> str:
    from deptr.io.formats import FORMATS

    width = max(map(len, FORMATS))
    return "\n".join(f"  {name:{width}}  {entry.told}" for name, entry in FORMATS.items())


EPILOG = f"""\b
Examples:
  deptr convert runs/track --to csv
  deptr convert runs/track --to parquet --ids 3,7 --renumber --output two.parquet
  deptr convert runs/track --to cvat --output walk.xml
  deptr convert corrected.xml --to mot-sequence --images walk.mp4 --output data/walk
  deptr convert mot17 data/MOT17 --labels labels --output train.json

\b
Formats of tracks (--to, --from):
{_formats()}

\b
With a benchmark's name and its folder the data set becomes COCO json with depth, for training.
"""


@app.command(epilog=EPILOG)
def convert(
    source: str = typer.Argument(
        ..., help="Folder of a run, or a file of tracks; or a benchmark: mot17, dancetrack, mot, ..."
    ),
    root: Path | None = typer.Argument(None, help="Folder of the benchmark."),
    *,
    to: str | None = typer.Option(None, "--to", help="Format to write; see below."),
    from_: str | None = typer.Option(None, "--from", help="Format of SOURCE. Default: recognized."),
    output: Path | None = typer.Option(
        None, "--output", help="Where to. Default: in runs/convert, named after SOURCE; train.json there."
    ),
    ids: str | None = typer.Option(None, "--ids", help="Only these identities, separated by commas."),
    renumber: bool = typer.Option(False, "--renumber", help="Identities 1, 2, 3, ... without gaps."),
    images: Path | None = typer.Option(
        None, "--images", help="The video or folder of images that the tracks are of, for mot-sequence."
    ),
    fps: float | None = typer.Option(None, "--fps", help="Frames per second, where SOURCE does not say."),
    split: str | None = typer.Option(
        None, "--split", help="Benchmark: train, val, ... Default: the first there is."
    ),
    labels: Path | None = typer.Option(
        None,
        "--labels",
        help="Benchmark: store of `deptr label`, or one of its runs, whose depths come first.",
    ),
    stride: int = typer.Option(1, "--stride", help="Benchmark: take every so many frames."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
) -> None:
    """Turn tracks into another format, or a data set into COCO json for training."""
    if to is None and root is None:
        raise UsageError("--to: say which format to write, or give the folder of a benchmark as ROOT")
    if to is not None and root is not None:
        raise UsageError("--to: tracks are one SOURCE; a benchmark's ROOT becomes COCO json without --to")
    if root is not None:
        tracks_only = {
            "--from": from_,
            "--ids": ids,
            "--renumber": renumber,
            "--fps": fps,
            "--images": images,
        }
        _refuse(tracks_only, "a benchmark")
        _convert_benchmark(
            source, root, output=output, split=split, labels=labels, stride=stride, overwrite=overwrite
        )
        return
    _refuse({"--split": split, "--labels": labels, "--stride": stride != 1}, "tracks")
    _convert_tracks(
        source,
        str(to),
        from_=from_,
        output=output,
        ids=ids,
        renumber=renumber,
        images=images,
        fps=fps,
        overwrite=overwrite,
    )


def _refuse(options: Mapping[str, object], what: str) -> None:
    for name, value in options.items():
        if value:
            raise UsageError(f"{name}: has no effect on {what}")


def _convert_tracks(
    source: str,
    to: str,
    *,
    from_: str | None,
    output: Path | None,
    ids: str | None,
    renumber: bool,
    images: Path | None,
    fps: float | None,
    overwrite: bool,
) -> None:
    from deptr.cli.track_selection import selected
    from deptr.io.formats import format_of, read_sequence

    target = format_of(to, "--to")
    if from_ is not None:
        format_of(from_, "--from")
    sequence = selected(read_sequence(source, from_), ids=ids, renumber=renumber, fps=fps, images=images)
    if output is None:
        named = _FOLDER / f"{_stem(source, sequence)}{target.ending}"
        output = named if overwrite else _free(named)
    _refuse_existing(output, overwrite)
    target.write(output, sequence)
    count = len(sequence.tracks.identities)
    typer.echo(f"{output}: {count} identities, {len(sequence.tracks)} boxes, {sequence.length} frames")


def _stem(source: str, sequence: SequenceTracks) -> str:
    return Path(source).stem if Path(source).is_file() else Path(source).resolve().name or sequence.name


def _free(path: Path) -> Path:
    """The path, or the first with a number in its name that is not there."""
    if not path.suffix:
        return first_free(path)
    number, place = 1, path
    while place.exists():
        number += 1
        place = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return place


def _refuse_existing(output: Path, overwrite: bool) -> None:
    if output.exists() and not overwrite and not (output.is_dir() and not any(output.iterdir())):
        raise UsageError(f"--output: {output} exists; name another file or give --overwrite")


def _convert_benchmark(
    benchmark: str,
    root: Path,
    *,
    output: Path | None,
    split: str | None,
    labels: Path | None,
    stride: int,
    overwrite: bool,
) -> None:
    from deptr.cli.terminal import progress
    from deptr.training.convert import convert_benchmark

    output = output or _FOLDER / "train.json"
    if stride < 1:
        raise UsageError(f"--stride: expected at least 1, got {stride}")
    _refuse_existing(output, overwrite)
    with progress("convert") as told:
        done = convert_benchmark(
            benchmark, root, output, split=split, labels=labels, stride=stride, progress=told
        )
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{output}: {done.images} images, {done.objects} objects")
