"""LabelMe's json, a file for each frame: rectangles whose ``group_id`` is the identity, with depth."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.annotation.rows import NUMBERS, Rows
from deptr.io.folders import number_by_name
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.text_files import read_json


def write_labelme(path: str | Path, sequence: SequenceTracks) -> None:
    """A folder with ``000001.json`` and so on, for images of the same names.

    Raises:
        DataError: It cannot be written.
    """
    table, (width, height) = sequence.tracks, sequence.extent()
    for frame in range(1, sequence.length + 1):
        shapes = []
        for row in np.flatnonzero(table.frame == frame).tolist():
            left, top, right, bottom = table.xyxy[row].tolist()
            values = {name: float(getattr(table, name)[row]) for name in NUMBERS}
            shapes.append(
                {
                    "label": sequence.class_name(int(table.class_id[row])),
                    "class_id": int(table.class_id[row]),
                    "points": [[left, top], [right, bottom]],
                    "group_id": int(table.track_id[row]),
                    "shape_type": "rectangle",
                    "flags": {},
                    **{name: value for name, value in values.items() if math.isfinite(value)},
                }
            )
        content = {"version": "5.0.0", "flags": {}, "shapes": shapes, "imagePath": f"{frame:06d}.jpg"}
        with atomic_write(Path(path) / f"{frame:06d}.json") as file:
            json.dump({**content, "imageData": None, "imageHeight": height, "imageWidth": width}, file)


def read_labelme(path: str | Path) -> SequenceTracks:
    """Tracks of a folder of LabelMe's json, numbered by their names; shapes without a group are left out.

    Raises:
        DataError: A file is not LabelMe's.
    """
    folder, rows, size = Path(path), Rows(path), None
    known: dict[str, int] = {}
    labels: list[str] = []
    files = number_by_name(sorted(folder.glob("*.json"))).images
    for frame, file in files:
        content = read_json(file)
        try:
            size = (int(content["imageWidth"]), int(content["imageHeight"]))
            for item in content["shapes"]:
                if item["shape_type"] != "rectangle" or item.get("group_id") is None:
                    continue
                (x0, y0), (x1, y1) = item["points"]
                label = str(item["label"])
                labels.append(label)
                if "class_id" in item:
                    known.setdefault(label, int(item["class_id"]))
                box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
                rows.add(frame, int(item["group_id"]), box, label, {key: item.get(key) for key in NUMBERS})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(file, "not LabelMe's json", found=repr(error)) from error
    count = max((frame for frame, _ in files), default=None)
    return rows.sequence(folder.resolve().name, labels=labels, known=known, size=size, frame_count=count)
