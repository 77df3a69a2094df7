"""KITTI tracking text: objects with class, box and, where it is known, place in the world.

Fields are separated by blanks: frame (from 0), identity, type, truncated, occluded, alpha, left, top,
right, bottom, height, width, length, x, y, z, rotation and, in results, score. The depth is ``z``: metres
from the camera plane; -1000, and what detectors in the image write (-1, 0 or nan), is not known.
Format: KITTI tracking development kit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deptr.errors import DataError, UsageError
from deptr.files import atomic_write
from deptr.io.columns import kitti_spelling, known_depth
from deptr.io.identities import LARGEST_EXACT
from deptr.io.tables import DetectionTable, TrackTable
from deptr.io.text_files import lines_of, read_text
from deptr.io.text_rows import Check, Rows, is_comment, parse_rows, refuse_comment, refuse_first
from deptr.records import BoolArray, DepthKind, depth_of

if TYPE_CHECKING:
    import supervision as sv

_FIELDS = (17, 18)
_TYPE = 2
_UNKNOWN_PLACE = -1000.0
_UNKNOWN_PLACES = (_UNKNOWN_PLACE, -1.0, 0.0)  # detectors without a place write these
_REGION = "DontCare"
_NAMES = (
    "frame, id, type, truncated, occluded, alpha, left, top, right, bottom, height, width, length, x, y, z, "
    "rotation, score"
).split(", ")


def looks_like_kitti(text: str) -> bool:
    """Whether the first row has the blanks and the type word of KITTI text.

    Example:
        >>> looks_like_kitti("0 1 Car 0 0 -1.5 1 2 3 4 1 1 4 0 1 20 0.1")
        True
        >>> looks_like_kitti("1,-1,10,20,30,60,0.9")
        False
        >>> looks_like_kitti("# frame id left top width height score")
        False
    """
    rows = (line for line in lines_of(text) if line.strip() and not is_comment(line))
    first = next(rows, "")
    return "," not in first and bool(re.match(r"\s*[-+.\d]\S*\s+[-+.\d]\S*\s+[A-Za-z_]\w*(\s|$)", first))


def read_kitti_detections(path: str | Path) -> DetectionTable:
    """Objects of a KITTI tracking file as detections; regions to ignore (``DontCare``) are left out.

    Class ids number the types in alphabetical order. Frames are renumbered from 1.

    Raises:
        DataError: The file is missing, empty or malformed; the message names the line.
    """
    return parse_kitti_detections(read_text(path), path)


def parse_kitti_detections(text: str, path: str | Path) -> DetectionTable:
    """As `read_kitti_detections`, of text that was read from `path`."""
    objects = _parse(text, path)
    if not len(objects.rows):
        raise DataError(path, "the file holds no object", expected="one object a line")
    order = np.argsort(objects.rows[:, 0], kind="stable")
    rows = objects.rows[order]
    names = sorted(set(objects.types))
    class_id = np.array([names.index(word) for word in objects.types], dtype=np.int64)[order]
    return DetectionTable(
        source=str(path),
        frame=rows[:, 0].astype(np.int64) + 1,
        xyxy=rows[:, 6:10].copy(),
        score=rows[:, 17].copy() if rows.shape[1] == _FIELDS[1] else np.ones(len(rows)),
        depth=known_depth(rows[:, 15]),
        depth_kind=DepthKind.METRIC,
        class_id=class_id,
        class_names=dict(enumerate(names)),
    )


def read_kitti_tracks(path: str | Path) -> TrackTable:
    """Tracks of a KITTI tracking file, frames renumbered from 1; ``DontCare`` is left out.

    Raises:
        DataError: The file is missing or malformed; the message names the line.
    """
    rows = _parse(read_text(path), path).rows
    return TrackTable.of(
        str(path),
        frame=rows[:, 0] + 1,
        track_id=rows[:, 1],
        xyxy=rows[:, 6:10],
        score=rows[:, 17] if rows.shape[1] == _FIELDS[1] else None,
        depth=known_depth(rows[:, 15]),
    )


def write_kitti_tracks(
    path: str | Path, frames: Iterable[tuple[int, sv.Detections]], *, type_name: str
) -> None:
    """Write tracks as a KITTI result file, whole or not at all.

    Args:
        path: The file.
        frames: Number of each frame, from 1, and its tracks: detections with ``tracker_id``.
        type_name: KITTI's word for the class, such as ``Car`` or ``Pedestrian``.

    Raises:
        UsageError: Tracks without identities, or a type with a blank in it.
        DataError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> import supervision as sv
        >>> tracked = sv.Detections(np.array([[0, 0, 4, 8.0]]), tracker_id=np.array([3]))
        >>> file = Path(tempfile.mkdtemp()) / "0000.txt"
        >>> write_kitti_tracks(file, [(1, tracked)], type_name="Car")
        >>> file.read_text()[:54]
        '0 3 Car -1 -1 -10 0.000 0.000 4.000 8.000 -1 -1 -1 -10'
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", type_name):
        raise UsageError(f"type_name: expected one word such as Car, got {type_name!r}")
    with atomic_write(path) as file:
        for frame, tracks in frames:
            file.write(_format(frame, tracks, type_name))


