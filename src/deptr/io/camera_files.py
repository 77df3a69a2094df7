"""Cameras out of the files that others write: ROS, OpenCV, KITTI, COLMAP; the one place that reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deptr.cameras import Calibration, Camera, rigid
from deptr.errors import DataError, UsageError
from deptr.io.text_files import read_text
from deptr.records import FloatArray

_EXPECTED = "CameraInfo or OpenCV YAML, a KITTI calib file, or COLMAP's cameras.txt"
_COLMAP = {  # places of fx, fy, cx, cy among the parameters, and of OpenCV's distortion
    "SIMPLE_PINHOLE": ((0, 0, 1, 2), ()),
    "PINHOLE": ((0, 1, 2, 3), ()),
    "SIMPLE_RADIAL": ((0, 0, 1, 2), (3,)),
    "RADIAL": ((0, 0, 1, 2), (3, 4)),
    "OPENCV": ((0, 1, 2, 3), (4, 5, 6, 7)),
    "FULL_OPENCV": ((0, 1, 2, 3), tuple(range(4, 12))),
    "OPENCV_FISHEYE": ((0, 1, 2, 3), (4, 5, 6, 7)),
}


def read_camera(path: str | Path, name: str | None = None) -> Camera:
    r"""The camera that a file describes.

    Args:
        path: CameraInfo YAML of ROS, YAML of OpenCV, ``calib`` of KITTI, or ``cameras.txt`` of COLMAP.
        name: Which one of several: KITTI's number (default 2, the left colour camera), COLMAP's id (default
            the only one).

    Raises:
        DataError: It cannot be read, is none of these, or holds no such camera.

    Example:
        >>> file = getfixture("tmp_path") / "cameras.txt"
        >>> _ = file.write_text("1 PINHOLE 640 480 500 500 320 240\n")
        >>> read_camera(file).focal_px
        500.0
    """
    return read_calibration(path, name).camera


def read_calibration(path: str | Path, name: str | None = None) -> Calibration:
    """The camera that a file describes, and how a laser scanner stands to it where the file says so.

    KITTI's files say it in ``Tr_velo_to_cam``, ``Tr_velo_cam`` or ``Tr``; YAML may say it in ``to_camera``, a
    matrix of 3 x 4 or 4 x 4 numbers.

    Raises:
        DataError: As for `read_camera`.
    """
    file = Path(path)
    text = read_text(file)
    try:
        if re.search(r"^(P\d|P_rect_\d\d|K_\d\d):", text, re.MULTILINE):
            return _kitti(file, text, name or "2")
        if re.search(r"^\s*\d+ [A-Z_]+ \d+ \d+( \S+)+\s*$", text, re.MULTILINE):
            return Calibration(_colmap(file, text, name))
        return _yaml(file, text)
    except UsageError as error:
        raise DataError(file, "not a camera", found=str(error)) from error


def read_transform(path: str | Path) -> FloatArray:
    """A rotation and a translation, ``(4, 4)``, of a text with 12 or 16 numbers, row by row, or an npy file.

    Raises:
        DataError: It holds anything else.
    """
    file = Path(path)
    try:
        if file.suffix.lower() == ".npy":
            values = np.load(file, allow_pickle=False)
        else:
            values = np.array(re.split(r"[\s,;]+", read_text(file).strip()), np.float64)
        return rigid(values.reshape(-1, 4), "transform")
    except (ValueError, OSError) as error:
        if isinstance(error, DataError):
            raise
        expected = "a rotation and a translation as 12 or 16 numbers, row by row"
        raise DataError(file, "not a transform", expected=expected, found=str(error)) from error


def _kitti(path: Path, text: str, name: str) -> Calibration:
    rows = {}
    for line in text.splitlines():
        key, _, values = line.replace(":", " ", 1).strip().partition(" ")
        try:
            rows[key] = np.array(values.split(), np.float64)
        except ValueError:
            continue  # dates and names of corners
    projection = rows.get(f"P{name}", rows.get(f"P_rect_{int(name):02d}" if name.isdigit() else ""))
    if projection is None or projection.size != 12:
        known = ", ".join(key for key in rows if key.startswith("P"))
        raise DataError(path, f"holds no camera {name}", expected=f"P{name} of 12 numbers", found=known)
    projection = projection.reshape(3, 4)
    matrix = projection[:, :3]
    shift = np.eye(4)
    shift[:3, 3] = np.linalg.solve(matrix, projection[:, 3])
    rectify = np.eye(4)
    turned = next((rows[key] for key in ("R0_rect", "R_rect", "R_rect_00") if key in rows), np.eye(3))
    rectify[:3, :3] = turned.reshape(3, 3)
    scanner = next((rows[key] for key in ("Tr_velo_to_cam", "Tr_velo_cam", "Tr") if key in rows), None)
    to_camera = np.eye(4) if scanner is None else shift @ rectify @ rigid(scanner.reshape(3, 4), "Tr")
    size = rows.get(f"S_rect_{int(name):02d}") if name.isdigit() else None
    return Calibration(Camera(matrix, None if size is None else (int(size[0]), int(size[1]))), to_camera)


def _colmap(path: Path, text: str, name: str | None) -> Camera:
    cameras = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()[:1].isdigit()}
    if name is None and len(cameras) > 1:
        raise DataError(path, "holds several cameras", expected="one", found=", ".join(cameras))
    words = cameras.get(next(iter(cameras)) if name is None else name)
    if words is None:
        raise DataError(path, f"holds no camera {name}", found=", ".join(cameras))
    model, width, height, *rest = words
    if model not in _COLMAP:
        raise DataError(path, "unknown camera model", expected=", ".join(_COLMAP), found=model)
    places, bends = _COLMAP[model]
    values = np.array(rest, np.float64)
    if len(values) <= max(*places, *bends, 0):
        raise DataError(path, f"too few parameters of {model}", found=" ".join(rest))
    fx, fy, cx, cy = values[list(places)]
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    return Camera(matrix, (int(width), int(height)), values[list(bends)], model == "OPENCV_FISHEYE")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no types
    """Reads OpenCV's matrices as mappings."""


