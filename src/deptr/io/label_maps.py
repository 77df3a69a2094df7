"""Per-frame arrays beside the labels: depth maps in 16 bit and teacher features in half precision.

One Parquet row per frame. A depth map is stored as whole numbers 1 to 65535 between the lowest and the
highest depth of its frame, 0 where it is not known: the step is 1/65534 of the frame's range.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError
from deptr.io.labels import import_arrow, open_parquet
from deptr.records import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

STRIDE = 8  # pixels of the frame per value of a stored depth map
STEPS = 65534


@dataclass(frozen=True)
class PackedDepth:
    """A depth map in 16 bit.

    Attributes:
        values: ``(h, w)`` uint16, 0 = unknown.
        low: Depth that 1 stands for.
        high: Depth that 65535 stands for.
    """

    values: npt.NDArray[np.uint16]
    low: float
    high: float


def shrink_depth(depth: FloatArray, stride: int = STRIDE) -> FloatArray:
    """Median-free shrink of a depth map: the mean of the known depths in each tile, NaN where none is known.

    Args:
        depth: ``(H, W)``, NaN = unknown.
        stride: Side of a tile; tiles at the right and lower edge may be smaller.

    Returns:
        ``(ceil(H / stride), ceil(W / stride))`` float32.

    Example:
        >>> shrink_depth(np.array([[1.0, 3.0], [np.nan, 2.0]]), 2)
        array([[2.]], dtype=float32)
    """
    height, width = depth.shape
    padding = ((0, -height % stride), (0, -width % stride))
    tiles = np.pad(depth.astype(np.float64), padding, constant_values=np.nan)
    tiles = tiles.reshape(tiles.shape[0] // stride, stride, tiles.shape[1] // stride, stride)
    known = np.isfinite(tiles)
    count = known.sum((1, 3))
    total = np.where(known, tiles, 0.0).sum((1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def pack_depth(depth: FloatArray) -> PackedDepth:
    """Quantise a depth map.

    Example:
        >>> packed = pack_depth(np.array([[1.0, np.nan, 5.0]]))
        >>> packed.values.tolist(), packed.low, packed.high
        ([[1, 0, 65535]], 1.0, 5.0)
    """
    known = np.isfinite(depth)
    if not known.any():
        return PackedDepth(np.zeros(depth.shape, np.uint16), 0.0, 0.0)
    low, high = float(depth[known].min()), float(depth[known].max())
    scale = STEPS / (high - low) if high > low else 0.0
    above = np.where(known, depth, low).astype(np.float64) - low  # in single precision `scale` may overflow
    steps = np.rint(above * scale) + 1
    return PackedDepth(np.where(known, steps, 0).astype(np.uint16), low, high)


def unpack_depth(packed: PackedDepth) -> FloatArray:
    """Inverse of `pack_depth` up to half a step, float32 with NaN for unknown."""
    step = (packed.high - packed.low) / STEPS
    depth = packed.low + (packed.values.astype(np.float64) - 1) * step
    return np.where(packed.values > 0, depth, np.nan).astype(np.float32)


def maps_table(frames: list[int], maps: list[PackedDepth]) -> pa.Table:
    """Depth maps of some frames as an Arrow table."""
    arrow = import_arrow()
    columns = {
        "frame": arrow.array(frames, arrow.int32()),
        "height": arrow.array([entry.values.shape[0] for entry in maps], arrow.int32()),
        "width": arrow.array([entry.values.shape[1] for entry in maps], arrow.int32()),
        "low": arrow.array([entry.low for entry in maps], arrow.float64()),
        "high": arrow.array([entry.high for entry in maps], arrow.float64()),
        "values": arrow.array([entry.values.astype("<u2").tobytes() for entry in maps], arrow.binary()),
    }
    return arrow.table(columns)


def features_table(frames: list[int], features: list[FloatArray]) -> pa.Table:
    """Features ``(C, h, w)`` of some frames as an Arrow table."""
    arrow = import_arrow()
    shapes = [entry.shape for entry in features]
    columns = {"frame": arrow.array(frames, arrow.int32())}
    for place, name in enumerate(("channels", "height", "width")):
        columns[name] = arrow.array([shape[place] for shape in shapes], arrow.int32())
    columns["values"] = arrow.array([entry.astype("<f2").tobytes() for entry in features], arrow.binary())
    return arrow.table(columns)


class FrameArrays:
    """Depth maps or features of one sequence, read frame by frame.

    Args:
        path: `LabelRun.dense_path` or `LabelRun.features_path` of a sequence.

    Raises:
        DataError: The file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            hint = "label with --dense or --features"
            raise DataError(self.path, "no such file of per-frame teacher arrays", hint=hint)
        self._file = open_parquet(self.path)
        self._groups: dict[int, tuple[int, int]] = {}
        for group in range(self._file.metadata.num_row_groups):
            frames = self._file.read_row_group(group, columns=["frame"])["frame"].to_pylist()
            self._groups |= {frame: (group, row) for row, frame in enumerate(frames)}
        self._cached: tuple[int, Any] = (-1, None)

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames that have an array, ascending."""
        return sorted(self._groups)

    def at(self, frame: int) -> FloatArray:
        """Array of a frame: ``(h, w)`` float32 depth with NaN, or ``(C, h, w)`` float32 features.

        Raises:
            DataError: There is none for that frame.
        """
        if frame not in self._groups:
            raise DataError(self.path, f"nothing stored for frame {frame}")
        group, row = self._groups[frame]
        if self._cached[0] != group:
            self._cached = (group, self._file.read_row_group(group))
        entry = {name: self._cached[1][name][row].as_py() for name in self._cached[1].column_names}
        if "channels" in entry:
            shape = (entry["channels"], entry["height"], entry["width"])
            return np.frombuffer(entry["values"], "<f2").reshape(shape).astype(np.float32)
        values = np.frombuffer(entry["values"], "<u2").reshape(entry["height"], entry["width"])
        return unpack_depth(PackedDepth(values.astype(np.uint16), entry["low"], entry["high"]))
