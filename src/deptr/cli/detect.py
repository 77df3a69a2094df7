"""`deptr detect`: boxes and depth of a video, images or a stream, as a text file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.cli import track_detector_options as option
from deptr.errors import UsageError
from deptr.files import first_free
from deptr.records import Image

if TYPE_CHECKING:
    import supervision as sv

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_FOLDER = Path("runs/detect")

EPILOG = """\b
Examples:
  deptr detect walk.mp4
  deptr detect photos/ --min-score 0.5 --output photos.txt
  deptr detect walk.mp4 --model runs/train/best --focal 1200

Writes a row for each box: frame, -1, left, top, width, height, score, class, -1, -1, depth (-1 = not
known). `deptr track --detections` reads it. Depth is relative, or in metres with --focal.
"""


@app.command(epilog=EPILOG)
def detect(
    source: str = typer.Argument(..., help="Video file, folder of images, camera number or rtsp address."),
    *,
    model: str | None = typer.Option(
        None,
        "--model",
        help="An .onnx file, a checkpoint folder or a hub name, of any detector. Default: the bundled one.",
    ),
    output: Path | None = typer.Option(
        None,
        "--output",
        help="The text file. Default: runs/detect/detections.txt, or in runs/detect-2, -3, ... when taken.",
    ),
    min_score: float = typer.Option(0.1, "--min-score", help="Leave out boxes with a lower score."),
    focal: float | None = typer.Option(None, "--focal", help="Focal length in pixels, for metres."),
    fps: float | None = typer.Option(None, "--fps", help="Frames per second, if the source does not say."),
    batch_size: int = typer.Option(1, "--batch-size", help="Images per pass of the network."),
    device: str = typer.Option("auto", "--device", help="auto, cpu or cuda."),
    detector_format: option.Format = None,
    detector_size: option.Size = None,
    tiles: option.Tiles = None,
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
) -> None:
    """Find objects and their depth in images or video."""
    from deptr.cli.interrupt import EXIT_CODE, interruptible
    from deptr.detector.inference import Detector
    from deptr.io.frames import open_source

    if output is None:
        output = (_FOLDER if overwrite else first_free(_FOLDER)) / "detections.txt"
    if output.exists() and not overwrite:
        raise UsageError(f"--output: {output} exists; name another file or give --overwrite")
    network = Detector.from_pretrained(
        model, device=device, format=detector_format, size=detector_size, tiles=tiles
    )
    start = time.perf_counter()
    with open_source(source, fps=fps) as frames, interruptible() as stop:
        output.parent.mkdir(parents=True, exist_ok=True)
        indices: list[int] = []

        def images() -> Iterator[Image]:
            for frame in frames:
                if stop.requested:
                    return
                indices.append(frame.index)
                yield frame.image

        found = network.stream(images(), batch_size=batch_size, min_score=min_score, focal_px=focal)
        count, boxes = _write(output, found, indices, frames.frame_count)
    rate = count / max(time.perf_counter() - start, 1e-9)
    word = "interrupted after" if stop.requested else "detected in"
    typer.echo(f"{word} {count} frames: {boxes} boxes, {rate:.1f} frames/s\n  {output}")
    for note in frames.notes():
        typer.echo(f"note: {note}", err=True)
    if stop.requested:
        raise typer.Exit(EXIT_CODE)


def _write(
    output: Path, found: Iterable[sv.Detections], indices: Sequence[int], total: int | None
) -> tuple[int, int]:
    """Write detections as they come; how many frames and boxes there were."""
    import numpy as np

    from deptr.cli.terminal import progress
    from deptr.io.mot_text import TrackWriter

    count = boxes = 0
    with TrackWriter(output) as writer, progress("detect") as told:
        for detections in found:
            detections.tracker_id = np.full(len(detections), -1)
            writer.write(indices[count], detections)
            count += 1
            boxes += len(detections)
            told.update(count, total, boxes=str(boxes))
    return count, boxes
