"""HTTP to a control plane: one connection that is kept, every wait and every size bounded, no detours."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qualytics
from qualytics.client.http import dialling
from qualytics.client.http.dialling import Deadline
from qualytics.errors import NotSignedIn, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.client.config import Target

MAX_BYTES = 64 << 20
_CHUNK = 1 << 20
_MAX_SHOWN = 300
_DOCTOR = "qualytics doctor looks at each step on the way"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reply:
    """What was answered; names of headers are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


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


class Transport:
    """The way to one control plane; the token goes nowhere else: no redirect is followed, no ~/.netrc is read."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._sock: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        self._may_be_sent = False

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wait_s: float = 0.0,
        is_public: bool = False,
    ) -> Reply:
        """Send a request and return what was answered, whatever its status.

        `path` is below that of the API; `wait_s` is waited for if it is more than the usual time.

        Raises:
            NotSignedIn: there is no token to send; `is_public` sends none.
            Unreachable: nothing was answered, too late, too much, or not in HTTP.

        """
        if self.target.token is None and not is_public:
            raise NotSignedIn(f"there is no token for {self.target.url}", "qualytics auth login gets one")
        whole = {**self._headers(is_public=is_public), **(headers or {})}
        deadline = Deadline(max(wait_s, self.target.timeout_s))
        was_kept = self._is_alive()
        try:
            try:
                return self._exchange(method, path, body, whole, deadline)
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if not (was_kept and method == "GET"):
                    raise
                return self._exchange(method, path, body, whole, deadline)  # it was closed while we asked
        except (OSError, http.client.HTTPException, ValueError) as exc:
            self.close()
            raise self.named(exc, deadline, may_be_done=self._may_be_sent and method != "GET") from exc

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: Deadline
    ) -> Reply:
        self._may_be_sent = False
        if self._sock is None:
            if self._context is None and self.target.scheme == "https":
                self._context = dialling.make_context(self.target)
            self._sock = dialling.dial(self.target, self._context, deadline)
        connection = http.client.HTTPConnection(self.target.host)
        connection.sock = self._sock
        self._sock.settimeout(deadline.left())
        self._may_be_sent = True
        connection.request(method, f"{self.target.prefix}{path}", body, dict(headers))
        response = _Response(self._sock, deadline, method)
        response.begin()
        content = self._content(response)
        if response.will_close:
            self.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.reason, found, content)

    def _content(self, response: http.client.HTTPResponse) -> bytes:
        parts, size = [], 0
        while part := response.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise _TooLarge
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _headers(self, *, is_public: bool) -> dict[str, str]:
        found = {
            "Host": self.target.authority,
            "User-Agent": f"qualytics/{qualytics.__version__}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        token = self.target.token
        return found if is_public or token is None else found | {"Authorization": f"Bearer {token.reveal()}"}

    def _is_alive(self) -> bool:
        """Say whether there is a kept connection; one that the other end has closed is closed here."""
        if self._sock is not None:
            poll = select.poll()  # unlike select(), it takes any number of a file
            poll.register(self._sock, select.POLLIN)
            if poll.poll(0):  # nothing was asked: this is the end, or nonsense
                self.close()
        return self._sock is not None

    def named(self, exc: Exception, deadline: Deadline, *, may_be_done: bool = False) -> Unreachable:
        """Return an error of the network in words; `may_be_done` says that the request may have arrived."""
        message, hint = self._words(exc, deadline)
        if may_be_done:
            message += "; what was asked for may have been done all the same"
            hint = "look before you do it again"
        from qualytics.masking import Masking  # what passes without an error does not need it

        token = self.target.token
        return Unreachable(Masking([token] if token else []).mask_own(message), hint)

    def _words(self, exc: Exception, deadline: Deadline) -> tuple[str, str]:  # noqa: PLR0911 - one return a cause
        url, place = self.target.url, f"{self.target.host}:{self.target.port}"
        if isinstance(exc, _TooLarge):
            return f"{url} answered more than {MAX_BYTES >> 20} MiB", "check that the URL is that of a control plane"
        if isinstance(exc, TimeoutError):
            return f"{url} did not answer within {deadline.seconds:g} s", _DOCTOR
        if isinstance(exc, socket.gaierror):
            return f"the host of {url} was not found", "check its spelling, and the proxy, if there is one"
        if isinstance(exc, ssl.SSLCertVerificationError):
            hint = "of a private authority: QUALYTICS_CA_FILE=ca.pem"
            return f"the certificate of {url} is not trusted: {exc.verify_message}", hint
        if isinstance(exc, ssl.SSLError):
            why = (exc.reason or "no TLS").replace("_", " ").lower()
            return f"no TLS with {url}: {why}", "check the port, and whether it is http://"
        if isinstance(exc, ConnectionRefusedError):
            return f"nothing listens at {place}", _DOCTOR
        if isinstance(exc, (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead)):
            return f"{url} closed the connection before it had answered", _DOCTOR
        if isinstance(exc, (http.client.HTTPException, ValueError)):
            return f"what answers at {url} does not speak HTTP", "check the host and the port of the URL"
        return f"{url} cannot be reached: {(getattr(exc, 'strerror', None) or str(exc)).lower()[:_MAX_SHOWN]}", _DOCTOR


class _TooLarge(http.client.HTTPException):
    """More came than is taken."""
