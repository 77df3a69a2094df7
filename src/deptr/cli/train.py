"""`deptr train`: one configuration file in, checkpoints and a learning curve out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.training.config import TrainSettings
    from deptr.training.run import Trained

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
    """Train the DepTR detector; an identity decoder or looks where the recipe's `kind` says so.

    Several GPUs or CPU processes: ``torchrun --nproc_per_node 2 -m deptr.cli.main train RECIPE``.
    """
    from dataclasses import replace

    from deptr.cli.extras import need

    need("training", "train", "torch", "accelerate", "faster_coco_eval", "safetensors")
    import torch

    from deptr.cli.terminal import progress
    from deptr.training.config import load_settings
    from deptr.training.run import train_in

    if threads:
        torch.set_num_threads(threads)
    other = _OTHER_KINDS.get(_kind_of(recipe))
    if other is not None:
        if pack is not None:
            raise UsageError("--pack: this training reads no files; there is nothing to pack")
        other(recipe, output, checkpoint, steps)
        return
    settings = load_settings(recipe)
    if checkpoint:
        settings = replace(settings, model=replace(settings.model, start=checkpoint))
    if steps:
        settings = replace(settings, optimizer=settings.optimizer.shortened(steps))
    if pack is not None:
        _pack(settings, recipe, pack, pack_side)
        return
    with progress("train") as told:
        _tell(output, train_in(output, settings, progress=told))


def _kind_of(recipe: Path) -> str:
    from deptr.io.text_files import read_toml

    return str(read_toml(recipe).get("kind", ""))


def _train_identity(recipe: Path, output: Path, checkpoint: str, steps: int) -> None:
    from dataclasses import replace

    from deptr.cli.terminal import progress
    from deptr.training.identity.config import load_identity_settings
    from deptr.training.run import train_identity_in

    settings = load_identity_settings(recipe)
    if checkpoint:
        settings = replace(settings, start=checkpoint)
    if steps:
        settings = replace(settings, optimizer=settings.optimizer.shortened(steps))
    with progress("train") as told:
        _tell(output, train_identity_in(output, settings, progress=told))


def _train_looks(recipe: Path, output: Path, checkpoint: str, steps: int) -> None:
    from dataclasses import replace

    from deptr.cli.terminal import progress
    from deptr.training.looks.config import load_looks_settings
    from deptr.training.run import train_looks_in

    if checkpoint:
        raise UsageError("--checkpoint: has no effect on the training of looks, which takes a minute")
    settings = load_looks_settings(recipe)
    if steps:
        settings = replace(settings, optimizer=settings.optimizer.shortened(steps))
    with progress("train") as told:
        _tell(output, train_looks_in(output, settings, progress=told))


_OTHER_KINDS = {"identity": _train_identity, "looks": _train_looks}  # by the recipe's `kind`


def _tell(output: Path, done: Trained) -> None:
    shown = ", ".join(f"{name} {value:.3f}" for name, value in done.figures.items())
    typer.echo(f"{output}: step {done.step}" + (f": {shown}" if shown else ""))


def _pack(settings: TrainSettings, recipe: Path, output: Path, side_px: int) -> None:
    from deptr.cli.terminal import progress
    from deptr.training.packing import PackLimits, write_pack

    with progress("pack") as told:
        size = write_pack(settings, recipe, output, PackLimits(side_px=side_px), progress=told)
    typer.echo(f"{output}: {size / 1e6:.1f} MB; unzip it elsewhere and run there: deptr train recipe.toml")
