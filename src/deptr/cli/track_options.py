"""What `deptr track` understands: its options and the text of its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deptr.io.run_folder import LINES, RUN, TRACKS, VIDEO
from deptr.tracking.depth.fusion import MODES, settings_of
from deptr.tracking.registry import TRACKER_NAMES, parameters_of


def _defaults(setting: str) -> str:
    """Default of a setting in each kind of fusion that has it, such as ``0.2 (fixed)``."""
    return ", ".join(
        f"{entry.default:g} ({mode})"
        for mode in MODES
        for entry in settings_of(mode)
        if entry.name == setting
    )


Source = Annotated[
    list[str] | None,
    typer.Argument(
        help="Video file, folder of images, MOT sequence folder, recording (MCAP or ROS bag), camera number, "
        "or rtsp/http address; several of them, folders of videos, or @FILE with one a line."
    ),
]
Detections = Annotated[
    Path | None,
    typer.Option("--detections", help="File with detections. Default: det/det.txt of a MOT sequence folder."),
]
Tracker = Annotated[str, typer.Option("--tracker", help=f"One of {', '.join(TRACKER_NAMES)}.")]
Looks = Annotated[
    str | None,
    typer.Option(
        "--looks",
        help="Let how people look take part (botsort, likelihood, learned): person, which comes with deptr, "
        "or the looks.npz of a run of deptr train.",
    ),
]
Fusion = Annotated[
    str | None,
    typer.Option(
        "--fusion",
        help=f"How depth takes part: one of {', '.join(MODES)}. Default: adaptive with depth, none without.",
    ),
]
Gamma = Annotated[
    float | None,
    typer.Option("--gamma", help=f"Weight of depth in [0, 1]. Default: {_defaults('gamma')}."),
]
DepthScale = Annotated[
    float | None,
    typer.Option(
        "--depth-scale",
        help=f"The paper's lambda: cost per unit of depth difference. Default: {_defaults('scale')}.",
    ),
]
FirstFrame = Annotated[
    int, typer.Option("--first-frame", help="Number of the first frame in the file, 0 or 1.")
]
Fps = Annotated[float | None, typer.Option("--fps", help="Frames per second. Default: what the source says.")]
Topic = Annotated[
    str | None, typer.Option("--topic", help="Image topic of a recording, where it has several.")
]
Classes = Annotated[
    str | None, typer.Option("--classes", help="Only these classes: names or numbers, separated by commas.")
]
MinScore = Annotated[float, typer.Option("--min-score", help="Leave out detections with a lower score.")]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE", help="A parameter of the tracker; see below. Can be repeated."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="TOML file with parameters; [bytetrack] etc. for one tracker, [fusion] for mode, gamma, scale.",
    ),
]


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
  {TRACKS}   a row for each box: frame, id, left, top, width, height, score, class, -1, -1, depth
  {LINES} a line of JSON for each frame; with a camera, places and velocities in metres too
  {VIDEO}  the video with boxes, depth, trails and a bird's-eye inset (only with images)
  {RUN}     every parameter, versions, depth kind and unit, counts and timings

\b
A detections file is MOT text (frame, id, left, top, width, height[, score[, depth, ...]], frames from 1,
pixels, comma separated) or KITTI tracking text. A depth of -1 is not known.

{_parameter_help()}
"""
