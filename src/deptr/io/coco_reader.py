"""Reading COCO json: every field that is used is checked before anything is learnt from it.

The one place that says what a COCO json must hold. What it lacks or has in a wrong kind is a `DataError` that
names the image, annotation or category; what can only mean one thing is taken: ``iscrowd`` "0" is 0, a depth
of -1 or NaN is null. A file whose boxes are not left, top, width and height in pixels is refused.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deptr.errors import DataError, UsageError
from deptr.io.columns import NOT_SAID
from deptr.io.text_files import read_json
from deptr.records import DepthKind

Entry = dict[str, Any]
_LARGEST = 2**63 - 1  # json holds whole numbers of any size; ours have 64 bits
_LARGEST_FLOAT = 2**53  # a number written with a point is exact up to here
_LARGEST_PIXEL = 1_000_000
_FEW = 4  # boxes from which a file can be judged
_MANY = 0.2  # share of boxes beyond their image that no crop of people explains, if all could be corners
# no text: false is 0 and true is 1
_CROWD = {None: 0, 0: 0, 1: 1, "0": 0, "1": 1, "false": 0, "true": 1}


@dataclass(frozen=True)
class CocoContent:
    """A COCO json whose entries are checked; fields that are not used stay as they are.

    Attributes:
        images: With ``id`` and ``file_name``; ``width`` and ``height`` are None where not said.
        annotations: With ``image_id`` and ``category_id`` that exist, ``bbox`` of left, top, width and height
            in pixels, ``iscrowd`` 0 or 1 (1 also with ``ignore``), ``track_id`` (-1 = unknown); ``depth``,
            ``depth_std`` and ``visibility`` are None where unknown.
        categories: With ``id`` and ``name``, by id.
        depth_kind: What the depths mean.
    """

    images: list[Entry]
    annotations: list[Entry]
    categories: list[Entry]
    depth_kind: DepthKind


def read_coco(path: str | Path) -> CocoContent:
    """A COCO json, checked.

    Raises:
        DataError: It is missing or damaged, an id stands twice, an annotation names an unknown image or
            category, or a field is missing or of the wrong kind.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        keys = "images, annotations and categories"
        raise DataError(path, "not a COCO detection file", expected=f"an object with {keys}")
    kind = _depth_kind(path, content.get("info"))
    images = [_image(path, entry) for entry in _entries(path, content, "images")]
    categories = [_category(path, entry) for entry in _entries(path, content, "categories")]
    if not categories:
        raise DataError(path, "no categories", expected="at least one")
    annotations = [_annotation(path, entry, kind) for entry in _entries(path, content, "annotations")]
    known = _distinct(path, "image", images)
    _distinct_files(path, images)
    classes = _distinct(path, "category", categories)
    _distinct(path, "annotation", [entry for entry in annotations if entry.get("id") is not None])
    for entry in annotations:
        name = _name("annotation", entry)
        if entry["image_id"] not in known:
            raise DataError(path, f"{name}: no image has id {_shown(entry['image_id'])}")
        if entry["category_id"] not in classes:
            legal = ", ".join(map(str, sorted(classes)))
            found = _shown(entry["category_id"])
            raise DataError(path, f"{name}: unknown category", expected=f"one of {legal}", found=found)
    _refuse_other_boxes(path, images, annotations)
    return CocoContent(images, annotations, sorted(categories, key=lambda entry: int(entry["id"])), kind)


def _depth_kind(path: str | Path, info: Any) -> DepthKind:
    """What depths mean; an ``info`` that is no object, as some exporters write it, says nothing."""
    said = info.get("depth_kind") if isinstance(info, dict) else None
    if said is None:
        return DepthKind.METRIC
    try:
        return DepthKind.parse(said)
    except (UsageError, TypeError) as error:
        raise DataError(path, "info: depth_kind", found=str(error)) from error


def _entries(path: str | Path, content: Entry, key: str) -> list[Entry]:
    entries = content[key]
    if not isinstance(entries, list):
        raise DataError(path, key, expected="a list", found=_shown(entries))
    for place, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise DataError(path, f"{key}, entry {place}", expected="an object", found=_shown(entry))
    return entries


def _image(path: str | Path, entry: Entry) -> Entry:
    name = _name("image", entry)
    field = _Fields(path, name, entry)
    field.need("id", _is_id, "a number or a text")
    field.need("file_name", lambda value: isinstance(value, str) and bool(value), "the name of a file")
    size = {key: field.take(key, _is_size, "a whole number of pixels") for key in ("width", "height")}
    return {
        **entry,
        **size,
        "focal_px": field.take("focal_px", lambda value: _is_number(value) and value > 0, "pixels > 0"),
        "frame": field.take("frame", lambda value: _is_whole(value) and value >= 0, "a whole number") or 0,
        "sequence": field.take("sequence", lambda value: isinstance(value, str), "a text") or "",
    }


def _category(path: str | Path, entry: Entry) -> Entry:
    field = _Fields(path, _name("category", entry), entry)
    field.need("id", _is_whole, "a whole number")
    field.need("name", lambda value: isinstance(value, str) and bool(value), "a text")
    return entry


def _annotation(path: str | Path, entry: Entry, kind: DepthKind) -> Entry:
    field = _Fields(path, _name("annotation", entry), entry)
    if entry.get("id") is not None:
        field.need("id", _is_id, "a number or a text")
    field.need("image_id", _is_id, "the id of an image")
    field.need("category_id", _is_id, "the id of a category")
    field.need("bbox", _is_box, "[left, top, width, height] in pixels, not negative in size")
    ignored = max(field.flag("iscrowd"), field.flag("ignore"))
    free = kind is DepthKind.RELATIVE_INVERSE  # its shift is free, so that no value is out of range
    depth = field.known("depth", lambda value: free or value > 0, "a depth > 0, or null", open_=not free)
    track = field.take("track_id", _is_whole, "a whole number")
    return {
        **entry,
        "iscrowd": ignored,
        "track_id": NOT_SAID if track is None else int(track),
        "depth": depth,
        "depth_std": field.known("depth_std", lambda value: value >= 0, "a number from 0, or null"),
        "visibility": field.known("visibility", lambda value: 0 <= value <= 1, "a number in [0, 1], or null"),
    }


