"""`deptr doctor`: what is installed, what each extra would add, and whose licences weights carry."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

import typer

from deptr import __version__
from deptr.errors import DataError

app = typer.Typer(rich_markup_mode=None, add_completion=False)

DISTRIBUTION = "deptr-mot"
ADDS = {
    "train": "training the detector, checkpoints as safetensors, COCO scores",
    "teacher": "depth labels with SAM 2.1 and Video Depth Anything",
    "export": "writing a trained detector as ONNX",
    "distributed": "labelling and training on many machines with Ray",
    "serve": "tracking as a service over HTTP and WebSocket",
    "sensors": "depth images in EXR",
    "tune": "searching a tracker's parameters",
    "ros": "ROS bags and MCAP, without ROS",
    "foxglove": "tracks for Foxglove",
    "rerun": "tracks for Rerun",
    "tables": "tracks as pandas, Arrow and Parquet",
    "docs": "building the documentation",
    "dev": "running the checks of this project",
}


@dataclass(frozen=True)
class Extra:
    """An optional set of packages.

    Attributes:
        name: What stands in the brackets of ``pip install 'deptr-mot[...]'``.
        adds: What it is good for.
        missing: Packages that are not installed.
    """

    name: str
    adds: str
    missing: tuple[str, ...]


@app.command()
def doctor() -> None:
    """Show versions, device, extras and the licences of weights."""
    _section("Versions")
    typer.echo(f"  deptr {__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in _requirements(None):
        typer.echo(f"  {name:<22}{_version(name) or 'MISSING: pip install ' + DISTRIBUTION}")
    _section("Device")
    for line in device_lines():
        typer.echo(f"  {line}")
    _section("Video encoding")
    typer.echo(f"  {_encoder()}")
    _section("Extras")
    for extra in extras():
        state = "installed" if not extra.missing else f"not installed (lacks {', '.join(extra.missing)})"
        typer.echo(f"  {extra.name:<13}{state}")
        hint = f"; pip install '{DISTRIBUTION}[{extra.name}]'" if extra.missing else ""
        typer.echo(f"  {'':<13}{extra.adds}{hint}")
    _section("Weights that come with it")
    typer.echo(f"  {_bundled()}")
    _section("Weights that can be downloaded, and their licences (nothing is, unless asked for)")
    for line in weight_lines():
        typer.echo(f"  {line}")


def extras() -> list[Extra]:
    """Every extra of the package with what it lacks here."""
    return [
        Extra(name, adds, tuple(package for package in _requirements(name) if _version(package) is None))
        for name, adds in ADDS.items()
    ]


def device_lines() -> list[str]:
    """What networks would run on."""
    lines = []
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
        lines.append(f"ONNX Runtime: {', '.join(providers)}")
    if find_spec("torch") is None:
        return [*lines, "torch: not installed (tracking does not need it)"]
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return [*lines, f"torch {torch.__version__}: {', '.join(names)}"]
    metal = torch.backends.mps.is_available()
    return [
        *lines,
        f"torch {torch.__version__}: {'Apple GPU' if metal else f'CPU, {torch.get_num_threads()} threads'}",
    ]


def weight_lines() -> list[str]:
    """A line for each published checkpoint, and where the downloaded ones are looked for."""
    from deptr.weights import DETECTOR_WEIGHTS, WEIGHTS, default_folder

    folder = default_folder()
    lines = []
    for entry in (*WEIGHTS.values(), *DETECTOR_WEIGHTS):
        place = entry.place(folder)
        there = "here" if _is_there(place, entry.file) else ""
        lines.append(
            f"{entry.name:<25}{entry.size_mb:>5} MB  {entry.licence:<38}{entry.purpose:<24}{there}".rstrip()
        )
    return [*lines, f"The labelling teachers are looked for in {folder}; DEPTR_WEIGHTS names another folder."]


def _bundled() -> str:
    from deptr.detector.opening import BUNDLED, bundled_model

    try:
        size = bundled_model().stat().st_size / 1e6
    except DataError:
        return f"{BUNDLED}: not in this installation; name a model with --detector, or use --detections"
    return f"{BUNDLED}: {size:.0f} MB, finds persons and their depth; its model card tells data and licence"


def _is_there(place: Path, file: str) -> bool:
    return place.is_file() or (place / file).is_file()


def _requirements(extra: str | None) -> list[str]:
    """Names of the packages that the base install or an extra asks for on this Python."""
    from packaging.requirements import Requirement

    try:
        listed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    found = []
    for requirement in map(Requirement, listed):
        marker = requirement.marker
        in_base = marker is None or marker.evaluate({"extra": ""})
        wanted = (
            in_base
            if extra is None
            else not in_base and marker is not None and marker.evaluate({"extra": extra})
        )
        if wanted:
            found.append(requirement.name)
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _encoder() -> str:
    import av

    codec = next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), None)
    library = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"H.264 with {codec}, libavcodec {library}" if codec else "none: this PyAV has no H.264 encoder"


def _section(title: str) -> None:
    typer.echo(f"\n{title}" if title != "Versions" else title)
