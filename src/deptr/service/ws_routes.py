"""The service over WebSocket: frames in, tracks out, as fast as they come; and watching a session."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from deptr.errors import DeptrError, UsageError
from deptr.service.guard import is_allowed, is_same_site
from deptr.service.http_routes import first_problem, parsed
from deptr.service.messages import SessionOptions
from deptr.service.sessions import FullError, RateError, Session
from deptr.service.tracking import BusyError, GoneError, Service, told

POLICY, TRY_LATER, GONE = 1008, 1013, 4404  # codes with which a connection is closed
_SUBPROTOCOL = "deptr"
_TOLD = (DeptrError, RateError, BusyError)  # answered with a line, after which the connection goes on

routes = APIRouter()


@routes.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """A session as long as the connection: first its options as JSON, then frames and answers in turn.

    Binary messages are images, text is detections as JSON; each is answered with its tracks or with an error.
    """
    service = await _let_in(socket)
    if service is None:
        return
    try:
        session = await _start(socket, service)
    except WebSocketDisconnect:
        return
    if session is None:
        return
    try:
        await _serve(socket, service, session)
    except (WebSocketDisconnect, GoneError):
        pass
    finally:
        service.end(session, "disconnected")


@routes.websocket("/v1/sessions/{session_id}/stream")
async def join(socket: WebSocket, session_id: str) -> None:
    """Frames and answers of a session that outlives the connection."""
    found = await _find(socket, session_id)
    if found is not None:
        with suppress(WebSocketDisconnect, GoneError):
            await _serve(socket, *found)


@routes.websocket("/v1/sessions/{session_id}/watch")
async def watch(socket: WebSocket, session_id: str) -> None:
    """The newest frame of a session again and again: the image as it came, if any, then its tracks."""
    found = await _find(socket, session_id)
    if found is None:
        return
    service, session = found
    with suppress(WebSocketDisconnect):
        gone = asyncio.ensure_future(socket.receive())  # those who watch say nothing but that they go
        try:
            while service.sessions.get(session.id) is not None:
                changed = session.changed
                if session.newest is not None:
                    image, record = session.newest
                    if image is not None:
                        await socket.send_bytes(image)
                    await socket.send_json(record)
                waiting = asyncio.ensure_future(changed.wait())
                await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    waiting.cancel()
                    return
            await socket.close(GONE, "the session has ended")
        finally:
            gone.cancel()


async def _let_in(socket: WebSocket) -> Service | None:
    """Accept a connection, or close it with the reason."""
    service: Service = socket.app.state.service
    if not (is_same_site(socket.headers) and is_allowed(socket.headers, service.settings.token)):
        service.metrics.refused.labels("401").inc()
        await socket.close(POLICY)  # before it is accepted: the client sees 403
        return None
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(_SUBPROTOCOL if _SUBPROTOCOL in offered else None)
    return service


async def _find(socket: WebSocket, session_id: str) -> tuple[Service, Session] | None:
    service = await _let_in(socket)
    session = None if service is None else service.sessions.get(session_id)
    if service is None or session is None:
        if service is not None:
            await socket.close(GONE, "no such session, or it has ended")
        return None
    return service, session


async def _start(socket: WebSocket, service: Service) -> Session | None:
    """The session that the first message asks for."""
    try:
        first = await asyncio.wait_for(socket.receive_text(), service.settings.read_seconds)
        options = SessionOptions.model_validate_json(first)
        session = service.sessions.create(options)
    except (asyncio.TimeoutError, KeyError):
        await socket.close(POLICY, "expected the options of a session as the first message, {} for none")
        return None
    except (ValidationError, UsageError) as error:
        reason = first_problem(error) if isinstance(error, ValidationError) else str(error)
        await socket.send_json({"error": reason})
        await socket.close(POLICY, "the options cannot be meant")
        return None
    except FullError as error:
        service.metrics.refused.labels("503").inc()
        await socket.close(TRY_LATER, str(error))
        return None
    service.metrics.sessions.inc()
    await socket.send_json({"session": session.id})
    return session


async def _serve(socket: WebSocket, service: Service, session: Session) -> None:
    """Answer messages one after the other until the client goes or the session ends."""
    while service.sessions.get(session.id) is not None:
        try:
            message = await asyncio.wait_for(socket.receive(), service.settings.idle_seconds)
        except asyncio.TimeoutError:
            await socket.close(POLICY, "nothing came for too long")
            return
        if message["type"] == "websocket.disconnect":
            return
        image, text = message.get("bytes"), message.get("text")
        try:
            if image is not None:
                record = await service.track_image(session, image)
            else:
                record = await service.track_detections(session, parsed(text or ""))
        except _TOLD as error:
            status, reason = told(error)
            service.metrics.refused.labels(str(status)).inc()
            await socket.send_json({"error": reason, "status": status})
            continue
        await socket.send_json(record)
    await socket.close(GONE, "the session has ended")