class _Fields:
    """The fields of one entry, refused with its name."""

    def __init__(self, path: str | Path, name: str, entry: Entry) -> None:
        self._path, self._name, self._entry = path, name, entry

    def refuse(self, key: str, expected: str) -> None:
        found = _shown(self._entry[key]) if key in self._entry else "none"
        raise DataError(self._path, f"{self._name}: {key}", expected=expected, found=found)

    def need(self, key: str, right: Callable[[Any], bool], expected: str) -> None:
        """Refuse a field that is missing or not `right`."""
        if key not in self._entry or not right(self._entry[key]):
            self.refuse(key, expected)

    def take(self, key: str, right: Callable[[Any], bool], expected: str) -> Any:
        """A field that may be missing or null; then None."""
        value = self._entry.get(key)
        if value is not None and not right(value):
            self.refuse(key, expected)
        return value

    def flag(self, key: str) -> int:
        """A field that is 0, also missing or null, or 1."""
        value = self._entry.get(key)
        value = value.lower() if isinstance(value, str) else value
        if not isinstance(value, Hashable) or value not in _CROWD:
            self.refuse(key, "0 or 1")
        return _CROWD[value]

    def known(
        self, key: str, right: Callable[[Any], bool], expected: str, *, open_: bool = True
    ) -> float | None:
        """A number that may be unknown: missing, null, NaN or, where `open_`, -1."""
        value = self._entry.get(key)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if not _is_number(value):
            self.refuse(key, expected)
        if open_ and value == NOT_SAID:
            return None
        if not right(value):
            self.refuse(key, expected)
        return float(value)


def _distinct(path: str | Path, kind: str, entries: list[Entry]) -> set[Any]:
    """The ids of some entries.

    Raises:
        DataError: One stands twice.
    """
    seen: set[Any] = set()
    for entry in entries:
        if entry["id"] in seen:
            hint = "were files put together? Give each part its own ids"
            found = ", ".join(_title(other) for other in entries if other["id"] == entry["id"])
            raise DataError(
                path, f"{kind} id {entry['id']} stands twice", expected="once", found=found[:80], hint=hint
            )
        seen.add(entry["id"])
    return seen


def _distinct_files(path: str | Path, images: list[Entry]) -> None:
    """Refuse two entries for one file: each would teach that the other's objects are background."""
    seen: dict[str, Any] = {}
    for entry in images:
        file = posixpath.normpath(entry["file_name"])
        if file in seen:
            hint = "give each image one entry, with all its annotations"
            found = f"images {_shown(seen[file])} and {_shown(entry['id'])}"
            raise DataError(path, f"{file} stands twice", expected="once", found=found, hint=hint)
        seen[file] = entry["id"]


def _refuse_other_boxes(path: str | Path, images: list[Entry], annotations: list[Entry]) -> None:
    """Refuse a file whose boxes are shares of the image, or corners instead of widths and heights."""
    items = [item for item in annotations if item["bbox"][2] > 0 and item["bbox"][3] > 0]
    if not items:
        return
    left, top, width, height = (np.array([item["bbox"][side] for item in items], float) for side in range(4))
    expected, found = "[left, top, width, height] in pixels", f"{items[0]['bbox']} and others like it"
    whole = all((side == np.round(side)).all() for side in (left, top, width, height))
    if not whole and max((left + width).max(), (top + height).max()) <= 1:
        hint = "multiply them by the width and height of their images"
        raise DataError(path, "boxes in shares of the image", expected=expected, found=found, hint=hint)
    if len(items) < _FEW or not ((width > left) & (height > top)).all():
        return
    sizes = {entry["id"]: (entry["width"] or np.inf, entry["height"] or np.inf) for entry in images}
    limits = np.array([sizes[item["image_id"]] for item in items], float)
    beyond = (left + width > 1.05 * limits[:, 0]) | (top + height > 1.05 * limits[:, 1])
    inside = (width <= 1.01 * limits[:, 0]) & (height <= 1.01 * limits[:, 1])
    if inside.all() and beyond.mean() > _MANY:
        hint = "subtract left from the third number and top from the fourth"
        raise DataError(
            path, "boxes look like [left, top, right, bottom]", expected=expected, found=found, hint=hint
        )


def _title(entry: Entry) -> str:
    return str(entry.get("file_name") or entry.get("name") or f"image {entry.get('image_id')}")


def _name(kind: str, entry: Entry) -> str:
    said = entry.get("file_name") if kind == "image" else None
    return f"{kind} {_shown(entry['id']) if 'id' in entry else 'without id'}" + (f" ({said})" if said else "")


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf
    ) and abs(value) <= 1e30


def _is_whole(value: Any) -> bool:
    largest = _LARGEST if isinstance(value, int) else _LARGEST_FLOAT
    return _is_number(value) and value == int(value) and abs(value) <= largest


def _is_id(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, str) and bool(value))


def _is_size(value: Any) -> bool:
    return _is_whole(value) and 0 < value <= _LARGEST_PIXEL


def _is_box(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        return False
    return all(abs(side) <= _LARGEST_PIXEL for side in value) and value[2] >= 0 and value[3] >= 0
