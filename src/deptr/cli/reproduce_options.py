"""The options of `deptr reproduce`, under the headings of its help."""

from __future__ import annotations

from typing import Any

import typer

_TEACHER, _DETECTOR, _GRID, _MACHINE = "Teacher", "Detectors", "Trackers", "Machine"

ROOT: Any = typer.Option(..., "--root", help="Folder of the data, unpacked or as downloaded.")
OUTPUT: Any = typer.Option(..., "--output", "-o", help="Folder of the run; what is done is kept.")
DRY_RUN: Any = typer.Option(False, "--dry-run", help="Only the plan: what is there, what it takes.")
MEASURE: Any = typer.Option(
    True, "--measure/--no-measure", help="With --dry-run: time a little of each step."
)
WEIGHTS: Any = typer.Option(None, "--weights", help="Folder with the public weights.")
DOWNLOAD: Any = typer.Option(False, "--download", help="Fetch missing weights.")
SEED: Any = typer.Option(0, "--seed", min=0, help="Of training.")
MASKS: Any = typer.Option(
    "sam2.1-hiera-tiny", "--masks", help="As for deptr label.", rich_help_panel=_TEACHER
)
DEPTH: Any = typer.Option("vda-small", "--depth", help="As for deptr label.", rich_help_panel=_TEACHER)
INPUT_SIZE: Any = typer.Option(
    518, "--input-size", help="Shorter side for the depth teacher.", rich_help_panel=_TEACHER
)
REGIONS: Any = typer.Option("mask", "--regions", help="mask, or box.", rich_help_panel=_TEACHER)
SIZE: Any = typer.Option("l", "--size", help="D-FINE n, s, m, l or x.", rich_help_panel=_DETECTOR)
EPOCHS: Any = typer.Option(80.0, "--epochs", help="Passes over the data.", rich_help_panel=_DETECTOR)
BATCH_SIZE: Any = typer.Option(
    32, "--batch-size", help="Images a step, over all processes.", rich_help_panel=_DETECTOR
)
TRAIN_STRIDE: Any = typer.Option(
    1, "--train-stride", help="Train on every k-th frame.", rich_help_panel=_DETECTOR
)
IMAGE_SIZE: Any = typer.Option(
    "", "--image-size", help="HEIGHTxWIDTH. Default: by data set.", rich_help_panel=_DETECTOR
)
PRECISION: Any = typer.Option("bf16", "--precision", help="bf16, fp16 or no.", rich_help_panel=_DETECTOR)
TRACKERS: Any = typer.Option("all", "--trackers", help="all, or a list.", rich_help_panel=_GRID)
FUSIONS: Any = typer.Option("all", "--fusions", help="all, or a list.", rich_help_panel=_GRID)
STRIDES: Any = typer.Option("1,4", "--strides", help="Every k-th frame.", rich_help_panel=_GRID)
GAMMAS: Any = typer.Option("", "--gammas", help="Weights that are swept.", rich_help_panel=_GRID)
SCALES: Any = typer.Option("", "--scales", help="Scales that are swept.", rich_help_panel=_GRID)
MIN_SCORE: Any = typer.Option(0.1, "--min-score", help="Of detections.", rich_help_panel=_GRID)
DEVICE: Any = typer.Option("auto", "--device", help="auto, cpu or cuda.", rich_help_panel=_MACHINE)
PROCESSES: Any = typer.Option(
    1, "--processes", help="Training processes, one per GPU.", rich_help_panel=_MACHINE
)
WORKERS: Any = typer.Option(2, "--workers", help="Processes that track.", rich_help_panel=_MACHINE)
LOADERS: Any = typer.Option(4, "--loaders", help="Processes that load.", rich_help_panel=_MACHINE)
ENGINE: Any = typer.Option("local", "--engine", help="local or ray.", rich_help_panel=_MACHINE)
ADDRESS: Any = typer.Option(
    "", "--address", help="Of a Ray cluster; none starts one here.", rich_help_panel=_MACHINE
)
