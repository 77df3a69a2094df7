"""MOTChallenge text, with depth: detections and tracks, read strictly and written safely.

Columns are counted from 1 and separated by commas; frames count from 1, boxes are left, top, width and
height in pixels.

========  =====================================================================  ============
columns   meaning                                                                depth column
========  =====================================================================  ============
6         frame, id, left, top, width, height (score 1)                          none
7         ... score                                                              none
8         ... score, depth                                                       8
9         ... score, class, visibility (ground truth of MOTChallenge)            none
10        ... score, depth, two of any kind (-1, -1, -1 in plain MOTChallenge)   8
11        ... score, class, two of any kind, depth (DepTR-MOT's, and ours)       11
========  =====================================================================  ============

A class is a whole number of one's own, -1 where it is not said; see `deptr.io.columns`.
Blank lines hold nothing and are skipped. A depth of -1 or ``nan`` is not known.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from deptr.errors import DataError, UsageError
from deptr.io.columns import FOUND, NOT_SAID, whole
from deptr.io.identities import exact_identities
from deptr.io.kitti_text import looks_like_kitti
from deptr.io.tables import DetectionTable, TrackTable
from deptr.io.text_files import read_text
from deptr.io.text_rows import Check, Rows, parse_rows, refuse_first
from deptr.records import DepthKind, FloatArray, IntArray, depth_of

if TYPE_CHECKING:
    import supervision as sv

__all__ = ["DetectionTable", "TrackTable", "TrackWriter", "read_detections", "read_tracks"]

COLUMNS = tuple(FOUND)
NAMES = ("frame", "id", "left", "top", "width", "height", "score")
UNKNOWN_DEPTH = -1.0
_CLASS = 7
_DEPTH_OF_TRACKS = {8: 7, 11: 10}  # of ten, the last three are a place in the world where they say anything
_TRUTH_COLUMNS = 9  # of which the eighth is always a class; of eleven it may be of any kind
_LARGEST_FRAME = 100_000_000
_LARGEST_PIXEL = 1_000_000
_SMALLEST_SIZE = 0.001  # below it a written box would have no extent


def read_detections(
    path: str | Path,
    *,
    depth_column: int | None = None,
    depth_kind: DepthKind | str = DepthKind.METRIC,
    first_frame: int | None = None,
) -> DetectionTable:
    """Detections from a text file.

    Args:
        path: MOT text as in this module's table.
        depth_column: Column with the depth, counted from 1; None takes the one of the table.
        depth_kind: What the depths mean.
        first_frame: Number the file gives to the first frame, 0 or 1; DepTR-MOT's own files use 0. None: 1,
            and messages name no options, for callers whose user cannot choose either.

    Raises:
        DataError: The file is missing, empty or malformed; the message names the line.
        UsageError: `depth_column` or `first_frame` cannot be meant.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "det.txt"
        >>> _ = file.write_text("1,-1,10,20,30,60,0.9,5.5")
        >>> read_detections(file).at(1).xyxy
        array([[10., 20., 40., 80.]])
    """
    return parse_detections(
        read_text(path), path, depth_column=depth_column, depth_kind=depth_kind, first_frame=first_frame
    )


def parse_detections(
    text: str,
    path: str | Path,
    *,
    depth_column: int | None = None,
    depth_kind: DepthKind | str = DepthKind.METRIC,
    first_frame: int | None = None,
) -> DetectionTable:
    """As `read_detections`, of text that was read from `path`."""
    kind = DepthKind.parse(depth_kind)
    asked, first_frame = first_frame is not None, 1 if first_frame is None else first_frame
    _refuse_kitti(path, text)
    if not text.strip():
        hint = "a sequence without any detection needs no tracking"
        raise DataError(path, "the file is empty", expected="one detection a line", hint=hint)
    rows = parse_rows(text, path, columns=COLUMNS, names=NAMES)
    column = _depth_column(rows.shape[1], depth_column, path)
    names = _names(column)
    checks = [*_box_checks(rows, first_frame, asked=asked), *_score_checks(rows)]
    if column is not None:
        expected = f"a {'non-negative' if kind.larger_is_nearer else 'positive'} {kind.value} depth"
        hint = "is this the column of the depth?" + (" See --depth-column" if asked else "")
        checks += _depth_checks(rows[:, column], column, kind, expected, hint)
    if rows.shape[1] == _TRUTH_COLUMNS and column != _CLASS:
        own = ~whole(rows[:, _CLASS])
        checks.append((own, _CLASS, "not a class", "a whole number, or -1 where it is not said", None))
    checks.append(_order_check(rows))
    refuse_first(text, path, rows, checks, names)
    class_id = None if column == _CLASS else _classes(rows)
    return DetectionTable(
        source=str(path),
        frame=rows[:, 0].astype(np.int64) + (1 - first_frame),
        xyxy=_xyxy(rows),
        score=rows[:, 6].copy() if rows.shape[1] > 6 else np.ones(len(rows)),
        depth=_depth(rows, column),
        depth_kind=kind,
        class_id=class_id,
        class_names={} if class_id is None else {number: str(number) for number in set(class_id.tolist())},
    )


def read_tracks(path: str | Path) -> TrackTable:
    """Tracks from MOT text, in any order of rows; an empty file holds no track.

    Raises:
        DataError: The file is missing or malformed, or an identity stands twice in a frame.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "tracks.txt"
        >>> _ = file.write_text("1,7,10,20,30,60,0.9,-1,-1,-1,5.5")
        >>> read_tracks(file).track_id, read_tracks(file).depth
        (array([7]), array([5.5]))
    """
    text = read_text(path)
    _refuse_kitti(path, text)
    rows = parse_rows(text, path, columns=COLUMNS, names=NAMES)
    column = _DEPTH_OF_TRACKS.get(rows.shape[1])
    finite = np.isfinite(rows[:, 1]) & (rows[:, 1] == np.floor(rows[:, 1]))
    untracked = "these look like detections: track them first" if (rows[:, 1] == -1).all() else None
    checks = [
        *_box_checks(rows, 1),
        (~finite, 1, "not an identity", "a whole number", None),
        (rows[:, 1] < 0, 1, "a negative identity", "a whole number from 0", untracked),
    ]
    if rows.shape[1] > 6:
        checks.append((~np.isfinite(rows[:, 6]), 6, "not a score", "a finite number", None))
    if column is not None:
        expected, hint = "a depth from 0", "of eight and of eleven columns the last is the depth"
        checks += _depth_checks(rows[:, column], column, DepthKind.RELATIVE_INVERSE, expected, hint)
    refuse_first(text, path, rows, checks, _names(column))
    identity = exact_identities(text, path, rows[:, 1])
    order = np.lexsort((identity, rows[:, 0]))
    twice = np.zeros(len(rows), dtype=bool)
    twice[order[1:]] = (np.diff(rows[order, 0]) == 0) & (np.diff(identity[order]) == 0)
    refuse_first(text, path, rows, [(twice, 1, "identity stands twice in one frame", "once", None)], NAMES)
    return TrackTable.of(
        str(path),
        frame=rows[:, 0],
        track_id=identity,
        xyxy=_xyxy(rows),
        score=rows[:, 6] if rows.shape[1] > 6 else None,
        depth=_depth(rows, column),
        class_id=_classes(rows),
    )


class TrackWriter:
    r"""Writes tracks frame by frame; what is written is on disk and whole, whatever happens next.

    One row a track: frame, id, left, top, width, height, score, class, -1, -1, depth, as MOTChallenge wants
    it, with the depth behind. A class or depth of -1 is not known.

    Args:
        path: The file; its folder must exist.

    Raises:
        DataError: The file cannot be written, or the disk is full; rows written before stay.

    Example:
        >>> import tempfile
        >>> import supervision as sv
        >>> boxes, scores, ids = np.array([[0, 0, 4, 8.0]]), np.array([0.5]), np.array([3])
        >>> tracked = sv.Detections(boxes, confidence=scores, tracker_id=ids)
        >>> with TrackWriter(Path(tempfile.mkdtemp()) / "tracks.txt") as writer:
        ...     writer.write(1, tracked)
        >>> writer.path.read_text()
        '1,3,0.000,0.000,4.000,8.000,0.50000,-1,-1,-1,-1\n'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows = 0
        self._size = 0
        try:
            binary = getattr(os, "O_BINARY", 0)  # Windows would write two characters for a line's end
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | binary, 0o666)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, frame: int, tracks: sv.Detections) -> None:
        """Append the tracks of one frame.

        Args:
            frame: Number of the frame, from 1.
            tracks: Detections with ``tracker_id``.
        """
        if len(tracks) == 0:
            return
        text = format_tracks(frame, tracks)
        try:
            rest = text.encode()
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise self._failure(error) from error
        self._size += len(text)
        self.rows += len(tracks)

    def close(self) -> None:
        """End writing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self, error: OSError) -> DataError:
        found = error.strerror or str(error)
        return DataError(self.path, "cannot be written", found=found, hint="check space and permissions")


def format_tracks(frame: int, tracks: sv.Detections) -> str:
    """Rows of `TrackWriter` for one frame."""
    if tracks.tracker_id is None:
        raise UsageError("tracks: expected detections with tracker_id, got None")
    count = len(tracks)
    boxes = np.asarray(tracks.xyxy, dtype=np.float64)
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], _SMALLEST_SIZE)
    scores = np.ones(count) if tracks.confidence is None else tracks.confidence
    classes = np.full(count, NOT_SAID) if tracks.class_id is None else np.asarray(tracks.class_id, np.int64)
    rows = zip(
        tracks.tracker_id.tolist(),
        boxes[:, :2].tolist(),
        sizes.tolist(),
        scores.tolist(),
        classes.tolist(),
        depth_of(tracks).tolist(),
        strict=True,
    )
    return "".join(
        f"{frame},{identity},{x:.3f},{y:.3f},{w:.3f},{h:.3f},{score:.5f},{class_id},-1,-1,"
        f"{-1 if math.isnan(depth) else format(depth, '.6g')}\n"
        for identity, (x, y), (w, h), score, class_id, depth in rows
    )


def _names(depth_column: int | None) -> tuple[str, ...]:
    if depth_column is None:
        return NAMES
    return (*NAMES, *(f"column {n}" for n in range(8, depth_column + 1)), "depth")


def _depth_column(columns: int, asked: int | None, path: str | Path) -> int | None:
    """Index, from 0, of the column with the depth; None when the layout has none."""
    if asked is None:
        return FOUND[columns].depth
    if asked <= len(NAMES):
        raise UsageError(f"depth_column: expected a number from {len(NAMES) + 1}, got {asked}")
    if asked > columns:
        raise DataError(path, "no such column of depth", expected=f"at most {columns}", found=str(asked))
    return asked - 1


def _classes(rows: Rows) -> IntArray | None:
    """Class of each row, None where the file says none."""
    place = FOUND[rows.shape[1]].class_id
    if place is None or not whole(rows[:, place]).all() or (rows[:, place] == NOT_SAID).all():
        return None
    return rows[:, place].astype(np.int64)


def _refuse_kitti(path: str | Path, text: str) -> None:
    if looks_like_kitti(text):
        hint = "`deptr track --detections`, `eval` and `validate` read KITTI text"
        raise DataError(path, "KITTI text", expected=f"MOT text: {', '.join(NAMES)}", hint=hint)


def _box_checks(rows: Rows, first_frame: int, *, asked: bool = False) -> list[Check]:
    """Checks of frames and boxes; `asked` says that the user can choose the number of the first frame."""
    if first_frame not in (0, 1):
        raise UsageError(f"first_frame: expected 0 or 1, got {first_frame}")
    frame, size = rows[:, 0], rows[:, 4:6]
    bad_frame = ~((frame >= first_frame) & (frame <= _LARGEST_FRAME) & (frame == np.floor(frame)))
    expected = f"a whole number from {first_frame} to {_LARGEST_FRAME}"
    remedy = "say --first-frame 0" if asked else "add 1 to each"
    hint = f"if the file counts frames from 0, {remedy}" if bool((frame == 0).any()) else None
    checks: list[Check] = [(bad_frame, 0, "not a frame number", expected, hint)]
    for column in (2, 3):
        outside = ~(np.abs(rows[:, column]) <= _LARGEST_PIXEL)
        checks.append((outside, column, "not a pixel coordinate", "a finite number of pixels", None))
    for column in (4, 5):
        outside = ~((size[:, column - 4] > 0) & (size[:, column - 4] <= _LARGEST_PIXEL))
        checks.append((outside, column, "not a box size", "a positive number of pixels", None))
    return checks


def _score_checks(rows: Rows) -> list[Check]:
    if rows.shape[1] <= 6:
        return []
    outside = ~((rows[:, 6] >= 0) & (rows[:, 6] <= 1))
    return [(outside, 6, "not a score", "a number in [0, 1]", "bring scores to [0, 1] first")]


def _depth_checks(depth: Rows, column: int, kind: DepthKind, expected: str, hint: str) -> list[Check]:
    known = ~np.isnan(depth) & (depth != UNKNOWN_DEPTH)
    legal = (depth >= 0 if kind.larger_is_nearer else depth > 0) & np.isfinite(depth)
    return [(known & ~legal, column, "not a depth", f"{expected}, or -1 for unknown", hint)]


def _order_check(rows: Rows) -> Check:
    back = np.zeros(len(rows), dtype=bool)
    back[1:] = np.diff(rows[:, 0]) < 0
    expected = "frames in ascending order"
    hint = "a file written twice into one? Otherwise sort it: sort -s -t, -k1,1n"
    return back, 0, "goes back to an earlier frame", expected, hint


def _xyxy(rows: Rows) -> FloatArray:
    return np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)


def _depth(rows: Rows, column: int | None) -> FloatArray:
    if column is None:
        return np.full(len(rows), np.nan)
    return np.where(rows[:, column] == UNKNOWN_DEPTH, np.nan, rows[:, column])
