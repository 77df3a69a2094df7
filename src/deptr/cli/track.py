"""`deptr track`: identities for the objects of a video, a stream or a detections file."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import typer

from deptr.cli.overlap import interruptible
from deptr.cli.terminal import progress
from deptr.cli.track_output import RUN, TRACKS, VIDEO, prepare_folder, write_run
from deptr.cli.track_run import Counts, TrackingRun
from deptr.cli.track_setup import DEPTH_SOURCES, Plan, Words, plan
from deptr.errors import DataError, DeptrError
from deptr.records import DepthKind
from deptr.tracking.fusion import MODES
from deptr.tracking.registry import TRACKER_NAMES, parameters_of

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_INTERRUPTED = 128 + signal.SIGINT


def _parameter_help() -> str:
    """Every parameter of every tracker, a line each; those that all share once."""
    tables = {
        name: {parameter.name: parameter for parameter in parameters_of(name)} for name in TRACKER_NAMES
    }
    first, *others = tables.values()
    shared = [name for name in first if all(first[name] == table.get(name) for table in others)]
    blocks = ["\b\nParameters of all trackers (--param NAME=VALUE, or NAME = VALUE in --config):"]
    for owner, names in [
        ("", shared),
        *((name, [n for n in t if n not in shared]) for name, t in tables.items()),
    ]:
        table = tables[owner] if owner else first
        if owner and names:
            blocks.append(f"\b\nParameters of {owner}:")
        for name in names:
            parameter = table[name]
            blocks[-1] += f"\n  {name} = {parameter.default}    {parameter.legal}\n      {parameter.help}"
    return "\n\n".join(blocks)


EPILOG = f"""\b
Examples:
  deptr track walk.mp4
  deptr track walk.mp4 --detections det.txt
  deptr track --detections det.txt --fps 10 --tracker bytetrack --fusion adaptive
  deptr track MOT17-04 --tracker sort --param lost_seconds=2 --output runs/mot17-04

\b
Writes into the output folder:
  {TRACKS}   a row for each box: frame, id, left, top, width, height, score, -1, -1, -1, depth
  {VIDEO}  the video with boxes, depth, trails and a bird's-eye inset (only with images)
  {RUN}     every parameter, versions, depth kind and unit, counts and timings

\b
A detections file is MOT text (frame, id, left, top, width, height[, score[, depth, ...]], frames from 1,
pixels, comma separated) or KITTI tracking text. A depth of -1 is not known.

{_parameter_help()}
"""


@app.command(epilog=EPILOG)
def track(
    source: str | None = typer.Argument(
        None, help="Video file, folder of images, MOT sequence folder, camera number, or rtsp/http address."
    ),
    *,
    detections: Path | None = typer.Option(
        None, "--detections", help="File with detections. Default: det/det.txt of a MOT sequence folder."
    ),
    detector: str | None = typer.Option(
        None,
        "--detector",
        help="Looks for objects where no file tells: a checkpoint folder, an .onnx file or a name on the "
        "hub. Default: the person detector that comes with deptr.",
    ),
    focal: float | None = typer.Option(
        None, "--focal", help="Focal length in pixels: the detector's depth is then in metres."
    ),
    tracker: str = typer.Option("bytetrack", "--tracker", help=f"One of {', '.join(TRACKER_NAMES)}."),
    fusion: str | None = typer.Option(
        None,
        "--fusion",
        help=f"How depth takes part: one of {', '.join(MODES)}. Default: adaptive with depth, none without.",
    ),
    gamma: float | None = typer.Option(
        None, "--gamma", help="Weight of depth in [0, 1]. Default: 0.2 fixed, 0.4 kalman, 0.5 adaptive."
    ),
    depth_scale: float | None = typer.Option(
        None, "--depth-scale", help="Cost per unit of depth difference (fixed, kalman)."
    ),
    depth: str | None = typer.Option(
        None,
        "--depth",
        help=f"Where depth comes from: {' or '.join(DEPTH_SOURCES)}; pseudo guesses it from the boxes and "
        "the ground plane. Default: the file's, if it has any.",
    ),
    depth_column: int | None = typer.Option(
        None, "--depth-column", help="Column with the depth, counted from 1. Default: 8, or 11 of 11 columns."
    ),
    depth_kind: str = typer.Option(
        "metric",
        "--depth-kind",
        help=f"What the file's depths mean: one of {', '.join(kind.value for kind in DepthKind)}.",
    ),
    first_frame: int = typer.Option(
        1, "--first-frame", help="Number of the first frame in the file, 0 or 1."
    ),
    fps: float | None = typer.Option(None, "--fps", help="Frames per second. Default: what the source says."),
    classes: str | None = typer.Option(
        None, "--classes", help="Only these classes: names or numbers, separated by commas."
    ),
    min_score: float = typer.Option(0.0, "--min-score", help="Leave out detections with a lower score."),
    param: list[str] = typer.Option(
        [], "--param", metavar="NAME=VALUE", help="A parameter of the tracker; see below. Can be repeated."
    ),
    config: Path | None = typer.Option(
        None, "--config", help="TOML file with parameters; [bytetrack] and so on for one tracker."
    ),
    output: Path = typer.Option(Path("runs/track"), "--output", help="Folder for the results."),
    no_video: bool = typer.Option(False, "--no-video", help="Write no video."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the results of an earlier run."),
) -> None:
    """Follow objects through a video, images, a stream or a detections file."""
    words = Words(
        source=source,
        detections=detections,
        detector=detector,
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
        param=tuple(param),
        config=config,
    )
    chosen = plan(words)
    with ExitStack() as stack:
        if chosen.frames is not None:
            stack.enter_context(chosen.frames)
        prepare_folder(output, overwrite=overwrite)
        _track(words, chosen, output, video=not no_video and chosen.frames is not None)


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
    mode = chosen.tracker.depth.mode
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
