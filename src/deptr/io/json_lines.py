"""One frame of tracks as one line of JSON: the record that streams, services and files of lines share."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from deptr.errors import DataError
from deptr.records import depth_of, depth_std_of

if TYPE_CHECKING:
    import supervision as sv

STANDARD_OUTPUT = "-"
_OWN = {"depth", "depth_std", "class_name"}  # columns of detections that have a key of their own
_LONG = {"embedding", "query_state"}  # hundreds of numbers that nobody reads as text


def frame_record(
    index: int,
    timestamp: float,
    tracked: sv.Detections,
    *,
    class_names: Mapping[int, str] | None = None,
    **more: object,
) -> dict[str, Any]:
    """One frame as plain values, ready for JSON.

    Args:
        index: Number of the frame, from 1.
        timestamp: Seconds since the first frame.
        tracked: Detections with ``tracker_id``. Columns of numbers in ``data`` travel under their own names.
        class_names: Name of each class number; a column ``class_name`` is stronger.
        more: Further values of the frame.

    Returns:
        ``frame``, ``timestamp``, `more`, ``depth_kind`` and ``tracks``: for each ``id``, ``box_xyxy``
        (pixels), ``score``, ``class_id``, ``class_name``, ``depth``, ``depth_std`` and the columns of
        ``data``. What is not known is None.

    Example:
        >>> import supervision as sv
        >>> boxes = np.array([[10.0, 20, 40, 80]])
        >>> tracked = sv.Detections(boxes, tracker_id=np.array([3]), data={"depth": np.array([4.25])})
        >>> record = frame_record(1, 0.0, tracked)
        >>> record["tracks"][0]["id"], record["tracks"][0]["depth"], record["tracks"][0]["score"]
        (3, 4.25, None)
    """
    columns = _columns(tracked, class_names or {})
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    kind = tracked.metadata.get("depth_kind") if rows else None
    return {
        "frame": index,
        "timestamp": round(timestamp, 6),
        **{name: plain(value) for name, value in more.items()},
        "depth_kind": kind,
        "tracks": rows,
    }


def json_line(record: Mapping[str, Any]) -> str:
    r"""A record as one line.

    Example:
        >>> json_line({"frame": 1, "depth": float("nan")})
        '{"frame":1,"depth":null}\n'
    """
    return json.dumps(plain(record), separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: object) -> Any:
    """A value as JSON knows it: arrays become lists, numbers of numpy plain ones, what is not finite None.

    Example:
        >>> plain({"a": np.array([1.5, np.nan]), "b": np.int64(3), "c": (True, "x")})
        {'a': [1.5, None], 'b': 3, 'c': [True, 'x']}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


class JsonLinesWriter:
    """Writes a line for each frame, at once: what reads along sees it while the run goes on.

    Args:
        place: The file, whose folder is made; ``-`` for standard output.

    Raises:
        DataError: The file cannot be written, or the disk is full; lines written before stay.

    Example:
        >>> path = getfixture("tmp_path") / "frames.jsonl"
        >>> with JsonLinesWriter(path) as lines:
        ...     lines.write({"frame": 1, "tracks": []})
        >>> path.read_text().strip()
        '{"frame":1,"tracks":[]}'
    """

    def __init__(self, place: str | Path) -> None:
        self._standard = str(place) == STANDARD_OUTPUT
        self._name = "standard output" if self._standard else str(place)
        try:
            if self._standard:
                self._file = sys.stdout
            else:
                Path(place).parent.mkdir(parents=True, exist_ok=True)
                self._file = Path(place).open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._failure(error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            BrokenPipeError: Whoever read the standard output has gone.
        """
        try:
            self._file.write(json_line(record))
            self._file.flush()
        except BrokenPipeError:
            self._abandon()
            raise
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """End writing; standard output stays open."""
        if not self._standard:
            self._file.close()

    def __enter__(self) -> JsonLinesWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _abandon(self) -> None:
        # else the interpreter would fail once more when it flushes at its end
        if self._standard:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _failure(self, error: OSError) -> DataError:
        found = error.strerror or str(error)
        return DataError(self._name, "cannot be written", found=found, hint="check space and permissions")


def _columns(tracked: sv.Detections, class_names: Mapping[int, str]) -> dict[str, list[Any]]:
    """A list of plain values for each key of a track."""
    count = len(tracked)
    unknown: list[Any] = [None] * count
    classes = unknown if tracked.class_id is None else plain(np.asarray(tracked.class_id))
    names = tracked.data.get("class_name")
    columns = {
        "id": unknown if tracked.tracker_id is None else plain(np.asarray(tracked.tracker_id)),
        "box_xyxy": plain(np.asarray(tracked.xyxy, np.float64).round(3)),
        "score": unknown if tracked.confidence is None else _rounded(tracked.confidence),
        "class_id": classes,
        "class_name": [class_names.get(number) for number in classes] if names is None else plain(names),
        "depth": _rounded(depth_of(tracked)),
        "depth_std": _rounded(depth_std_of(tracked)),
    }
    for name, values in tracked.data.items():
        array = np.asarray(values)
        if name not in _OWN | _LONG | set(columns) and array.dtype.kind in "fiub" and len(array) == count:
            columns[name] = plain(array)
    return columns


def _rounded(values: Any) -> list[Any]:
    listed: list[Any] = plain(np.asarray(values, np.float64).round(6))
    return listed
