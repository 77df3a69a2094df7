"""A step of work in a folder named after everything that decides its result."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deptr import __version__
from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.progress import Progress

DONE = "done.json"
Outcome = dict[str, Any]
Work = Callable[[Path, Progress], Outcome]


@dataclass(frozen=True)
class Step:
    """One step; equal settings and inputs give the same folder, so that nothing is done twice.

    Attributes:
        name: Short, the beginning of its folder's name.
        title: What it does, for people.
        settings: Everything besides `needs` that changes its result; plain data.
        needs: Steps whose results it reads.
        work: Does it in the step's folder, going on from what is there; told how far it is.
        group: Steps of one group do not need each other and may run at once.
        gpu: Whether it wants a GPU.
    """

    name: str
    title: str
    settings: Mapping[str, Any]
    work: Work
    needs: tuple[Step, ...] = ()
    group: str = ""
    gpu: bool = False

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits for the step's settings and all before it."""
        words = [self.name, dict(self.settings), [step.key for step in self.needs]]
        text = json.dumps(words, sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def folder(self, run: Path) -> Path:
        """Its folder in a run."""
        return run / f"{self.name}-{self.key}"


def finished(step: Step, run: Path) -> Outcome | None:
    """What a step came to, None when it is not done.

    Raises:
        DataError: The file that says so is damaged.
    """
    path = step.folder(run) / DONE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcome: Outcome = dict(content["outcome"])
    except (ValueError, KeyError, TypeError) as error:
        hint = "remove it to have the step done again"
        raise DataError(path, "not the record of a step", found=type(error).__name__, hint=hint) from error
    return outcome


def execute(step: Step, run: Path, progress: Progress) -> Outcome:
    """Do a step unless it is done, and keep what came of it.

    Raises:
        DeptrError: As the step's work; what it finished stays.
    """
    kept = finished(step, run)
    if kept is not None:
        return kept
    folder = step.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    outcome = step.work(folder, progress)
    record = {
        "step": step.name,
        "settings": dict(step.settings),
        "needs": [f"{need.name}-{need.key}" for need in step.needs],
        "seconds_of_last_attempt": round(time.monotonic() - started, 1),
        "deptr": __version__,
        "outcome": outcome,
    }
    with atomic_write(folder / DONE) as file:
        json.dump(record, file, indent=1, default=str)
    return outcome
