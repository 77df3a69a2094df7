"""A COCO json with depth as a source of training frames."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError, InputWarning
from deptr.io.coco_reader import CocoContent, read_coco
from deptr.io.label_maps import STRIDE, FrameArrays
from deptr.records import FloatArray, IntArray, LabelledFrame
from deptr.training.images import orientation, read_image

_QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class CocoFrames:
    """The images of a COCO json, read when they are asked for.

    Categories are mapped to class ids from 0 in the order of their ids, so that data sets whose categories
    start at 1 or have gaps are never off by one. Annotations with ``iscrowd`` are regions to ignore.

    Args:
        annotations: The json. Annotations may have ``depth`` (null = unknown), ``depth_std`` and
            ``visibility``; images may have ``focal_px``; ``info.depth_kind`` says what depth means.
        images: Folder of the images; where the json lies when None.
        match: Only images whose file name matches this pattern.
        classes: Names of the categories that count, class id 0 first; objects of others become regions to
            ignore. Empty: all, in the order of their numbers.
        held_out_every: Every so many blocks of images of the file (before `match`) are the held-out part;
            0: none.
        held_out_block: Images that stay together, so that neighbouring frames of a clip are in one part.
        held_out: Which of the two parts this is.
        labels: Folder of a run of `deptr label --dense`, for images with ``sequence`` and ``frame``.

    Raises:
        DataError: The json is missing or damaged, names unknown images or categories, holds no image, or
            lacks one of `classes`.
    """

    def __init__(
        self,
        annotations: str | Path,
        images: str | Path | None = None,
        *,
        match: str = "*",
        classes: Sequence[str] = (),
        held_out_every: int = 0,
        held_out_block: int = 1,
        held_out: bool = False,
        labels: str | Path | None = None,
    ) -> None:
        self.path = Path(annotations)
        self.folder = Path(images) if images else self.path.parent
        content = read_coco(self.path)
        names = {entry["id"]: str(entry["name"]) for entry in content.categories}
        self.categories = list(classes) or list(names.values())
        for name in classes:
            if name not in names.values():
                raise DataError(
                    self.path, "no such category", expected=f"one of {', '.join(names.values())}", found=name
                )
        self.class_of = {
            number: self.categories.index(name) for number, name in names.items() if name in self.categories
        }
        self.depth_kind = content.depth_kind
        part = [
            entry
            for index, entry in enumerate(content.images)
            if not held_out_every or (index // held_out_block % held_out_every == 0) == held_out
        ]
        chosen = [entry for entry in part if fnmatch(entry["file_name"], match)]
        self.images: list[dict[str, Any]] = chosen
        if not chosen:
            raise DataError(
                self.path, "no images", expected=f"at least one that matches {match!r}", found="0"
            )
        self.labels = Path(labels) if labels else None
        self.maps: dict[str, FrameArrays] = {}
        self.objects = _objects(content)
        self._told_turned = False

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def frame(self, index: int) -> LabelledFrame:
        """The image with that index and its labels.

        Raises:
            DataError: The image is missing or damaged, is of another size than the json says, or a box lies
                outside it.
        """
        entry = self.images[index]
        path = self.folder / entry["file_name"]
        image = read_image(path)
        shape = (image.shape[0], image.shape[1])
        _check_size(self.path, path, entry, shape)
        self._tell_turned(path, entry, shape)
        objects, kept = self.objects.get(entry["id"], []), self._kept(entry)
        ignored = [item for item in objects if item["iscrowd"] or item["category_id"] not in self.class_of]
        return LabelledFrame(
            image=image,
            boxes_xyxy=_boxes(path, kept, shape),
            class_ids=np.array([self.class_of[item["category_id"]] for item in kept], np.int64),
            depth=_column(kept, "depth"),
            depth_std=_column(kept, "depth_std"),
            depth_kind=self.depth_kind,
            track_ids=self.track_ids(index),
            visibility=_column(kept, "visibility"),
            ignore_boxes_xyxy=_boxes(path, ignored, shape),
            focal_px=entry["focal_px"],
            dense_depth=self._dense_depth(entry, shape),
            name=path.name,
        )

    def track_ids(self, index: int) -> IntArray:
        """Identities of the objects of `frame`, without reading the image; ``(N,)``, -1 = unknown."""
        return np.array([item["track_id"] for item in self._kept(self.images[index])], np.int64)

    def _kept(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """Annotations that are objects, not regions to ignore."""
        objects = self.objects.get(entry["id"], [])
        return [item for item in objects if not item["iscrowd"] and item["category_id"] in self.class_of]

    def _tell_turned(self, path: Path, entry: dict[str, Any], shape: tuple[int, int]) -> None:
        """Warn once of an image turned by EXIF whose size does not tell what its boxes were drawn on."""
        if self._told_turned:
            return
        turned = orientation(path)
        sized = entry["width"] and entry["height"] and shape[0] != shape[1]
        if turned == 1 or (sized and turned in _QUARTER_TURNS):
            return
        self._told_turned = True
        warnings.warn(
            f"{path}: turned by EXIF (orientation {turned}); its boxes are taken as drawn on what is seen "
            "(if they were drawn on the raw picture, save the images without EXIF); this is said once",
            InputWarning,
            stacklevel=3,
        )

    def _dense_depth(self, entry: dict[str, Any], shape: tuple[int, int]) -> FloatArray | None:
        """The teacher's depth map of an image, ``(H, W)``, None where it stored none."""
        if self.labels is None:
            return None
        sequence, frame = entry["sequence"], int(entry["frame"])
        if sequence not in self.maps:
            self.maps[sequence] = FrameArrays(self.labels / f"{sequence}.dense.parquet")
        if frame not in self.maps[sequence].frames:
            return None
        tiles = self.maps[sequence].at(frame)
        whole: FloatArray = np.repeat(np.repeat(tiles, STRIDE, axis=0), STRIDE, axis=1)
        return whole[: shape[0], : shape[1]]


