"""How late live results are over minutes: a camera of 25 frames a second, a slow detector, three outages.

Everything is real but the detector, which sleeps: an MJPEG camera on a socket, `deptr.track` with its reading
thread, the tracker, `tracks.txt`, lines of JSON. Three times the camera goes away for a while.

    python benchmarks/live_soak.py --minutes 10 --markdown docs/results/live.md
"""

from __future__ import annotations

import argparse
import http.server
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

import deptr
from deptr.progress import SilentProgress

FPS = 25
SIZE = (160, 120)
COMMAND = "python benchmarks/live_soak.py --minutes 10 --markdown docs/results/live.md"


class Camera:
    """An MJPEG camera at a fixed port that can go away and come back."""

    def __init__(self) -> None:
        self._on = threading.Event()
        self._port = 0
        picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self._part = head.encode() + jpeg + b"\r\n"

    def start(self) -> str:
        """Answer; the address."""
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                due = time.monotonic()
                while camera._on.is_set():
                    try:
                        self.wfile.write(camera._part)
                    except OSError:
                        return
                    due += 1 / FPS
                    time.sleep(max(0.0, due - time.monotonic()))
                self.connection.close()

            def log_message(self, format: str, *args: object) -> None:
                return

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self._on.set()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._port}/"

    def stop(self) -> None:
        """Break connections off and answer no more."""
        self._on.clear()
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Minute:
    """Latencies in seconds of one minute, and the memory of the process at its end."""

    latencies: list[float]
    memory_mb: float = 0.0


def sleeper(seconds: float) -> Callable[[np.ndarray], sv.Detections]:
    """A detector that takes its time and finds two people who stand still."""

    def detect(image: np.ndarray) -> sv.Detections:
        time.sleep(seconds)
        boxes = np.array([[20.0, 20, 50, 100], [90, 20, 120, 100]])
        return sv.Detections(boxes, confidence=np.array([0.9, 0.8]))

    return detect


def memory_mb() -> float:
    """Memory that this process holds."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.open() if line.startswith("VmRSS")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def soak(seconds: float, detector_seconds: float, outage_seconds: float) -> tuple[list[Minute], dict]:
    """Run it; the minutes and what ``run.json`` says."""
    camera = Camera()
    address = camera.start()
    begin = time.monotonic()
    minutes: list[Minute] = []

    def outages() -> None:
        for number in (1, 2, 3):
            time.sleep(max(0.0, begin + number * seconds / 4 - time.monotonic()))
            camera.stop()
            time.sleep(outage_seconds)
            camera.start()

    class Watch(SilentProgress):
        def update(self, done: int, total: int | None = None, **figures: float | str) -> None:
            minute = int((time.monotonic() - begin) / 60)
            while len(minutes) <= minute:
                minutes.append(Minute([]))
            assert run.live is not None
            minutes[minute].latencies.append(run.live.latency.last)
            minutes[minute].memory_mb = memory_mb()

    threading.Thread(target=outages, daemon=True).start()
    run = deptr.track(address, detector=sleeper(detector_seconds), max_seconds=seconds)
    with tempfile.TemporaryDirectory() as folder:
        run.save(folder, video=False, jsonl=Path(folder) / "frames.jsonl", progress=Watch())
        report = json.loads((Path(folder) / "run.json").read_text())
        lines = (Path(folder) / "frames.jsonl").read_text().splitlines()
    assert len(lines) == report["counts"]["frames"]
    return minutes, report


def page(minutes: list[Minute], report: dict, detector_seconds: float) -> str:
    """The page of results."""
    live, counts = report["live"], report["counts"]
    latency = live["latency_seconds"]
    wall = report["seconds"]["wall"]
    period = (wall - sum(gap["seconds"] for gap in live["gaps"])) / counts["frames"]
    rows = [
        f"| {number} | {len(minute.latencies)} | {1000 * np.median(minute.latencies):.0f} | "
        f"{1000 * np.quantile(minute.latencies, 0.95):.0f} | {1000 * max(minute.latencies):.0f} | "
        f"{minute.memory_mb:.0f} |"
        for number, minute in enumerate(minutes, start=1)
        if minute.latencies
    ]
    gaps = [
        f"| {gap['start']:.1f} s | {gap['seconds']:.1f} s | {gap['attempts']} | {gap['after_frame']} |"
        for gap in live["gaps"]
    ]
    most = 2000 * period
    within = np.mean([value < 2 * period for minute in minutes for value in minute.latencies])
    rate = f"{1 / period:.1f}"
    return "\n".join(
        [
            "# How late live results are",
            "",
            f"`{COMMAND}`: a camera (MJPEG over a real socket)",
            f"gives {FPS} frames a second, the detector takes {1000 * detector_seconds:.0f} ms for each, and",
            "three times the camera is away. Two CPU cores, which other work keeps busy. A loop that takes",
            f"every frame would be {wall * (1 - 1 / (FPS * period)) / 60:.1f} minutes late at the end.",
            "",
            f"In {wall / 60:.1f} minutes {counts['frames']} frames were tracked "
            f"({rate} a second while the camera was there) and {live['frames_skipped']} skipped.",
            f"Capture to result: median {1000 * latency['p50']:.0f} ms, 95 % {1000 * latency['p95']:.0f} ms, "
            f"99 % {1000 * latency['p99']:.0f} ms, longest {1000 * latency['max']:.0f} ms.",
            f"**{within:.2%} of the results came within two frames of the processing rate ({most:.0f} ms)**, "
            f"and {counts['identities']} identities were given to the two who stand there.",
            "",
            "| minute | frames | median ms | 95 % ms | longest ms | memory MB |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "The outages, as `run.json` tells them:",
            "",
            "| begins | without frames | attempts | after frame |",
            "|---|---|---|---|",
            *gaps,
            "",
            "What `--live` does: [Live](../live.md).",
            "",
        ]
    )


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--detector-ms", type=float, default=200)
    parser.add_argument("--outage-seconds", type=float, default=5)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    seconds = options.detector_ms / 1000
    minutes, report = soak(60 * options.minutes, seconds, options.outage_seconds)
    text = page(minutes, report, seconds)
    if options.markdown:
        options.markdown.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
