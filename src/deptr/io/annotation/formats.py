"""The formats of annotation tools by name, and which of them a file or folder is."""

from __future__ import annotations

import zipfile
from pathlib import Path

from deptr.io.annotation import coco_video, cvat, label_studio, labelme, mot_sequence, yolo_track
from deptr.io.text_files import read_json
from deptr.io.track_format import Format

ANNOTATIONS = (
    Format("cvat", "CVAT for video 1.1, a track for each object", ".xml", cvat.read_cvat, cvat.write_cvat),
    Format(
        "cvat-images",
        "CVAT for images 1.1, an image for each frame",
        ".images.xml",
        cvat.read_cvat,
        cvat.write_cvat_images,
    ),
    Format(
        "mot-zip",
        "the zip that CVAT takes as MOT 1.1",
        ".zip",
        mot_sequence.read_mot_zip,
        mot_sequence.write_mot_zip,
    ),
    Format(
        "mot-sequence",
        "a folder as MOTChallenge has it, the tracks as ground truth",
        "",
        mot_sequence.read_mot_sequence,
        mot_sequence.write_mot_sequence,
    ),
    Format(
        "coco-video",
        "COCO json of a video, with track_id",
        ".json",
        coco_video.read_coco_video,
        coco_video.write_coco_video,
    ),
    Format(
        "label-studio",
        "Label Studio's video tracks, a task with a prediction",
        ".tasks.json",
        label_studio.read_label_studio,
        label_studio.write_label_studio,
    ),
    Format(
        "labelme",
        "a folder of LabelMe's json, group_id is the identity",
        "",
        labelme.read_labelme,
        labelme.write_labelme,
    ),
    Format(
        "yolo-track",
        "a folder of YOLO text with identities, without depth",
        "",
        yolo_track.read_yolo_track,
        yolo_track.write_yolo_track,
    ),
)


def recognized_annotation(place: Path) -> str | None:
    """Name of the annotation format that a file or folder is in, None for none."""
    if place.is_dir():
        return _of_folder(place)
    if place.suffix == ".json":
        content = read_json(place)
        return "coco-video" if isinstance(content, dict) and "videos" in content else "label-studio"
    if place.suffix == ".zip" and zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            return "cvat" if cvat.MEMBER in archive.namelist() else "mot-zip"
    return "cvat" if place.suffix == ".xml" else None


def _of_folder(place: Path) -> str | None:
    if (place / mot_sequence.TRUTH).is_file():
        return "mot-sequence"
    if (place / yolo_track.NAMES).is_file():
        return "yolo-track"
    return "labelme" if any(place.glob("*.json")) else None