def _matrix(loader: Any, node: Any) -> Any:
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _matrix)


def _yaml(path: Path, text: str) -> Calibration:
    plain = re.sub(r"\A%YAML[: ]1\.\d\s*\n", "", text)
    try:
        content: Any = yaml.load(plain, _Loader)  # noqa: S506 - a safe loader with one more tag
    except yaml.YAMLError as error:
        found = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise DataError(path, "not a camera file", expected=_EXPECTED, found=found) from error
    if not isinstance(content, Mapping):
        raise DataError(path, "not a camera file", expected=_EXPECTED, found=type(content).__name__)
    matrix = _numbers(content, "camera_matrix", "K", "k", "cameraMatrix", "CameraMatrix", "matrix")
    if matrix is None or matrix.size != 9:
        found = ", ".join(map(str, content)) or "nothing"
        expected = "K or camera_matrix of 9 numbers"
        raise DataError(path, "names no camera matrix", expected=expected, found=found)
    bends = _numbers(
        content, "distortion_coefficients", "D", "d", "distCoeffs", "distortion", "Distortion_Coefficients"
    )
    model = str(content.get("distortion_model", content.get("model", "")))
    width, height = (content.get(f"image_{side}", content.get(side)) for side in ("width", "height"))
    size = (int(width), int(height)) if width and height else None
    fisheye = model in ("equidistant", "fisheye", "kannala_brandt")
    camera = Camera(matrix.reshape(3, 3), size, np.zeros(0) if bends is None else bends.ravel(), fisheye)
    moved = _numbers(content, "to_camera")
    return Calibration(camera, np.eye(4) if moved is None else moved.reshape(-1, 4))


def _numbers(content: Mapping[str, Any], *names: str) -> FloatArray | None:
    """The first of some entries as numbers: a list, or a mapping with ``data``."""
    for name in names:
        value = content.get(name)
        if isinstance(value, Mapping):
            value = value.get("data")
        if value is None:
            continue
        try:
            return np.array(value, np.float64)
        except (ValueError, TypeError):
            raise UsageError(f"{name}: expected numbers, got {value!r:.60}") from None
    return None
