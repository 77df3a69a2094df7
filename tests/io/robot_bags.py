"""Bags as robots record them, written by rosbags, and the messages in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deptr.io.recordings.ros_types import typestore

START = 1_700_000_000_000_000_000
STEP = 100_000_000
SIZE = (64, 48)
COLOURS, DEPTHS, INFO = "/front/image_raw", "/front/depth/image_raw", "/front/camera_info"


def make(kind: str, **fields: Any) -> Any:
    return typestore().types[kind](**fields)


def header(nanoseconds: int = START, frame_id: str = "front_optical") -> Any:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    stamp = make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
    return make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def image_message(
    pixels: np.ndarray, encoding: str, *, when: int = START, padding: int = 0, big: bool = False
) -> Any:
    """A ``sensor_msgs/Image`` of pixels ``(H, W)`` or ``(H, W, C)``, its rows padded."""
    raw = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<"))
    rows = np.frombuffer(raw.tobytes(), np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return make(
        "sensor_msgs/msg/Image",
        header=header(when),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(big),
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


def compressed_message(data: bytes, format_: str, *, when: int = START) -> Any:
    pixels = np.frombuffer(data, np.uint8)
    return make("sensor_msgs/msg/CompressedImage", header=header(when), format=format_, data=pixels)


def camera_message(*, when: int = START, focal: float = 50.0, size: tuple[int, int] = SIZE) -> Any:
    matrix = np.array([focal, 0, size[0] / 2, 0, focal, size[1] / 2, 0, 0, 1], np.float64)
    region = make(
        "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return make(
        "sensor_msgs/msg/CameraInfo",
        header=header(when),
        height=size[1],
        width=size[0],
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=matrix,
        r=np.eye(3).reshape(-1),
        p=np.zeros(12),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def picture(number: int) -> np.ndarray:
    """A frame whose red tells its number, with a green square."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[..., 0] = 10 * number
    image[10:30, number : number + 12, 1] = 200
    return image


def png(image: np.ndarray) -> bytes:
    data = cv2.imencode(".png", image)[1]
    return bytes(data.tobytes())


def write_bag(
    path: Path, messages: list[tuple[str, str, int, Any]], *, sqlite: bool = False, version: Any = 8
) -> Path:
    """A bag of (topic, type, nanoseconds, message); a single file where the name ends in ``.mcap``."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    folder = path.with_suffix("")
    plugin = StoragePlugin.SQLITE3 if sqlite else StoragePlugin.MCAP
    with Writer(folder, version=version, storage_plugin=plugin) as writer:
        known: dict[str, Any] = {}
        for topic, kind, when, message in messages:
            if topic not in known:
                known[topic] = writer.add_connection(topic, kind, typestore=typestore())
            writer.write(known[topic], when, typestore().serialize_cdr(message, kind))
    if path.suffix == ".mcap":
        next(folder.glob("*.mcap")).rename(path)
        return path
    return folder


def walk(frames: int = 6) -> list[tuple[str, str, int, Any]]:
    """Colours in BGR, depths in millimetres and the camera, as a robot publishes them."""
    found = []
    for k in range(frames):
        when = START + k * STEP
        depth = np.full((SIZE[1], SIZE[0]), 8000, np.uint16)
        depth[10:30, k + 1 : k + 13] = 3000
        bgr = np.ascontiguousarray(picture(k + 1)[..., ::-1])
        found += [
            # recorded a little after they were taken
            (INFO, "sensor_msgs/msg/CameraInfo", when + 1000, camera_message(when=when)),
            (COLOURS, "sensor_msgs/msg/Image", when + 2000, image_message(bgr, "bgr8", when=when)),
            (DEPTHS, "sensor_msgs/msg/Image", when + 3000, image_message(depth, "16UC1", when=when)),
        ]
    return found
