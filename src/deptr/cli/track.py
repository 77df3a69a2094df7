"""`deptr track`: identities for the objects of a video, a stream or a detections file."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import typer

from deptr.cli import track_options as option
from deptr.cli.overlap import interruptible
from deptr.cli.terminal import progress
from deptr.cli.track_output import RUN, TRACKS, VIDEO, prepare_folder, why_nothing, write_run
from deptr.cli.track_run import Counts, TrackingRun
from deptr.cli.track_setup import Plan, Words, plan
from deptr.errors import DataError, DeptrError

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_INTERRUPTED = 128 + signal.SIGINT


@app.command(epilog=option.EPILOG)
def track(
    source: option.Source = None,
    *,
    detections: option.Detections = None,
    detector: option.Detector = None,
    device: option.Device = None,
    focal: option.Focal = None,
    tracker: option.Tracker = "bytetrack",
    fusion: option.Fusion = None,
    gamma: option.Gamma = None,
    depth_scale: option.DepthScale = None,
    depth: option.Depth = None,
    depth_column: option.DepthColumn = None,
    depth_kind: option.KindOfDepth = "metric",
    first_frame: option.FirstFrame = 1,
    fps: option.Fps = None,
    classes: option.Classes = None,
    min_score: option.MinScore = 0.0,
    param: option.Param = None,
    config: option.Config = None,
    output: option.Output = None,
    no_video: option.NoVideo = False,
    overwrite: option.Overwrite = False,
) -> None:
    """Follow objects through a video, images, a stream or a detections file."""
    words = Words(
        source=source,
        detections=detections,
        detector=detector,
        device=device,
        focal=focal,
        tracker=tracker,
        fusion=fusion,
        gamma=gamma,
        depth_scale=depth_scale,
        depth=depth,
        depth_column=depth_column,
        depth_kind=depth_kind,
        first_frame=first_frame,
        fps=fps,
        classes=classes,
        min_score=min_score,
        param=tuple(param or ()),
        config=config,
    )
    chosen = plan(words)
    with ExitStack() as stack:
        if chosen.frames is not None:
            stack.enter_context(chosen.frames)
        folder = prepare_folder(output, overwrite=overwrite)
        _track(words, chosen, folder, video=not no_video and chosen.frames is not None)


def _track(words: Words, chosen: Plan, output: Path, *, video: bool) -> None:
    """Run, and whatever happens leave whole files and say what they hold."""
    work = _assemble(chosen, output, video=video)
    counts, notes = work.counts, list(chosen.notes)
    write_run(output, words, chosen, counts, status="running", notes=notes)
    failure: DeptrError | None = None
    with interruptible() as stop:
        try:
            with progress("track") as report:
                work.run(stop, report)
        except DeptrError as error:
            failure = error
    if chosen.frames is not None:
        notes += chosen.frames.notes()
    notes += why_nothing(words, chosen, counts)
    status = "failed" if failure else "interrupted" if stop.requested else "complete"
    try:
        write_run(
            output, words, chosen, counts, status=status, notes=notes, error=str(failure) if failure else None
        )
    except DataError as error:
        failure = failure or error
    _tell(output, counts, notes, status, total=chosen.total)
    if failure is not None:
        raise failure
    if stop.requested:
        raise typer.Exit(_INTERRUPTED)


def _assemble(chosen: Plan, output: Path, *, video: bool) -> TrackingRun:
    from deptr.io.mot_text import TrackWriter

    overlay = writer = None
    if video:
        from deptr.io.video_writer import VideoWriter
        from deptr.viz.birdseye import quietest_corner
        from deptr.viz.overlay import Overlay

        table = chosen.input.table
        corner = quietest_corner(chosen.size, table.xyxy) if table is not None else None
        overlay = Overlay(chosen.size, depth_kind=chosen.depth_kind, corner=corner, caption=_caption(chosen))
        writer = VideoWriter(output / VIDEO, fps=chosen.fps)
    return TrackingRun(
        steps=chosen.steps,
        total=chosen.total,
        detections=chosen.input.source,
        tracker=chosen.tracker,
        tracks=TrackWriter(output / TRACKS),
        complete_depth=chosen.complete_depth,
        overlay=overlay,
        video=writer,
    )


def _caption(chosen: Plan) -> str:
    mode = chosen.tracker.fusion.mode
    depth = "" if mode == "none" else f" · {mode} depth fusion"
    return f"{type(chosen.tracker).__name__}{depth}"


def _tell(output: Path, counts: Counts, notes: list[str], status: str, *, total: int | None) -> None:
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    of_all = f" of {total}" if total and total != counts.frames else ""
    wall = counts.seconds.get("wall", 0.0)
    rate = f", {counts.frames / wall:.0f} frames/s" if wall else ""
    word = {"complete": "tracked", "interrupted": "interrupted after", "failed": "stopped after"}[status]
    found = f"{len(counts.identities)} identities, {counts.boxes} boxes"
    typer.echo(f"{word} {counts.frames}{of_all} frames: {found}{rate}")
    if status != "complete":
        typer.echo("what was done until then is whole:")
    for name in (TRACKS, VIDEO, RUN):
        if (output / name).exists():
            typer.echo(f"  {output / name}")
