"""`deptr train`: one configuration file in, checkpoints and a learning curve out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from deptr.training.config import TrainSettings

app = typer.Typer()


@app.command()
def train(
    recipe: Path = typer.Argument(..., help="TOML file; see recipes/ for an example and docs/training.md."),
    *,
    output: Path = typer.Option(
        Path("runs/train"), help="Folder of the run; a run that is there goes on where it stopped."
    ),
    checkpoint: str = typer.Option("", help="Replace model.start of the recipe: weights to go on from."),
    steps: int = typer.Option(0, help="Replace optimizer.steps of the recipe."),
    threads: int = typer.Option(0, help="CPU threads per process; 0 leaves torch's default."),
    pack: Path | None = typer.Option(
        None, help="Instead of training, write the recipe and all it reads to this .zip, for another machine."
    ),
    pack_side: int = typer.Option(360, help="Longest side in pixels of the pictures in a pack."),
) -> None:
    """Train the DepTR detector.

    Several GPUs or CPU processes: ``torchrun --nproc_per_node 2 -m deptr.cli.main train RECIPE``.
    """
    from dataclasses import replace

    from deptr.cli.extras import need

    need("training", "train", "torch", "accelerate", "faster_coco_eval", "safetensors")
    import torch

    from deptr.cli.terminal import progress
    from deptr.training.config import load_settings
    from deptr.training.run import train_in

    settings = load_settings(recipe)
    if checkpoint:
        settings = replace(settings, model=replace(settings.model, start=checkpoint))
    if steps:
        decay = min(settings.optimizer.decay_steps, steps)
        settings = replace(settings, optimizer=replace(settings.optimizer, steps=steps, decay_steps=decay))
    if pack is not None:
        _pack(settings, recipe, pack, pack_side)
        return
    if threads:
        torch.set_num_threads(threads)
    with progress("train") as told:
        done = train_in(output, settings, progress=told)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in done.figures.items())
    typer.echo(f"{output}: step {done.step}" + (f": {shown}" if shown else ""))


def _pack(settings: TrainSettings, recipe: Path, output: Path, side_px: int) -> None:
    from deptr.cli.terminal import progress
    from deptr.training.packing import PackLimits, write_pack

    with progress("pack") as told:
        size = write_pack(settings, recipe, output, PackLimits(side_px=side_px), progress=told)
    typer.echo(f"{output}: {size / 1e6:.1f} MB; unzip it elsewhere and run there: deptr train recipe.toml")
