"""Who may ask: one bearer token for every route, or nobody but this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN: Final = frozenset({"/-/healthy", "/-/ready"})
"""Probes of an orchestrator carry no token, and learn nothing but a word."""


_PASSWORD_IN_QUERY: Final = frozenset({"/write", "/influx/write"})


class TokenMiddleware:
    """Answers 401 unless a request carries the token.

    The token comes as `Authorization: Bearer …` (Influx's clients say `Token …`), or as the password of HTTP
    Basic with any user, which is what browsers and Grafana can send without being taught. Clients of Influx's
    v1 have it in the address, as `p`, which is read on their path alone.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if (
            scope["type"] == "lifespan"
            or scope.get("path") in _OPEN
            or is_allowed(self._token, Headers(scope=scope).get("authorization", ""))
            or (scope.get("path") in _PASSWORD_IN_QUERY and self._is_in_query(scope))
        ):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = JSONResponse(
            {"status": "error", "errorType": "unauthorized", "error": "missing or wrong bearer token"},
            status_code=401,
            headers={"WWW-Authenticate": 'Basic realm="Swell", charset="UTF-8"'},
        )
        await refusal(scope, receive, send)

    def _is_in_query(self, scope: Scope) -> bool:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("p", "")
        return hmac.compare_digest(given.encode(), self._token.encode())


def is_allowed(token: str, authorization: str) -> bool:
    """Whether what `Authorization` says is the token."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return hmac.compare_digest(credentials.strip().encode(), token.encode())
    if scheme.lower() == "basic":
        return hmac.compare_digest(_password(credentials), token.encode())
    return False


def new_token() -> str:
    """A fresh token of 256 random bits, safe in URLs and headers."""
    return secrets.token_urlsafe(32)


def _password(credentials: str) -> bytes:
    try:
        decoded = base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""
    return decoded.partition(b":")[2]
