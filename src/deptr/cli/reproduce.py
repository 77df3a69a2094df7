"""`deptr reproduce`: the paper's main table from a data set and public weights, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli import reproduce_options as options
from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.reproduce.settings import Grid, Machine, Request

app = typer.Typer(no_args_is_help=True, add_completion=False)

_NEEDS = ("torch", "transformers", "accelerate", "safetensors", "pyarrow", "tensorboard", "faster_coco_eval")


def _study(
    ctx: typer.Context,
    *,
    root: Path = options.ROOT,
    output: Path = options.OUTPUT,
    dry_run: bool = options.DRY_RUN,
    measure: bool = options.MEASURE,
    weights: Path | None = options.WEIGHTS,
    download: bool = options.DOWNLOAD,
    seed: int = options.SEED,
    masks: str = options.MASKS,
    depth: str = options.DEPTH,
    input_size: int = options.INPUT_SIZE,
    regions: str = options.REGIONS,
    size: str = options.SIZE,
    epochs: float = options.EPOCHS,
    batch_size: int = options.BATCH_SIZE,
    train_stride: int = options.TRAIN_STRIDE,
    image_size: str = options.IMAGE_SIZE,
    precision: str = options.PRECISION,
    trackers: str = options.TRACKERS,
    fusions: str = options.FUSIONS,
    strides: str = options.STRIDES,
    gammas: str = options.GAMMAS,
    scales: str = options.SCALES,
    min_score: float = options.MIN_SCORE,
    device: str = options.DEVICE,
    processes: int = options.PROCESSES,
    workers: int = options.WORKERS,
    loaders: int = options.LOADERS,
    engine: str = options.ENGINE,
    address: str = options.ADDRESS,
) -> None:
    """Labels, both detectors, detections, every tracker with and without depth, and the paper's tables.

    Can be interrupted or killed at any moment; the same command goes on. --dry-run says what it would take.
    """
    from deptr.cli.extras import need

    need("deptr reproduce", "train,teacher", *_NEEDS)
    from deptr.reproduce.settings import Labelling, Machine, Request, Training
    from deptr.reproduce.studies import study_of

    study = study_of(str(ctx.info_name))
    sides = _sides(image_size) if image_size else study.image_size
    training = Training(size, epochs, batch_size, image_size=sides, precision=precision, stride=train_stride)
    chosen = {
        "trackers": trackers,
        "fusions": fusions,
        "strides": strides,
        "gammas": gammas,
        "scales": scales,
    }
    compared, teacher = _grid(chosen, min_score), Labelling(masks, depth, input_size, regions)
    request = Request(
        study.name, root.absolute(), output.absolute(), teacher, training, compared, seed,
        weights.absolute() if weights else None,
    )  # fmt: skip
    machine = Machine(device, processes, workers, loaders, engine, address or None, download)
    _quiet()
    if dry_run:
        return _show(request, machine, measure)
    return _do(request, machine)


def _quiet() -> None:
    """Leave out what `transformers` tells of each checkpoint that it loads."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _do(request: Request, machine: Machine) -> None:
    from deptr.cli.terminal import progress
    from deptr.reproduce.run import reproduce

    path = reproduce(request, machine, progress, lambda text: typer.echo(text, err=True))
    typer.echo(f"wrote {path} and {path.with_suffix('.md')}")


def _grid(chosen: dict[str, str], min_score: float) -> Grid:
    from deptr.cli.results import numbers_of, words_of
    from deptr.reproduce.settings import Grid

    usual = Grid()

    def words(name: str) -> tuple[str, ...]:
        usual_ones: tuple[str, ...] = getattr(usual, name)
        return usual_ones if chosen[name] == "all" else tuple(words_of(chosen[name], f"--{name}"))

    return Grid(
        trackers=words("trackers"),
        fusions=words("fusions"),
        strides=tuple(numbers_of(chosen["strides"], "--strides")),
        gammas=_numbers(chosen["gammas"], "--gammas") or usual.gammas,
        scales=_numbers(chosen["scales"], "--scales") or usual.scales,
        min_score=min_score,
    )


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise UsageError(f"{option}: expected numbers separated by commas, got {text!r}") from error


def _sides(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise UsageError(f"--image-size: expected HEIGHTxWIDTH such as 480x864, got {text!r}")
    return int(height), int(width)


def _show(request: Request, machine: Machine, measured: bool) -> None:
    """Print a plan."""
    from deptr.reproduce.plan import make_plan
    from deptr.reproduce.show import lines

    for line in lines(make_plan(request, machine, measured=measured)):
        typer.echo(line)


@app.command("merge")
def merge(
    results: list[Path] = typer.Argument(help="Two or more result.json of one benchmark."),
    *,
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the merged result and its page."),
) -> None:
    """Put the results of several seeds or machines into one, with intervals over all of them."""
    from deptr.reproduce.result import merge as joined
    from deptr.reproduce.result import write_result

    path = write_result(output, joined(results))
    typer.echo(f"wrote {path} and {path.with_suffix('.md')}")


for _name, _about in (
    ("dancetrack", "DanceTrack: train, score on val, files for the test server."),
    ("quadtrack", "QuadTrack, 360 degrees: train, score on test."),
    ("mot17", "MOT17: train on the first half of each video, score the second."),
):
    app.command(_name, short_help=_about)(_study)
