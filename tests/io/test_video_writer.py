"""Video out: playable whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import av
import numpy as np
import pytest

from deptr.errors import DataError, UsageError
from deptr.io.video_writer import VideoWriter


def noise(seed: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (65, 48)])
def test_pictures_come_back(tmp_path: Path, size: tuple[int, int]) -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    with VideoWriter(tmp_path / "v.mp4", fps=12.5) as writer:
        for color in colors:
            writer.write(np.full((size[1], size[0], 3), color, np.uint8))
    pictures = decoded(tmp_path / "v.mp4")
    assert len(pictures) == writer.frames == 3
    for picture, color in zip(pictures, colors, strict=True):
        assert picture.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
        np.testing.assert_allclose(picture.mean(axis=(0, 1)), color, atol=6)
    with av.open(str(tmp_path / "v.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate or 0) == pytest.approx(12.5, rel=0.01)


def test_another_size_is_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", fps=10) as writer:
        writer.write(noise(0))
        with pytest.raises(DataError, match="another size: expected 320x240, found 64x48"):
            writer.write(noise(0, (64, 48)))
    assert len(decoded(tmp_path / "v.mp4")) == 1


def test_no_picture_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", fps=10):
        pass
    assert not (tmp_path / "v.mp4").exists()
    with pytest.raises(UsageError, match="quality"):
        VideoWriter(tmp_path / "v.mp4", fps=10, quality=99)
    with pytest.raises(DataError, match="cannot be written: found No such file"):
        VideoWriter(tmp_path / "missing" / "v.mp4", fps=10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_from_the_start() -> None:
    writer = VideoWriter("/dev/full", fps=10)
    with pytest.raises(DataError, match="/dev/full: cannot be written: found No space left on device"):
        for number in range(100):
            writer.write(noise(number))
    writer.close()


LIMITED = """
    import resource, signal, sys
    sys.path.insert(0, sys.argv[2])
    from test_video_writer import noise
    from deptr.errors import DataError
    from deptr.io.video_writer import VideoWriter
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))
    writer = VideoWriter(sys.argv[1], fps=10)
    try:
        for number in range(100):
            writer.write(noise(number))
    except DataError as error:
        print(error)
    writer.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_disk_that_fills_up_keeps_what_was_written(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(LIMITED),
        str(tmp_path / "v.mp4"),
        str(Path(__file__).parent),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: found File too large (check space" in result.stdout
    assert len(decoded(tmp_path / "v.mp4")) >= 10


ENDLESS = """
    import sys
    sys.path.insert(0, sys.argv[2])
    from test_video_writer import noise
    from deptr.io.video_writer import VideoWriter
    writer, pictures = VideoWriter(sys.argv[1], fps=5), [noise(number) for number in range(5)]
    while True:
        writer.write(pictures[writer.frames % 5])
        print(writer.frames, flush=True)
"""


def test_a_killed_process_leaves_a_playable_video(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    command = [sys.executable, "-c", textwrap.dedent(ENDLESS), str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 60:
                break
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert len(decoded(path)) >= 10
