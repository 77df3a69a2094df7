"""`deptr export`: a trained detector or identity decoder as ONNX, compared with torch before it is kept."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.detector.modeling import DepTRForObjectDetection
    from deptr.records import Image

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_SWITCH = {"true": True, "false": False}


@app.command()
def export(
    checkpoint: str = typer.Argument(..., help="Checkpoint folder, such as runs/train/best, or a hub name."),
    *,
    output: Path = typer.Option(Path("runs/export/model.onnx"), "--output", help="The .onnx file."),
    half: bool = typer.Option(False, "--half", help="Store weights in half precision: half the size."),
    quantize: Path | None = typer.Option(
        None,
        "--quantize",
        metavar="IMAGES",
        help="Compute convolutions in 8 bits, calibrated on this folder of images or video.",
    ),
    quantize_images: int = typer.Option(64, "--quantize-images", min=1, help="How many of them."),
    states: bool = typer.Option(
        False, "--states", help="Give query states too, which an identity decoder for queries reads."
    ),
    weights: Path | None = typer.Option(
        None, "--weights", help="Also write the checkpoint in half precision (safetensors) to this folder."
    ),
    calibrate: Path | None = typer.Option(
        None, "--calibrate", help="Recipe on whose held-out images scores are fitted to be probabilities."
    ),
    average: str = typer.Option(
        "",
        "--average",
        metavar="CHECKPOINT=SHARE",
        help="Mix in so much of a checkpoint it was trained from.",
    ),
    option: list[str] = typer.Option(
        [], "--option", metavar="NAME=VALUE", help="A field of the configuration, such as nms_iou=0.6."
    ),
) -> None:
    """Write a detector (any batch and size) or an identity decoder as ONNX, checked against torch."""
    from deptr.cli.extras import need

    need("export", "export", "torch", "transformers", "onnx")
    if _is_identity(checkpoint):
        _export_identity(checkpoint, output, _values(option))
        return
    from deptr.detector.export import OPSET, export_onnx
    from deptr.detector.loading import average_weights, load_detector, save_half

    detector = load_detector(checkpoint, changes=_values(option))
    if average:
        name, share = _checkpoint_and_share(average)
        average_weights(detector, load_detector(name, changes=_values(option)), share)
    if calibrate is not None:
        _calibrate(detector, calibrate)
    if quantize is None:
        told = f"largest difference from torch: {export_onnx(detector, output, half=half, states=states)}"
    else:
        images = _images_of(quantize, quantize_images)
        told = _quantized(detector, output, images, half=half, states=states)
    typer.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB, opset {OPSET}; {told}")
    if weights is not None:
        path = save_half(detector, weights)
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _quantized(
    detector: DepTRForObjectDetection, output: Path, images: list[Image], *, half: bool, states: bool
) -> str:
    from deptr.detector.export import export_onnx
    from deptr.detector.quantize import quantize_file

    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.onnx"
        export_onnx(detector, exact, states=states)
        agreed = quantize_file(exact, output, images, half=half)
    return f"convolutions in 8 bits, calibrated on {len(images)} images: {agreed}"


def _images_of(source: Path, count: int) -> list[Image]:
    """So many images of a folder or video, evenly spread where its length is known."""
    from deptr.io.frames import open_source

    with open_source(source) as frames:
        step = max(1, (frames.frame_count or 0) // count)
        chosen = (frame.image for number, frame in enumerate(frames) if number % step == 0)
        return list(islice(chosen, count))


def _is_identity(checkpoint: str) -> bool:
    from deptr.training.identity.decoder import is_identity

    return is_identity(checkpoint)


def _export_identity(checkpoint: str, output: Path, changes: dict[str, float | int]) -> None:
    from deptr.training.identity.decoder import IdentityDecoder
    from deptr.training.identity.export import OPSET, export_identity

    difference = export_identity(IdentityDecoder.from_pretrained(checkpoint, changes), output)
    size = output.stat().st_size / 1e6
    told = f"largest difference of a logit from torch: {difference:.1e}"
    typer.echo(f"{output}: {size:.1f} MB, opset {OPSET}; {told}")


def _checkpoint_and_share(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError as error:
        raise UsageError(f"--average: expected CHECKPOINT=SHARE, got {text!r}") from error


def _values(pairs: list[str]) -> dict[str, float | int | bool]:
    """Fields by name: whole numbers, others, and true or false."""
    values: dict[str, float | int | bool] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            values[name] = _SWITCH[text] if text in _SWITCH else _number(text)
        except ValueError as error:
            expected = "NAME=VALUE with a number, true or false"
            raise UsageError(f"--option: expected {expected}, got {pair!r}") from error
    return values


def _number(text: str) -> float | int:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _calibrate(detector: DepTRForObjectDetection, recipe: Path) -> None:
    from deptr.training.calibrate import calibrate
    from deptr.training.config import load_settings
    from deptr.training.sources import evaluation_sets

    settings = load_settings(recipe)
    # a set of which nothing was trained on is another kind of picture: what its scores mean says little here
    own = [part for part in settings.data.evaluate if part.kind != "coco" or part.held_out_every]
    settings = replace(settings, data=replace(settings.data, evaluate=own))
    frames = [frame for part in evaluation_sets(settings).values() for frame in part]
    scale, shift = calibrate(detector, frames)
    typer.echo(f"scores fitted on {len(frames)} held-out images: scale {scale:.3f}, shift {shift:.3f}")
