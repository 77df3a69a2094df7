"""Frames: every kind of source, and sources that are damaged or go away."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deptr.errors import DataError, UsageError
from deptr.io.folders import natural_key
from deptr.io.frame_source import Frame, FrameSource
from deptr.io.frames import open_source
from deptr.io.video_writer import VideoWriter

ASSETS = Path(__file__).parents[2] / "assets"
CLIP = ASSETS / "vtest.mp4"


def number_image(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A grey image whose brightness tells its number."""
    return np.full((size[1], size[0], 3), 5 * number, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round(float(image.mean()) / 5)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def frames_of(spec: str | Path, **options: Any) -> tuple[list[Frame], FrameSource]:
    with open_source(spec, **options) as source:
        return list(source), source


def test_a_video_is_read_whole() -> None:
    frames, source = frames_of(CLIP)
    assert (source.fps, source.size, source.frame_count, source.name) == (10.0, (768, 576), 100, "vtest.mp4")
    assert [frame.index for frame in frames] == list(range(1, 101))
    np.testing.assert_allclose([frame.timestamp for frame in frames], np.arange(100) / 10, atol=1e-6)
    assert frames[0].image.shape == (576, 768, 3)
    red_coat = frames[50].image[130:150, 575:590].mean(axis=(0, 1))  # fails if red and blue are swapped
    assert red_coat[0] > red_coat[2] + 30
    assert source.notes() == []


def test_a_given_rate_sets_the_times() -> None:
    with open_source(CLIP, fps=25) as source:
        assert source.fps == 25
        assert next(iter(source)).timestamp == 0
    with pytest.raises(UsageError, match="fps: expected a positive number"):
        open_source(CLIP, fps=0)


def test_unevenly_spaced_frames_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.45, 0.5, 1.25]
    with VideoWriter(tmp_path / "v.mp4", fps=10) as writer:
        for number, seconds in enumerate(times):
            writer.write(number_image(number), seconds)
    frames, _ = frames_of(tmp_path / "v.mp4")
    np.testing.assert_allclose([frame.timestamp for frame in frames], times, atol=1e-4)
    assert [frame.index for frame in frames] == [1, 2, 3, 4, 5]


def test_a_turned_video_is_upright(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24] = 200
    with av.open(str(tmp_path / "phone.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(90) if hasattr(stream, "set_display_rotation") else pytest.skip(
            "old PyAV"
        )
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    frames, source = frames_of(tmp_path / "phone.mp4")
    assert source.size == (48, 64)
    assert frames[0].image.shape == (64, 48, 3)


def test_images_come_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 2):
        save(tmp_path / f"frame{number}.png", number_image(number))
    (tmp_path / "notes.txt").write_text("no image")
    frames, source = frames_of(tmp_path, fps=5)
    assert [number_of(frame.image) for frame in frames] == [1, 2, 9, 10]
    assert [frame.index for frame in frames] == [1, 2, 3, 4]
    assert frames[3].timestamp == pytest.approx(0.6)
    assert (source.frame_count, source.size) == (4, (64, 48))
    assert sorted(["a2", "a10", "A1"], key=natural_key) == ["A1", "a2", "a10"]


def test_damaged_images_are_left_out_and_named(tmp_path: Path) -> None:
    for number in range(1, 5):
        save(tmp_path / f"{number}.png", number_image(number))
    (tmp_path / "2.png").write_bytes(b"not a picture")
    (tmp_path / "3.png").write_bytes(b"")
    frames, source = frames_of(tmp_path, fps=5)
    assert [frame.index for frame in frames] == [1, 4]
    assert source.notes() == [
        f"{tmp_path.name}: 2 image(s) could not be decoded and were skipped: 2.png, 3.png"
    ]


def test_folders_without_any_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder holds no image: expected files ending in"):
        open_source(tmp_path)
    (tmp_path / "1.jpg").write_bytes(b"broken")
    with pytest.raises(DataError, match="no image can be decoded"):
        open_source(tmp_path)


def mot_folder(root: Path, numbers: list[int]) -> Path:
    for number in numbers:
        save(root / "img1" / f"{number:06d}.jpg", number_image(number))
    (root / "det").mkdir()
    (root / "det" / "det.txt").write_text("1,-1,1,1,9,9,0.9\n")
    (root / "seqinfo.ini").write_text(
        "[Sequence]\nname=X\nseqLength=5\nframeRate=14\nimWidth=64\nimHeight=48\n"
    )
    return root


