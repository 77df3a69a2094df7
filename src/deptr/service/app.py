"""The service as one application of ASGI, which any of its servers can run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from deptr import __version__
from deptr.detector.inference import Detector
from deptr.errors import DeptrError
from deptr.service import http_routes, ws_routes
from deptr.service.sessions import FullError, RateError
from deptr.service.settings import ServiceSettings
from deptr.service.tracking import BusyError, GoneError, Service, told

_ABOUT = """Sessions take frames or detections and answer tracks, one tracker each.

Over HTTP: `POST /v1/sessions`, then `POST /v1/sessions/{id}/frames` or `.../detections`.

Over WebSocket: connect to `/v1/stream` and send the options of a session, then images (binary) or detections
(text); each is answered with its tracks.

With a token, send `Authorization: Bearer TOKEN`; a browser's WebSocket names the subprotocols `deptr` and
`bearer.TOKEN`."""
_LOCAL_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def create_app(settings: ServiceSettings, detector: Detector | None) -> FastAPI:
    """The application of a service.

    Args:
        settings: What it allows.
        detector: Looks at images; None where clients send detections alone.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(settings, detector)
        expiring = asyncio.create_task(service.expire())
        try:
            yield
        finally:
            expiring.cancel()
            with suppress(asyncio.CancelledError):
                await expiring
            service.close()

    app = FastAPI(
        title="DepTR-MOT",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,  # their pages load from elsewhere
    )
    if settings.token is None:  # else a page whose name leads here could use the service
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=_LOCAL_HOSTS)
    app.include_router(http_routes.open_routes)
    app.include_router(http_routes.routes)
    app.include_router(ws_routes.routes)
    for kind in (DeptrError, RateError, FullError, BusyError, GoneError):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    return app


def _answer(request: Request, error: Exception) -> JSONResponse:
    status, text = told(error)
    headers = None
    if isinstance(error, RateError):
        headers = http_routes.retry_after(error.seconds)
    elif status == 503:
        headers = http_routes.retry_after(1)
    return _problem(request, status, text, headers)


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    return _problem(request, error.status_code, str(error.detail), headers or None)


def _answer_validation(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return _problem(request, 422, f"{place}: {first['msg']}", None)


def _problem(request: Request, status: int, text: str, headers: dict[str, str] | None) -> JSONResponse:
    service: Service = request.app.state.service
    service.metrics.refused.labels(str(status)).inc()
    if status in (408, 413):  # what is still coming is not read
        headers = {**(headers or {}), "Connection": "close"}
    return JSONResponse({"error": text}, status, headers)
