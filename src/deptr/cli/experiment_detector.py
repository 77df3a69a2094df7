"""Experiments about the detector: what it reaches, what its depth costs, which of its parts matter."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from deptr.cli.extras import need
from deptr.cli.results import show, write_report
from deptr.errors import UsageError

app = typer.Typer()
_NEEDS = ("torch", "transformers", "accelerate", "faster_coco_eval", "onnx")


@app.command("detector")
def detector(
    recipe: Path = typer.Argument(..., help="TOML file whose data.evaluate names the sets."),
    *,
    model: str | None = typer.Option(None, "--model", help="Default: the bundled detector."),
    rival: list[str] = typer.Option(
        [], "--rival", metavar="NAME=FILE", help="Another detector, of any project: its AP50 beside."
    ),
    curve: Path | None = typer.Option(None, "--curve", help="learning-curve.csv of its training."),
    images_per_step: int = typer.Option(8, "--images-per-step", help="Of that training."),
    video: list[Path] = typer.Option([], "--video", help="Clip whose boxes are judged for steadiness too."),
    report: Path | None = typer.Option(None, "--report", help="Markdown file to write."),
) -> None:
    """AP, depth and steadiness of a detector by set, size, visibility and distance."""
    need("this experiment", "train", *_NEEDS)
    from deptr.detector.inference import Detector
    from deptr.detector.opening import BUNDLED
    from deptr.experiments.detector_report import detector_tables
    from deptr.experiments.learning_curve import curve_table, draw_curve, read_curve
    from deptr.experiments.rivals import rivals_table
    from deptr.experiments.steadiness import crowd_jitter, jitter_table, video_jitter
    from deptr.experiments.taken_for_people import false_table, furniture_table
    from deptr.training.config import load_settings
    from deptr.training.sources import evaluation_sets, places_of

    settings = load_settings(recipe)
    sets = evaluation_sets(settings)
    own = Detector.from_pretrained(model)
    rivals = {name: Detector.from_pretrained(file) for name, file in map(_name_and_file, rival)}
    tables = [*detector_tables(own, sets), false_table(own, sets)]
    if rivals:
        tables.append(rivals_table({Path(model).name if model else BUNDLED: own, **rivals}, sets))
    places = places_of(settings.data)
    if places is not None:
        tables.append(furniture_table(own, places))
    clips = {path.name: video_jitter(own, path) for path in video}
    tables.append(jitter_table({**crowd_jitter(own), **clips}))
    known = None if curve is None else read_curve(curve)
    if known is not None:
        tables.append(curve_table(known, images_per_step))
    for table in tables:
        show(table)
    if report is not None:
        pictures = []
        if known is not None:
            pictures.append(report.with_name(f"{report.stem}-learning-curve.png"))
            draw_curve(known, images_per_step, pictures[0])
        name = Path(model).name if model else BUNDLED
        write_report(report, f"Detector {name}", "", tables, images=pictures)


def _name_and_file(text: str) -> tuple[str, str]:
    name, separator, file = text.partition("=")
    if not (name and separator and file):
        raise UsageError(f"--rival: expected NAME=FILE, got {text!r}")
    return name, file


@app.command("cost")
def cost(
    recipe: Path | None = typer.Argument(None, help="TOML file whose data.evaluate names sets: AP50 too."),
    *,
    model: list[Path] = typer.Option(
        [], "--model", help="Exported file; several are compared. Default: the bundled ones."
    ),
    repeats: int = typer.Option(20, "--repeats", min=1, help="Runs of each network."),
    report: Path | None = typer.Option(None, "--report", help="Markdown file to write."),
) -> None:
    """What exported detectors cost a frame and lose in 8 bits, and what the depth module costs."""
    need("this experiment", "train", *_NEEDS)
    from deptr.detector.opening import BUNDLED, BUNDLED_INT8, bundled_model
    from deptr.experiments.detector_cost import cost_table
    from deptr.experiments.exported_cost import (
        loss_table,
        node_table,
        shape_table,
        shape_time_table,
        time_table,
    )
    from deptr.training.config import load_settings
    from deptr.training.sources import evaluation_sets

    files = {path.stem: path for path in model}
    files = files or {name: bundled_model(name) for name in (BUNDLED, BUNDLED_INT8)}
    first = next(iter(files.values()))
    tables = [time_table(files, repeats=repeats), shape_time_table(first, repeats=repeats), node_table(files)]
    if recipe is not None:
        sets = evaluation_sets(load_settings(recipe))
        tables += [loss_table(files, sets), shape_table(first, sets)]
    if not model:
        tables.append(cost_table(repeats=repeats))
    for table in tables:
        show(table)
    if report is not None:
        write_report(report, "Cost of the detector", "", tables)


@app.command("ablation")
def ablation(
    recipe: Path = typer.Argument(..., help="TOML file of the students, such as recipes/ablation.toml."),
    *,
    encoder: Path | None = typer.Option(
        None,
        "--encoder",
        help="Second TOML file, for arms whose encoder learns: recipes/ablation-encoder.toml.",
    ),
    images: int = typer.Option(800, "--images", min=10, help="Training images whose features are kept."),
    seeds: int = typer.Option(5, "--seeds", min=2, help="Trainings of each variant."),
    folder: Path | None = typer.Option(None, "--folder", help="Keep features and students here."),
    report: Path | None = typer.Option(None, "--report", help="Markdown file to write."),
) -> None:
    """Train variants of the depth module behind the same frozen detector and compare them."""
    need("this experiment", "train", *_NEEDS)
    from deptr.cli.terminal import progress
    from deptr.experiments.alignment_ablation import alignment_table
    from deptr.experiments.detector_ablation import ablation_table
    from deptr.training.config import load_settings

    place: Any = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory()
    with place as name, progress("ablation") as told:
        settings = load_settings(recipe)
        tables = [ablation_table(settings, name, images=images, seeds=range(seeds), progress=told)]
        if encoder is not None:
            settings = load_settings(encoder)
            tables.append(alignment_table(settings, name, images=images, seeds=range(seeds), progress=told))
    for table in tables:
        show(table)
    if report is not None:
        write_report(report, "Ablation of the detector", "", tables)


@app.command("predict")
def predict(
    root: Path = typer.Argument(..., help="Sequence folders with img1, gt and seqinfo.ini."),
    output: Path = typer.Argument(..., help="Folder for the same sequences with predicted detections."),
    *,
    model: str | None = typer.Option(None, "--model", help="Default: the bundled detector."),
    sequences: str = typer.Option("", "--sequences", help="Only these, separated by commas."),
    min_score: float = typer.Option(0.1, "--min-score", help="Leave out boxes with a lower score."),
) -> None:
    """Put a detector's boxes and depths in place of a benchmark's, for `deptr benchmark mot`."""
    from deptr.cli.terminal import progress
    from deptr.detector.inference import Detector
    from deptr.experiments.predicted_benchmark import predict_benchmark

    with progress("predict") as told:
        count = predict_benchmark(
            Detector.from_pretrained(model),
            root,
            output,
            sequences=[name for name in sequences.split(",") if name],
            min_score=min_score,
            progress=told,
        )
    typer.echo(f"{output}: {count} sequences")
