"""What strangers send: too much, too fast, half of it, the wrong thing, or without a token."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from running import TOKEN, Client, running, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deptr.errors import UsageError
from deptr.service.settings import ServiceSettings

LIMITS = ["--max-sessions", "2", "--idle-seconds", "5", "--max-rate", "20", "--max-frame-mb", "0.1"]
LIMITS += ["--max-detections", "5", "--max-pixels", "10000", "--read-seconds", "1"]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(*LIMITS, token=TOKEN) as found:
        yield found


@pytest.fixture
def path(client: Client) -> Iterator[str]:
    found = client.session()
    yield found
    client.ask("DELETE", found)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_without_the_token_nothing_but_health_is_told(client: Client) -> None:
    stranger = Client(client.process, client.port, None)
    assert stranger.ask("GET", "/healthz")[0] == 200
    for method, place in (("GET", "/metrics"), ("GET", "/v1/sessions"), ("POST", "/v1/sessions")):
        status, content, headers = stranger.ask(method, place, {})
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert "the token is missing or wrong" in content["error"]
    for wrong in (TOKEN[:-1], TOKEN + "x", ""):
        assert Client(client.process, client.port, wrong).ask("GET", "/v1/sessions")[0] == 401
        with pytest.raises(InvalidStatus):
            client.stream(additional_headers={}, subprotocols=["deptr", f"bearer.{wrong or 'x'}"])
    assert client.ask("GET", "/v1/sessions")[0] == 200
    with client.stream(additional_headers={}, subprotocols=["deptr", f"bearer.{TOKEN}"]) as socket:
        assert socket.subprotocol == "deptr"


def test_pages_of_other_sites_are_not_answered(client: Client) -> None:
    assert client.ask("GET", "/v1/sessions", Origin="https://elsewhere.example")[0] == 403
    assert client.ask("GET", "/v1/sessions", Origin=f"http://127.0.0.1:{client.port}")[0] == 200
    with pytest.raises(InvalidStatus):
        client.stream(origin="https://elsewhere.example")
    with running("--detector", "none") as open_to_all:
        assert open_to_all.ask("GET", "/healthz", Host="elsewhere.example")[0] == 400


def test_others_need_a_token(
    deptr: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DEPTR_TOKEN", raising=False)
    code, _, told = deptr("serve", "--host", "0.0.0.0", "--detector", "none")
    assert (code, "so a token is needed; give --token-file or set DEPTR_TOKEN" in told) == (2, True)
    (tmp_path / "token").write_text("short\n")
    code, _, told = deptr("serve", "--token-file", tmp_path / "token", "--detector", "none")
    assert (code, "token: expected 16 to 256" in told) == (2, True)
    code, _, told = deptr("serve", "--token-file", tmp_path / "none", "--detector", "none")
    assert (code, "no file with a token" in told) == (1, True)
    with pytest.raises(UsageError, match="max_rate: expected a positive number"):
        ServiceSettings(max_rate=0)


def test_what_is_too_large_is_refused(client: Client, path: str) -> None:
    status, content, _ = client.ask("POST", f"{path}/frames", b"x" * 200_000)
    assert (status, "expected at most 104858 bytes" in content["error"]) == (413, True)
    chunks = (b"x" * 10_000 for _ in range(30))  # of unknown length
    connection = client.raw(
        f"POST {path}/frames HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    try:
        for chunk in chunks:
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
    except OSError:
        pass  # refused before all was sent
    assert b"413" in connection.recv(1000).splitlines()[0]
    connection.close()
    status, content, _ = client.ask("POST", f"{path}/frames", png(3000, 3000))
    assert (status, "too large: expected at most 10000 pixels, found 3000x3000" in content["error"]) == (
        422,
        True,
    )
    many = {"detections": [{"box_xyxy": [0, 0, 9, 9]}] * 6}
    status, content, _ = client.ask("POST", f"{path}/detections", many)
    assert (status, content["error"]) == (422, "detections: expected at most 5, got 6")
    assert client.ask("GET", path)[1]["frames"] == 0


def test_a_session_that_sends_too_fast_is_told_when_to_go_on(client: Client, path: str) -> None:
    answers = [client.ask("POST", f"{path}/detections", {"detections": []}) for _ in range(60)]
    refused = [headers for status, _, headers in answers if status == 429]
    assert refused and all(int(headers["retry-after"]) >= 1 for headers in refused)
    assert sum(status == 200 for status, _, _ in answers) >= 20
    assert client.metric('deptr_refused_total{status="429"}') >= len(refused)


def test_there_are_only_so_many_sessions_and_idle_ones_end(client: Client) -> None:
    wait_until(lambda: client.sessions() == 0)
    first, _ = client.session(), client.session()
    status, content, headers = client.ask("POST", "/v1/sessions", {})
    assert (status, "all 2 sessions are in use" in content["error"], headers["retry-after"]) == (
        503,
        True,
        "1",
    )
    with client.stream() as socket:
        socket.send("{}")
        with pytest.raises(ConnectionClosed, match="all 2 sessions are in use"):
            socket.recv(10)
    wait_until(lambda: client.sessions() == 0, 20)
    status, content, _ = client.ask("GET", first)
    assert (status, "no such session, or it has ended" in content["error"]) == (404, True)
    assert client.metric('deptr_sessions_ended_total{how="idle"}') >= 2


def test_a_stream_that_says_nothing_ends(client: Client) -> None:
    with client.stream() as socket:
        socket.send("{}")
        socket.recv(10)
        with pytest.raises(ConnectionClosed, match=r"nothing came for too long|the session has ended"):
            socket.recv(20)


def test_a_client_that_goes_in_the_middle_of_a_frame_leaves_nothing(client: Client, path: str) -> None:
    head = f"POST {path}/frames HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    half = client.raw(f"{head}Content-Length: 1000\r\n\r\n".encode() + b"x" * 500)
    time.sleep(0.2)
    half.close()
    with client.stream(f"{path}/stream") as socket:
        socket.socket.sendall(b"\x82\xfe\x03\xe8\0\0\0\0")  # the head of a masked message that never comes
        with suppress(OSError):
            socket.socket.shutdown(2)
    status, record, _ = client.ask("POST", f"{path}/detections", {"detections": []})
    assert (status, record["frame"]) == (200, 1)
    assert client.metric("deptr_frames_waiting") == 0


def test_a_half_sent_frame_does_not_wait_for_ever(client: Client) -> None:
    path = client.session()
    head = f"POST {path}/frames HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    half = client.raw(f"{head}Content-Length: 1000\r\n\r\n".encode() + b"x" * 500)
    with half:
        assert b"408" in half.recv(1000).splitlines()[0]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a path as tracker": ({"tracker": "../../etc/passwd"}, "tracker: expected one of"),
    "a path as detector": ({"detector": "/etc/passwd"}, "detector: Extra inputs are not permitted"),
    "a path as parameter": ({"parameters": {"config": "/etc/passwd"}}, "bytetrack has no parameter 'config'"),
    "a path as fusion": ({"fusion": "/etc/passwd"}, "expected one of"),
    "no number": ({"frame_rate": "fast"}, "frame_rate: Input should be a valid number"),
    "out of range": ({"parameters": {"match_cost": 7}}, "match_cost"),
    "no size": ({"depth": "pseudo", "width": 0}, "width: Input should be greater than or equal to 1"),
    "camera motion": ({"parameters": {"camera_motion": True}}, "camera_motion: is not offered"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_meant_is_told(client: Client, case: str) -> None:
    options, words = WRONG[case]
    status, content, _ = client.ask("POST", "/v1/sessions", options)
    assert status == 422
    assert words in content["error"], content


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"/etc/passwd", png(50, 50)[:60], b"\xff\xd8\xff\xe0" * 9]
)
def test_what_is_no_image_is_told(client: Client, path: str, content: bytes) -> None:
    status, told, _ = client.ask("POST", f"{path}/frames", content)
    assert status == 422
    assert told["error"].startswith("frame: ")


@pytest.mark.parametrize(
    "body",
    ['{"detections": [{"box_xyxy": [0, 0, NaN, 1]}]}', "[]", "{}", '{"detections": 1}', "\xff", "9" * 500],
)
def test_what_are_no_detections_is_told(client: Client, path: str, body: str) -> None:
    status, told, _ = client.ask("POST", f"{path}/detections", body.encode("latin-1"))
    assert (status, bool(told["error"])) == (422, True), told
    assert json.dumps(told).isascii()
