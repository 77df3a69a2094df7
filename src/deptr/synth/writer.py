"""Writing one scene as a sequence folder: pictures, MOT text with depth, COCO json, depth maps, cameras."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deptr.errors import DataError, UsageError
from deptr.files import atomic_write
from deptr.io.coco import annotation_entry, image_entry, write_coco
from deptr.records import DepthKind, FloatArray, Image
from deptr.synth.detections import DetectionNoise, detection_rows
from deptr.synth.scene import Scene
from deptr.synth.truth import FrameTruth

DEPTH_STEP_M = 0.002  # one step of a 16-bit depth map: up to 131 m
PARTIAL = ".partial"
_SCORED_VISIBILITY = 0.1  # people who show less do not count in the ground truth
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class WriteOptions:
    """What is written besides the MOT text.

    Attributes:
        images: File type of the pictures, ``jpg`` or ``png``.
        masks: Whether the COCO json has the visible masks.
        depth_maps: Whether 16-bit depth maps are written.
        jitter: Standard deviation of the error of detected boxes, as a part of their width and height.
        depth_noise: Standard deviation of the error of detected depths, relative, new in every frame.
        depth_drift: Standard deviation of a bias of each person's depth, relative, that changes over seconds.
        digits: Of the number in a picture's name.

    Raises:
        UsageError: A value is out of range.
    """

    images: str = "jpg"
    masks: bool = True
    depth_maps: bool = True
    jitter: float = 0.0
    depth_noise: float = 0.0
    depth_drift: float = 0.0
    digits: int = 6

    def __post_init__(self) -> None:
        if self.images not in ("jpg", "png"):
            raise UsageError(f"images: expected jpg or png, got {self.images!r}")
        for name in ("jitter", "depth_noise", "depth_drift"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name}: expected a number in [0, 1), got {getattr(self, name)}")


def write_sequence(
    scene: Scene,
    folder: Path,
    options: WriteOptions,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Write a scene under a temporary name that becomes `folder` when all of it is there.

    Args:
        scene: What to write.
        folder: The new sequence folder.
        options: What to write.
        on_frame: Called with the number of frames written so far.

    Raises:
        DataError: The folder cannot be written or the disk is full.
    """
    partial = folder.with_name(f".{folder.name}{PARTIAL}-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        _write(scene, partial, folder.name, options, on_frame)
        partial.replace(folder)
    except OSError as error:
        hint = "check space and permissions"
        raise DataError(folder, "cannot be written", found=error.strerror or str(error), hint=hint) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(
    scene: Scene,
    folder: Path,
    name: str,
    options: WriteOptions,
    on_frame: Callable[[int], None] | None,
) -> None:
    for part in ("img1", "gt", "det", *(["depth"] if options.depth_maps else [])):
        (folder / part).mkdir(parents=True)
    rows: list[str] = []
    detections: list[str] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    cameras: list[dict[str, Any]] = []
    noise = DetectionNoise(
        options.jitter, options.depth_noise, options.depth_drift, scene.seed, scene.options.fps
    )
    for index in range(len(scene)):
        truth = scene.frame(index, dense=options.depth_maps)
        number = index + 1
        file_name = f"img1/{number:0{options.digits}d}.{options.images}"
        _write_image(folder / file_name, truth.image)
        if options.depth_maps:
            write_depth_map(folder / "depth" / f"{number:06d}.png", truth.dense_depth())
        rows += ground_truth_rows(number, truth)
        detections += detection_rows(number, truth, noise)
        height, width = truth.image.shape[:2]
        focal = truth.camera.focal_px
        images.append(
            image_entry(number, file_name, (height, width), focal_px=focal, sequence=name, frame=number)
        )
        annotations += _annotations(number, truth, options.masks)
        cameras.append(_camera_entry(number, truth))
        if on_frame is not None:
            on_frame(number)
    _add_relative_depth(annotations)
    _write_texts(scene, folder, name, {"gt": rows, "det": detections})
    if options.depth_maps:
        describe_depth_maps(folder / "depth" / "depth.json")
    write_coco(
        folder / "annotations.json", images, annotations, depth_kind=DepthKind.METRIC, description=name
    )
    _write_json(folder / "cameras.json", cameras)


def _write_texts(scene: Scene, folder: Path, name: str, texts: dict[str, list[str]]) -> None:
    for word, lines in texts.items():
        with atomic_write(folder / word / f"{word}.txt") as file:
            file.write("".join(lines))
    height, width = scene.options.size
    suffix = next((folder / "img1").iterdir()).suffix
    with atomic_write(folder / "seqinfo.ini") as file:
        file.write(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate={scene.options.fps:g}\n"
            f"seqLength={len(scene)}\nimWidth={width}\nimHeight={height}\nimExt={suffix}\n"
        )
    described = {
        "seed": scene.seed,
        "level": scene.level,
        "camera": scene.journey.motion.value,
        "people": len(scene.heights_m),
        "heights_m": scene.heights_m.tolist(),
        "script": asdict(scene.script),
    }
    _write_json(folder / "scene.json", described)


def ground_truth_rows(frame: int, truth: FrameTruth) -> list[str]:
    """MOTChallenge's nine columns and the depth, hidden people too (not scored below 10 % visibility)."""
    boxes = truth.boxes_xyxy
    rows = []
    for row, (x, y, right, bottom) in enumerate(boxes.tolist()):
        visibility = float(truth.visibility[row])
        scored = int(visibility >= _SCORED_VISIBILITY)
        rows.append(
            f"{frame},{truth.track_ids[row]},{x:g},{y:g},{right - x:g},{bottom - y:g},{scored},1,"
            f"{visibility:.4f},{truth.depth_m[row]:.4f}\n"
        )
    return rows


def write_depth_map(path: Path, depth_m: FloatArray) -> None:
    """A 16-bit PNG: a pixel times `DEPTH_STEP_M` is the depth in metres, 0 is unknown or beyond 131 m."""
    steps = np.rint(depth_m / DEPTH_STEP_M)
    known = np.isfinite(steps) & (steps >= 1) & (steps <= np.iinfo(np.uint16).max)
    values = np.where(known, steps, 0).astype(np.uint16)
    _encode(path, values, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def describe_depth_maps(path: Path) -> None:
    """The file beside depth maps that says what they hold."""
    _write_json(path, {"depth_kind": DepthKind.METRIC.value, "scale": DEPTH_STEP_M})


def _annotations(image_id: int, truth: FrameTruth, masks: bool) -> list[dict[str, Any]]:
    entries = []
    for row in range(len(truth.track_ids)):
        if truth.visible_px[row] == 0:
            continue
        entries.append(
            annotation_entry(
                image_id,
                truth.boxes_xyxy[row],
                mask=truth.mask(row) if masks else None,
                depth=float(truth.depth_m[row]),
                depth_std=0.0,
                track_id=int(truth.track_ids[row]),
                visibility=float(truth.visibility[row]),
                ignore=bool(truth.visibility[row] < _SCORED_VISIBILITY),
            )
        )
        entries[-1]["visible_bbox"] = _xywh(truth.visible_boxes_xyxy[row])
        entries[-1]["full_bbox"] = _xywh(truth.full_boxes_xyxy[row])
    entries += [annotation_entry(image_id, box, ignore=True) for box in truth.seam_boxes]
    return entries


def _xywh(box: FloatArray) -> list[float]:
    left, top, right, bottom = (round(float(value), 3) for value in box)
    return [left, top, round(right - left, 3), round(bottom - top, 3)]


def _add_relative_depth(annotations: list[dict[str, Any]]) -> None:
    """Inverse depth without a unit: 1 for the nearest person of the sequence, 0 for the farthest."""
    inverse = {id(entry): 1 / entry["depth"] for entry in annotations if entry["depth"] is not None}
    if not inverse:
        return
    low, high = min(inverse.values()), max(inverse.values())
    for entry in annotations:
        if id(entry) in inverse:
            share = (inverse[id(entry)] - low) / max(high - low, 1e-9)
            entry["inverse_depth_rel"] = round(share, 5)


def _camera_entry(frame: int, truth: FrameTruth) -> dict[str, Any]:
    camera = truth.camera
    return {
        "frame": frame,
        "projection": camera.projection.value,
        "matrix": np.round(camera.matrix, 6).tolist(),
        "rotation": np.round(camera.rotation, 9).tolist(),
        "position_m": np.round(camera.position, 6).tolist(),
    }


def _write_image(path: Path, image: Image) -> None:
    flags = (
        [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        if path.suffix == ".jpg"
        else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    _encode(path, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)


def _encode(path: Path, values: Any, flags: list[int]) -> None:
    done, data = cv2.imencode(path.suffix, values, flags)
    if not done:
        raise DataError(path, "cannot be encoded")
    path.write_bytes(data.tobytes())


def _write_json(path: Path, content: Any) -> None:
    with atomic_write(path) as file:
        json.dump(content, file, separators=(",", ":"))
