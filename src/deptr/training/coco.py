"""A COCO json with depth as a source of training frames."""

from __future__ import annotations

import json
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError
from deptr.io.label_maps import STRIDE, FrameArrays
from deptr.records import DepthKind, FloatArray, LabelledFrame
from deptr.training.images import read_image


class CocoFrames:
    """The images of a COCO json, read when they are asked for.

    Categories are mapped to class ids from 0 in the order of their ids, so that data sets whose categories
    start at 1 or have gaps are never off by one. Annotations with ``iscrowd`` are regions to ignore.

    Args:
        annotations: The json. Annotations may have ``depth`` (null = unknown), ``depth_std`` and
            ``visibility``; images may have ``focal_px``; ``info.depth_kind`` says what depth means.
        images: Folder of the images; where the json lies when None.
        match: Only images whose file name matches this pattern.
        held_out_every: Every so many blocks of images of the file (before `match`) are the held-out part;
            0: none.
        held_out_block: Images that stay together, so that neighbouring frames of a clip are in one part.
        held_out: Which of the two parts this is.
        labels: Folder of a run of `deptr label --dense`, for images with ``sequence`` and ``frame``.

    Raises:
        DataError: The json is missing or damaged, names unknown images or categories, or holds no image.
    """

    def __init__(
        self,
        annotations: str | Path,
        images: str | Path | None = None,
        *,
        match: str = "*",
        held_out_every: int = 0,
        held_out_block: int = 1,
        held_out: bool = False,
        labels: str | Path | None = None,
    ) -> None:
        self.path = Path(annotations)
        self.folder = Path(images) if images else self.path.parent
        content = _read(self.path)
        self.categories, self.class_of = _categories(self.path, content)
        self.depth_kind = DepthKind.parse((content.get("info") or {}).get("depth_kind", DepthKind.METRIC))
        part = [
            entry
            for index, entry in enumerate(content["images"])
            if not held_out_every or (index // held_out_block % held_out_every == 0) == held_out
        ]
        chosen = [entry for entry in part if fnmatch(str(entry["file_name"]), match)]
        self.images: list[dict[str, Any]] = chosen
        if not chosen:
            raise DataError(
                self.path, "no images", expected=f"at least one that matches {match!r}", found="0"
            )
        self.labels = Path(labels) if labels else None
        self.maps: dict[str, FrameArrays] = {}
        self.objects = _objects(self.path, content, self.class_of)

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def frame(self, index: int) -> LabelledFrame:
        """The image with that index and its labels.

        Raises:
            DataError: The image is missing or damaged, or a box lies outside it.
        """
        entry = self.images[index]
        path = self.folder / str(entry["file_name"])
        image = read_image(path)
        objects = self.objects.get(entry["id"], [])
        kept = [item for item in objects if not item.get("iscrowd")]
        boxes = _boxes(path, kept, image.shape[:2])
        return LabelledFrame(
            image=image,
            boxes_xyxy=boxes,
            class_ids=np.array([self.class_of[item["category_id"]] for item in kept], np.int64),
            depth=_column(kept, "depth"),
            depth_std=_column(kept, "depth_std"),
            depth_kind=self.depth_kind,
            track_ids=np.array([item.get("track_id", -1) for item in kept], np.int64),
            visibility=_column(kept, "visibility"),
            ignore_boxes_xyxy=_boxes(
                path, [item for item in objects if item.get("iscrowd")], image.shape[:2]
            ),
            focal_px=entry.get("focal_px"),
            dense_depth=self._dense_depth(entry, (image.shape[0], image.shape[1])),
            name=path.name,
        )

    def _dense_depth(self, entry: dict[str, Any], shape: tuple[int, int]) -> FloatArray | None:
        """The teacher's depth map of an image, ``(H, W)``, None where it stored none."""
        if self.labels is None:
            return None
        sequence, frame = str(entry.get("sequence", "")), int(entry.get("frame", 0))
        if sequence not in self.maps:
            self.maps[sequence] = FrameArrays(self.labels / f"{sequence}.dense.parquet")
        if frame not in self.maps[sequence].frames:
            return None
        tiles = self.maps[sequence].at(frame)
        whole: FloatArray = np.repeat(np.repeat(tiles, STRIDE, axis=0), STRIDE, axis=1)
        return whole[: shape[0], : shape[1]]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(path, "cannot be read", found=error.strerror) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(path, "not a json file", found=str(error)) from error
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        keys = "images, annotations and categories"
        raise DataError(path, "not a COCO detection file", expected=f"an object with {keys}")
    return content


def _categories(path: Path, content: dict[str, Any]) -> tuple[list[str], dict[int, int]]:
    entries = sorted(content["categories"], key=lambda entry: int(entry["id"]))
    if not entries:
        raise DataError(path, "no categories", expected="at least one")
    return [str(entry["name"]) for entry in entries], {int(e["id"]): i for i, e in enumerate(entries)}


def _objects(
    path: Path, content: dict[str, Any], class_of: dict[int, int]
) -> dict[int, list[dict[str, Any]]]:
    known = {entry["id"] for entry in content["images"]}
    objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for item in content["annotations"]:
        if item["image_id"] not in known:
            raise DataError(path, f"annotation {item.get('id')}: no image has id {item['image_id']}")
        if item["category_id"] not in class_of:
            legal = ", ".join(map(str, class_of))
            where = f"annotation {item.get('id')}: unknown category"
            raise DataError(path, where, expected=f"one of {legal}", found=str(item["category_id"]))
        objects[item["image_id"]].append(item)
    return dict(objects)


def _boxes(path: Path, items: list[dict[str, Any]], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Corner boxes cut to the image; one that misses it altogether is an error in the data."""
    boxes = np.array([item["bbox"] for item in items], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    height, width = shape
    outside = (boxes[:, 0] >= width) | (boxes[:, 1] >= height) | (boxes[:, 2:] <= 0).any(axis=1)
    outside |= ~np.isfinite(boxes).all(axis=1)
    if outside.any():
        item = items[int(np.flatnonzero(outside)[0])]
        expected, found = f"a box that touches {width}x{height} pixels", str(item["bbox"])
        raise DataError(path, f"annotation {item.get('id')}: box outside", expected=expected, found=found)
    return boxes


def _column(items: list[dict[str, Any]], key: str) -> np.ndarray[Any, Any]:
    values = [item.get(key) for item in items]
    return np.array([np.nan if value is None else value for value in values], np.float32)
