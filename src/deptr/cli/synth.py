"""`deptr synth`: sequences of the synthetic worlds on disk."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import UsageError

if TYPE_CHECKING:
    from deptr.synth.layouts import Miniature
    from deptr.synth.library import LibraryPlan
    from deptr.synth.scene import SceneOptions, World
    from deptr.synth.writer import WriteOptions

app = typer.Typer()


@app.command("synth")
def synth(
    *,
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the new sequence folders."),
    sequences: int = typer.Option(3, "--sequences", "-n", help="How many; the levels take turns."),
    frames: int = typer.Option(200, "--frames", help="Frames of each sequence."),
    fps: float = typer.Option(20.0, "--fps", help="Frames per second."),
    seed: int = typer.Option(0, "--seed", help="First seed within the split; each sequence takes the next."),
    split: str = typer.Option("train", "--split", help="train, val or test: they never share a seed."),
    world: str = typer.Option("crowd", "--world", help="crowd (drawn people) or composite (your cut-outs)."),
    size: str | None = typer.Option(
        None, "--size", help="HEIGHTxWIDTH. Default: 384x640, 384x1280 with --camera panorama."
    ),
    cutouts: Path | None = typer.Option(None, "--cutouts", help="People as pictures with alpha."),
    backgrounds: Path | None = typer.Option(None, "--backgrounds", help="Pictures without people."),
    camera: str | None = typer.Option(
        None, "--camera", help="static, pan, shake, gait, zoom or panorama (360°). Default: by seed."
    ),
    level: int | None = typer.Option(None, "--level", help="1 easy, 2 busy, 3 dense. Default: in turns."),
    benchmark: str | None = typer.Option(
        None,
        "--benchmark",
        help="deptr-crowd-v1: 20 fixed sequences of 200 frames in three levels; v2: with boxes off by 5 %.",
    ),
    layout: str = typer.Option("", "--layout", help="Miniature of dancetrack, quadtrack or mot17."),
    archives: bool = typer.Option(False, "--archives", help="With --layout: the official .zip files."),
    images: str = typer.Option("jpg", "--images", help="jpg or png."),
    masks: bool = typer.Option(True, "--masks/--no-masks", help="Masks in the COCO json."),
    depth_maps: bool = typer.Option(True, "--depth-maps/--no-depth-maps", help="16-bit depth maps."),
    jitter: float = typer.Option(0.0, "--jitter", help="Error of the boxes in det.txt, part of their size."),
    depth_noise: float = typer.Option(
        0.0, "--depth-noise", help="Relative error of the depths in det.txt, new in every frame."
    ),
    depth_drift: float = typer.Option(
        0.0, "--depth-drift", help="Relative bias of each person's depth in det.txt that swings over seconds."
    ),
    workers: int = typer.Option(1, "--workers", "-j", help="Processes."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Delete what an earlier run left there."),
    preview: bool = typer.Option(
        False, "--preview", help="Only a contact sheet with boxes and depth: --output is a picture."
    ),
) -> None:
    """Render sequences with exact boxes, masks, identities and depth.

    An interrupted run leaves whole sequences only; the same command continues it.
    """
    from deptr.synth.library import split_seeds
    from deptr.synth.writer import WriteOptions

    if layout:
        return _write_layout(
            layout, output, _miniature(sequences, frames, size, seed, level), archives, workers
        )
    write = WriteOptions(images, masks, depth_maps, jitter, depth_noise, depth_drift)
    if benchmark is not None:
        plan = _benchmark_plan(benchmark, write)
    else:
        kind = world_of(world, cutouts, backgrounds)
        options = scene_options(size, frames=frames, fps=fps, camera=camera, level=level)
        plan = _own_plan(kind, split_seeds(split, seed, sequences), options, write, [cutouts, backgrounds])
    return _preview(plan, output) if preview else _write(plan, output, workers, overwrite)


def _own_plan(
    kind: World,
    seeds: range,
    options: SceneOptions,
    write: WriteOptions,
    folders: list[Path | None],
) -> LibraryPlan:
    from deptr.synth.library import LibraryPlan, sequence_jobs

    places = [str(folder.resolve()) if folder else None for folder in folders]
    return LibraryPlan(sequence_jobs(kind, seeds, options), write, *places)


def _write(plan: LibraryPlan, output: Path, workers: int, overwrite: bool) -> None:
    from deptr.cli.terminal import progress
    from deptr.synth.library import write_library

    with progress("synth") as report:
        written, kept = write_library(plan, output, workers=workers, overwrite=overwrite, progress=report)
    there = f" ({kept} were there already)" if kept else ""
    typer.echo(f"{written} sequences written to {output}{there}")


def _miniature(sequences: int, frames: int, size: str | None, seed: int, level: int | None) -> Miniature:
    from deptr.synth.layouts import Miniature

    return Miniature(sequences, frames, parse_size(size) if size else None, seed, level or 2)


def _write_layout(name: str, output: Path, wanted: Miniature, archives: bool, workers: int) -> None:
    from deptr.cli.terminal import progress
    from deptr.synth.layouts import write_layout

    with progress("synth") as report:
        count = write_layout(name, output, wanted, archives=archives, workers=workers, progress=report)
    typer.echo(f"{count} videos in the layout of {name} in {output}")


def _benchmark_plan(name: str, write: WriteOptions) -> LibraryPlan:
    """A fixed benchmark; boxes are off by what belongs to it unless the caller says otherwise."""
    from deptr.synth.library import BENCHMARKS, LibraryPlan, benchmark_jobs

    jobs = benchmark_jobs(name)
    return LibraryPlan(jobs, replace(write, jitter=write.jitter or BENCHMARKS[name]))


def _preview(plan: LibraryPlan, output: Path) -> None:
    from deptr.synth.library import scenes_of
    from deptr.synth.preview import contact_sheet, write_picture

    write_picture(output, contact_sheet(scenes_of(plan)))
    typer.echo(f"wrote {output}")


def world_of(word: str, cutouts: Path | None, backgrounds: Path | None) -> World:
    """The world of that name, if the folders fit it."""
    from deptr.synth.scene import World

    if word not in {kind.value for kind in World}:
        legal = ", ".join(kind.value for kind in World)
        raise UsageError(f"--world: expected one of {legal}, got {word!r}")
    kind = World(word)
    given = {"--cutouts": cutouts, "--backgrounds": backgrounds}
    if kind is World.COMPOSITE and None in given.values():
        missing = " and ".join(name for name, folder in given.items() if folder is None)
        raise UsageError(f"--world composite: needs {missing}, folders of pictures of your own")
    if kind is World.CROWD and any(given.values()):
        raise UsageError("--cutouts and --backgrounds: only with --world composite")
    return kind


def scene_options(
    size: str | None, *, frames: int, fps: float, camera: str | None, level: int | None
) -> SceneOptions:
    """Options of scenes out of words."""
    from deptr.synth.journey import CameraMotion
    from deptr.synth.scene import SceneOptions

    motion = None
    if camera is not None:
        legal = [kind.value for kind in CameraMotion]
        if camera not in legal:
            raise UsageError(f"--camera: expected one of {', '.join(legal)}, got {camera!r}")
        motion = CameraMotion(camera)
    default = "384x1280" if motion is CameraMotion.PANORAMA else "384x640"
    return SceneOptions(parse_size(size or default), frames, fps, motion, level)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width out of ``HEIGHTxWIDTH``.

    Raises:
        UsageError: It is something else.

    Example:
        >>> parse_size("384x640")
        (384, 640)
    """
    match = re.fullmatch(r"(-?\d+)x(-?\d+)", text)
    if match is None:
        raise UsageError(f"--size: expected HEIGHTxWIDTH such as 384x640, got {text!r}")
    return int(match[1]), int(match[2])
