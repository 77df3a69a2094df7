"""`deptr labels`: look into a store of depth labels."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from deptr.io.label_runs import LabelRun
    from deptr.io.label_stats import LabelStats
    from deptr.io.labels import SequenceLabels
    from deptr.viz.label_sheet import SheetFrame

app = typer.Typer(no_args_is_help=True)

BARS = " ▁▂▃▄▅▆▇█"


@app.callback()
def labels() -> None:
    """Look into a store of depth labels."""


@app.command("inspect")
def inspect(
    store: Path = typer.Argument(help="A store, or one run in it."),
    *,
    sequence: str = typer.Option("", "--sequence", help="Only this sequence."),
    source: Path | None = typer.Option(
        None, "--source", help="Video or folder of the sequence, for pictures."
    ),
    sheet: Path | None = typer.Option(None, "--sheet", help="Write a contact sheet here (PNG or JPEG)."),
    frames: int = typer.Option(6, "--frames", min=1, help="Pictures on the contact sheet."),
    json: Path | None = typer.Option(None, "--json", help="All figures as JSON."),
) -> None:
    """Show coverage, doubts, flicker and distribution of labels, and pictures of masks and depth."""
    from dataclasses import asdict

    from deptr.errors import UsageError
    from deptr.files import atomic_write
    from deptr.io.label_runs import open_run
    from deptr.io.label_stats import label_stats

    run = open_run(store)
    chosen = [run.labels(sequence)] if sequence else list(run)
    if not chosen:
        raise UsageError(f"{run.folder} holds no finished sequence")
    stats = {part.info.sequence: label_stats([part]) for part in chosen}
    first = chosen[0].info
    typer.echo(f"{run.folder}: masks {first.masks}, depth {first.depth} ({first.depth_kind.value})")
    typer.echo(f"licence: {first.licence}")
    for name, figures in stats.items():
        _show(name, figures)
    if len(chosen) > 1:
        stats["all"] = label_stats(chosen)
        _show("all", stats["all"])
    if json:
        with atomic_write(json) as file:
            file.write(
                json_module.dumps({name: asdict(figures) for name, figures in stats.items()}, indent=2)
            )
    if sheet:
        if source is None or len(chosen) != 1:
            raise UsageError("--sheet: say which frames it is of, with --sequence and --source")
        _write_sheet(run, chosen[0], source, sheet, frames)


def _show(name: str, stats: LabelStats) -> None:
    doubts = ", ".join(f"{word} {count}" for word, count in stats.doubts.items()) or "none"
    typer.echo(
        f"{name}: {stats.frames} frames, {stats.boxes} boxes, {stats.coverage:.1%} valid; doubts: {doubts}"
    )
    if stats.unreadable:
        typer.echo(f"  {stats.unreadable} frames could not be decoded")
    if stats.quantiles:
        top = max(stats.counts)
        bars = "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in stats.counts)
        low, middle, high = stats.quantiles[0], stats.quantiles[3], stats.quantiles[-1]
        typer.echo(f"  depth {low:.3g} |{bars}| {high:.3g}, median {middle:.3g}")
        typer.echo(f"  flicker {stats.flicker:.2%} a frame, spread inside an object {stats.relative_std:.1%}")


def _write_sheet(run: LabelRun, labels: SequenceLabels, source: Path, sheet: Path, count: int) -> None:
    import cv2

    from deptr.files import atomic_path
    from deptr.viz.label_sheet import contact_sheet

    pictures = _pictures(run, labels, source, count)
    nearer = labels.info.depth_kind.larger_is_nearer
    image = contact_sheet(pictures, larger_is_nearer=nearer)
    with atomic_path(sheet) as temporary:
        if not cv2.imwrite(str(temporary), image[:, :, ::-1]):
            raise OSError(f"OpenCV cannot write {sheet.suffix} files")
    typer.echo(f"contact sheet: {sheet}")


def _pictures(run: LabelRun, labels: SequenceLabels, source: Path, count: int) -> list[SheetFrame]:
    """Frames spread evenly over those that have boxes."""
    import numpy as np

    from deptr.io.frames import open_source
    from deptr.io.label_maps import FrameArrays
    from deptr.viz.label_sheet import SheetFrame

    numbers = np.unique(labels.rows.frame)
    wanted = {
        int(numbers[place])
        for place in np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int)
    }
    path = run.dense_path(labels.info.sequence)
    dense = FrameArrays(path) if path.is_file() else None
    pictures = []
    with open_source(source) as frames:
        for frame in frames:
            if frame.index in wanted:
                depth = dense.at(frame.index) if dense and frame.index in dense.frames else None
                pictures.append(SheetFrame(frame.index, frame.image, labels.at(frame.index), depth))
            if frame.index >= max(wanted):
                break
    return pictures
