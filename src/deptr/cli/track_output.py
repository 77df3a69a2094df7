"""The folder that `deptr track` writes: made safely, and described in `run.json`."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deptr import __version__
from deptr.cli.track_run import Counts
from deptr.cli.track_setup import Plan, Words
from deptr.errors import DataError, UsageError
from deptr.files import atomic_write, first_free

TRACKS, VIDEO, RUN = "tracks.txt", "tracked.mp4", "run.json"
DEFAULT_FOLDER = "runs/track"
_LIBRARIES = ("numpy", "scipy", "lap", "supervision", "av", "opencv-python", "onnxruntime")


def prepare_folder(named: Path | None, *, overwrite: bool) -> Path:
    """Make the output folder; with `overwrite`, remove the files of an earlier run and nothing else.

    Args:
        named: The folder that the user names; None for the default one, numbered where it is taken.
        overwrite: Whether a folder that is not empty may be used.

    Raises:
        UsageError: It exists and is not empty.
        DataError: It cannot be made or written.
    """
    folder = named or Path(DEFAULT_FOLDER)
    try:
        if named is None and not overwrite:
            folder = first_free(folder)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output: expected a folder, got the file {folder}")
        if folder.is_dir() and any(folder.iterdir()) and not overwrite:
            raise UsageError(f"--output: {folder} is not empty; choose another folder or say --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        for name in (TRACKS, VIDEO, RUN):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(folder, "cannot be written", found=error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK):
        raise DataError(folder, "cannot be written", hint="check its permissions")
    return folder


def write_run(
    folder: Path,
    words: Words,
    plan: Plan,
    counts: Counts,
    *,
    status: str,
    notes: list[str],
    error: str | None = None,
) -> None:
    """Write ``run.json``: what was asked, with which versions, and what came out.

    Args:
        folder: Where to.
        words: What the user said.
        plan: What was made of it.
        counts: What has been done.
        status: ``running``, ``complete``, ``interrupted`` or ``failed``.
        notes: Sentences for the user.
        error: What went wrong, when it failed.
    """
    wall = counts.seconds.get("wall", 0.0)
    content = {
        "status": status,
        "error": error,
        "notes": notes,
        "source": {
            "name": plan.name,
            "spec": words.source,
            "detections": plan.input.name,
            "classes": {str(number): name for number, name in sorted((plan.input.class_names or {}).items())},
            "frames_per_second": plan.fps,
            "size": list(plan.size),
            "frames": plan.total,
        },
        "tracker": words.tracker,
        "parameters": plan.tracker.parameters,
        "fusion": asdict(plan.tracker.fusion),
        "depth": {
            "source": plan.depth_source,
            "kind": plan.depth_kind.value if plan.depth_kind else None,
            "unit": plan.depth_kind.unit if plan.depth_kind else None,
            "column": words.depth_column,
        },
        "filter": {"min_score": words.min_score, "classes": words.classes, "first_frame": words.first_frame},
        "counts": {
            "frames": counts.frames,
            "frames_drawn": counts.drawn,
            "frames_skipped": plan.frames.skipped if plan.frames is not None else 0,
            "detections": counts.detections,
            "boxes": counts.boxes,
            "identities": len(counts.identities),
        },
        "seconds": {stage: round(seconds, 4) for stage, seconds in sorted(counts.seconds.items())},
        "frames_per_second_processed": round(counts.frames / wall, 2) if wall else None,
        "versions": versions(),
    }
    with atomic_write(folder / RUN) as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def why_nothing(words: Words, plan: Plan, counts: Counts) -> list[str]:
    """Why a whole run gave no identity, in one sentence; no sentence when it gave one."""
    if counts.identities or not counts.frames:
        return []
    seen = f"no identity from {counts.detections} detections in {counts.frames} frames"
    if not counts.detections:
        table = plan.input.table
        held = "the detector found nothing" if table is None else f"{plan.input.name} holds {len(table)}"
        chosen = f"--min-score {words.min_score:g}" + (f" --classes {words.classes}" if words.classes else "")
        return [f"{seen}: {held}, taken with {chosen}"]
    known = plan.tracker
    best = f"the best score is {counts.best_score:.3g}"
    if counts.best_score < max(known.new_score, known.high_score):
        lower = f"{counts.best_score / 2:.2g}"
        return [
            f"{seen}: {best}, but a track starts above high_score = {known.high_score:g}, from "
            f"new_score = {known.new_score:g} on; try --param high_score={lower} --param new_score={lower}"
        ]
    return [
        f"{seen}: {best}, but no object was followed for confirm_frames = {known.confirm_frames} frames; is "
        "the frame rate right (--fps)? Else try --param confirm_frames=1"
    ]


def versions() -> dict[str, str]:
    """Versions of what takes part in a run."""
    found: dict[str, Any] = {
        "deptr": __version__,
        "python": platform.python_version(),
        "platform": sys.platform,
    }
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
