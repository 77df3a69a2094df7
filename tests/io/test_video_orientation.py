"""Videos whose recorder turned or mirrored the picture, and videos with a colon in their name."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from deptr.io.frames import open_source
from deptr.io.video_writer import VideoWriter

# a, b, c, d of the display matrix (x' = a x + c y, y' = b x + d y) and how numpy shows the picture so
ORIENTATIONS = {
    "as it is": ((1, 0, 0, 1), lambda image: image),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda image: image[::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "turned right": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "transversed": ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
    "turned left": ((0, -1, 1, 0), np.rot90),
}


def corners_of_colour() -> np.ndarray:
    """Four quarters of different colours, 64 wide and 48 high."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = (220, 30, 30)
    image[:24, 32:] = (30, 220, 30)
    image[24:, :32] = (30, 30, 220)
    return image


def clip(path: Path, frames: int = 3) -> Path:
    with VideoWriter(path, fps=10, quality=5) as writer:
        for _ in range(frames):
            writer.write(corners_of_colour())
    return path


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a display matrix into the track header of an mp4 file."""
    content = bytearray(path.read_bytes())
    start = content.rindex(b"tkhd") + 4
    start += 52 if content[start] == 1 else 40  # version 1 has times of 64 bit
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", content, start, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_picture_is_shown_as_players_show_it(tmp_path: Path, name: str) -> None:
    matrix, shown = ORIENTATIONS[name]
    turn(clip(tmp_path / "a.mp4"), matrix)
    expected = shown(corners_of_colour())
    with open_source(tmp_path / "a.mp4") as source:
        image = next(iter(source)).image
    assert source.size == (expected.shape[1], expected.shape[0])
    assert image.shape == expected.shape and image.flags.c_contiguous
    assert np.abs(image.astype(int) - expected).mean() < 12


@pytest.mark.parametrize("name", ["12:30:00.mp4", "file:a.mp4", "concat:x.mp4", "cam:1 50%.mp4"])
def test_a_colon_makes_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    clip(Path(name))
    for spec in (name, f"./{name}", Path(name), tmp_path / name):
        with open_source(spec) as source:
            assert ([frame.index for frame in source], source.name) == ([1, 2, 3], name)
