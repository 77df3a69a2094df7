"""The folder that a run of tracking leaves behind: its files, and how it is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.io.mot_text import read_tracks
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.table_files import read_json_lines
from deptr.io.tables import TrackTable
from deptr.io.text_files import read_json
from deptr.records import DepthKind

TRACKS, LINES, VIDEO, RUN = "tracks.txt", "tracks.jsonl", "tracked.mp4", "run.json"
COUNTS = "counts.csv"
FILES = (TRACKS, LINES, COUNTS, VIDEO, RUN)


def is_run(path: Path) -> bool:
    """Whether this is the folder of a run, or its file of tracks."""
    folder = path.parent if path.name == TRACKS else path
    return (folder / RUN).is_file() and (folder / TRACKS).is_file()


def read_run(path: str | Path) -> SequenceTracks:
    """Tracks of a run with all that its ``run.json`` says.

    Args:
        path: Its folder, or ``tracks.txt`` in it.

    Raises:
        DataError: A file is missing, or is not what ``deptr track`` writes.
    """
    place = Path(path)
    folder = place.parent if place.name == TRACKS else place
    if not is_run(folder):
        raise DataError(folder, "not the folder of a run", expected=f"{TRACKS} and {RUN} in it")
    content = read_json(folder / RUN)
    table, seconds, fps = read_tracks(folder / TRACKS), {}, None
    if (folder / LINES).is_file():
        lines = read_json_lines(folder / LINES)
        table, seconds, fps = _with_deviations(table, lines.tracks), dict(lines.seconds), lines.fps
    try:
        source, depth = content["source"], content["depth"]
        kind = depth["kind"]
        return SequenceTracks(
            name=str(source["name"]),
            tracks=table,
            fps=fps or float(source["frames_per_second"]),
            size=(int(source["size"][0]), int(source["size"][1])),
            frame_count=source["frames"] or content["counts"]["frames"] or None,
            depth_kind=None if kind is None else DepthKind.parse(kind),
            focal_px=source.get("focal_px"),
            class_names={int(number): str(name) for number, name in source["classes"].items()},
            video=_found(source["spec"], folder),
            seconds=seconds,
            run=content,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        hint = "track again"
        raise DataError(
            folder / RUN, "is not what deptr track writes", found=repr(error), hint=hint
        ) from error


def _with_deviations(table: TrackTable, lines: TrackTable) -> TrackTable:
    """The table with what only the lines hold, where both have the same identity in the same frame."""
    _, names = np.unique(np.concatenate([table.track_id, lines.track_id]), return_inverse=True)
    every = np.concatenate([table.frame, lines.frame]) * (names.max(initial=0) + 1) + names
    wanted, given = every[: len(table)], every[len(table) :]
    order = np.argsort(given)
    place = np.minimum(np.searchsorted(given[order], wanted), max(len(given) - 1, 0))
    if not len(given):
        return table
    rows = order[place]
    return replace(table, depth_std=np.where(given[rows] == wanted, lines.depth_std[rows], np.nan))


def _found(spec: Any, folder: Path) -> Path | None:
    """The video or folder of images that was tracked: as it was named, or beside the run."""
    if not isinstance(spec, str) or not spec:
        return None
    places = (Path(spec), folder / spec, folder / Path(spec).name)
    return next((place for place in places if place.exists()), None)
