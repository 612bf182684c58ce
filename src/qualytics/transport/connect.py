"""Connections to a server: look up, connect, or ask a proxy for a tunnel, and TLS over either."""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from qualytics.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from qualytics.transport.endpoint import Endpoint

_MAX_PROXY_REPLY = 16_384
# Where distributions keep their roots when OpenSSL's own default has none.
_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class Deadline:
    """A moment, so many seconds from now, after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: there are none.

        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Proxy:
    """A proxy that opens a tunnel: it sees the name of the server, and nothing of what is said.

    `text` is what the variable `name` holds.

    Raises:
        UsageError: it is not a proxy that can open a tunnel.

    """

    def __init__(self, text: str, name: str) -> None:
        from urllib.parse import unquote, urlsplit

        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            self.host, self.port = parts.hostname or "", parts.port or 80
        except ValueError:
            parts = None
        # An @ behind the host: a slash in a password has ended that early, and what would be dialled is a part of it.
        if (
            parts is None
            or parts.scheme != "http"
            or not self.host
            or "@" in f"{parts.path}{parts.query}{parts.fragment}"
        ):
            raise UsageError(f"{name} is not a proxy that can be used", "as in http://proxy.example.com:3128")
        self.login = None
        if parts.username is not None:
            self.login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"

    def open_tunnel(self, sock: socket.socket, endpoint: Endpoint, deadline: Deadline) -> None:
        """Ask for a tunnel over a connection to the proxy.

        Raises:
            Unreachable: the proxy opens none.

        """
        place = f"[{endpoint.host}]:{endpoint.port}" if ":" in endpoint.host else f"{endpoint.host}:{endpoint.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self.login is not None:
            from base64 import b64encode

            lines.append(f"Proxy-Authorization: Basic {b64encode(self.login.encode()).decode()}")
        sock.settimeout(deadline.left())
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        found = b""
        while b"\r\n\r\n" not in found:
            sock.settimeout(deadline.left())
            part = sock.recv(1_024)
            found += part
            if not part or len(found) > _MAX_PROXY_REPLY:
                break
        words = found.partition(b"\r\n")[0].decode("latin-1").split(None, 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].startswith("2"):
            said = " ".join(words[1:])[:100] if words and words[0].startswith("HTTP/1.") else "something else than HTTP"
            raise Unreachable(
                f"the proxy {self.host}:{self.port} opens no tunnel to {place}: it answered {said or 'nothing'}",
                "check HTTPS_PROXY, or list the host in NO_PROXY",
            )


def proxy_of(endpoint: Endpoint) -> Proxy | None:
    """Return the proxy that the environment names for a server; only TLS goes through one."""
    name = next((name for name in ("https_proxy", "HTTPS_PROXY") if os.environ.get(name)), None)
    if name is None or endpoint.scheme != "https" or endpoint.is_loopback:
        return None
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # typeshed leaves it out

    return None if proxy_bypass_environment(endpoint.host) else Proxy(os.environ[name], name)


def look_up(host: str, port: int) -> list[Any]:
    """Return the addresses of a host."""
    # As bytes, an ASCII name does not make Python load the tables of all others.
    return socket.getaddrinfo(host.encode() if host.isascii() else host, port, type=socket.SOCK_STREAM)


def connect(addresses: list[Any], deadline: Deadline) -> socket.socket:
    """Return a connection to the first address that answers; each has its share of the time."""
    last: OSError = TimeoutError()
    for count, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left() / (len(addresses) - count))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            sock.close()
            last = exc
        else:
            return sock
    raise last


def make_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return what is trusted: the roots of this machine, SSL_CERT_FILE and SSL_CERT_DIR, or the endpoint's own.

    Raises:
        UsageError: the file cannot be read.

    """
    ca_file = endpoint.ca_file
    try:
        context = ssl.create_default_context(cafile=ca_file)
        chosen = ca_file or os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
        if not chosen and not context.cert_store_stats()["x509_ca"]:
            for path in filter(os.path.exists, _ROOTS):
                context.load_verify_locations(path)
                break
    except (OSError, ssl.SSLError) as exc:
        hint = "it must be a PEM file of certificates"
        raise UsageError(f"QUALYTICS_CA_FILE: {ca_file} cannot be read", hint) from exc
    if not endpoint.ssl_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def dial(endpoint: Endpoint, context: ssl.SSLContext | None, deadline: Deadline) -> socket.socket:
    """Return an open connection to a server, with TLS where its URL says so."""
    proxy = proxy_of(endpoint)
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    sock = connect(look_up(host, port), deadline)
    try:
        if proxy:
            proxy.open_tunnel(sock, endpoint, deadline)
        return sock if context is None else secure(sock, context, endpoint, deadline)
    except BaseException:
        sock.close()
        raise


def secure(sock: socket.socket, context: ssl.SSLContext, endpoint: Endpoint, deadline: Deadline) -> ssl.SSLSocket:
    """Return a connection with TLS."""
    sock.settimeout(deadline.left())
    return context.wrap_socket(sock, server_hostname=endpoint.host)
