"""HTTP requests: one connection that is kept, every wait and every size bounded, no redirect followed."""

from __future__ import annotations

import contextlib
import http.client
import io
import select
import socket
import ssl
from _thread import allocate_lock, get_ident  # `threading` takes longer to import than all else here
from typing import TYPE_CHECKING, Any

import qualytics
from qualytics.errors import Unreachable, UsageError
from qualytics.structs import Struct, field
from qualytics.transport import connect
from qualytics.transport.connect import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.transport.endpoint import Endpoint

MAX_BYTES = 64 << 20
_CHUNK = 1 << 20
_DOCTOR = "qualytics doctor looks at each step on the way"


class Request(Struct):
    """A request; `target` is path and query, `wait_s` is waited for if it is more than the usual time.

    `on_line` gets each line of a reply in JSON Lines as it comes; the body of the reply is then the last one alone.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wait_s: float = 0.0
    on_line: Callable[[bytes], None] | None = None


class Reply(Struct):
    """What was answered, whatever its status; names of headers are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """The way to one server; what is sent goes nowhere else: no redirect is followed, no ~/.netrc is read.

    `is_sent` says whether the last request may have arrived. Requests of several threads go one after the other.
    """

    def __init__(self, endpoint: Endpoint, *, max_bytes: int = MAX_BYTES) -> None:
        self.is_sent = False
        self._endpoint = endpoint
        self._max_bytes = max_bytes
        self.is_cancelled = False
        self._lock, self._thread = allocate_lock(), 0
        self._sock: socket.socket | None = None
        self._context: ssl.SSLContext | None = None

    def handle(self, request: Request) -> Reply:
        """Send a request and return the reply.

        Raises:
            Unreachable: nothing was answered, too late, too much, or not in HTTP.
            UsageError: the file of certificates or the proxy that is configured cannot be used; or what takes the
                lines of a reply sends a request itself.

        """
        if self._thread == get_ident():
            raise UsageError(
                f"a request to {self._endpoint.url} is still under way", "use another client inside on_stage"
            )
        with self._lock:  # or one thread would read the reply to another's request
            self._thread = get_ident()
            try:
                return self._handle(request)
            finally:
                self._thread = 0

    def _handle(self, request: Request) -> Reply:
        deadline = Deadline(max(request.wait_s, self._endpoint.timeout_s))
        was_kept = self._is_alive()
        try:
            try:
                return self._exchange(request, deadline)
            except (http.client.RemoteDisconnected, ConnectionError):
                if not (was_kept and request.method == "GET"):
                    raise
                return self._exchange(request, deadline)  # it was closed while we asked
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise failure(exc, self._endpoint, deadline) from exc

    def cancel(self) -> None:
        """End, from another thread, the request that runs, and let no other begin; the server sees a hang-up."""
        self.is_cancelled = True
        sock = self._sock
        if sock is not None:
            with contextlib.suppress(OSError):  # it was closed meanwhile
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which is not for two threads

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _exchange(self, request: Request, deadline: Deadline) -> Reply:
        self.is_sent = False
        if self._sock is None:
            if self._context is None and self._endpoint.scheme == "https":
                self._context = connect.make_context(self._endpoint)
            self._sock = connect.dial(self._endpoint, self._context, deadline)
        try:
            return self._exchange_on(self._sock, request, deadline)
        except BaseException:  # also Ctrl-C: the reply still comes, and would be taken for that of the next request
            self.close()
            raise

    def _exchange_on(self, sock: socket.socket, request: Request, deadline: Deadline) -> Reply:
        if self.is_cancelled:  # after the dialling, which nothing ends
            raise ConnectionAbortedError
        connection = http.client.HTTPConnection(self._endpoint.host, self._endpoint.port)
        connection.sock = sock
        sock.settimeout(deadline.left())
        self.is_sent = True
        is_whole = False
        with contextlib.suppress(ConnectionError):  # refused before it was read; the answer may have come
            connection.request(request.method, request.target, request.body, {**self._headers(), **request.headers})
            is_whole = True
        response = _Response(sock, deadline, request.method)
        response.begin()
        if request.on_line is not None and _is_lines(response):
            content = self._lines(response, request.on_line)
        else:
            content = self._content(response)
        if response.will_close or not is_whole:
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.reason, headers, content)

    def _content(self, response: http.client.HTTPResponse) -> bytes:
        parts, size = [], 0
        while part := response.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                raise _TooLarge(self._max_bytes)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _lines(self, response: http.client.HTTPResponse, on_line: Callable[[bytes], None]) -> bytes:
        last, size = b"", 0
        while line := response.readline(self._max_bytes + 1 - size):
            last = line
            size += len(line)
            if size > self._max_bytes:
                raise _TooLarge(self._max_bytes)
            on_line(line)
        if not last.endswith(b"\n"):
            raise http.client.IncompleteRead(last)
        return last

    def _headers(self) -> dict[str, str]:
        return {
            "Host": self._endpoint.authority,
            "User-Agent": f"qualytics/{qualytics.__version__}",
            "Accept": "application/json",
        }

    def _is_alive(self) -> bool:
        """Say whether there is a kept connection; one that the other end has closed is closed here."""
        if self._sock is not None:
            poll = select.poll()  # unlike select(), it takes any number of a file
            poll.register(self._sock, select.POLLIN)
            if poll.poll(0):  # nothing was asked: this is the end, or nonsense
                self.close()
        return self._sock is not None


def _is_lines(response: http.client.HTTPResponse) -> bool:
    media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    return response.status == 200 and media_type == "application/jsonl"


def failure(exc: Exception, endpoint: Endpoint, deadline: Deadline) -> Unreachable:
    """Return the error that says why there was no reply; no text of the server stands in it."""
    return Unreachable(*_message_and_hint(exc, endpoint, deadline))


def _message_and_hint(exc: Exception, endpoint: Endpoint, deadline: Deadline) -> tuple[str, str]:  # noqa: PLR0911 - one return a cause
    url = endpoint.url
    if isinstance(exc, _TooLarge):
        return f"{url} answered more than {exc.max_bytes >> 10:,} KiB", "check the URL"
    if isinstance(exc, TimeoutError):
        return f"{url} did not answer within {deadline.seconds:g} s", _DOCTOR
    if isinstance(exc, socket.gaierror):
        return f"the host of {url} was not found", "check its spelling, and the proxy, if there is one"
    if isinstance(exc, ssl.SSLCertVerificationError):
        hint = "of a private authority: QUALYTICS_CA_FILE=ca.pem"
        return f"the certificate of {url} is not trusted: {exc.verify_message}", hint
    if isinstance(exc, ssl.SSLError):
        reason = (exc.reason or "no TLS").replace("_", " ").lower()
        return f"no TLS with {url}: {reason}", "check the port, and whether it is http://"
    if isinstance(exc, ConnectionRefusedError):
        return f"nothing listens at {endpoint.host}:{endpoint.port}", _DOCTOR
    if isinstance(exc, (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return f"{url} closed the connection before it had answered", _DOCTOR
    if isinstance(exc, (http.client.HTTPException, ValueError)):
        return f"the server at {url} does not speak HTTP", "check the host and the port of the URL"
    reason = getattr(exc, "strerror", None) or "the network failed"
    return f"{url} cannot be reached: {reason.lower()}", _DOCTOR


class _Received(io.RawIOBase):
    """What comes over a socket until the deadline; one that trickles has no more time than one that is silent."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, deadline: Deadline, method: str) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_Received(sock, deadline))


class _TooLarge(http.client.HTTPException):
    """More came than is taken."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes
