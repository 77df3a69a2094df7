"""Points out of the files that laser scanners and depth cameras leave: KITTI's bin, npy, PCD, PLY."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError
from deptr.io.lzf import decompress_lzf
from deptr.records import FloatArray

_KITTI_COLUMNS = 4  # x, y, z, reflectance
_LONGEST_HEADER = 100  # lines
_PLY_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


def read_points(path: str | Path) -> FloatArray:
    """The points of a file, ``(M, 3)`` float32 metres in the sensor's axes; those without numbers left out.

    Args:
        path: KITTI's ``.bin`` (x, y, z, reflectance), ``.npy`` with x, y, z first, ``.pcd`` (ascii, binary
            or binary_compressed) or ``.ply`` (ascii or binary).

    Raises:
        DataError: It cannot be read or holds something else.

    Example:
        >>> file = getfixture("tmp_path") / "000000.bin"
        >>> np.array([[1, 2, 3, 0.5], [4, 5, 6, 0.1]], np.float32).tofile(file)
        >>> read_points(file).tolist()
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    """
    file = Path(path)
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError(file, "not a file of points", expected=f"one of {', '.join(READERS)}")
    try:
        points = reader(file)
    except OSError as error:
        raise DataError(file, "cannot be read", found=error.strerror or str(error)) from error
    except (ValueError, TypeError, LookupError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        lacks = f"nothing under {error}" if isinstance(error, LookupError) else str(error)
        raise DataError(file, "damaged", found=lacks) from error
    finite = np.isfinite(points).all(axis=1)
    return points if finite.all() else np.asarray(points[finite])


def _read_kitti(path: Path) -> FloatArray:
    values = np.fromfile(path, np.float32)
    if path.stat().st_size % (4 * _KITTI_COLUMNS):
        expected = f"rows of {_KITTI_COLUMNS} float32: x, y, z, reflectance"
        raise DataError(path, "not KITTI's points", expected=expected, found=f"{path.stat().st_size} bytes")
    return np.asarray(values.reshape(-1, _KITTI_COLUMNS)[:, :3])


def _read_npy(path: Path) -> FloatArray:
    values = np.load(path, allow_pickle=False)
    if values.ndim != 2 or values.shape[1] < 3 or values.dtype.kind not in "iuf":
        found = f"{values.dtype} with shape {values.shape}"
        raise DataError(path, "not points", expected="numbers of shape (M, 3) or more columns", found=found)
    return np.asarray(values[:, :3], np.float32)


def _header(path: Path, content: bytes, last: str) -> tuple[list[list[str]], int]:
    """Words of each line of a header up to the one that begins with `last`, and where the data begin."""
    lines, place = [], 0
    for _ in range(_LONGEST_HEADER):
        end = content.find(b"\n", place)
        if end < 0:
            break
        words = content[place:end].decode("ascii", errors="replace").split()
        place = end + 1
        if words and not words[0].startswith("#"):
            lines.append(words)
            if words[0] == last:
                return lines, place
    raise DataError(path, "no header", expected=f"a line that begins with {last}")


def _read_pcd(path: Path) -> FloatArray:
    content = path.read_bytes()
    lines, place = _header(path, content, "DATA")
    header = {words[0]: words[1:] for words in lines}
    names = header["FIELDS"]
    counts = list(map(int, header.get("COUNT", ["1"] * len(names))))
    kinds = [np.dtype(kind.lower() + size) for kind, size in zip(header["TYPE"], header["SIZE"], strict=True)]
    fields = list(zip(names, kinds, counts, strict=True))
    if "POINTS" in header:
        total = int(header["POINTS"][0])
    else:
        total = int(header["WIDTH"][0]) * int(header["HEIGHT"][0])
    if total < 0 or min(counts) < 1:
        raise ValueError(f"{total} points, fields of {min(counts)} numbers and more")
    coding = header["DATA"][0].lower()
    if coding == "ascii":
        starts = np.cumsum([0, *counts])
        places = {name: int(starts[number]) for number, name in enumerate(names)}
        return _text(content[place:], total, places)
    if coding == "binary":
        # padding has one name for all of it, which numpy refuses
        named = [
            (name if name in "xyz" else f"{number}", kind, (count,))
            for number, (name, kind, count) in enumerate(fields)
        ]
        rows = np.frombuffer(content, np.dtype(named), count=total, offset=place)
        return _xyz({name: rows[name][:, 0] for name in "xyz"})
    if coding == "binary_compressed":
        return _packed(content[place:], total, fields)
    raise DataError(path, "unknown coding", expected="ascii, binary or binary_compressed", found=coding)


def _packed(body: bytes, total: int, fields: list[tuple[str, np.dtype[np.generic], int]]) -> FloatArray:
    """Points that were packed field by field, behind the lengths of what is packed and of what comes out."""
    if len(body) < 8:
        raise ValueError("packed bytes end in the middle")
    length, size = np.frombuffer(body, "<u4", count=2).tolist()
    needed = total * sum(kind.itemsize * count for _, kind, count in fields)
    if size != needed or len(body) < 8 + length:
        raise ValueError(
            f"{len(body) - 8} bytes of {length}, which hold {size} of {needed} for {total} points"
        )
    plain, place, columns = decompress_lzf(body[8 : 8 + length], size), 0, {}
    for name, kind, count in fields:
        columns[name] = np.frombuffer(plain, kind, count=total * count, offset=place)[::count]
        place += total * count * kind.itemsize
    return _xyz(columns)


def _read_ply(path: Path) -> FloatArray:
    content = path.read_bytes()
    if not content.startswith(b"ply"):
        raise DataError(path, "not a PLY file", expected="ply in the first line")
    lines, place = _header(path, content, "end_header")
    elements = [words for words in lines if words[0] == "element"]
    if not elements or elements[0][1] != "vertex":
        raise DataError(path, "points do not come first", expected="element vertex before any other")
    start = lines.index(elements[0])
    end = lines.index(elements[1]) if len(elements) > 1 else len(lines)
    properties = [words for words in lines[start + 1 : end] if words[0] == "property"]
    total, coding = int(elements[0][2]), {words[0]: words[1:] for words in lines}["format"][0]
    if coding == "ascii":
        return _text(content[place:], total, {words[-1]: number for number, words in enumerate(properties)})
    order = "<" if coding == "binary_little_endian" else ">"
    kinds = np.dtype([(words[-1], order + _PLY_TYPES[words[1]]) for words in properties])
    rows = np.frombuffer(content, kinds, count=total, offset=place)
    return _xyz({name: rows[name] for name in ("x", "y", "z")})


def _text(body: bytes, total: int, places: dict[str, int]) -> FloatArray:
    columns = [places[name] for name in ("x", "y", "z")]
    lines = body.decode("ascii").split("\n")[:total]
    rows = np.loadtxt(lines, np.float32, usecols=columns, ndmin=2) if total else np.zeros((0, 3), np.float32)
    if len(rows) != total:
        raise ValueError(f"{len(rows)} of {total} points")
    return np.asarray(rows)


def _xyz(columns: dict[str, npt.NDArray[np.generic]]) -> FloatArray:
    return np.stack([columns[name].astype(np.float32) for name in ("x", "y", "z")], axis=1)


READERS: dict[str, Callable[[Path], FloatArray]] = {
    ".bin": _read_kitti,
    ".npy": _read_npy,
    ".pcd": _read_pcd,
    ".ply": _read_ply,
}
