"""Cameras on real sockets: MJPEG that drops, halves and resizes frames, a stream that stalls, RTSP."""

from __future__ import annotations

import http.server
import io
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import cv2
import numpy as np
import pytest


def number_jpeg(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A grey JPEG whose brightness tells its number, modulo 50."""
    image = np.full((size[1], size[0], 3), 5 * (number % 50), np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def number_of(image: np.ndarray) -> int:
    return round(float(image.mean()) / 5)


class MjpegCamera:
    """Serves ``/`` as a camera does: `fps` JPEGs a second, from a port that stays its own.

    Attributes:
        served: Frames so far.
        size: Of the pictures; can change while it runs.
        halve: Numbers of frames of which only the first half is sent.
        hold: Seconds for which everything is held back, once, and then comes in one burst.
    """

    def __init__(self, fps: float = 25, size: tuple[int, int] = (64, 48)) -> None:
        self.fps = fps
        self.size = size
        self.served = 0
        self.halve: set[int] = set()
        self.hold = 0.0
        self.sent_at: list[float] = []
        self._server: http.server.ThreadingHTTPServer | None = None
        self._port = 0
        self._on = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> MjpegCamera:
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                due = time.monotonic()
                while camera._on.is_set():
                    content = number_jpeg(camera.served, camera.size)
                    if camera.served in camera.halve:
                        content = content[: len(content) // 2]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + content + b"\r\n")
                    except OSError:
                        return
                    camera.served += 1
                    camera.sent_at.append(time.monotonic())
                    due += 1 / camera.fps
                    held, camera.hold = camera.hold, 0.0
                    time.sleep(held or max(0.0, due - time.monotonic()))
                self.connection.close()

            def log_message(self, format: str, *args: object) -> None:
                return

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self._on.set()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def kill(self) -> None:
        """Break all connections off and answer no more."""
        self._on.clear()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> MjpegCamera:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class BurstyStream:
    """H.264 in MPEG-TS over HTTP, 25 frames a second, whose sender holds everything back for a while, once.

    Args:
        stall: Seconds from the start between which nothing is sent; what was due comes in one burst.
        seconds: How long the stream is.
    """

    def __init__(self, stall: tuple[float, float], seconds: float = 6.0) -> None:
        chunks = list(_transport_stream(int(25 * seconds)))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                start = time.monotonic()
                for number, chunk in enumerate(chunks):
                    due = number / 25
                    due = stall[1] if stall[0] < due < stall[1] else due
                    time.sleep(max(0.0, start + due - time.monotonic()))
                    try:
                        self.wfile.write(chunk)
                    except OSError:
                        return

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/live.ts"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> BurstyStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _transport_stream(count: int) -> Iterator[bytes]:
    """The bytes of each frame; a key frame every ten."""
    file = io.BytesIO()
    options = {"g": "10", "tune": "zerolatency", "preset": "ultrafast"}
    with av.open(file, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        stream = out.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            image = np.full((48, 64, 3), 5 * (number % 50), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            yield file.getvalue()
            file.seek(0)
            file.truncate()


_RTSP = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=25/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 threads=1 "
    "! rtph264pay name=pay0 pt=96 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@contextmanager
def rtsp_camera(port: int = 0) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """GStreamer's RTSP server with a ball at 25 frames a second under ``/camera``; skips where it is missing.

    Needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and gstreamer1.0-plugins-{base,good,bad,ugly}.
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Debian's GStreamer")
    command = ["/usr/bin/python3", "-c", textwrap.dedent(_RTSP), str(port)]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        pytest.skip("needs Debian's GStreamer")
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        if not told.strip():
            pytest.skip("needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi")
        yield int(told), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
