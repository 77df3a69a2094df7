"""Tracks as tables: CSV with a header, Parquet, and JSON lines with a frame each, read and written.

Columns are those of `TrackTable.columns`, with ``seconds`` and ``class_name`` where they are known. An empty
cell is unknown. CSV and Parquet keep every digit.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from deptr.errors import DataError, MissingExtraError
from deptr.files import atomic_path, atomic_write
from deptr.io.columns import NOT_SAID
from deptr.io.sequence_tracks import SequenceTracks, class_numbers, names_of
from deptr.io.tables import TrackTable
from deptr.io.text_files import lines_of, read_text
from deptr.records import DepthKind

NEEDED = ("frame", "track_id", "left", "top", "right", "bottom")
_WHOLE = ("frame", "track_id", "class_id")
_OPTIONAL = ("score", "depth", "depth_std", "visibility")


def write_csv(path: str | Path, sequence: SequenceTracks) -> None:
    r"""Tracks as CSV with a header, a row for each box.

    Raises:
        DataError: It cannot be written.

    Example:
        >>> table = TrackTable.of("memory", frame=[1], track_id=[7], xyxy=[[0, 0, 4, 8.5]], depth=[2.5])
        >>> file = getfixture("tmp_path") / "tracks.csv"
        >>> write_csv(file, SequenceTracks("walk", table, fps=10.0))
        >>> file.read_text()
        'frame,seconds,track_id,class_id,class_name,left,top,right,bottom,score,depth,depth_std,visibility\n1,0.0,7,,,0.0,0.0,4.0,8.5,1.0,2.5,,\n'
    """
    columns = _columns(sequence)
    write_rows(path, list(columns), zip(*columns.values(), strict=True))


def write_rows(path: str | Path, names: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """A CSV file with a header, whole or not at all; None and NaN are empty cells.

    Raises:
        DataError: It cannot be written.
    """
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(map(_cell, row) for row in rows)


def read_csv(path: str | Path) -> SequenceTracks:
    """Tracks of a CSV file with a header; columns of other names are passed over.

    Raises:
        DataError: A column is missing, or a cell is not what it should be; the message names the line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    found = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = found
    _need(path, found)
    columns: dict[str, list[float | int]] = {name: [] for name in (*_WHOLE, *NEEDED[2:], *_OPTIONAL)}
    seconds: dict[int, float] = {}
    names: list[str] = []
    for row in reader:
        for name, values in columns.items():
            values.append(_number(path, reader.line_num, name, (row.get(name) or "").strip()))
        names.append((row.get("class_name") or "").strip())
        time = _number(path, reader.line_num, "seconds", (row.get("seconds") or "").strip())
        if math.isfinite(time):
            seconds[int(columns["frame"][-1])] = float(time)
    return _sequence(path, columns, seconds, names)


def write_parquet(path: str | Path, sequence: SequenceTracks) -> None:
    """Tracks as Parquet, a row for each box.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: It cannot be written.
    """
    pa, parquet = _arrow()
    columns = _columns(sequence)
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary)


def read_parquet(path: str | Path) -> SequenceTracks:
    """Tracks of a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: It is no Parquet file, or a column is missing.
    """
    pa, parquet = _arrow()
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(path, "cannot be read as Parquet", found=str(error).splitlines()[0]) from error
    _need(path, table.column_names)
    listed = {name: table.column(name).to_pylist() for name in table.column_names}
    columns = {
        name: [_or_unknown(name, value) for value in listed.get(name, [None] * len(table))]
        for name in (*_WHOLE, *NEEDED[2:], *_OPTIONAL)
    }
    times = listed.get("seconds", [])
    seconds = {int(k): float(t) for k, t in zip(columns["frame"], times) if t is not None}  # noqa: B905
    return _sequence(path, columns, seconds, [name or "" for name in listed.get("class_name", [])])


def read_json_lines(path: str | Path) -> SequenceTracks:
    """Tracks of JSON lines, a frame each, as `deptr.io.json_lines.frame_record` makes them.

    Raises:
        DataError: A line is not such a record; the message names it.
    """
    columns: dict[str, list[float | int]] = {name: [] for name in (*_WHOLE, *NEEDED[2:], *_OPTIONAL)}
    seconds: dict[int, float] = {}
    names: list[str] = []
    kinds: set[str] = set()
    last = 0
    for number, record in _records(path):
        try:
            frame, last = int(record["frame"]), max(last, int(record["frame"]))
            if record.get("timestamp") is not None:
                seconds[frame] = float(record["timestamp"])
            kinds |= {record["depth_kind"]} if record.get("depth_kind") else set()
            for row in record["tracks"]:
                box = dict(zip(NEEDED[2:], row["box_xyxy"], strict=True))
                cells = {**row, **box, "frame": frame, "track_id": row["id"]}
                for name, values in columns.items():
                    values.append(_or_unknown(name, cells.get(name)))
                names.append(row.get("class_name") or "")
        except (KeyError, TypeError, ValueError) as error:
            expected = "an object with frame and tracks, each with id and box_xyxy"
            raise DataError(
                path, "not a frame of tracks", line=number, expected=expected, found=repr(error)
            ) from error
    kind = DepthKind.parse(kinds.pop()) if len(kinds) == 1 else None
    return _sequence(path, columns, seconds, names, frame_count=last or None, depth_kind=kind)


