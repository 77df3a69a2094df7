"""Images of ROS as they are published: every encoding, padded rows, either order of bytes."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags")

from robot_bags import compressed_message, header, image_message, make, picture, png

from deptr.errors import DataError
from deptr.io.recordings.ros_images import depth_map_of, image_of

RGB = picture(7)
GREY = RGB[..., 1]
ALPHA = np.full((*GREY.shape, 1), 9, np.uint8)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels", "expected"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("rgba8", np.dstack([RGB, ALPHA]), RGB),
        ("bgra8", np.dstack([RGB[..., ::-1], ALPHA]), RGB),
        ("mono8", GREY, np.dstack([GREY] * 3)),
        ("mono16", GREY.astype(np.uint16) * 256 + 3, np.dstack([GREY] * 3)),
    ],
)
def test_colours_are_those_that_were_published(
    encoding: str, pixels: np.ndarray, expected: np.ndarray, padding: int
) -> None:
    message = image_message(np.ascontiguousarray(pixels), encoding, padding=padding)
    np.testing.assert_array_equal(image_of(message, "bag"), expected)


def test_both_orders_of_bytes_are_read() -> None:
    depths = np.array([[1000, 2500], [0, 65535]], np.uint16)
    for big in (False, True):
        message = image_message(depths, "16UC1", big=big)
        np.testing.assert_allclose(depth_map_of(message, "bag"), [[1, 2.5], [np.nan, 65.535]], rtol=1e-6)


@pytest.mark.parametrize(
    ("encoding", "first"), [("bayer_rggb8", 0), ("bayer_bggr8", 2), ("bayer_grbg8", 1), ("bayer_gbrg8", 1)]
)
def test_bayer_patterns_begin_with_the_colour_of_their_name(encoding: str, first: int) -> None:
    """A field of pure red: only the pixels under red filters are bright."""
    pattern = {"bayer_rggb8": "RGGB", "bayer_bggr8": "BGGR", "bayer_grbg8": "GRBG", "bayer_gbrg8": "GBRG"}
    tile = np.array([255 if letter == "R" else 0 for letter in pattern[encoding]], np.uint8).reshape(2, 2)
    image = image_of(image_message(np.tile(tile, (8, 8)), encoding), "bag")
    assert image[4:-4, 4:-4].reshape(-1, 3).mean(axis=0).tolist() == [255, 0, 0]
    assert tile.reshape(-1)[0] == (255 if first == 0 else 0)


def test_yuv_is_read_in_the_order_of_its_name() -> None:
    grey = np.full((4, 6), 120, np.uint8)
    neutral = np.full_like(grey, 128)
    for encoding, planes in (("yuv422", (neutral, grey)), ("yuv422_yuy2", (grey, neutral))):
        message = image_message(np.stack(planes, axis=2), encoding)
        assert np.ptp(image_of(message, "bag")) == 0
        assert image_of(message, "bag").shape == (4, 6, 3)


def test_nv12_has_its_colours_below_the_image() -> None:
    planes = np.vstack([np.full((4, 6), 120, np.uint8), np.full((2, 6), 128, np.uint8)])
    message = make(
        "sensor_msgs/msg/Image",
        header=header(),
        height=4,
        width=6,
        encoding="nv12",
        is_bigendian=0,
        step=6,
        data=planes.reshape(-1),
    )
    image = image_of(message, "bag")
    assert image.shape == (4, 6, 3)
    assert np.ptp(image) == 0


def test_compressed_images_are_decoded() -> None:
    message = compressed_message(png(RGB[..., ::-1]), "rgb8; png compressed bgr8")
    np.testing.assert_array_equal(image_of(message, "bag"), RGB)


def test_compressed_depths_are_metres() -> None:
    millimetres = np.array([[1000, 0], [2500, 40000]], np.uint16)
    head = struct.pack("<i2f", 0, 0.0, 0.0)
    message = compressed_message(head + png(millimetres), "16UC1; compressedDepth png")
    expected = [[1, np.nan], [2.5, 40]]
    np.testing.assert_allclose(depth_map_of(message, "bag"), expected, rtol=1e-6)
    np.testing.assert_allclose(
        depth_map_of(compressed_message(png(millimetres), "16UC1; png compressed "), "bag"),
        expected,
        rtol=1e-6,
    )


def test_quantized_depths_are_undone() -> None:
    """compressed_depth_image_transport stores a / depth + b of 32FC1."""
    factor, shift = 4000.0, 100.0
    metres = np.array([[1.0, 2.0], [8.0, np.nan]])
    stored = np.nan_to_num(factor / metres + shift).round().astype(np.uint16)
    data = struct.pack("<i2f", 0, factor, shift) + png(stored)
    found = depth_map_of(compressed_message(data, "32FC1; compressedDepth png"), "bag")
    np.testing.assert_allclose(found, metres, rtol=0.01)


def test_depths_that_are_none_are_unknown() -> None:
    metres = np.array([[1.5, np.inf], [-1.0, 0.0]], np.float32)
    found = depth_map_of(image_message(metres, "32FC1"), "bag")
    np.testing.assert_array_equal(found, [[1.5, np.nan], [np.nan, np.nan]])


def test_what_cannot_be_read_is_named() -> None:
    short = image_message(RGB, "rgb8")
    short.data = short.data[:100]
    with pytest.raises(DataError, match=r"does not have the size that it tells.*100 bytes"):
        image_of(short, "bag")
    with pytest.raises(DataError, match=r"expected one of rgb8.*found 32FC1 \(a depth image\?"):
        image_of(image_message(GREY.astype(np.float32), "32FC1"), "bag")
    with pytest.raises(DataError, match=r"not a depth image: expected 16UC1 or 32FC1, found rgb8"):
        depth_map_of(image_message(RGB, "rgb8"), "bag")
    with pytest.raises(DataError, match=r"no image can be decoded.*found h264"):
        image_of(compressed_message(b"\0\0\0\1abc", "h264"), "bag")
    with pytest.raises(DataError, match=r"not a depth image"):
        depth_map_of(compressed_message(cv2.imencode(".png", RGB)[1].tobytes(), "jpeg"), "bag")
