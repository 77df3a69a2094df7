"""A contact sheet of depth labels: frames with masks in the colour of their depth, depth maps beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deptr.errors import UsageError
from deptr.io.labels import FrameLabels, Validity
from deptr.io.rle import decode_mask
from deptr.records import BoolArray, FloatArray, Image
from deptr.viz.canvas import Font
from deptr.viz.colors import PAPER

DOUBTFUL = (150, 150, 150)
UNKNOWN = (40, 40, 44)
OPACITY = 0.55


@dataclass(frozen=True)
class SheetFrame:
    """One picture of the sheet.

    Attributes:
        index: Frame number.
        image: ``(H, W, 3)`` uint8 RGB.
        labels: Labels of its boxes.
        depth: ``(h, w)`` depth map of any resolution, NaN = unknown, or None.
    """

    index: int
    image: Image
    labels: FrameLabels
    depth: FloatArray | None = None


def depth_colors(depth: FloatArray, low: float, high: float, *, larger_is_nearer: bool) -> Image:
    """Depth as RGB ``(..., 3)``: near is bright yellow, far dark blue, unknown grey.

    Example:
        >>> colors = depth_colors(np.array([[1.0, np.nan]]), 1.0, 2.0, larger_is_nearer=False)
        >>> colors.shape, tuple(int(value) for value in colors[0, 1]) == UNKNOWN
        ((1, 2, 3), True)
    """
    share = np.clip((depth - low) / max(high - low, 1e-12), 0, 1)
    nearness = share if larger_is_nearer else 1 - share
    known = np.isfinite(nearness)
    gray = (np.where(known, nearness, 0) * 255).astype(np.uint8).reshape(-1, 1)
    colors = np.asarray(cv2.applyColorMap(gray, cv2.COLORMAP_INFERNO))[:, 0, ::-1]
    colors = colors.reshape(*depth.shape, 3).copy()
    colors[~known] = UNKNOWN
    return np.asarray(colors, np.uint8)


def contact_sheet(
    frames: Sequence[SheetFrame], *, larger_is_nearer: bool, columns: int = 3, width: int = 480
) -> Image:
    """Frames side by side, all in one scale of colours.

    Args:
        frames: At least one.
        larger_is_nearer: Sense of the depths.
        columns: Frames in a row.
        width: Width of a frame in the sheet, pixels; a depth map beside it has the same width.

    Raises:
        UsageError: There is no frame.
    """
    if not frames:
        raise UsageError("contact sheet: expected at least one frame, got none")
    depths = np.concatenate([frame.labels.depth[frame.labels.valid] for frame in frames])
    low, high = (float(depths.min()), float(depths.max())) if depths.size else (0.0, 1.0)
    cells = [_cell(frame, (low, high), larger_is_nearer, width) for frame in frames]
    height, cell_width = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    columns = min(columns, len(cells))
    sheet = np.full((-(-len(cells) // columns) * height, columns * cell_width, 3), 16, np.uint8)
    for place, cell in enumerate(cells):
        top, left = place // columns * height, place % columns * cell_width
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _cell(frame: SheetFrame, limits: tuple[float, float], larger_is_nearer: bool, width: int) -> Image:
    height, full = frame.image.shape[:2]
    scale = width / full
    size = (width, round(height * scale))
    picture = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8).copy()
    labels = frame.labels
    colors = depth_colors(labels.depth, *limits, larger_is_nearer=larger_is_nearer)
    font = Font(max(10, width // 40))
    for place in range(len(labels)):
        good = labels.validity[place] == Validity.GOOD
        color = tuple(int(value) for value in colors[place]) if good else DOUBTFUL
        text = labels.mask[place]
        if text:
            mask = decode_mask(text, (height, full)).astype(np.uint8)
            small = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)).astype(bool)
            _tint(picture, small, color)
        left, top, right, bottom = (round(float(value) * scale) for value in labels.boxes_xyxy[place])
        cv2.rectangle(picture, (left, top), (right, bottom), color, 1)
        words = f"{labels.depth[place]:.3g}" if good else Validity(int(labels.validity[place])).name.lower()
        font.draw(picture, max(left, 0), max(top, 0), words, PAPER)
    font.draw(picture, 4, size[1] - width // 30 - 6, f"frame {frame.index}", PAPER)
    if frame.depth is None:
        return picture
    known = frame.depth[np.isfinite(frame.depth)]
    low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
    colored = depth_colors(frame.depth, float(low), float(high), larger_is_nearer=larger_is_nearer)
    beside = np.asarray(cv2.resize(colored, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.concatenate([picture, beside], axis=1)


def _tint(picture: Image, mask: BoolArray, color: tuple[int, ...]) -> None:
    mixed = picture[mask] * (1 - OPACITY) + np.array(color) * OPACITY
    picture[mask] = mixed.astype(np.uint8)