def test_a_mot_sequence_goes_by_its_frame_numbers(tmp_path: Path) -> None:
    frames, source = frames_of(mot_folder(tmp_path, [1, 2, 3, 5]))
    assert [frame.index for frame in frames] == [1, 2, 3, 5]
    assert [number_of(frame.image) for frame in frames] == [1, 2, 3, 5]
    assert (source.fps, source.detections) == (14, tmp_path / "det" / "det.txt")
    assert source.notes() == [f"{tmp_path.name}: 1 frame number(s) have no image in img1"]


def test_a_mot_sequence_with_other_names_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "img1" / "first.png", number_image(1))
    with pytest.raises(DataError, match=r"not a frame number: expected a name such as 000001.jpg"):
        open_source(tmp_path)
    (tmp_path / "img1" / "first.png").rename(tmp_path / "img1" / "1.png")
    save(tmp_path / "img1" / "01.png", number_image(1))
    with pytest.raises(DataError, match="frame 1 has two images"):
        open_source(tmp_path)


def test_what_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        open_source(tmp_path / "nowhere.mp4")
    for content in (b"", b"this is no video"):
        (tmp_path / "v.mp4").write_bytes(content)
        with pytest.raises(DataError, match=r"v.mp4: cannot be read as video.*is the file whole"):
            open_source(tmp_path / "v.mp4")


def test_a_video_that_ends_early_says_so(tmp_path: Path) -> None:
    content = CLIP.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 6 // 10])
    frames, source = frames_of(tmp_path / "cut.mp4")
    assert 20 < len(frames) < 100
    assert [frame.index for frame in frames][:20] == list(range(1, 21))
    assert any("ends early, after frame" in note and "of 100" in note for note in source.notes())


def test_damaged_frames_keep_their_numbers(tmp_path: Path) -> None:
    content = bytearray(CLIP.read_bytes())
    rng = np.random.default_rng(3)
    for start in range(len(content) // 4, len(content), len(content) // 12):
        content[start : start + 400] = rng.integers(0, 256, 400, dtype=np.uint8).tobytes()
    (tmp_path / "bad.mp4").write_bytes(content)
    frames, source = frames_of(tmp_path / "bad.mp4")
    assert source.skipped > 0
    assert len(frames) + source.skipped == frames[-1].index == 100
    assert [frame.index for frame in frames] == [round(frame.timestamp * 10) + 1 for frame in frames]
    assert f"{source.skipped} frame(s) could not be decoded" in source.notes()[0]


class Camera:
    """Stands in for a camera: gives three frames, then nothing."""

    def __init__(self, number: int) -> None:
        self.left = 3 if number == 0 else -1

    def isOpened(self) -> bool:
        return self.left >= 0

    def get(self, what: int) -> float:
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48}[what]

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, number_image(3 - self.left)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.left = -1


def test_a_camera_that_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr("deptr.io.camera_source._PATIENCE", 0.1)
    seen = []
    with (
        open_source("0") as source,
        pytest.raises(DataError, match="camera 0: gives no more frames after frame 3"),
    ):
        assert (source.live, source.fps, source.size) == (True, 30.0, (64, 48))
        for frame in source:
            seen.append(frame.index)
    assert seen == [1, 2, 3]
    with pytest.raises(DataError, match=r"camera 7: cannot be opened.*plugged in"):
        open_source("7")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """An HTTP server that serves ``/clip.mp4`` whole and ``/live.ts`` as a camera that stops."""
    with av.open(str(tmp_path / "live.ts"), "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(40):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(number_image(number), format="rgb24")))
        out.mux(stream.encode(None))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            clip = self.path == "/clip.mp4"
            content = CLIP.read_bytes() if clip else (tmp_path / "live.ts").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4" if clip else "video/mp2t")
            if clip:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except ConnectionError:
                return

        def log_message(self, format: str, *args: object) -> None:
            return

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()


def test_video_at_an_address(server: str) -> None:
    frames, source = frames_of(f"{server}/clip.mp4")
    assert (len(frames), source.live) == (100, False)


def test_a_stream_that_ends_is_told(server: str) -> None:
    seen = 0
    with (
        pytest.raises(DataError, match=r"the stream (ended|broke off) after frame 40"),
        open_source(f"{server}/live.ts") as live,
    ):
        assert live.live
        for frame in live:
            seen = frame.index
    assert seen == 40


def test_an_address_that_does_not_answer() -> None:
    with pytest.raises(DataError, match=r"cannot be reached.*is the address right"):
        open_source("http://127.0.0.1:9/none.mp4")
