"""COCO json of a video: ``videos``, ``tracks`` and annotations with ``track_id``, as TAO has it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.annotation.rows import NUMBERS, Rows
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.text_files import read_json
from deptr.records import DepthKind


def write_coco_video(path: str | Path, sequence: SequenceTracks) -> None:
    """Tracks as one video of COCO json; the category of what has no class is 0, ``object``.

    Raises:
        DataError: It cannot be written.
    """
    table, (width, height) = sequence.tracks, sequence.extent()
    numbers = sorted(set(table.class_id.tolist()) | set(sequence.class_names))
    category = {number: k for k, number in enumerate(numbers, 1)}
    video = {"id": 1, "name": sequence.name, "width": width, "height": height}
    kind = sequence.depth_kind.value if sequence.depth_kind else None
    size = {"width": width, "height": height}
    content = {
        "info": {"description": sequence.name, "depth_kind": kind, "fps": sequence.fps},
        "videos": [video],
        "images": [
            {"id": frame, "video_id": 1, "frame_id": frame - 1, "file_name": f"{frame:06d}.jpg", **size}
            for frame in range(1, sequence.length + 1)
        ],
        "categories": [
            {"id": category[number], "name": sequence.class_name(number), "class_id": number}
            for number in numbers
        ],
        "tracks": [{"id": identity, "video_id": 1} for identity in table.identities.tolist()],
        "annotations": [_annotation(sequence, row, category) for row in range(len(table))],
    }
    with atomic_write(path) as file:
        json.dump(content, file, separators=(",", ":"), allow_nan=False)


def read_coco_video(path: str | Path) -> SequenceTracks:
    """Tracks of a COCO json that holds one video.

    Raises:
        DataError: A field is missing or wrong, or it holds several videos.
    """
    content = read_json(path)
    rows = Rows(path)
    try:
        videos, images = content["videos"], {item["id"]: item for item in content["images"]}
        if len(videos) != 1:
            raise DataError(path, "not one video", expected="one", found=str(len(videos)))
        names = {item["id"]: str(item["name"]) for item in content["categories"]}
        known = {
            str(item["name"]): int(item["class_id"]) for item in content["categories"] if "class_id" in item
        }
        for item in content["annotations"]:
            left, top, width, height = map(float, item["bbox"])
            identity = item.get("track_id", item.get("instance_id"))
            numbers = {name: item.get(name) for name in NUMBERS}
            frame = int(images[item["image_id"]]["frame_id"]) + 1
            box = (left, top, left + width, top + height)
            rows.add(frame, int(identity), box, names[item["category_id"]], numbers)
        info, video = content.get("info") or {}, videos[0]
        kind = info.get("depth_kind")
        return rows.sequence(
            str(video.get("name", Path(path).stem)),
            labels=list(names.values()),
            known=known,
            fps=info.get("fps"),
            size=(int(video["width"]), int(video["height"])) if "width" in video else None,
            frame_count=max((int(item["frame_id"]) + 1 for item in images.values()), default=None),
            depth_kind=None if kind is None else DepthKind.parse(kind),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        expected = "videos, images with frame_id, annotations with track_id"
        raise DataError(path, "not COCO json of a video", expected=expected, found=repr(error)) from error


def _annotation(sequence: SequenceTracks, row: int, category: dict[int, int]) -> dict[str, Any]:
    table = sequence.tracks
    left, top, right, bottom = table.xyxy[row].tolist()
    values = {name: float(getattr(table, name)[row]) for name in NUMBERS}
    return {
        "id": row + 1,
        "image_id": int(table.frame[row]),
        "video_id": 1,
        "category_id": category[int(table.class_id[row])],
        "track_id": int(table.track_id[row]),
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": 0,
        **{name: value if math.isfinite(value) else None for name, value in values.items()},
    }
