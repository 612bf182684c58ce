"""What every request passes: limits on what arrives, headers on what leaves, one line in the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException

from qualytics.server import problems
from qualytics.server.logs import write_request
from qualytics.settings import API_LEVEL, API_LEVEL_HEADER

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from qualytics.server.runtime import Runtime

_log_fault = logging.getLogger("qualytics.server")
_MAX_HEADERS = 16_384
_MAX_PATH = 4_096
_LINGER_S = 2.0  # how long a client that was answered may pause in the body that it still sends
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
HEADERS = (
    (API_LEVEL_HEADER.encode(), str(API_LEVEL).encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; form-action 'self'"),
    (b"strict-transport-security", b"max-age=31536000"),
)
_NAMES = frozenset(name for name, _ in HEADERS)


class Guard:
    """Wraps the application; CORS is off, as no header of it is ever sent."""

    def __init__(self, inner: ASGIApp, runtime: Runtime, sets: frozenset[str]) -> None:
        """Guard an application; `sets` are the paths that take a set of records, whose body may be larger."""
        self._inner = inner
        self._runtime = runtime
        self._sets = sets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = 0
        config = self._runtime.config
        # Who asks for the head of a page gets that of GET, without the body (RFC 9110, 9.3.2).
        is_head = scope["method"] == "HEAD" and config.is_page(scope["path"])
        max_bytes = config.set_bytes if scope["path"] in self._sets else config.body_bytes
        body = _Body(receive, config.request_s, max_bytes)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                had = {name for name, _ in message["headers"]}
                more = HEADERS if _NAMES.isdisjoint(had) else [pair for pair in HEADERS if pair[0] not in had]
                own = [(b"x-request-id", request_id.encode())]
                if not body.is_read and _has_body(scope) and b"connection" not in had:
                    # The server closes then, as the rest would be read as the next request (RFC 9112, 9.6).
                    own.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *own, *more]}
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        problem = _refused(scope, max_bytes)
        state["refused"] = problem  # on the path of a page, which says it as a page
        if problem is not None and not config.is_page(scope["path"]):
            await _answer(problem, sending)
        else:
            try:
                inner = {**scope, "method": "GET"} if is_head else scope
                await self._inner(inner, body.receive, sending)
            except Exception as exc:
                # It must still be answered, whatever was wrong; raised again where an answer has begun.
                _log_fault.error("internal fault", exc_info=exc)
                if status:
                    raise
                await _answer(problems.document(500, "internal", "internal fault"), sending)
        seconds = time.perf_counter() - began
        self._runtime.metrics.saw_request(scope, status, seconds)
        write_request(scope["method"], scope["path"], status, seconds, request_id)
        if not body.is_read and _has_body(scope):
            await body.drop(max_bytes)


class _Body:
    """Receives a request's body, bounded in size and time; what follows it is the wait for the answer."""

    def __init__(self, receive: Receive, limit_s: float, max_bytes: int) -> None:
        self._receive = receive
        self._limit_s = limit_s
        self._until: float | None = None  # from when it is asked for: a set may wait until others are done
        self._max_bytes = self._bytes_left = max_bytes
        self.is_read = False

    async def receive(self) -> Any:
        """Return the next message of the request."""
        if self.is_read:
            return await self._receive()
        now = time.monotonic()
        self._until = self._until or now + self._limit_s
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._until - now))
        except TimeoutError:
            raise HTTPException(status_code=408, detail="the request took too long to arrive") from None
        if message["type"] != "http.request":  # its chunks are none, or the client left in the middle of it
            raise HTTPException(status_code=400)
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            raise HTTPException(status_code=413, detail=_too_large(self._max_bytes))
        self.is_read = not message.get("more_body")
        return message

    async def drop(self, max_bytes: int) -> None:
        """Read the rest after the answer: closed while the client sends, TCP would drop the answer (RFC 9112, 9.6)."""
        self._bytes_left = max_bytes
        with contextlib.suppress(HTTPException, TimeoutError):  # too much, too slow, or the client has left
            while not self.is_read:
                await asyncio.wait_for(self.receive(), _LINGER_S)


def _has_body(scope: Any) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _too_large(max_bytes: int) -> str:
    return f"the body is larger than {max_bytes:,} bytes"


def _refused(scope: Any, max_bytes: int) -> dict[str, Any] | None:
    headers = scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > _MAX_HEADERS:
        return problems.document(431, "too-large", "the headers are too large")
    path = scope.get("raw_path") or b""
    if len(path) + len(scope["query_string"]) > _MAX_PATH:
        return problems.document(414, "too-large", "the address is too long")
    if b"%" in path or b"//" in path:  # each address here has one spelling, which a proxy's rules can rely on
        return problems.document(404, "not-found", "not found")
    sent = {name.lower(): value for name, value in headers}
    length = sent.get(b"content-length", b"0")
    if length.isdigit() and int(length) > max_bytes:
        return problems.document(413, "too-large", _too_large(max_bytes))
    if sent.get(b"content-encoding", b"identity").lower() != b"identity":
        return problems.document(415, "unsupported-media-type", "a compressed body is not taken")
    return None


async def _answer(problem: dict[str, Any], send: Any) -> None:
    body = json.dumps(problem).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _request_id(scope: Any) -> str:
    request_id = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return request_id if _REQUEST_ID.match(request_id) else secrets.token_hex(8)
