"""The worlds of the experiment as files: pictures of the scratch folder, and who is to be seen in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deptr.experiments.end_to_end.arms import Budget
from deptr.files import atomic_path
from deptr.records import DepthKind, FloatArray, Image, IntArray, LabelledFrame
from deptr.synth.library import BENCHMARKS, benchmark_jobs
from deptr.synth.scene import Scene
from deptr.synth.writer import ground_truth_rows
from deptr.training.identity.sightings import Bodies, SightingSettings, scene_of

TEST = "deptr-crowd-v1"
JITTERS = tuple(BENCHMARKS.values())  # of the boxes of deptr-crowd-v1 and -v2, which share their pictures


@dataclass(frozen=True)
class World:
    """One clip or sequence.

    Attributes:
        name: Of its files.
        number: Of a training clip, or place among the benchmark's sequences.
        test: Whether it is a sequence of the benchmark.
    """

    name: str
    number: int
    test: bool = False

    def scene(self, budget: Budget) -> Scene:
        """What is rendered."""
        if self.test:
            job = benchmark_jobs(TEST)[self.number]
            frames = budget.test_frames or job.options.frames
            return Scene(job.seed, replace(job.options, frames=frames, size=budget.size))
        settings = SightingSettings(frames=budget.frames, rates=list(budget.rates), size=list(budget.size))
        return scene_of(settings, self.number)


def worlds_of(budget: Budget) -> list[World]:
    """Training clips, then sequences of the benchmark."""
    names = [job.name for job in benchmark_jobs(TEST)]
    tests = [World(name, number, True) for number, name in enumerate(names)]
    if budget.tests:
        tests = sorted(tests, key=lambda world: world.name[-2:])[: budget.tests]
    return [*(World(f"clip-{number:04d}", number) for number in range(budget.scenes)), *tests]


@dataclass(frozen=True)
class Filmed:
    """A rendered world.

    Attributes:
        images: ``(T, H, W, 3)`` RGB, not read before they are needed.
        bodies: Who is to be seen in each frame.
        rate: Frames per second.
        seed: Of the scene.
    """

    images: Image
    bodies: list[Bodies]
    rate: float
    seed: int

    def labelled(self, frame: int) -> LabelledFrame:
        """A frame as detectors are trained on."""
        there, image = self.bodies[frame], np.array(self.images[frame])
        kept = there.visibility >= 0.1
        count = int(kept.sum())
        return LabelledFrame(
            image=image,
            boxes_xyxy=there.boxes[kept].astype(np.float32),
            class_ids=np.zeros(count, np.int64),
            depth=there.depth_m[kept].astype(np.float32),
            depth_std=np.zeros(count, np.float32),
            depth_kind=DepthKind.METRIC,
            track_ids=there.identities[kept],
            visibility=there.visibility[kept].astype(np.float32),
            ignore_boxes_xyxy=there.boxes[~kept].astype(np.float32),
            focal_px=there.focal_px,
        )


def film(world: World, budget: Budget, scratch: Path, folder: Path) -> None:
    """Render a world into the scratch folder; of a test also its ground truth into `folder`."""
    if (scratch / f"{world.name}.npz").is_file():
        return
    scene = world.scene(budget)
    images = np.empty((len(scene), *budget.size, 3), np.uint8)
    bodies, rows = [], []
    for index in range(len(scene)):
        truth = scene.frame(index)
        images[index] = truth.image
        bodies.append(Bodies.of(truth))
        rows += ground_truth_rows(index + 1, truth) if world.test else []
    np.save(scratch / f"{world.name}.npy", images)
    if world.test:
        _write_truth(folder / "test" / world.name, rows, scene)
    with atomic_path(scratch / f"{world.name}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, rate=scene.options.fps, seed=scene.seed, **_flat(bodies))


def _write_truth(folder: Path, rows: list[str], scene: Scene) -> None:
    (folder / "gt").mkdir(parents=True, exist_ok=True)
    (folder / "gt" / "gt.txt").write_text("".join(rows), encoding="utf-8")
    height, width = scene.options.size
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate={scene.options.fps:g}\n"
        f"seqLength={len(scene)}\nimWidth={width}\nimHeight={height}\nimExt=.jpg\n",
        encoding="utf-8",
    )


def _flat(bodies: list[Bodies]) -> dict[str, Any]:
    columns: dict[str, FloatArray | IntArray] = {
        name: np.concatenate([getattr(entry, name) for entry in bodies])
        for name in ("boxes", "identities", "depth_m", "visibility")
    }
    columns["counts"] = np.array([len(entry.identities) for entry in bodies])
    columns["focal_px"] = np.array([entry.focal_px for entry in bodies])
    return columns


def filmed(world: World, scratch: Path) -> Filmed:
    """What `film` wrote."""
    with np.load(scratch / f"{world.name}.npz") as stored:
        columns = {name: stored[name] for name in stored.files}
    ends = np.cumsum(columns["counts"])[:-1]
    parts = [np.split(columns[name], ends) for name in ("boxes", "identities", "depth_m", "visibility")]
    bodies = [
        Bodies(boxes, identities, depths, seen, float(focal))
        for boxes, identities, depths, seen, focal in zip(*parts, columns["focal_px"], strict=True)
    ]
    images = np.load(scratch / f"{world.name}.npy", mmap_mode="r")
    return Filmed(images, bodies, float(columns["rate"]), int(columns["seed"]))
