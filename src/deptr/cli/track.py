"""`deptr track`: identities for the objects of a video, a stream or a detections file."""

from __future__ import annotations

import typer

from deptr.cli import track_depth_options as depth_option
from deptr.cli import track_options as option
from deptr.cli.interrupt import EXIT_CODE, interruptible
from deptr.cli.terminal import progress
from deptr.cli.track_words import Options, chosen_fusion, tracker_parameters
from deptr.pipeline.depth.request import DepthRequest
from deptr.pipeline.output import Summary
from deptr.pipeline.request import Request
from deptr.pipeline.run import Run

app = typer.Typer(rich_markup_mode=None, add_completion=False)


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
    depth: depth_option.Depth = None,
    depth_column: depth_option.DepthColumn = None,
    depth_kind: depth_option.KindOfDepth = "metric",
    first_frame: option.FirstFrame = 1,
    fps: option.Fps = None,
    topic: option.Topic = None,
    classes: option.Classes = None,
    min_score: option.MinScore = 0.0,
    param: option.Param = None,
    config: option.Config = None,
    output: option.Output = None,
    no_video: option.NoVideo = False,
    overwrite: option.Overwrite = False,
) -> None:
    """Follow objects through a video, images, a stream or a detections file."""
    run = Run(
        Request(
            source=source,
            detections=detections,
            detector=detector,
            device=device,
            focal_px=focal,
            tracker=tracker,
            parameters=tracker_parameters(tracker, param or (), config),
            fusion=chosen_fusion(fusion, gamma, depth_scale, config),
            depth=DepthRequest(depth, depth_column, depth_kind),
            first_frame=first_frame,
            fps=fps,
            topic=topic,
            classes=classes,
            min_score=min_score,
            spelling=Options(),
        )
    )
    try:
        with interruptible() as stop, progress("track") as report:
            run.save(output, video=not no_video, overwrite=overwrite, stop=stop, progress=report)
    finally:
        if run.summary is not None:
            _tell(run.summary)
    if stop.requested:
        raise typer.Exit(EXIT_CODE)


def _tell(summary: Summary) -> None:
    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    frames, total = summary.frames, summary.total
    of_all = f" of {total}" if total and total != frames else ""
    wall = summary.seconds.get("wall", 0.0)
    rate = f", {frames / wall:.0f} frames/s" if wall else ""
    word = {"complete": "tracked", "interrupted": "interrupted after"}.get(summary.status, "stopped after")
    found = f"{len(summary.identities)} identities, {summary.boxes} boxes"
    typer.echo(f"{word} {frames}{of_all} frames: {found}{rate}")
    if summary.status != "complete":
        typer.echo("what was done until then is whole:")
    for file in summary.files:
        typer.echo(f"  {file}")
