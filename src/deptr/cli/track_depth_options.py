"""What `deptr track` understands about depth: where it comes from and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deptr.pipeline.depth.request import WORDS
from deptr.records import DepthKind

Depth = Annotated[
    str | None,
    typer.Option(
        "--depth",
        help=f"Where depth comes from: {' or '.join(WORDS)}; pseudo guesses it from the boxes and "
        "the ground plane. Default: the file's, if it has any.",
    ),
]
DepthColumn = Annotated[
    int | None,
    typer.Option(
        "--depth-column", help="Column with the depth, counted from 1. Default: 8, or 11 of 11 columns."
    ),
]
KindOfDepth = Annotated[
    str | None,
    typer.Option(
        "--depth-kind",
        help="What the depths of the file or the maps mean: one of "
        f"{', '.join(kind.value for kind in DepthKind)}. Default: metric.",
    ),
]
DepthMaps = Annotated[
    Path | None,
    typer.Option(
        "--depth-maps",
        help="Depth images of the frames: a folder of PNG, TIFF, npy, npz or EXR, or a video of 16 bits.",
    ),
]
Points = Annotated[
    Path | None,
    typer.Option("--points", help="Points of a laser scanner: a folder of .bin, .npy, .pcd or .ply."),
]
Disparity = Annotated[
    Path | None,
    typer.Option("--disparity", help="Disparity images of two lenses; needs --baseline and a camera."),
]
Baseline = Annotated[
    float | None, typer.Option("--baseline", help="Distance of the two lenses in metres, for --disparity.")
]
DepthUnit = Annotated[
    str | None,
    typer.Option(
        "--depth-unit",
        help="Unit of depth images: mm, cm, m, or the metres of one step, such as 1/5000. Default: mm of "
        "whole numbers, m of others. Of disparity: the pixels of one step. Default: 1.",
    ),
]
DepthMaxGap = Annotated[
    float | None,
    typer.Option(
        "--depth-max-gap",
        help="Seconds between a frame and its depth where they are matched by time. Default: half a frame.",
    ),
]
DepthCamera = Annotated[
    Path | None,
    typer.Option("--depth-camera", help="Camera of depth images that are not registered to the frames."),
]
Extrinsics = Annotated[
    Path | None,
    typer.Option(
        "--extrinsics",
        help="Transform from the depth camera or the scanner to the camera: 12 or 16 numbers, row by row.",
    ),
]
Camera = Annotated[
    Path | None,
    typer.Option(
        "--camera",
        help="The camera: CameraInfo or OpenCV YAML, KITTI calib, COLMAP cameras.txt. With depth in metres: "
        "places in metres, in tracks.jsonl.",
    ),
]
Poses = Annotated[
    Path | None,
    typer.Option("--poses", help="Poses of the camera, TUM or KITTI text: places are then in the world."),
]
