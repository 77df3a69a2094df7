"""Label Studio's video tracks (``<VideoRectangle>``): a prediction to be corrected out, annotations back.

Boxes are in per cent of the image, frames from 1; a sequence of keyframes for each track, of which one that
is not ``enabled`` is the last before a gap. Identity, class number and depth stand in ``meta``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.annotation.rows import NUMBERS, Names, Rows
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.io.text_files import read_json
from deptr.records import DepthKind

_SIZE = ("width", "height")


def write_label_studio(path: str | Path, sequence: SequenceTracks) -> None:
    """Tracks as one task with a prediction; its video is called as the sequence.

    Raises:
        DataError: It cannot be written.
    """
    table = sequence.tracks
    result = [
        _region(sequence, part)
        for identity in table.identities.tolist()
        for part in _of_one_class(table.of_identities([identity]))
    ]
    kind = sequence.depth_kind.value if sequence.depth_kind else None
    data = {
        "video": sequence.name,
        "deptr": {"depth_kind": kind, "fps": sequence.fps, "size": sequence.extent()},
    }
    with atomic_write(path) as file:
        json.dump([{"data": data, "predictions": [{"model_version": "deptr", "result": result}]}], file)


def read_label_studio(path: str | Path) -> SequenceTracks:
    """Tracks of an exported task: its newest annotation, or else its prediction.

    Raises:
        DataError: It is not one task with tracks in a video.
    """
    content = read_json(path)
    rows = Rows(path)
    try:
        (task,) = content if isinstance(content, list) else [content]
        given = (task.get("annotations") or task.get("predictions") or [{"result": []}])[-1]["result"]
        regions = [item for item in given if item["type"] == "videorectangle"]
        own = task["data"].get("deptr") or {}
        width, height = own.get("size") or _said_size(regions)
        names = Names([_meta(item).get("track_id") for item in regions])
        known = {_label(item): _meta(item)["class_id"] for item in regions if "class_id" in _meta(item)}
        for item in regions:
            identity = names.take(_meta(item).get("track_id"), _label(item))
            numbers = {int(entry["frame"]): entry for entry in _meta(item).get("frames", ())}
            for frame, x, y, w, h in _every_frame(item["value"]):
                box = (x * width / 100, y * height / 100, (x + w) * width / 100, (y + h) * height / 100)
                rows.add(
                    frame, identity, box, _label(item), {k: numbers.get(frame, {}).get(k) for k in NUMBERS}
                )
        counts = [int(item["value"].get("framesCount") or 0) for item in regions]
        kind = own.get("depth_kind")
        return rows.sequence(
            Path(str(task["data"]["video"])).name,
            labels=list(dict.fromkeys(map(_label, regions))),
            known=known,
            fps=own.get("fps"),
            size=(int(width), int(height)),
            frame_count=max(counts, default=0) or None,
            depth_kind=None if kind is None else DepthKind.parse(kind),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, DataError):
            raise
        expected = "one task with regions of the type videorectangle"
        raise DataError(path, "not tracks of Label Studio", expected=expected, found=repr(error)) from error


def _of_one_class(rows: TrackTable) -> Iterator[TrackTable]:
    for number in np.unique(rows.class_id).tolist():
        yield rows.rows(rows.class_id == number)


def _region(sequence: SequenceTracks, rows: TrackTable) -> dict[str, Any]:
    width, height = sequence.extent()
    frames, seconds = rows.frame.tolist(), np.nan_to_num(sequence.seconds_of(rows.frame)).tolist()
    keyframes = [
        {
            "frame": frame,
            "enabled": frame + 1 in frames[row + 1 : row + 2],
            "rotation": 0,
            "x": rows.xyxy[row, 0] / width * 100,
            "y": rows.xyxy[row, 1] / height * 100,
            "width": (rows.xyxy[row, 2] - rows.xyxy[row, 0]) / width * 100,
            "height": (rows.xyxy[row, 3] - rows.xyxy[row, 1]) / height * 100,
            "time": seconds[row],
        }
        for row, frame in enumerate(frames)
    ]
    identity, number = int(rows.track_id[0]), int(rows.class_id[0])
    told = [{"frame": frame, **_numbers(rows, row)} for row, frame in enumerate(frames)]
    return {
        "id": f"track-{identity}-{number}",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "value": {
            "framesCount": sequence.length,
            "sequence": keyframes,
            "labels": [sequence.class_name(number)],
        },
        "meta": {"deptr": {"track_id": identity, "class_id": number, "frames": told}},
    }


def _numbers(rows: TrackTable, row: int) -> dict[str, float]:
    values = {name: float(getattr(rows, name)[row]) for name in NUMBERS}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _meta(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (item.get("meta") or {}).get("deptr") or {}
    return found


def _label(item: dict[str, Any]) -> str:
    labels = item["value"].get("labels") or ["object"]
    return str(labels[0])


def _said_size(regions: list[dict[str, Any]]) -> tuple[float, float]:
    """Size of the video as an export says it, else boxes stay in per cent."""
    for item in regions:
        if item.get("original_width"):
            return float(item["original_width"]), float(item["original_height"])
    return 100.0, 100.0


def _every_frame(value: dict[str, Any]) -> Iterator[tuple[int, float, float, float, float]]:
    """Each frame in which a region is seen; between enabled keyframes it moves steadily."""
    keyframes = sorted(value["sequence"], key=lambda item: int(item["frame"]))
    for item, after in zip(keyframes, [*keyframes[1:], None], strict=True):
        start = int(item["frame"])
        here = tuple(float(item[name]) for name in ("x", "y", *_SIZE))
        yield (start, *here)  # type: ignore[misc]
        if not item.get("enabled", True) or after is None:
            continue
        end, there = int(after["frame"]), tuple(float(after[name]) for name in ("x", "y", *_SIZE))
        for frame in range(start + 1, end):
            share = (frame - start) / (end - start)
            yield (frame, *(a + (b - a) * share for a, b in zip(here, there, strict=True)))  # type: ignore[misc]
