"""Who may come in: a token, compared in constant time, and no page of another site."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

_SUBPROTOCOL = "bearer."  # browsers cannot set headers of a WebSocket, but name subprotocols


def is_allowed(headers: Mapping[str, str], token: str | None) -> bool:
    """Whether a request shows the token, as ``Authorization: Bearer`` or as a WebSocket's subprotocol.

    Example:
        >>> is_allowed({"authorization": "Bearer secret-secret-secret"}, "secret-secret-secret")
        True
        >>> is_allowed({"sec-websocket-protocol": "deptr, bearer.wrong"}, "secret-secret-secret")
        False
    """
    if token is None:
        return True
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    candidates = [shown] if scheme.lower() == "bearer" else []
    named = (word.strip() for word in headers.get("sec-websocket-protocol", "").split(","))
    candidates += [word.removeprefix(_SUBPROTOCOL) for word in named if word.startswith(_SUBPROTOCOL)]
    # every candidate is compared, so that time tells nothing
    found = [hmac.compare_digest(one.strip().encode(), token.encode()) for one in candidates]
    return any(found)


def is_same_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser's request comes from a page of this service, or from no page at all.

    Example:
        >>> is_same_site({"host": "127.0.0.1:8000"})
        True
        >>> is_same_site({"host": "127.0.0.1:8000", "origin": "https://elsewhere.example"})
        False
    """
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
