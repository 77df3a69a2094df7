"""Depth images of every kind, points and cameras as others write them, and what is none of these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deptr.errors import DataError, UsageError
from deptr.io.camera_files import read_calibration, read_camera, read_transform
from deptr.io.depth_files import DepthScale, parse_unit, read_depth_file
from deptr.io.point_files import read_points
from deptr.io.pose_files import read_poses

MILLIMETRES = np.array([[1500, 0, 4000], [2500, 65535, 1]], np.uint16)
POINTS = np.array([[1, 2, 3], [4.5, -5, 6]], np.float32)


def write_exr(path: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    exr.File(header, {"Z": MILLIMETRES.astype(np.float32) / 1000}).write(str(path))


DEPTH_WRITERS: dict[str, Callable[[Path], object]] = {
    ".png": lambda path: cv2.imwrite(str(path), MILLIMETRES),
    ".tif": lambda path: cv2.imwrite(str(path), MILLIMETRES.astype(np.float32) / 1000),
    ".npy": lambda path: np.save(path, MILLIMETRES.astype(np.float64) / 1000),
    ".npz": lambda path: np.savez_compressed(path, depth=MILLIMETRES, confidence=np.ones((2, 3))),
    ".exr": write_exr,
}


@pytest.mark.parametrize("suffix", DEPTH_WRITERS)
def test_every_kind_of_depth_image_becomes_metres(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"000001{suffix}"
    DEPTH_WRITERS[suffix](path)
    depth = DepthScale().depth(read_depth_file(path))
    assert np.allclose(depth, [[1.5, np.nan, 4.0], [2.5, 65.535, 0.001]], equal_nan=True)


def test_the_unit_may_be_any(tmp_path: Path) -> None:
    assert DepthScale(step=parse_unit("1/256")).depth(MILLIMETRES)[0, 0] == pytest.approx(1500 / 256)
    with pytest.raises(UsageError, match=r"depth_unit: expected mm, cm, m or the metres of one step.*'inch'"):
        parse_unit("inch")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.png", lambda path: path.write_bytes(b"no"), "cannot be decoded"),
        (
            "a.png",
            lambda path: cv2.imwrite(str(path), np.ones((4, 4), np.uint8)),
            "expected one channel of 16",
        ),
        ("a.png", lambda path: cv2.imwrite(str(path), np.ones((4, 4, 3), np.uint16)), "one number for each"),
        ("a.npy", lambda path: path.write_bytes(b"no"), "not an array of numpy"),
        (
            "a.npz",
            lambda path: np.savez(path, left=POINTS, right=POINTS),
            "one named depth, found left, right",
        ),
    ],
)
def test_what_is_no_depth_image_is_told(
    tmp_path: Path, name: str, write: Callable[[Path], object], message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(DataError, match=message):
        read_depth_file(tmp_path / name)


def pcd(coding: str) -> bytes:
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ rgb\nSIZE 4 4 4 1 4\nTYPE F F F U U\nCOUNT 1 1 1 4 1\n"
        f"WIDTH 2\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 2\nDATA {coding}\n"
    ).encode()
    if coding == "ascii":
        return header + b"1 2 3 0 0 0 0 7\n4.5 -5 6 0 0 0 0 7\n"
    rows = np.zeros(2, [("xyz", "f4", 3), ("pad", "u1", 4), ("rgb", "u4")])
    rows["xyz"] = POINTS
    if coding == "binary":
        return header + rows.tobytes()
    fields = POINTS.T.astype(np.float32).tobytes()  # one field behind the other
    # 24 bytes as they are, one more, and 15 times the byte before
    packed = b"\x17" + fields + b"\x00\x00" + b"\xe0\x06\x00"
    return header + np.array([len(packed), 40], "<u4").tobytes() + packed


def ply(coding: str) -> bytes:
    header = (
        f"ply\nformat {coding} 1.0\ncomment made by hand\nelement vertex 2\nproperty uchar red\n"
        "property float x\nproperty float y\nproperty double z\nelement face 0\n"
        "property list uchar int vertex_indices\nend_header\n"
    ).encode()
    if coding == "ascii":
        return header + b"9 1 2 3\n9 4.5 -5 6\n"
    order = "<" if "little" in coding else ">"
    rows = np.zeros(2, [("red", "u1"), ("x", order + "f4"), ("y", order + "f4"), ("z", order + "f8")])
    rows["x"], rows["y"], rows["z"] = POINTS.T
    return header + rows.tobytes()


POINT_FILES = {
    "a.bin": np.c_[POINTS, [0.1, 0.2]].astype(np.float32).tobytes(),
    "ascii.pcd": pcd("ascii"),
    "binary.pcd": pcd("binary"),
    "packed.pcd": pcd("binary_compressed"),
    "ascii.ply": ply("ascii"),
    "little.ply": ply("binary_little_endian"),
    "big.ply": ply("binary_big_endian"),
}


@pytest.mark.parametrize("name", POINT_FILES)
def test_every_file_of_points_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(POINT_FILES[name])
    assert read_points(tmp_path / name).tolist() == POINTS.tolist()


BINARY, PACKED, TAIL = pcd("binary"), pcd("binary_compressed"), b"\xe0\x06\x00"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", b"12345", "rows of 4 float32"),
        ("a.pcd", BINARY[:-9], "damaged"),
        ("a.pcd", BINARY.replace(b"FIELDS x", b"FIELDS w"), "damaged: found no field of name x"),
        ("a.pcd", BINARY.replace(b"POINTS 2", b"POINTS"), "damaged"),
        ("a.pcd", BINARY.replace(b"TYPE F", b"TYPE X"), "damaged"),
        ("a.pcd", BINARY.replace(b"DATA binary", b"DATA zip"), "unknown coding: expected ascii, binary"),
        ("a.pcd", BINARY.replace(b"DATA binary", b"DATA binary_compressed"), "of 40 for 2 points"),
        ("a.pcd", PACKED[:-1], "damaged: found 29 bytes of 30"),
        ("a.pcd", PACKED.replace(TAIL, b"\xe0\x06\xff"), "before the first"),
        ("a.pcd", PACKED.replace(TAIL, b"\xe0\x05\x00"), "hold 39 bytes, not 40"),
        ("a.pcd", PACKED.replace(TAIL, b"\x00\x00\xe0"), "end in the middle"),
        ("a.ply", ply("ascii").replace(b"format ascii 1.0", b"comment"), "damaged"),
        ("a.ply", ply("ascii")[:-11], "damaged: found 1 of 2 points"),
        ("a.ply", b"solid", "ply in the first line"),
        ("a.xyz", b"1 2 3", "expected one of .bin, .npy, .pcd, .ply"),
    ],
)
def test_damaged_points_are_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_points(tmp_path / name)


CAMERAS = {
    "ros.yaml": (
        "image_width: 640\nimage_height: 480\ncamera_name: c\ncamera_matrix:\n  rows: 3\n  cols: 3\n"
        "  data: [500, 0, 320, 0, 500, 240, 0, 0, 1]\ndistortion_model: plumb_bob\n"
        "distortion_coefficients:\n  rows: 1\n  cols: 5\n  data: [0, 0, 0, 0, 0]\n"
    ),
    "info.yaml": "height: 480\nwidth: 640\nd: [0.0, 0.0]\nk: [500, 0, 320, 0, 500, 240, 0, 0, 1]\n",
    "opencv.yml": (
        "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\ncamera_matrix: !!opencv-matrix\n   rows: 3\n"
        "   cols: 3\n   dt: d\n   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]\n"
    ),
    "cameras.txt": "# Camera list\n1 SIMPLE_RADIAL 640 480 500 320 240 0.0\n",
    "calib.txt": (
        "P0: 500 0 320 0 0 500 240 0 0 0 1 0\nP2: 500 0 320 -50 0 500 240 0 0 0 1 0\n"
        "R_rect 1 0 0 0 1 0 0 0 1\nTr_velo_cam 0 -1 0 0 0 0 -1 0 1 0 0 0\n"
    ),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_of_all_formats_are_the_same_camera(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CAMERAS[name])
    camera = read_camera(tmp_path / name)
    assert camera.matrix.tolist() == [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
    assert camera.size == (None if name == "calib.txt" else (640, 480))


def test_kittis_laser_stands_where_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "calib.txt").write_text(CAMERAS["calib.txt"])
    found = read_calibration(tmp_path / "calib.txt")
    ahead = found.to_camera @ np.array([10.0, 1.0, 0.5, 1.0])  # ahead, left, up
    assert ahead[:3] == pytest.approx([-1.1, -0.5, 10.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("P0: 1 0 0 0 0 1 0 0 0 0 1 0\n", "holds no camera 2"),
        ("1 THIN_PRISM_FISHEYE 640 480 1 1 1 1\n", "unknown camera model"),
        ("1 PINHOLE 640 480 500\n", "too few parameters of PINHOLE"),
        ("1 PINHOLE 4 4 5 5 2 2\n2 PINHOLE 4 4 5 5 2 2\n", "holds several cameras"),
        ("a: [1, 2\n", "not a camera file"),
        ("focal: 3\n", "names no camera matrix.*found focal"),
        ("K: [0, 0, 0, 0, 0, 0, 0, 0, 0]\n", "positive focal lengths"),
        ("K: [a, 0, 0, 0, 0, 0, 0, 0, 0]\n", "K: expected numbers"),
    ],
)
def test_what_is_no_camera_is_told(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "camera.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read_camera(tmp_path / "camera.txt")


def test_a_transform_is_a_rotation_and_a_translation(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("1 0 0 0.1\n0 1 0 0\n0 0 1 0\n")
    assert read_transform(tmp_path / "t.txt")[0, 3] == 0.1
    (tmp_path / "t.txt").write_text("1 0 0 0.1\n0 2 0 0\n0 0 1 0\n")
    with pytest.raises(DataError, match="not a transform: expected a rotation and a translation"):
        read_transform(tmp_path / "t.txt")


def test_poses_of_kitti_and_tum(tmp_path: Path) -> None:
    file = tmp_path / "poses.txt"
    file.write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 2.5\n")
    poses = read_poses(file, None)
    found = poses.at(2, 0.1)
    assert found is not None and found[2, 3] == 2.5 and poses.at(3, 0.2) is None
    file.write_text("# time x y z qx qy qz qw\n0 0 0 0 0 0 0 1\n1 2 0 0 0 0.7071068 0 0.7071068\n")
    poses = read_poses(file, None)
    half = poses.at(1, 0.5)
    assert half is not None and half[0, 3] == 1.0 and half[0, 0] == pytest.approx(np.cos(np.pi / 4))
    assert poses.at(1, 1.2) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no pose"),
        ("0 0 0 0 0 0 0 1\n1 0 0\n", "line 2: not a pose: .*found 3 words"),
        ("1 0 0 0 0 3 0 0 0 0 1 0\n", "pose: expected a rotation"),
        ("0 0 0 0 0 0 0 3\n", "quaternions of length 1"),
        ("1305031102.1 0 0 0 0 0 0 1\n", "times of another clock"),
    ],
)
def test_what_is_no_pose_is_told(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "poses.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read_poses(tmp_path / "poses.txt", None)
