"""The result of a run as JSON that others can merge, and the page that is made of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deptr import __version__
from deptr.errors import DataError, UsageError
from deptr.files import atomic_write
from deptr.io.text_files import read_json

if TYPE_CHECKING:
    from deptr.reproduce.plan import Plan

FORMAT = 1
RESULT, PAGE = "result.json", "result.md"
Document = dict[str, Any]


def document(plan: Plan, outcomes: dict[str, dict[str, Any]]) -> Document:
    """What a finished run says: settings, data, weights, and the figures of every cell by sequence.

    Nothing in it depends on when or how often the run was interrupted.
    """
    from deptr.reproduce.steps.follow import CELLS

    request = plan.request
    grid = next(step for step in plan.steps if step.name == "grid")
    cells = read_json(grid.folder(request.output) / CELLS)
    run: Document = {
        "settings": request.described(),
        "data": {
            name: {
                "videos": len(split.sequences),
                "frames": split.frames,
                "fingerprint": split.fingerprint,
            }
            for name, split in plan.splits.items()
        },
        "weights": {
            name: {
                "sha256": found.sha256,
                "published": None if not found.entry.sha256 else found.entry.sha256 == found.sha256,
            }
            for name, found in plan.weights.items()
        },
        "notes": [
            str(check.text) for check in plan.checks if check.state == "note" and check.topic == "data"
        ],
        "processes": plan.machine.processes,
        "deptr": __version__,
        "labels": outcomes["label"],
        "training": outcomes["convert"] | {"steps": outcomes["train-depth"]["steps"]},
        "from_files": outcomes["files"],
        "cells": cells,
    }
    return {"format": FORMAT, "benchmark": request.benchmark, "runs": [run]}


def write_result(folder: Path, content: Document) -> Path:
    """Write the JSON and its page; the path of the JSON."""
    from deptr.reproduce.page import page

    path = folder / RESULT
    with atomic_write(path) as file:
        json.dump(content, file, separators=(",", ":"))
        file.write("\n")
    with atomic_write(folder / PAGE) as file:
        file.write(page(content))
    return path


def read_result(path: Path) -> Document:
    """The JSON of a result.

    Raises:
        DataError: It is none, or of another version.
    """
    content = read_json(path)
    try:
        wanted = content["format"], content["benchmark"], [run["cells"] for run in content["runs"]]
    except (KeyError, TypeError) as error:
        expected = "the result.json of `deptr reproduce`"
        raise DataError(path, "not a result", expected=expected, found=f"no {error}") from error
    if wanted[0] != FORMAT:
        raise DataError(path, "another version of results", expected=str(FORMAT), found=str(wanted[0]))
    return dict(content)


def merge(paths: list[Path]) -> Document:
    """Several results of one benchmark as one; each may hold several runs.

    Raises:
        DataError: A file is no result, the data differ, or a run is there twice.
        UsageError: Fewer than two files, or different benchmarks.
    """
    if len(paths) < 2:
        raise UsageError(f"merge: expected at least two results, got {len(paths)}")
    contents = [read_result(path) for path in paths]
    first = contents[0]
    runs: list[Document] = []
    seen: dict[str, Path] = {}
    for path, content in zip(paths, contents, strict=True):
        if content["benchmark"] != first["benchmark"]:
            found = f"{first['benchmark']} and {content['benchmark']}"
            raise UsageError(f"merge: expected results of one benchmark, got {found}")
        for run in content["runs"]:
            _check_same(path, run, first["runs"][0])
            mark = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
            if mark in seen:
                problem = f"holds a run that is in {seen[mark]} too"
                raise DataError(path, problem, hint="other seeds or machines give other figures")
            seen[mark] = path
            runs.append(run)
    return {"format": FORMAT, "benchmark": first["benchmark"], "runs": runs}


def _check_same(path: Path, run: Document, other: Document) -> None:
    """Refuse runs that cannot be averaged: of other data or other settings than the seed.

    Raises:
        DataError: They are.
    """
    if run["data"] != other["data"]:
        raise DataError(path, "was made on other data", hint="compare the notes of both pages")
    settings, wanted = ({**each["settings"], "seed": None} for each in (run, other))
    off = [name for name in wanted if settings.get(name) != wanted[name]]
    if off:
        found, expected = str(settings.get(off[0]))[:80], str(wanted[off[0]])[:80]
        raise DataError(path, f"has another {off[0]}", expected=expected, found=found)
