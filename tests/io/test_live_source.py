"""Cameras and streams that go away, come back, and send halves: over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from live_servers import BurstyStream, MjpegCamera, number_of, rtsp_camera

from deptr.errors import DataError
from deptr.io.frame_source import Frame, FrameSource
from deptr.io.frames import open_source
from deptr.io.live_source import LiveSource, PacedSource


def live(address: str, seconds: float = 20.0) -> LiveSource:
    return LiveSource(open_source(address), lambda: open_source(address), reconnect_seconds=seconds)


def take(source: FrameSource, count: int, at: dict[int, Callable[[], object]] | None = None) -> list[Frame]:
    """The first frames; at some of them something is done in a thread."""
    frames = []
    for frame in source:
        frames.append(frame)
        if at and len(frames) in at:
            threading.Thread(target=at[len(frames)], daemon=True).start()
        if len(frames) == count:
            break
    return frames


def test_a_camera_that_goes_and_comes_back_goes_on_counting() -> None:
    with MjpegCamera(fps=50) as camera, live(camera.address) as source:

        def outage() -> None:
            camera.kill()
            time.sleep(1.0)
            camera.start()

        frames = take(source, 60, {20: outage})
    assert [frame.index for frame in frames] == list(range(1, 61))
    times = np.array([frame.timestamp for frame in frames])
    assert times[0] == 0 and (np.diff(times) > 0).all()
    (gap,) = source.gaps
    assert gap.seconds > 1.0 and gap.attempts >= 1
    assert frames[gap.after_frame].timestamp - frames[gap.after_frame - 1].timestamp == pytest.approx(
        gap.seconds
    )
    assert [frame.paused for frame in frames[: gap.after_frame]] == [0.0] * gap.after_frame
    # tracks move on for half a second, then wait
    assert frames[-1].paused == pytest.approx(gap.seconds - 0.5)
    assert "1 gap(s) without frames, the longest of" in source.notes()[0]


def test_a_camera_that_stays_away_is_given_up() -> None:
    with (
        MjpegCamera(fps=50) as camera,
        live(camera.address, 1.0) as source,
        pytest.raises(
            DataError, match=r"no more frames after frame \d+: found \d attempt\(s\) in \d s, .*be reached"
        ),
    ):
        take(source, 10_000, {5: camera.kill})
    with MjpegCamera(fps=50) as camera, live(camera.address, 0) as source, pytest.raises(DataError):
        take(source, 10_000, {5: camera.kill})
    assert source.gap_count == 0


def test_waiting_for_a_camera_ends_at_once_when_nobody_wants_it() -> None:
    with MjpegCamera(fps=50) as camera, live(camera.address, 1000) as source:
        reader = threading.Thread(target=lambda: take(source, 10_000, {5: camera.kill}))
        reader.start()
        time.sleep(3.0)  # deep in the pauses between attempts
        start = time.monotonic()
        source.halt()
        reader.join(5)
        assert not reader.is_alive()
        assert time.monotonic() - start < 1.0


def test_half_frames_are_left_out_and_counted() -> None:
    with MjpegCamera(fps=50) as camera:
        camera.halve = set(range(10, 60, 10))
        with live(camera.address) as source:
            frames = take(source, 50)
    halves = sum(n < frames[-1].index + source.late for n in camera.halve)
    assert halves - source.late <= source.skipped <= halves  # one that comes late counts as late
    assert halves >= 4
    for frame in frames:
        assert float(frame.image.std()) < 2, "grey paint below a half frame"
    assert frames[-1].index == 50 + source.skipped


def test_frames_of_another_size_are_scaled_to_the_first() -> None:
    with MjpegCamera(fps=50) as camera, live(camera.address) as source:
        frames = take(source, 40, {10: lambda: setattr(camera, "size", (128, 96))})
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert 5 < source.resized < 35
    assert f"{source.resized} frame(s) of another size were scaled to 64x48" in source.notes()[-1]


def test_a_stream_that_was_held_back_is_caught_up_with_at_a_key_frame() -> None:
    with BurstyStream(stall=(1.5, 4.0)) as stream, live(stream.address, 0) as source:
        frames, lateness = [], []
        with pytest.raises(DataError):
            for frame in source:
                assert frame.captured is not None
                frames.append(frame)
                lateness.append(time.monotonic() - frame.captured)
    assert 30 <= source.late <= 45  # all that was more than a second late, up to the next key frame
    assert len(frames) + source.late == 150
    assert max(lateness) < 1.3
    first = next(k for k in range(1, len(frames)) if frames[k].timestamp - frames[k - 1].timestamp > 0.5)
    assert number_of(frames[first].image) % 10 == 0


def test_a_camera_without_time_stamps_that_was_held_back_is_caught_up_with_too() -> None:
    with MjpegCamera(fps=50) as camera, live(camera.address) as source:
        frames = take(source, 100, {20: lambda: setattr(camera, "hold", 2.0)})
    assert 60 <= source.late <= 110
    assert frames[-1].timestamp > 3.0


def test_rtsp_of_gstreamer_goes_and_comes_back() -> None:
    with rtsp_camera() as (port, process):
        source = live(f"rtsp://127.0.0.1:{port}/camera", 60)
        first = take(source, 25, {25: process.kill})
    with source:
        assert [frame.index for frame in first] == list(range(1, 26))
        with rtsp_camera(port):
            second = take(source, 25)
    assert first[0].image.shape == second[0].image.shape == (120, 160, 3)
    assert second[-1].index > first[-1].index + 20
    assert source.gap_count == 1
    assert float(second[-1].image.max()) > 200  # the ball


class Still(FrameSource):
    """Five frames with uneven times."""

    name, fps, size = "still", 10.0, (8, 8)

    def __iter__(self) -> Iterator[Frame]:
        for index, seconds in enumerate((0.0, 0.1, 0.15, 0.3, 0.4), start=1):
            yield Frame(index, seconds, np.zeros((8, 8, 3), np.uint8))

    def close(self) -> None:
        return


def test_a_file_plays_at_its_own_pace() -> None:
    start = time.monotonic()
    frames = list(PacedSource(Still()))
    assert time.monotonic() - start >= 0.4
    captured = np.array([frame.captured for frame in frames], float)
    np.testing.assert_array_less(np.diff([frame.timestamp for frame in frames]) - 1e-6, np.diff(captured))
    assert [frame.index for frame in frames] == [1, 2, 3, 4, 5]


def test_a_stream_without_pictures_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deptr.io.video_source._PATIENCE", (1.0, 1.0))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
            )
            time.sleep(3)
            connection.close()

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(DataError, match="sends no picture: found nothing within 1 s"):
            open_source(f"http://127.0.0.1:{server.getsockname()[1]}/video.mjpg")
