"""The folder that a run writes: made safely, and described in `run.json`."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr import __version__
from deptr.errors import DataError, UsageError
from deptr.files import atomic_write, first_free
from deptr.io.run_folder import FILES, RUN, VIDEO
from deptr.pipeline.asked import asked
from deptr.pipeline.plan import Plan
from deptr.pipeline.spelling import Spelling
from deptr.pipeline.timing import Seconds
from deptr.records import depth_of

if TYPE_CHECKING:
    from deptr.pipeline.follow import TrackedFrame

DEFAULT_FOLDER = "runs/track"
_LIBRARIES = ("numpy", "scipy", "lap", "supervision", "av", "opencv-python", "onnxruntime")


@dataclass
class Summary:
    """What a run has written so far; readable at any time.

    Attributes:
        folder: Where `TRACKS`, `VIDEO` and `RUN` lie.
        total: Number of frames of the source, None when unknown.
        status: ``running``, ``complete``, ``interrupted`` or ``failed``.
        error: What went wrong, when it failed.
        notes: Sentences for the user.
        frames: Frames that were tracked.
        drawn: Frames in the video.
        detections: Detections of these frames.
        known_depths: Those of them whose depth was known.
        boxes: Rows of the tracks.
        best_score: Largest score of a detection.
        identities: The identities.
        seconds: Time of each stage; ``wall`` is that of the whole.
    """

    folder: Path
    total: int | None = None
    status: str = "running"
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    frames: int = 0
    drawn: int = 0
    detections: int = 0
    known_depths: int = 0
    boxes: int = 0
    best_score: float = 0.0
    identities: set[int] = field(default_factory=set)
    seconds: Seconds = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """What was written."""
        return [path for name in FILES if (path := self.folder / name).exists()]

    def _repr_html_(self) -> str | None:
        """The video, for notebooks; None where there is none."""
        from deptr.viz.inline import video_html

        video = self.folder / VIDEO
        return video_html(video) if video.exists() else None

    def add(self, frame: TrackedFrame) -> None:
        """Count a frame whose tracks are written."""
        self.frames += 1
        self.detections += len(frame.detections)
        self.known_depths += int(np.isfinite(depth_of(frame.detections)).sum())
        self.boxes += len(frame.tracked)
        if len(frame.detections):
            scores = frame.detections.confidence
            self.best_score = max(self.best_score, 1.0 if scores is None else float(scores.max()))
        if frame.tracked.tracker_id is not None:
            self.identities.update(frame.tracked.tracker_id.tolist())


def prepare_folder(named: str | Path | None, *, overwrite: bool, spelling: Spelling) -> Path:
    """Make the output folder; with `overwrite`, remove the files of an earlier run and nothing else.

    Args:
        named: The folder that the user names; None for the default one, numbered where it is taken.
        overwrite: Whether a folder that is not empty may be used.
        spelling: How messages name the choices.

    Raises:
        UsageError: It exists and is not empty.
        DataError: It cannot be made or written.
    """
    folder = Path(named or DEFAULT_FOLDER)
    option = spelling.choice("folder")
    try:
        if named is None and not overwrite:
            folder = first_free(folder)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{option}: expected a folder, got the file {folder}")
        if folder.is_dir() and any(folder.iterdir()) and not overwrite:
            say = spelling.choice("overwrite", True)
            raise UsageError(f"{option}: {folder} is not empty; choose another folder or say {say}")
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(folder, "cannot be written", found=error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK):
        raise DataError(folder, "cannot be written", hint="check its permissions")
    return folder


def write_run(plan: Plan, summary: Summary) -> None:
    """Write ``run.json``: what was asked, with which versions, and what came out.

    Raises:
        DataError: It cannot be written.
    """
    request, wall, kind = plan.request, summary.seconds.get("wall", 0.0), plan.depth.kind
    classes = request.classes
    content = {
        "status": summary.status,
        "error": summary.error,
        "notes": summary.notes,
        "source": {
            "name": plan.name,
            "spec": request.source_name,
            "detections": plan.input.name,
            "classes": _by_number(plan.input.class_names or {}),
            "frames_per_second": plan.fps,
            "size": list(plan.size),
            "frames": plan.total,
            "topic": plan.frames.topic if plan.frames is not None else None,
            "focal_px": request.focal_px or (plan.frames.focal_px if plan.frames is not None else None),
            "camera": None if plan.world is None else plan.world.details(),
        },
        "asked": asked(request),
        "tracker": plan.tracker.tracker_name,
        "parameters": plan.tracker.parameters,
        "fusion": asdict(plan.tracker.fusion),
        "depth": {
            "source": plan.depth.name,
            "kind": kind.value if kind else None,
            "unit": kind.unit if kind else None,
            **plan.depth.details(),
            "known": summary.known_depths,
            "known_share": round(summary.known_depths / summary.detections, 4)
            if summary.detections
            else None,
        },
        "looks": None if request.looks is None else str(request.looks),
        "live": plan.live.summary() if plan.live is not None else None,
        "filter": {
            "min_score": request.min_score,
            "classes": classes if classes is None or isinstance(classes, str) else list(classes),
            "first_frame": request.first_frame,
        },
        "counts": {
            "frames": summary.frames,
            "frames_drawn": summary.drawn,
            "frames_skipped": plan.frames.skipped if plan.frames is not None else 0,
            "detections": summary.detections,
            "boxes": summary.boxes,
            "identities": len(summary.identities),
        },
        "seconds": {stage: round(seconds, 4) for stage, seconds in sorted(summary.seconds.items())},
        "frames_per_second_processed": round(summary.frames / wall, 2) if wall else None,
        "versions": versions(),
    }
    with atomic_write(summary.folder / RUN) as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def _by_number(names: Mapping[int, str]) -> dict[str, str]:
    return {str(number): name for number, name in sorted(names.items())}


def why_nothing(plan: Plan, summary: Summary) -> list[str]:
    """Why a whole run gave no identity, in one sentence; no sentence when it gave one."""
    if summary.identities or not summary.frames:
        return []
    request, spelling = plan.request, plan.request.spelling
    seen = f"no identity from {summary.detections} detections in {summary.frames} frames"
    if not summary.detections:
        table = plan.input.table
        held = "the detector found nothing" if table is None else f"{plan.input.name} holds {len(table)}"
        chosen = spelling.choice("min_score", request.min_score)
        if request.classes:
            chosen += f" {spelling.choice('classes', request.classes)}"
        return [f"{seen}: {held}, taken with {chosen}"]
    known = plan.tracker
    best = f"the best score is {summary.best_score:.3g}"
    if summary.best_score < max(known.new_score, known.high_score):
        lower = float(f"{summary.best_score / 2:.2g}")
        return [
            f"{seen}: {best}, but a track starts above high_score = {known.high_score:g}, from new_score = "
            f"{known.new_score:g} on; try {spelling.parameters(high_score=lower, new_score=lower)}"
        ]
    return [
        f"{seen}: {best}, but no object was followed for confirm_frames = {known.confirm_frames} frames; is "
        f"the frame rate right ({spelling.choice('fps')})? Else try {spelling.parameters(confirm_frames=1)}"
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
