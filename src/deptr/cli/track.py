"""`deptr track`: identities for the objects of a video, a stream or a detections file."""

from __future__ import annotations

import typer

from deptr.cli import track_options as option
from deptr.cli.interrupt import EXIT_CODE, interruptible
from deptr.cli.option_groups import grouped
from deptr.cli.terminal import progress
from deptr.cli.track_count_options import CountOptions
from deptr.cli.track_depth_options import CameraOptions, DepthOptions
from deptr.cli.track_detector_options import DetectorOptions
from deptr.cli.track_live_options import LiveOptions
from deptr.cli.track_output_options import OutputOptions
from deptr.cli.track_words import Options, chosen_fusion, tracker_parameters
from deptr.pipeline.output import Summary
from deptr.pipeline.request import Request
from deptr.pipeline.run import Run

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=option.EPILOG)
@grouped
def track(
    source: option.Source = None,
    *,
    detections: option.Detections = None,
    looks: DetectorOptions,
    tracker: option.Tracker = "bytetrack",
    fusion: option.Fusion = None,
    gamma: option.Gamma = None,
    depth_scale: option.DepthScale = None,
    reading: DepthOptions,
    view: CameraOptions,
    first_frame: option.FirstFrame = 1,
    fps: option.Fps = None,
    topic: option.Topic = None,
    classes: option.Classes = None,
    min_score: option.MinScore = 0.0,
    param: option.Param = None,
    config: option.Config = None,
    time: LiveOptions,
    counts: CountOptions,
    results: OutputOptions,
) -> None:
    """Follow objects through a video, images, a stream or a detections file."""
    run = Run(
        Request(
            source=source,
            detections=detections,
            detector=looks.request,
            tracker=tracker,
            parameters=tracker_parameters(tracker, param or (), config),
            fusion=chosen_fusion(fusion, gamma, depth_scale, config),
            depth=reading.request,
            camera=view.request,
            first_frame=first_frame,
            fps=fps,
            topic=topic,
            classes=classes,
            min_score=min_score,
            live=time.request,
            counts=counts.request,
            spelling=Options(),
        )
    )
    try:
        with interruptible() as stop, progress("track") as report:
            run.save(
                results.output,
                video=not results.no_video,
                jsonl=results.jsonl,
                show=results.show,
                overwrite=results.overwrite,
                stop=stop,
                progress=report,
            )
    finally:
        if run.summary is not None:
            _tell(run, run.summary, to_errors=results.to_standard_output)
    if stop.requested:
        raise typer.Exit(EXIT_CODE)


def _tell(run: Run, summary: Summary, *, to_errors: bool) -> None:
    for note in summary.notes:
        typer.echo(f"note: {note}", err=True)
    frames, total = summary.frames, summary.total
    of_all = f" of {total}" if total and total != frames else ""
    wall = summary.seconds.get("wall", 0.0)
    rate = f", {frames / wall:.0f} frames/s" if wall else ""
    word = {"complete": "tracked", "interrupted": "interrupted after"}.get(summary.status, "stopped after")
    found = f"{len(summary.identities)} identities, {summary.boxes} boxes"
    lines = [f"{word} {frames}{of_all} frames: {found}{rate}"]
    if run.live is not None:
        lines.append(run.live.sentence())
    if summary.status != "complete":
        lines.append("what was done until then is whole:")
    lines += [f"  {file}" for file in summary.files]
    typer.echo("\n".join(lines), err=to_errors)
