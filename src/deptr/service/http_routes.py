"""The service over HTTP: sessions, frames, health and figures."""

from __future__ import annotations

import asyncio
import math
import time
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError

from deptr import __version__
from deptr.errors import UsageError
from deptr.service.guard import is_allowed, is_same_site
from deptr.service.messages import (
    DETECTION_EXAMPLES,
    SESSION_EXAMPLES,
    FrameOfDetections,
    Problem,
    SessionOptions,
    SessionState,
    Tracks,
)
from deptr.service.sessions import Session
from deptr.service.tracking import Service

_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        401: "The token is missing or wrong",
        404: "No such session, or it has ended",
        408: "The frame did not arrive whole in time",
        413: "Too large",
        422: "Cannot be meant, or is no image",
        429: "Too many frames a second; Retry-After says when to go on",
        503: "Too many sessions or waiting frames",
    }.items()
}
Timestamp = Annotated[
    float | None, Query(description="Seconds; must grow from frame to frame.", allow_inf_nan=False)
]


def service_of(request: Request) -> Service:
    """The service behind a request."""
    service: Service = request.app.state.service
    return service


def guard(request: Request, service: Annotated[Service, Depends(service_of)]) -> None:
    """Refuse who shows no token, and pages of other sites."""
    if not is_same_site(request.headers):
        raise HTTPException(403, "requests from pages of other sites are not answered")
    if not is_allowed(request.headers, service.settings.token):
        raise HTTPException(
            401, "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )  # fmt: skip


def session_of(session_id: str, service: Annotated[Service, Depends(service_of)]) -> Session:
    """The session that a path names."""
    session = service.sessions.get(session_id)
    if session is None:
        raise HTTPException(404, "no such session, or it has ended; make one with POST /v1/sessions")
    return session


async def whole_body(request: Request, service: Annotated[Service, Depends(service_of)]) -> bytes:
    """The body of a request, if it arrives whole, in time and is not too large."""
    limit = service.settings.max_frame_bytes
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise HTTPException(413, f"expected at most {limit} bytes, got {announced}")
    seconds = service.settings.read_seconds
    try:
        return await asyncio.wait_for(_read(request, limit), seconds)
    except asyncio.TimeoutError:
        raise HTTPException(408, f"the frame did not arrive whole within {seconds:g} s") from None


async def _read(request: Request, limit: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise HTTPException(413, f"expected at most {limit} bytes, got more")
    return bytes(content)


Serving = Annotated[Service, Depends(service_of)]
Named = Annotated[Session, Depends(session_of)]
Whole = Annotated[bytes, Depends(whole_body)]

open_routes = APIRouter()
routes = APIRouter(dependencies=[Depends(guard)], responses=_PROBLEMS)


@open_routes.get("/healthz", tags=["health"], summary="Whether the service answers")
async def health(service: Serving) -> dict[str, str | int]:
    """Needs no token."""
    return {"status": "ok", "version": __version__, "sessions": len(service.sessions)}


@open_routes.get("/", include_in_schema=False)
async def page() -> HTMLResponse:
    """A page that sends a camera or video and shows the answers, or watches a session."""
    text = files("deptr.service").joinpath("page.html").read_text(encoding="utf-8")
    policy = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob:; "
    policy += "media-src blob:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})


@routes.get("/metrics", tags=["health"], summary="Figures for Prometheus")
async def metrics(service: Serving) -> Response:
    """Counters, gauges and histograms in Prometheus' text format."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@routes.post("/v1/sessions", status_code=201, tags=["sessions"], summary="Start a session")
async def create(
    service: Serving,
    options: Annotated[SessionOptions, Body(openapi_examples=SESSION_EXAMPLES)],
) -> SessionState:
    """One tracker, whose identities start at 1."""
    session = service.sessions.create(options)
    service.metrics.sessions.inc()
    return state_of(session)


@routes.get("/v1/sessions", tags=["sessions"], summary="All sessions")
async def listed(service: Serving) -> list[SessionState]:
    """The oldest first."""
    return [state_of(session) for session in service.sessions.all()]


@routes.get("/v1/sessions/{session_id}", tags=["sessions"], summary="A session as it stands")
async def state(session: Named) -> SessionState:
    """Frames, identities and how long it was idle."""
    return state_of(session)


@routes.delete("/v1/sessions/{session_id}", status_code=204, tags=["sessions"], summary="End a session")
async def end(session: Named, service: Serving) -> None:
    """Forget its tracks."""
    service.end(session, "asked")


@routes.post(
    "/v1/sessions/{session_id}/frames",
    tags=["tracking"],
    summary="Track an image",
    response_model=Tracks,
    openapi_extra={
        "requestBody": {"required": True, "content": {"image/jpeg": _PICTURE, "image/png": _PICTURE}}
    },
)
async def frames(session: Named, service: Serving, body: Whole, timestamp: Timestamp = None) -> JSONResponse:
    """A JPEG or PNG as the body; the detector of the service looks at it."""
    return JSONResponse(await service.track_image(session, body, timestamp))


@routes.post(
    "/v1/sessions/{session_id}/detections",
    tags=["tracking"],
    summary="Track detections",
    response_model=Tracks,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": FrameOfDetections.model_json_schema(),
                    "examples": DETECTION_EXAMPLES,
                }
            },
        }
    },
)
async def detections(session: Named, service: Serving, body: Whole) -> JSONResponse:
    """What your own detector found in one frame."""
    return JSONResponse(await service.track_detections(session, parsed(body)))


def parsed(content: bytes | str) -> FrameOfDetections:
    """Detections out of JSON.

    Raises:
        UsageError: It is something else; the message names the first place.
    """
    try:
        return FrameOfDetections.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """The first place that is wrong and what is wrong there."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{place}: {first['msg']}"


def state_of(session: Session) -> SessionState:
    """What there is to say of a session."""
    idle = time.monotonic() - session.last_used
    return SessionState(
        id=session.id,
        frames=session.frames,
        identities=len(session.identities),
        idle_seconds=round(idle, 3),
        options=session.options,
    )


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to try again."""
    return {"Retry-After": str(math.ceil(seconds))}
