"""`deptr serve`: tracking as a service over HTTP and WebSocket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deptr.errors import DataError

if TYPE_CHECKING:
    from deptr.detector.inference import Detector

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_NO_DETECTOR = "none"


@app.command("serve")
def serve(
    *,
    host: str = typer.Option("127.0.0.1", "--host", help="Address; others than this machine need a token."),
    port: int = typer.Option(8000, "--port", min=0, max=65535, help="Port; 0 takes a free one."),
    token_file: Path | None = typer.Option(
        None, "--token-file", help="File with the token that clients must show. Default: DEPTR_TOKEN, if set."
    ),
    detector: str | None = typer.Option(
        None, "--detector", help="As for deptr track; none for a service that takes detections alone."
    ),
    device: str = typer.Option("auto", "--device", help="Where the detector runs: auto, cpu or cuda."),
    max_sessions: int = typer.Option(16, "--max-sessions", help="Sessions at a time."),
    idle_seconds: float = typer.Option(60, "--idle-seconds", help="After so long unused a session ends."),
    max_rate: float = typer.Option(60, "--max-rate", help="Frames a second of a session."),
    max_frame_mb: float = typer.Option(8, "--max-frame-mb", help="Size of an encoded image."),
    max_pixels: int = typer.Option(16_000_000, "--max-pixels", help="Pixels of an image."),
    max_detections: int = typer.Option(1000, "--max-detections", help="Detections of a frame."),
    max_waiting: int = typer.Option(64, "--max-waiting", help="Frames that may wait, of all sessions."),
    read_seconds: float = typer.Option(10, "--read-seconds", help="How long a frame may take to arrive."),
    workers: int = typer.Option(2, "--workers", help="Threads that detect and track."),
) -> None:
    """Serve sessions that take frames or detections and answer tracks, one tracker each.

    The address shows a live page; /openapi.json describes the service, /healthz and /metrics tell of it.
    """
    from deptr.cli.extras import need

    need("deptr serve", "serve", "fastapi", "uvicorn", "websockets", "prometheus_client")
    from deptr.service.serve import serve as run
    from deptr.service.settings import ServiceSettings

    settings = ServiceSettings(
        token=_token(token_file),
        max_sessions=max_sessions,
        idle_seconds=idle_seconds,
        max_rate=max_rate,
        max_frame_bytes=round(max_frame_mb * 2**20),
        max_pixels=max_pixels,
        max_detections=max_detections,
        max_waiting=max_waiting,
        read_seconds=read_seconds,
        workers=workers,
    )
    run(settings, _detector(detector, device), host=host, port=port, tell=typer.echo)


def _token(path: Path | None) -> str | None:
    """The token; not an option, because other users of a machine see the words of a command.

    Raises:
        DataError: The file cannot be read.
    """
    if path is None:
        return os.environ.get("DEPTR_TOKEN") or None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, "no file with a token", found=str(error)) from error


def _detector(name: str | None, device: str) -> Detector | None:
    from deptr.detector.inference import Detector

    return None if name == _NO_DETECTOR else Detector.from_pretrained(name, device=device)
