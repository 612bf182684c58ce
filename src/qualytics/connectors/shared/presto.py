"""What Presto and Trino share: their parameters, and a session that reaches one HTTP server and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param, Target, refuse, tls_params
from qualytics.connectors.shared.grammar import BASIC_USER, HEADER, LATIN
from qualytics.connectors.shared.preamble import is_http, offers_tls

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

# `source` binds: gateways choose a cluster by such headers (Trino Gateway, "Routing rules").
PARAMS = (*tls_params(), Param("source", str, "name shown in the server's list of queries (our choice)", max_length=63))
# Both become headers of each request; Python writes those as Latin-1.
GRAMMAR = {"username": LATIN, "password": HEADER, "source": LATIN}
# Both keep rules in files or in the catalogs (documentation, "File-based system access control").
PRIVILEGES = (
    "the right to execute queries, and read-only access to the catalog",
    "GRANT SELECT ON main.sales.orders TO USER reader, for tables to show up",
)
AUTHENTICATION = (
    ("BASIC", "username and password, over https alone"),
    ("NONE", "username alone, for a server that checks nobody"),
)


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks https or plain http."""
    return offers_tls(sock, "HTTP", is_http)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse a password without encryption, as the servers and their clients do."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    if "password" in secrets_set and not BASIC_USER.fit(values.get("username") or ""):
        yield "username", "must not have a colon with a password", "HTTP takes what follows it for the password"
    if "password" in secrets_set and mode == "disable":
        yield "parameters.ssl_mode", "must not be disable with a password", "the password goes over https only"


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments that both clients' connect takes; the password is not among them."""
    return {
        "host": f"[{target.host}]" if ":" in target.host else target.host,
        "port": target.port,
        "user": target.username,
        "source": target.parameters.get("source", "qualytics"),
        "http_scheme": "https" if target.tls is not None and target.tls.active else "http",
        "max_attempts": 1,
        "request_timeout": target.timeout_s,
    }


def credentials(target: Target) -> tuple[str | bytes, str | bytes] | None:
    """Return user and password for basic authentication, None without a password.

    Text goes out as ISO-8859-1, which is how the servers read it; what that cannot hold goes as UTF-8.
    """
    if target.password is None:
        return None
    if target.tls is None or not target.tls.active:
        raise refuse(
            "tls",
            "the server offers no TLS, and a password goes over https only",
            "turn https on at the server, or leave the password out",
        )
    return _wire_text(target.username or ""), _wire_text(target.password.reveal())


def _wire_text(text: str) -> str | bytes:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
    return text


def bind(session: Any, target: Target) -> Any:
    """Return a requests session that reaches this one server: no proxy, no netrc, no redirect, no other host."""
    from requests.adapters import HTTPAdapter

    tls = target.tls
    session.trust_env = False
    session.max_redirects = 0
    session.verify = tls.ca_file or True if tls is not None and tls.verified else False
    given = arguments(target)
    origins = [f"{given['http_scheme']}://{given['host']}:{given['port']}/"]
    if (given["http_scheme"], given["port"]) in {("https", 443), ("http", 80)}:
        origins.append(f"{given['http_scheme']}://{given['host']}/")
    session.adapters.clear()
    for origin in origins:
        session.mount(origin, HTTPAdapter(max_retries=0))
    return session
