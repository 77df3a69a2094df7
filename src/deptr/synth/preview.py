"""Contact sheets: what scenes look like, with boxes, identities and depth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage

from deptr.errors import UsageError
from deptr.files import atomic_path
from deptr.records import FloatArray, Image
from deptr.synth.scene import Scene
from deptr.synth.truth import FrameTruth

_COLUMNS = 4
_SUFFIXES = (".png", ".webp", ".jpg")


def contact_sheet(scenes: Iterable[Scene], tile_width: int = 400) -> Image:
    """Two moments of each scene, each as a picture with labels beside its depth map.

    Args:
        scenes: What to show, one row for each.
        tile_width: Width of each of the four tiles of a row in pixels.

    Example:
        >>> from deptr.synth.scene import SceneOptions
        >>> contact_sheet([Scene(1, SceneOptions(size=(48, 96), frames=5))], tile_width=96).shape
        (48, 384, 3)
    """
    rows = []
    for scene in scenes:
        tiles: list[Image] = []
        for index in (len(scene) // 4, 3 * len(scene) // 4):
            truth = scene.frame(index, dense=True)
            tiles += [labelled_picture(truth), depth_picture(truth.dense_depth())]
        height = round(tile_width * tiles[0].shape[0] / tiles[0].shape[1])
        size = (tile_width, height)
        small: list[Any] = [cv2.resize(tile, size, interpolation=cv2.INTER_AREA) for tile in tiles]
        rows.append(np.hstack(small))
    return np.vstack(rows)


def labelled_picture(truth: FrameTruth) -> Image:
    """The frame with each person's amodal box in the colour of their identity, and depth in metres."""
    picture = truth.image.copy()
    for row in np.argsort(-truth.depth_m):
        if truth.visibility[row] < 0.1:
            continue
        left, top, right, bottom = (int(value) for value in truth.boxes_xyxy[row])
        hue = int(truth.track_ids[row]) * 47 % 180
        swatch: Any = cv2.cvtColor(np.array([[[hue, 190, 255]]], np.uint8), cv2.COLOR_HSV2RGB)
        colour = [int(value) for value in swatch[0, 0]]
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, 2)
        text = f"{truth.depth_m[row]:.1f}"
        for shade, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            place = (left + 2, max(top - 4, 11))
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, width, cv2.LINE_AA)
    return picture


def depth_picture(depth_m: FloatArray) -> Image:
    """Depth as colours, bright near and dark far on an inverse scale; grey where it is not known."""
    known = np.isfinite(depth_m)
    if not known.any():
        return np.full((*depth_m.shape, 3), 90, np.uint8)
    inverse = np.where(known, 1 / np.maximum(depth_m, 1e-3), 0)
    low, high = (float(value) for value in np.percentile(inverse[known], (2, 99.5)))
    share = np.clip((inverse - low) / max(high - low, 1e-9), 0, 1)
    colours: Any = cv2.applyColorMap(np.rint(share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    picture = np.ascontiguousarray(colours[:, :, ::-1])
    picture[~known] = 90
    return np.asarray(picture, np.uint8)


def write_picture(path: Path, picture: Image) -> None:
    """A picture of the type that the name ends with.

    Raises:
        UsageError: It is none of png, webp and jpg.
        DataError: The folder cannot be written.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"preview: expected a name ending in {', '.join(_SUFFIXES)}, got {path.name}")
    with atomic_path(path) as temporary:
        PillowImage.fromarray(picture).save(temporary, quality=80)
