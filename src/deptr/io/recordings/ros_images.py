"""Images of ROS messages as arrays: colours in RGB, depths in metres.

Takes any object with the fields of the message: those of `rosbags` and those of `rclpy` alike.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from deptr.errors import DataError
from deptr.records import FloatArray, Image

_CHANNELS = {"rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "8UC4": 4, "mono8": 1, "8UC1": 1}
_BLUE_FIRST = {"bgr8", "8UC3", "bgra8", "8UC4"}
# names of OpenCV tell the second row of the pattern, those of ROS the first
_CONVERTED = {
    "bayer_rggb8": "BayerBG2RGB",
    "bayer_bggr8": "BayerRG2RGB",
    "bayer_gbrg8": "BayerGR2RGB",
    "bayer_grbg8": "BayerGB2RGB",
    "yuv422": "YUV2RGB_UYVY",
    "uyvy": "YUV2RGB_UYVY",
    "yuv422_yuy2": "YUV2RGB_YUY2",
    "yuyv": "YUV2RGB_YUY2",
    "nv12": "YUV2RGB_NV12",
    "nv21": "YUV2RGB_NV21",
}
_DEPTH_HEADER = struct.Struct("<i2f")  # of compressedDepth: format, and two numbers of its quantization
_MILLIMETRE = 0.001


def is_depth(encoding: str) -> bool:
    """Whether an ``encoding`` or ``format`` is that of depths.

    Example:
        >>> is_depth("16UC1; compressedDepth png"), is_depth("rgb8; jpeg compressed bgr8")
        (True, False)
    """
    return encoding.partition(";")[0].strip() in {"16UC1", "32FC1"}


def image_of(message: Any, source: str) -> Image:
    """The image of a ``sensor_msgs/Image`` or ``CompressedImage`` as ``(H, W, 3)`` uint8 RGB.

    Args:
        message: The message.
        source: Where it comes from, for messages.

    Raises:
        DataError: It is cut off, or its encoding is none of an image of colours.
    """
    import cv2

    if hasattr(message, "format"):
        decoded = cv2.imdecode(_bytes(message.data), cv2.IMREAD_COLOR) if len(message.data) else None
        if decoded is None:
            expected = "JPEG, PNG or what else OpenCV decodes"
            raise DataError(source, "no image can be decoded", expected=expected, found=message.format)
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
    encoding = message.encoding
    if encoding == "mono16":
        grey = (_words(message, np.uint16, source) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if encoding in _CONVERTED:
        wide = 2 if _CONVERTED[encoding].endswith(("UYVY", "YUY2")) else 1
        rows = message.height * 3 // 2 if encoding.startswith("nv") else message.height
        plane = _rows(message, rows, message.width * wide, source).reshape(rows, message.width, wide)
        code = getattr(cv2, f"COLOR_{_CONVERTED[encoding]}")
        return np.asarray(cv2.cvtColor(plane if wide == 2 else plane[..., 0], code), np.uint8)
    if encoding not in _CHANNELS:
        legal = ", ".join([*_CHANNELS, "mono16", *_CONVERTED])
        hint = "a depth image? name the topic of the colours" if is_depth(encoding) else None
        raise DataError(
            source, "the encoding is not known", expected=f"one of {legal}", found=encoding, hint=hint
        )
    channels = _CHANNELS[encoding]
    pixels = _rows(message, message.height, message.width * channels, source)
    pixels = pixels.reshape(message.height, message.width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1] if encoding in _BLUE_FIRST else pixels[..., :3])


def depth_map_of(message: Any, source: str) -> FloatArray:
    """The depths of a ``sensor_msgs/Image`` or ``CompressedImage`` as ``(H, W)`` float32 metres.

    ``16UC1`` counts millimetres, ``32FC1`` metres (REP 118); NaN = unknown. ``compressedDepth`` is read too.

    Raises:
        DataError: It is cut off, or holds no depths.
    """
    if hasattr(message, "format"):
        return _compressed_depth(message, source)
    if message.encoding in {"16UC1", "mono16"}:
        depths = _words(message, np.uint16, source).astype(np.float32) * np.float32(_MILLIMETRE)
    elif message.encoding == "32FC1":
        depths = _words(message, np.float32, source).astype(np.float32)
    else:
        raise DataError(source, "not a depth image", expected="16UC1 or 32FC1", found=message.encoding)
    return _known(depths)


def _compressed_depth(message: Any, source: str) -> FloatArray:
    import cv2

    encoding = message.format.partition(";")[0].strip()
    data = _bytes(message.data)
    start = _DEPTH_HEADER.size if "compressedDepth" in message.format else 0
    decoded = cv2.imdecode(data[start:], cv2.IMREAD_UNCHANGED) if len(data) > start else None
    if decoded is None or decoded.ndim != 2 or not is_depth(encoding):
        expected = "16UC1 or 32FC1 as PNG"
        raise DataError(source, "not a depth image", expected=expected, found=message.format)
    values = decoded.astype(np.float32)
    if encoding == "16UC1":
        return _known(values * np.float32(_MILLIMETRE))
    _, factor, shift = _DEPTH_HEADER.unpack_from(data.tobytes())
    with np.errstate(divide="ignore"):
        return _known(np.where(values > 0, factor / (values - shift), np.nan).astype(np.float32))


def _known(depths: FloatArray) -> FloatArray:
    return np.where(np.isfinite(depths) & (depths > 0), depths, np.float32(np.nan)).astype(np.float32)


def _bytes(data: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _words(message: Any, kind: type[np.generic], source: str) -> npt.NDArray[Any]:
    """The pixels of an image whose pixels are numbers of several bytes."""
    numbers = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    rows = _rows(message, message.height, message.width * numbers.itemsize, source)
    return np.ascontiguousarray(rows).view(numbers)


def _rows(message: Any, rows: int, row_bytes: int, source: str) -> npt.NDArray[np.uint8]:
    """The rows of an image without what pads them, ``(rows, row_bytes)``."""
    step = message.step or row_bytes
    data = _bytes(message.data)
    if step < row_bytes or len(data) < rows * step or not rows or not row_bytes:
        size = f"{message.width} x {message.height} {message.encoding}"
        found = f"{len(data)} bytes in rows of {message.step} for {size}"
        raise DataError(source, "the image does not have the size that it tells", found=found)
    return data[: rows * step].reshape(rows, step)[:, :row_bytes]