def _format(frame: int, tracks: sv.Detections, type_name: str) -> str:
    if tracks.tracker_id is None:
        raise UsageError("tracks: expected detections with tracker_id, got None")
    scores = np.ones(len(tracks)) if tracks.confidence is None else tracks.confidence
    lines = []
    for identity, box, score, depth in zip(
        tracks.tracker_id.tolist(),
        tracks.xyxy.tolist(),
        scores.tolist(),
        depth_of(tracks).tolist(),
        strict=True,
    ):
        corners = " ".join(f"{value:.3f}" for value in box)
        place = f"{_UNKNOWN_PLACE:.0f}" if math.isnan(depth) else f"{depth:.6g}"
        world = f"-1 -1 -1 -1000 -1000 {place} -10"
        lines.append(f"{frame - 1} {identity} {type_name} -1 -1 -10 {corners} {world} {score:.5f}\n")
    return "".join(lines)


class _Objects(NamedTuple):
    """Numbers and types of a file's objects, in its order."""

    rows: Rows
    types: list[str]


def _parse(text: str, path: str | Path) -> _Objects:
    types: list[str] = []
    numbers: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        fields = line.split()
        if fields and len(fields) not in _FIELDS:
            refuse_comment(path, number, line)
            found = str(len(fields))
            raise DataError(path, "wrong number of fields", line=number, expected="17 or 18", found=found)
        types.append(kitti_spelling(fields[_TYPE]) if fields else "")
        numbers.append(",".join([*fields[:_TYPE], "0", *fields[_TYPE + 1 :]]) if fields else "")
    rows = parse_rows("\n".join(numbers), path, columns=_FIELDS, names=_NAMES)
    words = [word for word in types if word]
    objects = np.array([word != _REGION for word in words], dtype=bool)
    _check(path, "\n".join(numbers), rows, objects)
    return _Objects(rows[objects], [word for word in words if word != _REGION])


def _check(path: str | Path, text: str, rows: Rows, objects: BoolArray) -> None:
    frame, box, depth = rows[:, 0], rows[:, 6:10], rows[:, 15]
    exact = (rows[:, 1] == np.floor(rows[:, 1])) & (np.abs(rows[:, 1]) < LARGEST_EXACT)
    whole = (frame >= 0) & (frame == np.floor(frame)) & (frame < 1e8)
    checks: list[Check] = [(~whole, 0, "not a frame number", "a whole number from 0", None)]
    checks.append((objects & ~exact, 1, "not an identity", f"a whole number up to {LARGEST_EXACT - 1}", None))
    for column in range(6, 10):
        bad = ~(np.abs(rows[:, column]) < 1e6)
        checks.append((bad, column, "not a pixel coordinate", "a finite number of pixels", None))
    for low, high in ((0, 2), (1, 3)):
        bad = objects & ~(box[:, high] > box[:, low])
        checks.append((bad, 6 + high, "empty box", f"more than {_NAMES[6 + low]}", None))
    hint = "-1000, -1, 0 and nan stand for a place that is not known"
    legal = np.isin(depth, _UNKNOWN_PLACES) | np.isnan(depth) | ((depth > 0) & np.isfinite(depth))
    checks.append((objects & ~legal, 15, "not a depth", "metres > 0", hint))
    if rows.shape[1] == _FIELDS[1]:
        inside = (rows[:, 17] >= 0) & (rows[:, 17] <= 1)
        checks.append((objects & ~inside, 17, "not a score", "a number in [0, 1]", None))
    refuse_first(text, path, rows, checks, _NAMES)
