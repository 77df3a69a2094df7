"""The folder that a run of tracking leaves behind: its files, and how it is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deptr.errors import DataError
from deptr.io.mot_text import read_tracks
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.text_files import read_json
from deptr.records import DepthKind

TRACKS, VIDEO, RUN = "tracks.txt", "tracked.mp4", "run.json"


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
    table = read_tracks(folder / TRACKS)
    try:
        source, depth = content["source"], content["depth"]
        kind = depth["kind"]
        return SequenceTracks(
            name=str(source["name"]),
            tracks=table,
            fps=float(source["frames_per_second"]),
            size=(int(source["size"][0]), int(source["size"][1])),
            frame_count=source["frames"] or content["counts"]["frames"] or None,
            depth_kind=None if kind is None else DepthKind.parse(kind),
            focal_px=depth.get("focal_px"),
            class_names={int(number): str(name) for number, name in source["classes"].items()},
            video=_found(source["spec"], folder),
            run=content,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        hint = "track again"
        raise DataError(
            folder / RUN, "is not what deptr track writes", found=repr(error), hint=hint
        ) from error


def _found(spec: Any, folder: Path) -> Path | None:
    """The video or folder of images that was tracked: as it was named, or beside the run."""
    if not isinstance(spec, str) or not spec:
        return None
    places = (Path(spec), folder / spec, folder / Path(spec).name)
    return next((place for place in places if place.exists()), None)
