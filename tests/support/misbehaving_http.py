"""Control planes that are none: servers that answer what they were told to, and keep what they were asked."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.faults import serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

TOKEN = "a-token-that-nobody-else-sees"
CONNECTION = {
    "id": 7,
    "name": "a",
    "type": "postgresql",
    "connection_type": "jdbc",
    "host": "h",
    "username": "u",
    "parameters": {"application_name": "x", "ssl_mode": "verify"},
    "secrets_manager": {"secret_url": "https://v"},
}


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    """What is answered, reply by reply, and what was asked; `connections` counts them."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    replies: list[bytes | Callable[[Asked], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(
    status: int = 200, body: Any = None, headers: dict[str, str] | None = None, kind: str = "application/json"
) -> bytes:
    """Return a whole reply; a body that is no text or bytes is written as JSON."""
    if not isinstance(body, bytes | str | None):
        body = json.dumps(body)
    content = body.encode() if isinstance(body, str) else body or b""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", f"Content-Type: {kind}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextlib.contextmanager
def scripted(*replies: bytes | Callable[[Asked], bytes]) -> Iterator[Script]:
    """Answer each request with the next reply, the last again and again; an empty one closes the connection."""
    script = Script(replies=list(replies))
    guard = threading.Lock()

    def behave(peer: socket.socket, _over: threading.Event) -> None:
        script.connections += 1
        peer.settimeout(60)
        with peer.makefile("rb") as stream:
            while (asked := read(stream)) is not None:
                with guard:
                    script.asked.append(asked)
                    found = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
                answer = found(asked) if callable(found) else found
                if not answer:
                    return
                peer.sendall(answer)
                if b"Connection: close" in answer:
                    return

    with serving(behave) as port:
        script.port = port
        yield script


def read(stream: Any) -> Asked | None:
    """Return the next request of a connection, None at its end."""
    first = stream.readline().decode("latin-1").split()
    if len(first) < 2:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return Asked(first[0], first[1], headers, stream.read(int(headers.get("content-length", 0))))


def refused(result: Any, words: str, code: int = 1) -> None:
    """Check that a command was refused with these words, and shows neither a traceback nor the token."""
    assert (result.code, result.out) == (code, ""), result
    assert words in result.err.splitlines()[0], result.err
    assert "Traceback" not in result.err
    assert TOKEN not in result.err
