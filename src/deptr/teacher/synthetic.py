"""A stand-in for both models: a synthetic world's own masks and depth, made as bad as wanted.

Reads the folder of a sequence that `deptr synth` wrote: ``depth/000001.png`` (16 bit) and a COCO json with
the masks as run lengths. All noise depends on the seed, the sequence and the frame only, so a resumed run
repeats it.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deptr.errors import DataError, UsageError
from deptr.io.rle import segmentation_to_mask
from deptr.io.text_files import read_json
from deptr.records import BoolArray, DepthKind, FloatArray
from deptr.teacher.boxes import hash_files
from deptr.teacher.depth_teachers import DepthMapFolder, FrameTeacher
from deptr.teacher.frames import BoxedFrame

LEAST_OVERLAP = 0.3  # of a given box with an object's true box, to take its mask
FIELD_CELLS = 6  # smooth noise is drawn on so many points across the frame


@dataclass(frozen=True)
class SyntheticNoise:
    """How bad the stand-in teacher is.

    Attributes:
        mask_px: Largest growth or shrinkage of a mask's edge, pixels, drawn per object and frame.
        depth_rel: Standard deviation of a smooth error across the frame, relative to the depth.
        flicker_rel: Standard deviation of the whole frame's error, relative to the depth.
        blur_px: Blur of the depth map, pixels, as at the soft edges of a monocular network.
        inverse: Whether to answer relative inverse depth with a free scale and shift, as the real teacher.
        seed: Of all draws.
    """

    mask_px: int = 0
    depth_rel: float = 0.0
    flicker_rel: float = 0.0
    blur_px: float = 0.0
    inverse: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("mask_px", "depth_rel", "flicker_rel", "blur_px"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name}: expected a number from 0, got {getattr(self, name)}")

    def draws(self, sequence: str, frame: int, what: str) -> np.random.Generator:
        """Random numbers of one purpose on one frame."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{sequence}/{what}".encode()), frame])


class SyntheticMasks:
    """True masks, grown or shrunk at random.

    Args:
        folder: Sequence folder of a synthetic world.
        sequence: Its name.
        noise: How bad to be.

    Raises:
        DataError: The folder has no annotations with masks.
    """

    name = "synthetic"
    licence = "none"
    across_frames = False

    def __init__(self, folder: str | Path, sequence: str, noise: SyntheticNoise) -> None:
        self.sequence, self.noise = sequence, noise
        path = annotation_file(Path(folder))
        self._objects = read_masks(path, sequence)
        self.revision = hash_files([path])

    def masks(self, frames: Sequence[BoxedFrame]) -> Iterator[BoolArray]:
        """Mask of the true object behind each box; empty where no object is there."""
        for frame in frames:
            size = frame.image.shape[:2]
            objects = self._objects.get(frame.index, [])
            draws = self.noise.draws(self.sequence, frame.index, "masks")
            steps = draws.integers(-self.noise.mask_px, self.noise.mask_px + 1, len(frame.boxes))
            masks = np.zeros((len(frame.boxes), *size), bool)
            for place, (box, identity) in enumerate(
                zip(frame.boxes.boxes_xyxy, frame.boxes.object_id, strict=True)
            ):
                chosen = _object_behind(box, int(identity), objects)
                if chosen is not None:
                    masks[place] = grown(segmentation_to_mask(chosen["segmentation"]), int(steps[place]))
            yield masks


