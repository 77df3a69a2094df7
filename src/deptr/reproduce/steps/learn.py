"""Depth labels, the training file, and both detectors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.text_files import read_json
from deptr.progress import Progress
from deptr.reproduce.data import folder_of, sequences_of
from deptr.reproduce.engines import engine_of
from deptr.reproduce.settings import PAPER_BATCH, Labelling, Machine, Training
from deptr.reproduce.steps.step import Outcome
from deptr.reproduce.studies import Study
from deptr.teacher.build import SYNTHETIC, TeacherPlan
from deptr.teacher.jobs import find_jobs
from deptr.teacher.rows import LabelOptions
from deptr.teacher.synthetic import SyntheticNoise
from deptr.training.checkpoints import stored_states
from deptr.training.config import TrainSettings, settings_from_dict
from deptr.training.convert import convert_benchmark
from deptr.training.run import LAST, train_in

LABELS, JSON, RECIPE = "labels", "train.json", "recipe.toml"
WARMUP = 500  # steps, as D-FINE's authors
DECAY = 0.1  # last share of the run in which the rate falls
EMA = 0.9999
SAVES = 40  # states of a run: a kill loses at most one part of it


def label(
    folder: Path,
    progress: Progress,
    *,
    study: Study,
    root: Path,
    split: str,
    labelling: Labelling,
    weights: Path | None,
    machine: Machine,
) -> Outcome:
    """Make depth labels of a split's ground-truth boxes, with depth maps for the dense alignment.

    Raises:
        DataError: Weights are missing or damaged, or sequences failed.
    """
    folders = [str(folder_of(sequence)) for sequence in sequences_of(study, root, split)]
    plan = TeacherPlan(
        masks=labelling.masks,
        depth=labelling.depth,
        input_size=labelling.input_size,
        noise=SyntheticNoise(inverse=labelling.depth == SYNTHETIC),
        options=LabelOptions(regions=labelling.regions, dense=True),
        weights=str(weights) if weights else None,
        device=machine.device,
    )
    summary = engine_of(machine).label(find_jobs(folders, "gt"), folder / LABELS, plan, progress)
    if summary.failures:
        first = summary.failures[0]
        count = f"{len(summary.failures)} of {len(folders)} sequences failed"
        hint = "what is finished stays; run the same command again"
        raise DataError(folder / LABELS, count, found=f"{first.name}: {first.reason}", hint=hint)
    if not any(report.valid for report in summary.reports):
        hint = "look at them with `deptr labels inspect`"
        raise DataError(summary.run.folder, "no box got a depth to learn from", hint=hint)
    return {
        "frames": sum(report.frames for report in summary.reports),
        "boxes": sum(report.boxes for report in summary.reports),
        "with_depth": sum(report.valid for report in summary.reports),
        "run": summary.run.folder.name,
        "licences": plan.licences(),
    }


def convert(
    folder: Path, progress: Progress, *, study: Study, root: Path, split: str, labels: Path, stride: int
) -> Outcome:
    """Write the training file of both detectors.

    Raises:
        DataError: As `convert_benchmark`.
    """
    done = convert_benchmark(
        study.name,
        root,
        folder / JSON,
        split=split,
        labels=labels / LABELS,
        stride=stride,
        progress=progress,
    )
    kind = read_json(folder / JSON)["info"]["depth_kind"]
    return {"images": done.images, "objects": done.objects, "depth_kind": kind, "notes": list(done.notes)}


def recipe(
    training: Training, *, with_depth: bool, start: str, seed: int, data: Path, labels: Path, machine: Machine
) -> TrainSettings:
    """The settings of one of the detectors: the same but for the depth module and its losses."""
    content = read_json(data / JSON)
    steps = max(1, round(training.epochs * len(content["images"]) / training.batch_size))
    share = training.batch_size / PAPER_BATCH
    runs = sorted(path.parent for path in (labels / LABELS).glob("*/settings.json"))
    source: dict[str, Any] = {"kind": "coco", "annotations": str(data / JSON)}
    if with_depth and runs:
        source["labels"] = str(runs[0])
    height, width = training.image_size
    return settings_from_dict(
        {
            "model": {
                "size": training.size,
                "start": start,
                "depth_head": training.depth_head if with_depth else "none",
                "depth_kind": content["info"]["depth_kind"],
                "image_height": height,
                "image_width": width,
            },
            "data": {
                "train": [source],
                "sizes": [[height, width]],
                "batch_size": max(1, training.batch_size // machine.processes),
                "workers": machine.loaders,
                "seed": seed,
            },
            "optimizer": {
                "steps": steps,
                "learning_rate": training.learning_rate * share,
                "backbone_learning_rate": training.backbone_learning_rate * share,
                "warmup_steps": min(WARMUP, steps // 4),
                "decay_steps": round(DECAY * steps),
                "ema_decay": EMA,
            },
            "loss": {
                "depth": training.depth_weight,
                "free_scale": False,
                "align_dense": 0.5 if with_depth else 0.0,
            },
            "run": {
                "precision": training.precision,
                "save_every": max(1, steps // SAVES),
                "evaluate_every": 0,
                "device": "cpu" if machine.device == "cpu" else "auto",
            },
        }
    )


def train(
    folder: Path,
    progress: Progress,
    *,
    training: Training,
    with_depth: bool,
    start: str,
    seed: int,
    data: Path,
    labels: Path,
    machine: Machine,
) -> Outcome:
    """Train one detector, from the newest state in the folder.

    The recipe stands in the folder, so that ``deptr train`` can do the same on another machine.

    Raises:
        DataError: Training in several processes failed; its own message is above.
    """
    chosen = {"with_depth": with_depth, "start": start, "seed": seed, "data": data, "labels": labels}
    settings = recipe(training, machine=machine, **chosen)  # type: ignore[arg-type]
    with atomic_write(folder / RECIPE) as file:
        file.write(toml_of(settings.as_dict()))
    if machine.processes > 1:
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(machine.processes)]
        words += ["-m", "deptr.cli.main", "train", str(folder / RECIPE), "--output", str(folder)]
        quiet = subprocess.DEVNULL  # what it tells while it works goes to the standard error
        code = subprocess.run([sys.executable, *words], stdout=quiet, check=False).returncode  # noqa: S603
        if code:
            hint = "its message is above; the same command goes on"
            raise DataError(folder, "training failed", found=f"exit code {code}", hint=hint)
        step = settings.optimizer.steps
    else:
        step = train_in(folder, settings, progress=progress).step
    for state in stored_states(folder):  # gigabytes that nothing needs once the weights are there
        state.unlink()
    return {"steps": step, "model": LAST}


def toml_of(content: dict[str, Any], prefix: str = "") -> str:
    """Nested tables of plain values as TOML.

    Example:
        >>> print(toml_of({"run": {"steps": 3, "fast": True}, "data": {"train": [{"kind": "coco"}]}}))
        <BLANKLINE>
        [run]
        steps = 3
        fast = true
        <BLANKLINE>
        [data]
        <BLANKLINE>
        [[data.train]]
        kind = "coco"
        <BLANKLINE>
    """
    plain, tables = [], []
    for name, value in content.items():
        full = f"{prefix}{name}"
        if isinstance(value, dict):
            tables.append(f"\n[{full}]\n{toml_of(value, full + '.')}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [f"\n[[{full}]]\n{toml_of(item, full + '.')}" for item in value]
        else:
            plain.append(f"{name} = {json.dumps(value)}\n")
    return "".join([*plain, *tables])
