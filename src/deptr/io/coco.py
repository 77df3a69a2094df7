"""COCO json with depth: boxes, masks, identities and depth of each person in plain files.

Beyond COCO's own fields an image has ``focal_px``, ``sequence`` and ``frame`` (from 1), an annotation has
``depth``, ``depth_std``, ``track_id`` and ``visibility`` (null = unknown), and ``info.depth_kind`` says what
the depths mean. Annotations with ``iscrowd`` 1 are regions to ignore. Readers of plain COCO skip the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.coco_reader import read_coco
from deptr.io.rle import encode_mask
from deptr.records import BoolArray, DepthKind, FloatArray

PERSON = 1
_CATEGORIES = ({"id": PERSON, "name": "person", "supercategory": "person"},)


def image_entry(
    image_id: int,
    file_name: str,
    size: tuple[int, int],
    *,
    focal_px: float | None = None,
    sequence: str = "",
    frame: int = 0,
) -> dict[str, Any]:
    """One image.

    Args:
        image_id: Its number in the file, from 1.
        file_name: Where it lies, from the json's folder, with forward slashes.
        size: Height and width in pixels.
        focal_px: Focal length in pixels, None when unknown.
        sequence: Name of the video it belongs to.
        frame: Its number in that video, from 1.

    Example:
        >>> image_entry(1, "img1/000001.jpg", (384, 640), frame=1)["width"]
        640
    """
    return {
        "id": image_id,
        "file_name": file_name,
        "width": size[1],
        "height": size[0],
        "focal_px": focal_px,
        "sequence": sequence,
        "frame": frame,
    }


def annotation_entry(
    image_id: int,
    box_xyxy: FloatArray,
    *,
    mask: BoolArray | None = None,
    depth: float = float("nan"),
    depth_std: float = float("nan"),
    track_id: int = -1,
    visibility: float = float("nan"),
    ignore: bool = False,
) -> dict[str, Any]:
    """One person; `write_coco` gives it its number.

    Args:
        image_id: The image they are in.
        box_xyxy: ``(4,)`` corners in pixels.
        mask: ``(H, W)`` visible pixels; the area is theirs, or the box's without a mask.
        depth: In the unit of the file's depth kind, NaN = unknown.
        depth_std: In the same unit, NaN = unknown.
        track_id: Identity within the sequence, -1 = unknown.
        visibility: In [0, 1], NaN = unknown.
        ignore: Whether a detection here is neither right nor wrong.

    Example:
        >>> entry = annotation_entry(1, np.array([2.0, 3.0, 12.0, 33.0]), depth=4.0)
        >>> entry["bbox"], entry["area"], entry["depth"], entry["visibility"]
        ([2.0, 3.0, 10.0, 30.0], 300.0, 4.0, None)
    """
    left, top, right, bottom = (float(value) for value in box_xyxy)
    entry: dict[str, Any] = {
        "image_id": image_id,
        "category_id": PERSON,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": int(ignore),
        "depth": _number(depth),
        "depth_std": _number(depth_std),
        "track_id": track_id,
        "visibility": _number(visibility),
    }
    if mask is not None:
        counts = encode_mask(mask).decode("ascii")
        entry["segmentation"] = {"size": list(mask.shape), "counts": counts}
        entry["area"] = float(np.count_nonzero(mask))
    return entry


def write_coco(
    path: str | Path,
    images: Iterable[Mapping[str, Any]],
    annotations: Iterable[Mapping[str, Any]],
    *,
    depth_kind: DepthKind,
    description: str = "",
) -> None:
    """Write a COCO json, whole or not at all; annotations are numbered from 1 in their order.

    Raises:
        DataError: The folder cannot be written.
    """
    content = {
        "info": {"description": description, "depth_kind": depth_kind.value},
        "images": list(images),
        "annotations": [{"id": number, **entry} for number, entry in enumerate(annotations, 1)],
        "categories": list(_CATEGORIES),
    }
    with atomic_write(path) as file:
        json.dump(content, file, separators=(",", ":"), allow_nan=False)


def merge_coco(parts: Mapping[str, Path], path: str | Path, *, description: str = "") -> None:
    """Put the jsons of several folders into one.

    Args:
        parts: Json of each part by the folder in which its images lie, from the new json's folder.
        path: The new json.
        description: What it holds.

    Raises:
        DataError: A part is damaged, or the parts' depths do not mean the same.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    kinds: set[DepthKind] = set()
    for folder, part in parts.items():
        try:
            content = read_coco(part)
        except DataError as error:
            raise DataError(part, "not a COCO json with depth", found=str(error)) from error
        numbers = {entry["id"]: len(images) + place for place, entry in enumerate(content.images, 1)}
        for entry in content.images:
            name = f"{folder}/{entry['file_name']}"
            images.append({**entry, "id": numbers[entry["id"]], "file_name": name})
        for entry in content.annotations:
            bare = {key: value for key, value in entry.items() if key != "id"}
            annotations.append({**bare, "image_id": numbers[entry["image_id"]]})
        kinds.add(content.depth_kind)
    if len(kinds) > 1:
        found = ", ".join(sorted(kind.value for kind in kinds))
        raise DataError(path, "parts with different kinds of depth", found=found)
    kind = kinds.pop() if kinds else DepthKind.METRIC
    write_coco(path, images, annotations, depth_kind=kind, description=description)


def _number(value: float) -> float | None:
    return round(float(value), 5) if isfinite(value) else None
