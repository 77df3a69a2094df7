"""One depth map out of a file: PNG and TIFF as sensors write them, numpy's arrays, EXR."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError, MissingExtraError, UsageError
from deptr.io.text_files import read_json
from deptr.records import DepthKind, FloatArray

DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".npy", ".npz", ".exr"})
UNITS = {"mm": 0.001, "cm": 0.01, "m": 1.0}
DESCRIPTION = "depth.json"
_WIDE = 16  # bits: what whole numbers need to tell metres


@dataclass(frozen=True)
class DepthScale:
    """What the numbers of depth maps mean.

    Attributes:
        kind: Meaning of the depths.
        step: Of whole and of broken numbers: a number times this is the depth. None: millimetres where
            numbers are whole, and metres where they are broken; depths that are not metric have no unit.
    """

    kind: DepthKind = DepthKind.METRIC
    step: float | None = None

    def depth(self, values: npt.NDArray[Any]) -> FloatArray:
        """Numbers as float32 depths, NaN where nothing is known (0 too, of what is a distance).

        Example:
            >>> DepthScale().depth(np.array([[0, 1500]], np.uint16)).round(3).tolist()
            [[nan, 1.5]]
        """
        step = self.step
        if step is None:
            whole = values.dtype.kind in "iu" and self.kind is DepthKind.METRIC
            step = UNITS["mm"] if whole else 1.0
        depths = values.astype(np.float32) * np.float32(step)
        known = np.isfinite(depths)
        if not self.kind.larger_is_nearer:
            known &= depths > 0
        return np.where(known, depths, np.float32(np.nan))


def parse_unit(unit: str | float | None, name: str = "depth_unit") -> float | None:
    """Metres of one step of a depth map.

    Args:
        unit: ``mm``, ``cm``, ``m``, or a number of metres, also as a fraction.
        name: How messages call it.

    Raises:
        UsageError: It is no unit.

    Example:
        >>> parse_unit("mm"), parse_unit("1/256"), parse_unit(0.0002), parse_unit(None)
        (0.001, 0.00390625, 0.0002, None)
    """
    if unit is None:
        return None
    if unit in UNITS:
        return UNITS[str(unit)]
    try:
        step = float(Fraction(unit.replace(" ", ""))) if isinstance(unit, str) else float(unit)
    except (ValueError, ZeroDivisionError):
        step = float("nan")
    if not 0 < step < np.inf:
        expected = f"expected {', '.join(UNITS)} or the metres of one step, such as 0.0002 or 1/256"
        raise UsageError(f"{name}: {expected}, got {unit!r}")
    return step


def described_scale(folder: Path) -> DepthScale | None:
    """What ``depth.json`` beside depth maps says of them; None where there is none.

    Raises:
        DataError: It says something else.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        kind = DepthKind.parse(content.get("depth_kind", "metric"))
        scale = parse_unit(float(content.get("scale", 0.001)), "scale")
    except (ValueError, AttributeError, TypeError) as error:
        expected = 'such as {"depth_kind": "metric", "scale": 0.001}'
        problem = "not a description of depth maps"
        raise DataError(path, problem, expected=expected, found=str(error)) from error
    return DepthScale(kind, scale)


def read_depth_file(path: str | Path, *, kind: DepthKind = DepthKind.METRIC) -> npt.NDArray[Any]:
    """The numbers of a depth map, ``(H, W)`` whole or broken, as the file holds them.

    Args:
        path: A PNG, TIFF, npy, npz or EXR file.
        kind: Meaning of the depths: metric whole numbers need more than 8 bits.

    Raises:
        DataError: The file cannot be read or holds no depth map.
        MissingExtraError: EXR needs the extra ``sensors``.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if not file.is_file():
        raise DataError(file, "cannot be read", found="no such file")
    if suffix in (".npy", ".npz"):
        values = _read_numpy(file)
    elif suffix == ".exr":
        values = _read_exr(file)
    else:
        values = _read_image(file)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.squeeze(0 if values.shape[0] == 1 else 2)
    found = f"{values.dtype} with shape {values.shape}"
    if values.ndim != 2 or values.dtype.kind not in "iuf" or not values.size:
        raise DataError(file, "not a depth map", expected="one number for each pixel", found=found)
    if kind is DepthKind.METRIC and values.dtype.kind in "iu" and values.dtype.itemsize * 8 < _WIDE:
        expected = f"one channel of {_WIDE} bit"
        raise DataError(file, "not a depth map in metres", expected=expected, found=found)
    return values


def _read_image(path: Path) -> npt.NDArray[Any]:
    import cv2

    content = np.fromfile(path, dtype=np.uint8)
    values = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if values is None:
        raise DataError(path, "cannot be decoded", expected="a whole PNG or TIFF image")
    return np.asarray(values)


def _read_numpy(path: Path) -> npt.NDArray[Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".npy":
            return np.asarray(loaded)
        with loaded:
            names = list(loaded.files)
            name = names[0] if len(names) == 1 else "depth"
            if name not in names:
                expected = "one array, or one named depth"
                raise DataError(path, "not a depth map", expected=expected, found=", ".join(names))
            return np.asarray(loaded[name])
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(path, "not an array of numpy", found=str(error)) from error


def _read_exr(path: Path) -> npt.NDArray[Any]:
    try:
        import OpenEXR
    except ImportError:
        raise MissingExtraError(f"reading {path.name}", "sensors") from None
    try:
        channels = OpenEXR.File(str(path)).channels()
    except (RuntimeError, TypeError, ValueError) as error:
        raise DataError(path, "not an EXR image", found=str(error)) from error
    name = next((name for name in ("Z", "depth", "Y", "R") if name in channels), None)
    if name is None and len(channels) == 1:
        name = next(iter(channels))
    if name is None:
        found = ", ".join(sorted(channels))
        raise DataError(path, "not a depth map", expected="a channel named Z, depth, Y or R", found=found)
    return np.asarray(channels[name].pixels)