class SyntheticDepth(FrameTeacher):
    """True depth with errors.

    Args:
        folder: Sequence folder of a synthetic world.
        sequence: Its name.
        noise: How bad to be.

    Raises:
        DataError: The folder has no depth maps, or they are not metric.
    """

    licence = "none"

    def __init__(self, folder: str | Path, sequence: str, noise: SyntheticNoise) -> None:
        self.sequence, self.noise = sequence, noise
        self.maps = DepthMapFolder(folder, sequence)
        if self.maps.kind is not DepthKind.METRIC:
            found = self.maps.kind.value
            raise DataError(folder, "not a synthetic world's depth", expected="metric", found=found)
        self.kind = DepthKind.RELATIVE_INVERSE if noise.inverse else DepthKind.METRIC
        self.name, self.revision = "synthetic", self.maps.revision

    def depth(self, frame: BoxedFrame) -> FloatArray:
        """Depth of one frame; the error keeps to the frame's true depth where that is unknown."""
        depth = self.maps.depth(frame)
        noise = self.noise
        draws = noise.draws(self.sequence, frame.index, "depth")
        if noise.blur_px:
            depth = _blurred(depth, noise.blur_px)
        factor = np.exp(noise.flicker_rel * draws.standard_normal())
        if noise.depth_rel:
            height, width = depth.shape
            field = draws.standard_normal((FIELD_CELLS, FIELD_CELLS)).astype(np.float32)
            smooth = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
            factor = factor * np.exp(noise.depth_rel * smooth)
        depth = depth * factor
        if noise.inverse:
            scale, shift = noise.draws(self.sequence, 0, "clip").uniform((20.0, 0.0), (60.0, 2.0))
            depth = scale / depth + shift
        return np.asarray(depth, np.float32)


def grown(mask: BoolArray, pixels: int) -> BoolArray:
    """A mask grown (or, below zero, shrunk) by so many pixels on every side.

    Example:
        >>> mask = np.zeros((5, 5), bool); mask[2, 2] = True
        >>> int(grown(mask, 1).sum()), int(grown(mask, -1).sum())
        (9, 0)
    """
    if not pixels:
        return mask
    change = cv2.dilate if pixels > 0 else cv2.erode
    changed = change(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=abs(pixels))
    return np.asarray(changed.astype(bool))


def annotation_file(folder: Path) -> Path:
    """The COCO json of a synthetic world, in the sequence's folder or above it.

    Raises:
        DataError: There is none.
    """
    places = [folder / "annotations.json", folder.parent / "annotations.json"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        expected = f"{places[0].name} with masks there or one folder up"
        raise DataError(folder, "no annotations of a synthetic world", expected=expected)
    return path


def read_masks(path: Path, sequence: str) -> dict[int, list[dict[str, Any]]]:
    """Annotations with masks of one sequence by frame number.

    Raises:
        DataError: It is no such file, or its annotations have no masks.
    """
    content = read_json(path)
    try:
        frames = {
            image["id"]: int(image["frame"])
            for image in content["images"]
            if image.get("sequence", sequence) == sequence
        }
        objects = [entry for entry in content["annotations"] if entry["image_id"] in frames]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(path, "not the annotations of a synthetic world", found=str(error)[:80]) from error
    by_frame: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in objects:
        if isinstance(entry.get("segmentation"), dict):
            by_frame[frames[entry["image_id"]]].append(entry)
    if objects and not by_frame:
        raise DataError(path, "annotations without masks", hint="write the world with masks")
    return dict(by_frame)


def _object_behind(box: FloatArray, identity: int, objects: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The annotation with that identity, else the one whose box overlaps most."""
    for entry in objects:
        if identity >= 0 and entry.get("track_id") == identity:
            return entry
    overlaps = [_overlap(box, entry["bbox"]) for entry in objects]
    best = int(np.argmax(overlaps)) if overlaps else -1
    return objects[best] if best >= 0 and overlaps[best] >= LEAST_OVERLAP else None


def _overlap(box: FloatArray, xywh: list[float]) -> float:
    """Intersection over union of a corner box and a COCO box."""
    x, y, width, height = xywh
    across, down = min(box[2], x + width) - max(box[0], x), min(box[3], y + height) - max(box[1], y)
    shared = max(across, 0.0) * max(down, 0.0)
    union = (box[2] - box[0]) * (box[3] - box[1]) + width * height - shared
    return float(shared / union) if union > 0 else 0.0


def _blurred(depth: FloatArray, pixels: float) -> FloatArray:
    """Blur that leaves unknown pixels out of the average."""
    known = np.isfinite(depth).astype(np.float32)
    total = cv2.GaussianBlur(np.where(known > 0, depth, 0).astype(np.float32), (0, 0), pixels)
    weight = cv2.GaussianBlur(known, (0, 0), pixels)
    return np.where(known > 0, total / np.maximum(weight, np.float32(1e-6)), np.nan).astype(np.float32)
