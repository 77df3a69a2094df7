"""A service in a process of its own, and clients on real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

TOKEN = "a-token-of-the-tests"


class Client:
    """Talks to a service.

    Attributes:
        process: That runs it.
        port: Where it listens.
    """

    def __init__(self, process: subprocess.Popen[str], port: int, token: str | None) -> None:
        self.process = process
        self.port = port
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, content and headers of an answer; JSON where it is JSON."""
        plain = body is None or isinstance(body, bytes)
        content = body if plain else json.dumps(body)
        kind = {} if plain else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, content, {**self.headers, **kind, **named})
            answer = connection.getresponse()
            text = answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            is_json = found.get("content-type", "") == "application/json"
            return answer.status, json.loads(text) if is_json and text else text.decode(), found
        finally:
            connection.close()

    def session(self, **options: Any) -> str:
        """The path of a new session."""
        status, content, _ = self.ask("POST", "/v1/sessions", options)
        assert status == 201, content
        return f"/v1/sessions/{content['id']}"

    def sessions(self) -> int:
        """How many sessions there are."""
        return int(self.ask("GET", "/healthz")[1]["sessions"])

    def metric(self, name: str) -> float:
        """A figure by its name and labels."""
        text = self.ask("GET", "/metrics")[1]
        line = next((line for line in text.splitlines() if line.startswith(f"{name} ")), f"{name} 0")
        return float(line.split()[1])

    def stream(self, path: str = "/v1/stream", **options: Any) -> ClientConnection:
        """A connection of WebSocket."""
        options.setdefault("additional_headers", self.headers)
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, **options)

    def raw(self, text: bytes) -> socket.socket:
        """A socket to which some bytes have been sent."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        made.sendall(text)
        return made


@contextmanager
def running(*words: str, token: str | None = None) -> Iterator[Client]:
    """A service with these options of the command line."""
    command = [sys.executable, "-m", "deptr.cli.main", "serve", "--port", "0", *words]
    environment = {name: value for name, value in os.environ.items() if name != "DEPTR_TOKEN"}
    if token is not None:
        environment["DEPTR_TOKEN"] = token
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", told)
            assert found, told
            client = Client(process, int(found[1]), token)
            assert answers(client)  # it tells its address when it answers, not before
            yield client
        finally:
            process.kill()
            process.wait()


def answers(client: Client) -> bool:
    try:
        return client.ask("GET", "/healthz")[0] == 200
    except OSError:
        return False


def wait_until(true: Any, seconds: float = 20.0) -> None:
    """Wait for something that takes a moment."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
