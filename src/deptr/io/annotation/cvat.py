"""CVAT's XML 1.1, of video tasks (a track for each object) and of image tasks (an image for each frame).

A box is a keyframe in every frame in which the object is seen, so that nothing is interpolated; a box that is
``outside`` ends each stretch. Identity, score, depth, its deviation and the visibility are attributes; what a
class is numbered and what the depths mean stand as defaults of attributes of the labels, which CVAT keeps.
Format: https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from deptr.errors import DataError
from deptr.files import atomic_write
from deptr.io.annotation.rows import (
    NUMBERS,
    Names,
    Rows,
    number_of,
    occluded,
    seen_share,
    text_of,
    whole_of,
)
from deptr.io.sequence_tracks import SequenceTracks
from deptr.io.tables import TrackTable
from deptr.io.text_files import read_text
from deptr.records import DepthKind

IDENTITY = "track_id"
_SIDES = ("xtl", "ytl", "xbr", "ybr")
MEMBER = "annotations.xml"


def write_cvat(path: str | Path, sequence: SequenceTracks) -> None:
    """Tracks for a video task of CVAT ("CVAT for video 1.1").

    Raises:
        DataError: It cannot be written.
    """
    root = _document(sequence, "interpolation")
    table = sequence.tracks
    for number, identity in enumerate(table.identities.tolist()):
        rows = table.of_identities([identity])
        for label, part in _of_one_class(sequence, rows):
            track = Xml.SubElement(root, "track", id=str(number), label=label, source="file")
            _write_boxes(track, part, sequence.length)
    _save(path, root)


def write_cvat_images(path: str | Path, sequence: SequenceTracks) -> None:
    """Boxes for an image task of CVAT ("CVAT for images 1.1"); identities are attributes.

    Raises:
        DataError: It cannot be written.
    """
    root, table = _document(sequence, "annotation"), sequence.tracks
    width, height = map(str, sequence.extent())
    for frame in range(1, sequence.length + 1):
        name = f"frame_{frame - 1:06d}.png"
        image = Xml.SubElement(root, "image", id=str(frame - 1), name=name, width=width, height=height)
        for row in np.flatnonzero(table.frame == frame).tolist():
            label = sequence.class_name(int(table.class_id[row]))
            box = Xml.SubElement(image, "box", label=label, source="file", z_order="0")
            _fill(box, table, row)
    _save(path, root)


def read_cvat(path: str | Path) -> SequenceTracks:
    """Tracks of CVAT's XML of either kind, or of the zip that CVAT exports.

    Boxes between keyframes are taken as they stand; where a file lists keyframes alone, they are interpolated
    as CVAT does. Of two tracks of one class with the same identity, which splitting leaves, the first keeps
    it.

    Raises:
        DataError: It is not such a file, or a box is none.
    """
    root = _parsed(path)
    rows = Rows(path)
    size, length = _size(root), whole_of(root.findtext("meta/*/size"))
    stop = whole_of(root.findtext("meta/*/stop_frame"))
    last = stop if stop is not None else (length or 0) - 1
    try:
        tracks = [(track, _boxes(track)) for track in root.findall("track")]
        names = Names([_claim(boxes) for _, boxes in tracks])
        for track, boxes in tracks:
            identity = names.take(_claim(boxes), track.get("label", ""))
            for frame, box, sides in _every_frame(boxes, last):
                rows.add(frame + 1, identity, sides, track.get("label", ""), _numbers(box))
        _add_images(root, rows)
    except (KeyError, ValueError) as error:
        hint = "export it as CVAT for video 1.1 or CVAT for images 1.1"
        raise DataError(path, "not CVAT's XML", found=repr(error), hint=hint) from error
    labels, known, kind = _labels(root)
    name = root.findtext("meta/*/name") or Path(path).stem
    found = rows.sequence(name, labels=labels, known=known, size=size, depth_kind=kind)
    images = [int(image.get("id", "0")) + 1 for image in root.findall("image")]
    count = max([length or 0, *images], default=0) or None
    return SequenceTracks(**{**vars(found), "frame_count": count})


def _document(sequence: SequenceTracks, mode: str) -> Xml.Element:
    root = Xml.Element("annotations")
    Xml.SubElement(root, "version").text = "1.1"
    task = Xml.SubElement(Xml.SubElement(root, "meta"), "task")
    facts = {"name": sequence.name, "size": sequence.length, "mode": mode, "overlap": 0, "start_frame": 0}
    for name, value in {**facts, "stop_frame": max(sequence.length - 1, 0)}.items():
        Xml.SubElement(task, name).text = str(value)
    labels = Xml.SubElement(task, "labels")
    for number in sorted(set(sequence.tracks.class_id.tolist()) | set(sequence.class_names)):
        label = Xml.SubElement(labels, "label")
        Xml.SubElement(label, "name").text = sequence.class_name(number)
        Xml.SubElement(label, "type").text = "rectangle"
        attributes = Xml.SubElement(label, "attributes")
        _specify(attributes, IDENTITY, "", mutable=False)
        for name in NUMBERS:
            _specify(attributes, name, "", mutable=True)
        _specify(attributes, "class_id", str(number), mutable=False)
        kind = "" if sequence.depth_kind is None else sequence.depth_kind.value
        _specify(attributes, "depth_kind", kind, mutable=False)
    width, height = sequence.extent()
    extent = Xml.SubElement(task, "original_size")
    Xml.SubElement(extent, "width").text = str(width)
    Xml.SubElement(extent, "height").text = str(height)
    return root


def _specify(attributes: Xml.Element, name: str, default: str, *, mutable: bool) -> None:
    attribute = Xml.SubElement(attributes, "attribute")
    values = {"name": name, "mutable": str(mutable), "input_type": "text", "default_value": default}
    for key, value in {**values, "values": default}.items():
        Xml.SubElement(attribute, key).text = value


def _of_one_class(sequence: SequenceTracks, rows: TrackTable) -> Iterator[tuple[str, TrackTable]]:
    """A track of CVAT has one label: an identity that changes its class becomes a track for each."""
    for number in np.unique(rows.class_id).tolist():
        yield sequence.class_name(number), rows.rows(rows.class_id == number)


def _write_boxes(track: Xml.Element, rows: TrackTable, length: int) -> None:
    frames = rows.frame.tolist()
    for row, frame in enumerate(frames):
        box = Xml.SubElement(track, "box", frame=str(frame - 1), keyframe="1", outside="0", z_order="0")
        _fill(box, rows, row)
        if frame + 1 not in frames[row + 1 : row + 2] and frame < length:
            ended = Xml.SubElement(track, "box", frame=str(frame), keyframe="1", outside="1", z_order="0")
            _fill(ended, rows, row)


def _fill(box: Xml.Element, table: TrackTable, row: int) -> None:
    box.set("occluded", str(int(occluded(float(table.visibility[row])))))
    for side, value in zip(_SIDES, table.xyxy[row].tolist(), strict=True):
        box.set(side, repr(value))
    values = {IDENTITY: str(int(table.track_id[row]))}
    values |= {name: text_of(float(getattr(table, name)[row])) for name in NUMBERS}
    for name, text in values.items():
        Xml.SubElement(box, "attribute", name=name).text = text


def _save(path: str | Path, root: Xml.Element) -> None:
    Xml.indent(root)
    with atomic_write(path, "wb") as file:
        Xml.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _parsed(path: str | Path) -> Xml.Element:
    place = Path(path)
    if place.suffix == ".zip":
        with zipfile.ZipFile(place) as archive:
            text = archive.read(MEMBER).decode()
    else:
        text = read_text(place)
    if "<!DOCTYPE" in text:
        raise DataError(path, "XML with definitions of its own", expected="XML as CVAT writes it")
    try:
        root = Xml.fromstring(text)  # noqa: S314 - without definitions there is nothing to expand
    except Xml.ParseError as error:
        raise DataError(path, "not XML", found=str(error)) from error
    if root.tag != "annotations":
        raise DataError(path, "not CVAT's XML", expected="<annotations>", found=f"<{root.tag}>")
    return root


def _size(root: Xml.Element) -> tuple[int, int] | None:
    width, height = (whole_of(root.findtext(f"meta/*/original_size/{side}")) for side in ("width", "height"))
    if width and height:
        return width, height
    image = root.find("image")
    if image is None:
        return None
    return whole_of(image.get("width")) or 1, whole_of(image.get("height")) or 1


def _labels(root: Xml.Element) -> tuple[list[str], dict[str, int], DepthKind | None]:
    """Class names, the numbers that they say, and what the depths mean."""
    names: list[str] = []
    known: dict[str, int] = {}
    kind: DepthKind | None = None
    for label in root.iterfind("meta/*/labels/label"):
        name = label.findtext("name") or ""
        names.append(name)
        said = {item.findtext("name"): item.findtext("default_value") for item in label.iter("attribute")}
        number = whole_of(said.get("class_id"))
        if number is not None:
            known[name] = number
        if said.get("depth_kind"):
            kind = DepthKind.parse(str(said["depth_kind"]))
    return names, known, kind


def _boxes(track: Xml.Element) -> list[Xml.Element]:
    return sorted(track.findall("box"), key=lambda box: int(box.attrib["frame"]))


def _attributes(box: Xml.Element) -> dict[str | None, str | None]:
    return {item.get("name"): item.text for item in box.findall("attribute")}


def _claim(boxes: list[Xml.Element]) -> int | None:
    return next(
        (found for box in boxes if (found := whole_of(_attributes(box).get(IDENTITY))) is not None), None
    )


def _sides(box: Xml.Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(box.attrib[side]) for side in _SIDES)
    return left, top, right, bottom


def _numbers(box: Xml.Element) -> dict[str, float | None]:
    said = _attributes(box)
    values = {name: number_of(said.get(name)) for name in NUMBERS}
    values["visibility"] = seen_share(box.get("occluded") == "1", values["visibility"])
    return values


def _every_frame(
    boxes: list[Xml.Element], last: int
) -> Iterator[tuple[int, Xml.Element, tuple[float, float, float, float]]]:
    """Frame, box and sides of each frame in which a track is seen, as CVAT fills between listed boxes."""
    for box, after in zip(boxes, [*boxes[1:], None], strict=True):
        if box.get("outside") == "1":
            continue
        start, sides = int(box.attrib["frame"]), _sides(box)
        end = max(last, start) + 1 if after is None else int(after.attrib["frame"])
        goal = sides if after is None or after.get("outside") == "1" else _sides(after)
        for frame in range(start, end):
            share = (frame - start) / (end - start)
            if share == 0 or goal is sides:
                yield frame, box, sides
            else:
                left, top, right, bottom = (a + (b - a) * share for a, b in zip(sides, goal, strict=True))
                yield frame, box, (left, top, right, bottom)


def _add_images(root: Xml.Element, rows: Rows) -> None:
    found = [
        (int(image.attrib["id"]), box) for image in root.findall("image") for box in image.findall("box")
    ]
    claims = [whole_of(_attributes(box).get(IDENTITY)) for _, box in found]
    free = max([claim for claim in claims if claim is not None], default=0)
    for (frame, box), claim in zip(found, claims, strict=True):
        free += claim is None
        identity = free if claim is None else claim
        rows.add(frame + 1, identity, _sides(box), box.get("label", ""), _numbers(box))
