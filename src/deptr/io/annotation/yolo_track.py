"""YOLO text with identities: ``data.yaml`` and ``labels/000001.txt``, as trackers of that family save it.

A line is class (from 0), centre x, centre y, width, height (shares of the image), score and identity. It has
no place for depth.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.annotation.rows import Rows
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.text_files import lines_of, read_text

LABELS, NAMES = "labels", "data.yaml"


def write_yolo_track(path: str | Path, sequence: SequenceTracks) -> None:
    """A folder of YOLO text, a file for each frame.

    Raises:
        DataError: It cannot be written.
    """
    table, folder, (width, height) = sequence.tracks, Path(path), sequence.extent()
    numbers = sorted(set(table.class_id.tolist()) | set(sequence.class_names))
    place = {number: k for k, number in enumerate(numbers)}
    lines = [f"# image size: {width} {height}", "names:"]
    lines += [f"  {k}: {json.dumps(sequence.class_name(number))}" for number, k in place.items()]
    with atomic_write(folder / NAMES) as file:
        file.write("\n".join(lines) + "\n")
    for frame in range(1, sequence.length + 1):
        with atomic_write(folder / LABELS / f"{frame:06d}.txt") as file:
            for row in np.flatnonzero(table.frame == frame).tolist():
                left, top, right, bottom = table.xyxy[row].tolist()
                centre = ((left + right) / 2 / width, (top + bottom) / 2 / height)
                extent = ((right - left) / width, (bottom - top) / height)
                words = " ".join(map(repr, (*centre, *extent)))
                score, identity = float(table.score[row]), int(table.track_id[row])
                file.write(f"{place[int(table.class_id[row])]} {words} {score!r} {identity}\n")


def read_yolo_track(path: str | Path) -> SequenceTracks:
    """Tracks of a folder of YOLO text with identities.

    Raises:
        DataError: The size of the images is not said, or a line is wrong.
    """
    folder, rows = Path(path), Rows(path)
    size, names = _described(folder / NAMES)
    files = sorted((folder / LABELS).glob("*.txt"))
    frames = [int(file.stem) if file.stem.isdecimal() else -1 for file in files]
    for frame, file in zip(frames, files, strict=True):
        for number, line in enumerate(lines_of(read_text(file)), 1):
            if not line.strip():
                continue
            try:
                kind, x, y, w, h, *rest = line.split()
                centre, half = (float(x), float(y)), (float(w) / 2, float(h) / 2)
                score, identity = (float(rest[0]), rest[1]) if len(rest) == 2 else (1.0, rest[0])
                low = [(c - d) * s for c, d, s in zip(centre, half, size, strict=True)]
                high = [(c + d) * s for c, d, s in zip(centre, half, size, strict=True)]
                label = names.get(int(kind), kind)
                rows.add(frame, int(identity), (low[0], low[1], high[0], high[1]), label, {"score": score})
            except (ValueError, IndexError) as error:
                expected = "class, x, y, width, height, score, identity"
                raise DataError(
                    file, "not a track", line=number, expected=expected, found=repr(line)
                ) from error
    labels = [names[k] for k in sorted(names)]
    return rows.sequence(
        folder.resolve().name, labels=labels, size=size, frame_count=max(frames, default=None)
    )


def _described(path: Path) -> tuple[tuple[int, int], dict[int, str]]:
    size: tuple[int, int] | None = None
    names: dict[int, str] = {}
    for line in lines_of(read_text(path)):
        if line.startswith("# image size:"):
            width, height = line.split(":")[1].split()
            size = int(width), int(height)
        head, colon, tail = line.strip().partition(":")
        if colon and head.isdecimal():
            text = tail.strip()
            names[int(head)] = str(json.loads(text)) if text.startswith('"') else text.strip("'")
    if size is None:
        hint = "shares of the image need its size"
        raise DataError(path, "no size of the images", expected="# image size: WIDTH HEIGHT", hint=hint)
    return size, names
