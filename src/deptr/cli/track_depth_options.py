"""What `deptr track` understands about depth and the camera: where depth comes from and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deptr.pipeline.camera import CameraRequest
from deptr.pipeline.depth.request import MONOCULAR, DepthRequest
from deptr.records import DepthKind

_PANEL, _CAMERA = "Depth", "Camera"


@dataclass(frozen=True)
class DepthOptions:
    """Options about depth."""

    depth: Annotated[
        str | None,
        typer.Option(
            "--depth",
            help="Where depth comes from: file; pseudo guesses it from the boxes and the ground plane; "
            "network asks a DepTR network about the boxes, whoever found them; a depth network looks at the "
            f"images: {', '.join(MONOCULAR)}. Default: the file's or detector's, if it has any.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_column: Annotated[
        int | None,
        typer.Option(
            "--depth-column",
            help="Column with the depth, counted from 1. Default: 8, or 11 of 11 columns.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_kind: Annotated[
        str | None,
        typer.Option(
            "--depth-kind",
            help="What the depths of the file or the maps mean: one of "
            f"{', '.join(kind.value for kind in DepthKind)}. Default: metric.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_maps: Annotated[
        Path | None,
        typer.Option(
            "--depth-maps",
            help="Depth images of the frames: a folder of PNG, TIFF, npy, npz or EXR, or a video of 16 bits.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    points: Annotated[
        Path | None,
        typer.Option(
            "--points",
            help="Points of a laser scanner: a folder of .bin, .npy, .pcd or .ply; needs --camera.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    disparity: Annotated[
        Path | None,
        typer.Option(
            "--disparity",
            help="Disparity images of two lenses, as depth images; needs --baseline and a camera.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    baseline: Annotated[
        float | None,
        typer.Option("--baseline", help="Distance of the two lenses in metres.", rich_help_panel=_PANEL),
    ] = None
    depth_unit: Annotated[
        str | None,
        typer.Option(
            "--depth-unit",
            help="Unit of depth images: mm, cm, m, or the metres of one step, such as 1/5000. Default: mm of "
            "whole numbers, m of others. Of disparity: the pixels of one step. Default: 1.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_max_gap: Annotated[
        float | None,
        typer.Option(
            "--depth-max-gap",
            metavar="SECONDS",
            help="Between a frame and its depth where they are matched by time. Default: half a frame.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_camera: Annotated[
        Path | None,
        typer.Option(
            "--depth-camera",
            help="Camera of depth images that are not registered to the frames; files as for --camera.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    extrinsics: Annotated[
        Path | None,
        typer.Option(
            "--extrinsics",
            help="Transform from the depth camera or scanner to the camera: 12 or 16 numbers, row by row.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    depth_network: Annotated[
        str | None,
        typer.Option(
            "--depth-network",
            help="Which network --depth network asks. Default: the one that comes with deptr.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    depth_every: Annotated[
        int | None,
        typer.Option(
            "--depth-every",
            help="Frames from one map of a depth network to the next. Default: 1.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    @property
    def request(self) -> DepthRequest:
        """What is asked."""
        return DepthRequest(
            source=self.depth,
            column=self.depth_column,
            kind=self.depth_kind,
            maps=self.depth_maps,
            points=self.points,
            disparity=self.disparity,
            unit=self.depth_unit,
            max_gap=self.depth_max_gap,
            baseline_m=self.baseline,
            depth_camera=self.depth_camera,
            extrinsics=self.extrinsics,
            network=self.depth_network,
            every=self.depth_every,
        )


@dataclass(frozen=True)
class CameraOptions:
    """Options about the camera."""

    focal: Annotated[
        float | None,
        typer.Option(
            "--focal",
            help="Focal length in pixels: the detector's depth is then in metres, and so are places.",
            rich_help_panel=_CAMERA,
        ),
    ] = None
    camera: Annotated[
        Path | None,
        typer.Option(
            "--camera",
            help="The camera: CameraInfo or OpenCV YAML, KITTI calib, COLMAP cameras.txt. With depth in "
            "metres: places in metres, in tracks.jsonl.",
            rich_help_panel=_CAMERA,
        ),
    ] = None
    poses: Annotated[
        Path | None,
        typer.Option(
            "--poses",
            help="Poses of the camera, TUM or KITTI text: places are then in the world.",
            rich_help_panel=_CAMERA,
        ),
    ] = None

    @property
    def request(self) -> CameraRequest:
        """What is asked."""
        return CameraRequest(self.camera, self.focal, self.poses)