def _records(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines_of(read_text(path)), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise DataError(path, "not a line of JSON", line=number, found=str(error)) from error


def _columns(sequence: SequenceTracks) -> dict[str, Any]:
    """Columns as they are written, with time and class by name; None or NaN is unknown."""
    table = sequence.tracks
    columns = cast("dict[str, Any]", table.columns())
    classes = table.class_id.tolist()
    said = [None if number == NOT_SAID else number for number in classes]
    return {
        "frame": columns.pop("frame"),
        "seconds": sequence.seconds_of(table.frame),
        "track_id": columns.pop("track_id"),
        "class_id": said,
        "class_name": [None if number is None else sequence.class_names.get(number) for number in said],
        **{name: values for name, values in columns.items() if name != "class_id"},
    }


def _cell(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN is not itself


def _need(path: str | Path, found: list[str]) -> None:
    missing = [name for name in NEEDED if name not in found]
    if missing:
        expected = f"at least {', '.join(NEEDED)}"
        raise DataError(path, f"no column {', '.join(missing)}", expected=expected, found=", ".join(found))


def _number(path: str | Path, line: int, name: str, word: str) -> Any:
    """A cell as a number; unknown where it is empty and may be."""
    if not word and name not in NEEDED:
        return _or_unknown(name, None)
    try:
        return int(word) if name in _WHOLE else float(word)
    except ValueError:
        expected = "a whole number" if name in _WHOLE else "a number"
        raise DataError(path, f"wrong {name}", line=line, expected=expected, found=repr(word)) from None


def _or_unknown(name: str, value: Any) -> Any:
    if value is not None:
        return value
    return NOT_SAID if name == "class_id" else 1.0 if name == "score" else math.nan


def _sequence(
    path: str | Path,
    columns: Mapping[str, list[float | int]],
    seconds: dict[int, float],
    names: list[str],
    **known: Any,
) -> SequenceTracks:
    classes = np.array(columns["class_id"], np.int64)
    pairs = {name: int(number) for name, number in zip(names, classes, strict=True) if name and number >= 0}
    numbers = class_numbers(list(dict.fromkeys(filter(None, names))), pairs)
    unsaid = np.array([numbers.get(name, NOT_SAID) for name in names], np.int64)
    table = TrackTable.of(
        str(path),
        frame=columns["frame"],
        track_id=columns["track_id"],
        xyxy=np.array([columns[name] for name in NEEDED[2:]], np.float64).T,
        class_id=np.where(classes == NOT_SAID, unsaid, classes),
        **{name: np.array(columns[name], np.float64) for name in _OPTIONAL},
    )
    check_tracks(table)
    fps = steady_rate(seconds)
    times = {} if fps is not None else seconds
    return SequenceTracks(Path(path).stem, table, fps, class_names=names_of(numbers), seconds=times, **known)


def check_tracks(table: TrackTable) -> None:
    """Refuse tables that no tracker can have written.

    Raises:
        DataError: A frame or identity is negative, a box is none, or an identity stands twice in a frame.
    """
    size = table.xyxy[:, 2:] - table.xyxy[:, :2]
    rules: tuple[tuple[Any, str, str], ...] = (
        (table.frame < 1, "not a frame number", "a whole number from 1"),
        (table.track_id < 0, "a negative identity", "a whole number from 0"),
        (~(np.isfinite(table.xyxy).all(axis=1) & (size > 0).all(axis=1)), "not a box", "right and below"),
        (_twice(table), "identity stands twice in one frame", "once"),
    )
    for broken, problem, expected in rules:
        if broken.any():
            row = int(np.flatnonzero(broken)[0])
            found = f"frame {table.frame[row]}, identity {table.track_id[row]}, {table.xyxy[row].tolist()}"
            raise DataError(table.source, problem, expected=expected, found=found)


def _twice(table: TrackTable) -> Any:
    same = np.zeros(len(table), bool)
    same[1:] = (np.diff(table.frame) == 0) & (np.diff(table.track_id) == 0)
    return same


def steady_rate(seconds: Mapping[int, float]) -> float | None:
    """Frames per second of times that a frame rate explains to half a millisecond, None of others.

    Example:
        >>> steady_rate({1: 0.0, 2: 0.1, 5: 0.4}), steady_rate({1: 0.0, 2: 0.1, 3: 0.5})
        (10.0, None)
    """
    later = {frame: time for frame, time in seconds.items() if frame > 1 and time > 0}
    if not later:
        return None
    frames, times = np.array(list(later)), np.array(list(later.values()))
    last = int(np.argmax(frames))
    fps = float((frames[last] - 1) / times[last])
    fps = round(fps, 6) if abs(fps - round(fps, 3)) < 1e-4 else fps
    return fps if np.abs((frames - 1) / fps - times).max() < 5e-4 else None


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("Parquet", "tables") from None
    return pa, parquet
