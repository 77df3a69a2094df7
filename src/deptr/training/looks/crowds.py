"""Thumbnails of the people of rendered crowds, kept in one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from deptr.detector.looks import thumbnails
from deptr.errors import DataError
from deptr.files import atomic_path
from deptr.progress import Progress, SilentProgress
from deptr.records import Image, IntArray
from deptr.training.identity.sightings import Bodies, SightingSettings, scene_of
from deptr.training.looks.config import LooksDataSettings

FIELDS = ("thumbs", "people", "moments")


@dataclass(frozen=True)
class Crowd:
    """People of one scene at several moments.

    Attributes:
        thumbs: ``(M, 24, 8, 3)`` uint8.
        people: ``(M,)`` who it is.
        moments: ``(M,)`` when.
    """

    thumbs: Image
    people: IntArray
    moments: IntArray


def crowds_of(settings: LooksDataSettings, *, progress: Progress | None = None) -> list[Crowd]:
    """The crowds of these settings, read from their file or made and kept there.

    Raises:
        DataError: The file cannot be used.
    """
    file = Path(settings.file)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        _save(file, list(_rendered(settings, progress or SilentProgress())))
    return _load(file)


def _rendered(settings: LooksDataSettings, progress: Progress) -> Iterator[Crowd]:
    frames = max(settings.moments) + 1
    worlds = SightingSettings(frames=frames, rates=settings.rates, size=settings.size)
    for number in range(settings.scenes):
        scene = scene_of(worlds, settings.first_scene + number)
        rng = np.random.default_rng((settings.seed, number))
        thumbs, people, moments = [], [], []
        for moment in settings.moments:
            truth = scene.frame(moment)
            there = Bodies.of(truth)
            seen = there.visibility >= settings.least_visible
            boxes = there.boxes[seen]
            sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
            thumbs.append(
                thumbnails(truth.image, boxes + settings.box_noise * rng.normal(size=boxes.shape) * sides)
            )
            people.append(there.identities[seen])
            moments.append(np.full(int(seen.sum()), moment))
        yield Crowd(np.concatenate(thumbs), np.concatenate(people), np.concatenate(moments))
        progress.update(number + 1, settings.scenes, stage="rendering")


def _save(path: Path, crowds: list[Crowd]) -> None:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(crowd, name) for crowd in crowds]) for name in FIELDS
    }
    counts = np.array([len(crowd.people) for crowd in crowds])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, counts=counts, **columns)


def _load(path: Path) -> list[Crowd]:
    try:
        with np.load(path) as stored:
            columns = {name: stored[name] for name in (*FIELDS, "counts")}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        expected = "thumbnails that training of looks wrote"
        raise DataError(path, "cannot be read", expected=expected, found=str(error)[:160]) from error
    ends = np.cumsum(columns["counts"])[:-1]
    parts = zip(*(np.split(columns[name], ends) for name in FIELDS), strict=True)
    return [Crowd(*part) for part in parts]
