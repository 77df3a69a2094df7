"""`deptr label`: depth labels for boxes, once, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deptr.errors import DataError, UsageError

if TYPE_CHECKING:
    from deptr.teacher.build import TeacherPlan
    from deptr.teacher.engine import LabelSummary
    from deptr.teacher.synthetic import SyntheticNoise

app = typer.Typer()

_BOXES = "gt, det, or a MOT text file. Default: ground truth if there is any, else detections."
_MASKS = "sam2.1-hiera-tiny, -small, -base-plus, -large, edgetam (needs timm), or synthetic."
_KEYS = "SAM's video mode with a key frame every so many frames; 0: each frame alone."
_DEPTH = (
    "vda-small, vda-base, vda-large, depth-anything-v2-small, depth-anything-3-metric, moge-2-vits, -vitb, "
    "-vitl, or synthetic."
)
_NOISE = "Errors of the synthetic teacher, such as mask=2,depth=0.05,flicker=0.02,blur=1,seed=0."


@app.command("label")
def label(
    sources: list[str] = typer.Argument(help="Videos, image folders, sequences, or folders of sequences."),
    *,
    output: Path = typer.Option(..., "--output", "-o", help="Store of labels; what is in it is kept."),
    boxes: str = typer.Option("", "--boxes", help=_BOXES),
    masks: str = typer.Option("sam2.1-hiera-tiny", "--masks", help=_MASKS),
    key_every: int = typer.Option(0, "--key-every", min=0, help=_KEYS),
    depth: str = typer.Option("vda-small", "--depth", help=_DEPTH),
    depth_maps: Path | None = typer.Option(
        None, "--depth-maps", help="Folder with depth maps, named by frame number."
    ),
    focal: float | None = typer.Option(None, "--focal", help="Focal length in pixels, for metric networks."),
    regions: str = typer.Option("mask", "--regions", help="mask, or box: average over the whole box."),
    statistic: str = typer.Option("mean", "--statistic", help="mean, median or trimmed."),
    erode: int = typer.Option(2, "--erode", min=0, help="Pixels taken off a mask's edge."),
    dense: bool = typer.Option(False, "--dense", help="Keep depth maps at stride 8 (L_align dense)."),
    features: bool = typer.Option(False, "--features", help="Keep teacher features (L_align features)."),
    weights: Path | None = typer.Option(None, "--weights", help="Folder with the weights."),
    download: bool = typer.Option(False, "--download", help="Fetch missing weights."),
    device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or cuda:N."),
    half: bool = typer.Option(False, "--half", help="Half precision: faster, labels differ slightly."),
    input_size: int = typer.Option(518, "--input-size", help="Shorter side of the depth network's input."),
    engine: str = typer.Option("local", "--engine", help="local, or ray for many machines."),
    address: str = typer.Option("", "--address", help="Ray cluster; none starts one here."),
    workers: int = typer.Option(0, "--workers", min=0, help="Ray workers; 0 takes what there is."),
    noise: str = typer.Option("", "--noise", help=_NOISE),
) -> None:
    """Make depth labels from video and boxes: SAM 2.1 masks times Video Depth Anything, or stand-ins.

    Can be interrupted or killed at any moment; the same command goes on where it was.
    """
    from deptr.cli.extras import need

    need("deptr label", "teacher", "torch", "transformers", "pyarrow")
    from deptr.teacher.build import TeacherPlan
    from deptr.teacher.instance_depth import InstanceSettings
    from deptr.teacher.rows import LabelOptions

    plan = TeacherPlan(
        masks=masks,
        depth=depth,
        depth_maps=str(depth_maps) if depth_maps else None,
        key_every=key_every,
        input_size=input_size,
        half=half,
        focal_px=focal,
        noise=_noise(noise),
        options=LabelOptions(InstanceSettings(statistic, erode_px=erode), regions, dense, features),
        weights=str(weights) if weights else None,
        device=device,
        download=download,
    )
    for name, licence in plan.licences().items():
        typer.echo(f"{name}: licence of the weights: {licence}", err=True)
    chosen = boxes or None
    _report(
        _run(sources, chosen, output, plan, engine=engine, address=address or None, workers=workers or None)
    )


def _noise(text: str) -> SyntheticNoise:
    """Errors of the synthetic teacher out of ``name=number,...``.

    Raises:
        UsageError: It says something else.
    """
    from deptr.teacher.synthetic import SyntheticNoise

    names = {
        "mask": "mask_px",
        "depth": "depth_rel",
        "flicker": "flicker_rel",
        "blur": "blur_px",
        "seed": "seed",
    }
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            values[names[name.strip()]] = float(number)
        except (KeyError, ValueError) as error:
            legal = ", ".join(f"{name}=NUMBER" for name in names)
            raise UsageError(f"--noise: expected any of {legal}, got {part!r}") from error
    mask, seed = int(values.pop("mask_px", 0)), int(values.pop("seed", 0))
    return SyntheticNoise(mask_px=mask, seed=seed, **values)


def _run(
    sources: list[str],
    boxes: str | None,
    output: Path,
    plan: TeacherPlan,
    *,
    engine: str,
    address: str | None,
    workers: int | None,
) -> LabelSummary:
    from deptr.cli.terminal import progress
    from deptr.teacher.engine import label_locally
    from deptr.teacher.jobs import find_jobs
    from deptr.teacher.ray_engine import label_with_ray

    if engine not in ("local", "ray"):
        raise UsageError(f"--engine: expected local or ray, got {engine!r}")
    jobs = find_jobs(sources, boxes)
    with progress("label") as told:
        if engine == "ray":
            return label_with_ray(jobs, output, plan, address=address, workers=workers, progress=told)
        return label_locally(jobs, output, plan, progress=told)


def _report(summary: LabelSummary) -> None:
    """Print what came of each sequence.

    Raises:
        DataError: Some failed.
    """
    for report in summary.reports:
        share = f"{report.valid / report.boxes:.0%}" if report.boxes else "none"
        words = [f"{report.frames} frames", f"{report.boxes} boxes", f"{share} with a valid depth"]
        if report.unreadable:
            words.append(f"{report.unreadable} frames without an image that can be decoded")
        if report.relabelled:
            words.append(f"{report.relabelled} frames anew because their boxes changed")
        if not report.windows and not report.relabelled:
            words.append("was finished before")
        typer.echo(f"{report.name}: {', '.join(words)}")
        for note in report.notes:
            typer.echo(f"note: {note}", err=True)
    typer.echo(f"labels: {summary.run.folder}")
    for failure in summary.failures:
        typer.echo(f"{failure.name}: failed: {failure.reason}", err=True)
    if summary.failures:
        found = ", ".join(failure.name for failure in summary.failures[:5])
        total = len(summary.failures) + len(summary.reports)
        hint = "what is finished stays; run the same command again"
        raise DataError(
            summary.run.folder, f"{len(summary.failures)} of {total} sequences failed", found=found, hint=hint
        )
