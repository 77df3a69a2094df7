"""`deptr export`: a trained detector as ONNX, compared with torch before it is kept."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def export(
    checkpoint: str = typer.Argument(..., help="Checkpoint folder, such as runs/train/best, or a hub name."),
    output: Path = typer.Option(Path("runs/export/model.onnx"), "--output", help="The .onnx file."),
    half: bool = typer.Option(False, "--half", help="Store weights in half precision: half the size."),
    weights: Path | None = typer.Option(
        None, "--weights", help="Also write the checkpoint in half precision (safetensors) to this folder."
    ),
) -> None:
    """Write a trained detector as ONNX (opset 17, dynamic batch), checked against torch on random inputs."""
    from deptr.cli.extras import need

    need("export", "export", "torch", "transformers", "onnx")
    from deptr.detector.export import OPSET, export_onnx
    from deptr.detector.loading import load_detector, save_half

    detector = load_detector(checkpoint)
    parity = export_onnx(detector, output, half=half)
    size = output.stat().st_size / 1e6
    typer.echo(f"{output}: {size:.1f} MB, opset {OPSET}; largest difference from torch: {parity}")
    if weights is not None:
        path = save_half(detector, weights)
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
