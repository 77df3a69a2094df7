"""The steps of a run: what each reads, and what decides its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deptr.evaluation.fingerprint import LIBRARIES, code_of, hash_of, installed_version
from deptr.io.sequences import benchmark_of
from deptr.reproduce.archives import unpack
from deptr.reproduce.data import Split
from deptr.reproduce.public_weights import Checkpoint
from deptr.reproduce.settings import Machine, Request
from deptr.reproduce.steps import files, follow, learn, prepare
from deptr.reproduce.steps.step import Step
from deptr.tracking.registry import tracker_class

STORE = "cells"  # of finished cells, shared by all grids of a run's folder
PLAIN, DEPTH = "plain", "depth"
Place = tuple[Path, str]  # root of the data, name of the split


@dataclass(frozen=True)
class Given:
    """All that the steps follow from.

    Attributes:
        request: What is asked.
        machine: Who works.
        splits: The data, all that the study needs.
        weights: The public checkpoints, all that the request needs.
    """

    request: Request
    machine: Machine
    splits: dict[str, Split]
    weights: dict[str, Checkpoint]


def lay_out(given: Given) -> list[Step]:
    """The steps, in an order in which they can be done."""
    before, places = _prepared(given)
    training = _training(given, before, places)
    return [*before, *training, *_following(given, training, places)]


def _prepared(given: Given) -> tuple[list[Step], dict[str, Place]]:
    """Steps that bring the data into folders, and where it lies then."""
    request, splits = given.request, given.splits
    study, run = request.study, request.output
    steps: list[Step] = []
    places = {name: (request.root, name) for name in splits}
    packed = {name: list(split.archives) for name, split in splits.items() if split.archives}
    if packed:
        prints = {name: splits[name].fingerprint for name in packed}
        work = partial(unpack, archives=packed, pattern=benchmark_of(study.name).sequence_names)
        steps.append(Step("unpack", "unpack the archives", prints, work))
        places |= {name: (steps[-1].folder(run), name) for name in packed}
    if study.halves:
        root, split = places[study.train]
        work = partial(prepare.halve, benchmark=study.name, root=root, split=split)
        settings = {"videos": splits[study.train].fingerprint}
        steps.append(Step("halves", "halve the training videos", settings, work, tuple(steps)))
        places |= {name: (steps[-1].folder(run), name) for name in ("train", "val")}
    return steps, places


def _training(given: Given, before: list[Step], places: dict[str, Place]) -> list[Step]:
    """Labels, the training file, both detectors."""
    request, machine, weights = given.request, given.machine, given.weights
    study, run, training = request.study, request.output, request.training
    root, split = places[study.train]
    teachers = [request.labelling.masks, request.labelling.depth]
    hashes = {name: weights[name].sha256 for name in teachers if name in weights}
    work = partial(
        learn.label,
        study=study,
        root=root,
        split=split,
        labelling=request.labelling,
        weights=request.weights,
        machine=machine,
    )
    data_print = given.splits[study.train].fingerprint
    settings: dict[str, Any] = {**asdict(request.labelling), "weights": hashes, "data": data_print}
    label = Step("label", "depth labels of the training videos", settings, work, tuple(before))
    data = partial(
        learn.convert,
        study=study,
        root=root,
        split=split,
        labels=label.folder(run),
        stride=training.stride,
    )
    convert = Step("convert", "training file", {"stride": training.stride}, data, (label,))
    start = next(found for name, found in weights.items() if name.startswith("dfine"))
    steps = []
    for name, title in ((PLAIN, "train the plain detector"), (DEPTH, "train the depth-aware detector")):
        chosen = {
            **asdict(training),
            "with_depth": name == DEPTH,
            "seed": request.seed,
            "start": start.sha256,
            "processes": machine.processes,
        }
        train = partial(
            learn.train,
            training=training,
            with_depth=name == DEPTH,
            start=str(start.place),
            seed=request.seed,
            data=convert.folder(run),
            labels=label.folder(run),
            machine=machine,
        )
        steps.append(Step(f"train-{name}", title, chosen, train, (convert,), group="train", gpu=True))
    return [label, convert, *steps]


def _following(given: Given, training: list[Step], places: dict[str, Place]) -> list[Step]:
    """Detections of both detectors, the grid on them, and files of tracks."""
    request, machine, splits = given.request, given.machine, given.splits
    study, run, grid = request.study, request.output, request.grid
    scored = places["val" if study.halves else study.scored]
    prints = {name: split.fingerprint for name, split in splits.items()}
    predict: dict[str, Step] = {}
    for train in training[-2:]:
        name = train.name.removeprefix("train-")
        wanted = {follow.SCORED: scored}
        if name == DEPTH and study.test in places:
            wanted[follow.TEST] = places[study.test]
        work = partial(
            follow.predict,
            study=study,
            places=wanted,
            model=train.folder(run),
            min_score=grid.min_score,
            machine=machine,
        )
        chosen = {"min_score": grid.min_score, "data": prints, "parts": sorted(wanted)}
        title = f"detections of the {'depth-aware' if name == DEPTH else 'plain'} detector"
        predict[name] = Step(f"predict-{name}", title, chosen, work, (train,), group="predict", gpu=True)
    store = run / STORE
    track = partial(
        follow.grid,
        study=study,
        grid=grid,
        detections={name: predict[name].folder(run) for name in (DEPTH, PLAIN)},
        store=store,
        machine=machine,
    )
    code = {"code": _code(grid.trackers), "libraries": [installed_version(name) for name in LIBRARIES]}
    needs = (predict[DEPTH], predict[PLAIN])
    cells = Step("grid", "trackers, fusions, the sweep", {**asdict(grid), **code}, track, needs)
    write = partial(
        files.official,
        study=study,
        detections=predict[DEPTH].folder(run),
        test=study.test in places,
    )
    last = Step("files", "files of tracks, scored as files", code, write, (predict[DEPTH],))
    return [*predict.values(), cells, last]


def _code(trackers: tuple[str, ...]) -> str:
    """Stands for the code that tracks and judges."""
    modules = ["deptr.evaluation.cells", *(tracker_class(name).__module__ for name in sorted(trackers))]
    return hash_of(path for module in modules for path in code_of(module))