def _objects(content: CocoContent) -> dict[int, list[dict[str, Any]]]:
    """Annotations of each image; those without extent, as COCO itself has some, are no objects."""
    objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for item in content.annotations:
        if item["bbox"][2] > 0 and item["bbox"][3] > 0:
            objects[item["image_id"]].append(item)
    return dict(objects)


def _check_size(json: Path, path: Path, entry: dict[str, Any], shape: tuple[int, int]) -> None:
    """Refuse boxes made on another picture than the one that is read, which EXIF has turned upright."""
    height, width = shape
    said = (entry["width"] or width, entry["height"] or height)
    if said == (width, height):
        return
    problem = f"image {entry['id']} of {json.name} was labelled at another size"
    expected, found = f"{said[0]}x{said[1]} as the json says", f"{width}x{height}"
    if said == (height, width):
        hint = "is it turned by its EXIF orientation? Save it upright, and label what is seen then"
    elif said[0] * height == said[1] * width:
        hint = f"take the images that were labelled, or multiply boxes and sizes by {width / said[0]:.6g}"
    else:
        hint = "take the images that were labelled"
    raise DataError(path, problem, expected=expected, found=found, hint=hint)


def _boxes(path: Path, items: list[dict[str, Any]], shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Corner boxes cut to the image; one that misses it altogether is an error in the data."""
    boxes = np.array([item["bbox"] for item in items], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    height, width = shape
    outside = (boxes[:, 0] >= width) | (boxes[:, 1] >= height) | (boxes[:, 2:] <= 0).any(axis=1)
    if outside.any():
        item = items[int(np.flatnonzero(outside)[0])]
        expected, found = f"a box that touches {width}x{height} pixels", str(item["bbox"])
        raise DataError(path, f"annotation {item.get('id')}: box outside", expected=expected, found=found)
    return boxes


def _column(items: list[dict[str, Any]], key: str) -> np.ndarray[Any, Any]:
    values = [item.get(key) for item in items]
    return np.array([np.nan if value is None else value for value in values], np.float32)
