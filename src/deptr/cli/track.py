"""`deptr track`: identities for the objects of a video, a stream or a detections file."""

from __future__ import annotations

import typer

from deptr.cli import track_options as option
from deptr.cli.json_log import JsonLog
from deptr.cli.option_groups import grouped
from deptr.cli.track_count_options import CountOptions
from deptr.cli.track_depth_options import CameraOptions, DepthOptions
from deptr.cli.track_detector_options import DetectorOptions
from deptr.cli.track_live_options import LiveOptions
from deptr.cli.track_many_options import ManyOptions
from deptr.cli.track_output_options import OutputOptions
from deptr.cli.track_run import track_many, track_one
from deptr.cli.track_words import Options, chosen_fusion, tracker_parameters
from deptr.pipeline.request import Request

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=option.EPILOG)
@grouped
def track(
    source: option.Source = None,
    *,
    detections: option.Detections = None,
    finder: DetectorOptions,
    looks: option.Looks = None,
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
    many: ManyOptions,
) -> None:
    """Follow objects through a video, images, a stream or a detections file."""
    request = Request(
        source=source[0] if source else None,
        detections=detections,
        detector=finder.request,
        looks=looks,
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
    log = JsonLog() if many.log_json else None
    sources = many.all(source or ())
    if many.asked or sources != (source or []) or len(sources) > 1:
        track_many(request, sources, results, many, log)
    else:
        track_one(request, results, log)
