"""Running the service with uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable

from deptr.detector.inference import Detector
from deptr.errors import UsageError
from deptr.service.settings import ServiceSettings, is_this_machine

_QUEUED = 2  # messages of a WebSocket that wait in memory; then its sender waits
_CONNECTIONS = 4  # for each session, and for health and figures besides


def serve(
    settings: ServiceSettings,
    detector: Detector | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    tell: Callable[[str], None] = print,
) -> None:
    """Run the service until it is interrupted.

    Args:
        settings: What it allows.
        detector: Looks at images; None where clients send detections alone.
        host: Address to listen at.
        port: Port, 0 for any free one.
        tell: Takes in the address when the service answers there.

    Raises:
        UsageError: Others than this machine could reach it without a token.
    """
    import uvicorn

    from deptr.service.app import create_app

    if settings.token is None and not is_this_machine(host):
        need = "others can reach it, so a token is needed"
        raise UsageError(f"--host {host}: {need}; give --token-file or set DEPTR_TOKEN")
    config = uvicorn.Config(
        create_app(settings, detector),
        host=host,
        port=port,
        log_level="warning",
        ws_max_size=settings.max_frame_bytes,
        ws_max_queue=_QUEUED,
        limit_concurrency=_CONNECTIONS * settings.max_sessions + 32,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=15,
        server_header=False,
    )
    try:
        listening = config.bind_socket()
    except SystemExit:
        raise UsageError(f"--port {port}: {host} does not let us listen there; is it in use?") from None
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/"

    class Telling(uvicorn.Server):
        """Tells its address when it answers there, not before."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            tell(f"serving at {address}")

    Telling(config).run([listening])
