"""What the service carries: sessions, frames a second, latency and memory, over real sockets.

Starts `deptr serve` and clients, each a WebSocket that sends its next frame when the last is answered. At the
end some are killed in the middle of a frame; what they leave behind is counted.

    python benchmarks/service_load.py --markdown docs/results/service.md
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from websockets.asyncio.client import connect

COMMAND = "python benchmarks/service_load.py --markdown docs/results/service.md"
PEOPLE = 20


@dataclass(frozen=True)
class Load:
    """A number of clients that send the same kind of frame.

    Attributes:
        kind: ``detections`` or ``images``.
        sessions: How many clients.
        rate: Frames a second that each sends at most.
    """

    kind: str
    sessions: int
    rate: float


LOADS = (
    Load("detections", 1, 1000),
    Load("detections", 8, 25),
    Load("detections", 32, 25),
    Load("images", 1, 1000),
    Load("images", 4, 5),
)


def detections(step: int) -> str:
    """People who walk past each other."""
    rows = []
    for person in range(PEOPLE):
        left = (60 * person + (3 if person % 2 else -3) * step) % 1800
        rows.append({"box_xyxy": [left, 200, left + 50, 350], "score": 0.9, "depth": 4 + person / 2})
    return json.dumps({"detections": rows})


def picture() -> bytes:
    """A frame of the bundled clip as JPEG."""
    from deptr.io.frames import open_source

    with open_source(Path(__file__).parents[1] / "assets" / "vtest.mp4") as source:
        image = next(iter(source)).image
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return file.getvalue()


async def client(port: int, load: Load, content: bytes, end: float, latencies: list[float]) -> None:
    """Send until the end; seconds from sending to the answer."""
    async with connect(f"ws://127.0.0.1:{port}/v1/stream", proxy=None) as stream:
        await stream.send("{}")
        await stream.recv()
        step, due = 0, time.monotonic()
        while time.monotonic() < end:
            message = content if load.kind == "images" else detections(step)
            begun = time.monotonic()
            await stream.send(message)
            answer = json.loads(await stream.recv())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            latencies.append(time.monotonic() - begun)
            step, due = step + 1, max(due + 1 / load.rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def run(port: int, load: Load, content: bytes, seconds: float) -> list[float]:
    """Latencies of all clients."""
    latencies: list[float] = []
    end = time.monotonic() + seconds
    await asyncio.gather(*(client(port, load, content, end, latencies) for _ in range(load.sessions)))
    return latencies


def kill_clients(port: int, count: int) -> None:
    """Clients that start a session and vanish in the middle of a frame, without a word."""
    for _ in range(count):
        made = socket.create_connection(("127.0.0.1", port))
        made.sendall(
            b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        made.recv(1000)
        made.sendall(b"\x81\x82\x00\x00\x00\x00{}")  # the options {}, masked with zeros
        made.recv(1000)
        made.sendall(b"\x82\xfe\x10\x00\x00\x00\x00\x00" + b"x" * 100)  # 4096 bytes are announced
        made.close()


def figure(port: int, name: str) -> float:
    """A figure of the service."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def measure(seconds: float) -> tuple[list[str], str]:
    """Rows of the table, and a sentence about those who were killed."""
    command = [sys.executable, "-m", "deptr.cli.main", "serve", "--port", "0", "--max-sessions", "64"]
    command += ["--max-rate", "5000", "--max-waiting", "128"]
    content = picture()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
            while True:
                try:
                    figure(port, "deptr_sessions")
                    break
                except OSError:
                    time.sleep(0.1)
            watched, rows = psutil.Process(process.pid), []
            for load in LOADS:
                before = watched.cpu_times()
                latencies = np.array(asyncio.run(run(port, load, content, seconds)))
                after = watched.cpu_times()
                used = (after.user + after.system - before.user - before.system) / seconds
                half, most = (1000 * np.quantile(latencies, share) for share in (0.5, 0.95))
                memory = watched.memory_info().rss / 2**20
                rate = len(latencies) / seconds
                row = f"| {load.kind} | {load.sessions} | {rate:.0f} | {half:.1f} | {most:.1f} "
                rows.append(row + f"| {1000 * latencies.max():.0f} | {100 * used:.0f} % | {memory:.0f} |")
            kill_clients(port, 20)
            started = figure(port, "deptr_sessions_started_total")
            deadline = time.monotonic() + 20
            while figure(port, "deptr_sessions") and time.monotonic() < deadline:
                time.sleep(0.1)
            left = figure(port, "deptr_sessions"), figure(port, "deptr_frames_waiting")
            killed = f"Of {started:.0f} sessions, 20 of which were killed in the middle of a frame, "
            killed += f"{left[0]:.0f} and {left[1]:.0f} waiting frames were left; "
            return rows, killed + f"{len(watched.net_connections())} sockets were open, the one that listens."
        finally:
            process.kill()


def page(rows: list[str], killed: str, seconds: float) -> str:
    """The page of results."""
    return "\n".join(
        [
            "# What the service carries",
            "",
            f"`{COMMAND}`: one `deptr serve` with two worker threads, clients on",
            f"WebSockets of this machine, {seconds:g} s each, two CPU cores for both (the CPU",
            "column says how much the service had). A client sends its next frame when the last is answered: "
            f"{PEOPLE} boxes with depth, or a JPEG of 768x576 for the bundled detector;",
            "several sessions send 25 (boxes) or 5 (images) frames a second each.",
            "",
            "| frames | sessions | frames a second | p50 ms | p95 ms | longest ms | CPU | memory MB |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            killed,
            "",
            "How it is used: [the service](../service.md).",
            "",
        ]
    )


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    rows, killed = measure(options.seconds)
    text = page(rows, killed, options.seconds)
    if options.markdown:
        options.markdown.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
