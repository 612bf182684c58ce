"""impyla's arguments, and the question whether a HiveServer2 speaks TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.preamble import expect_silence, is_http, offers_tls

if TYPE_CHECKING:
    import socket

    from qualytics.connectors.contract import Target

_CLEAR = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"
# A login of SASL by a mechanism that does not exist (thrift_sasl: status 1 is START): it is refused in so many words.
_QUESTION = b"\x01\x00\x00\x00\x04NONE"


def is_plain(answer: bytes) -> bool:
    """Say whether a server without TLS could have answered a question for TLS so."""
    # SASL status 3 is BAD, 4 ERROR (thrift_sasl); is_http: the HTTP transport.
    return answer[:1] in {b"\x03", b"\x04"} or is_http(answer)


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks TLS; over sockets without TLS it hangs up, but not on a question of its own."""
    return offers_tls(sock, "Hive's protocol", is_plain, question=_QUESTION)


def connect(target: Target) -> Any:
    """Open a session: with HTTP, connecting alone sends nothing."""
    expect_silence(target, "Hive's protocol")
    import impala.dbapi

    tls = target.tls
    if target.password is not None and tls is not None and not tls.active and tls.mode == "auto":
        raise refuse("tls", "the server offers no TLS, and the password would go out in clear text", _CLEAR)
    handle = impala.dbapi.connect(**arguments(target))
    handle.cursor().close()  # opens the session
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of impala.dbapi.connect; it has no timeout over HTTP."""
    tls, parameters = target.tls, target.parameters
    http = parameters.get("transport") == "http"
    encrypted = tls is not None and bool(tls.active)
    return {
        "host": target.host,
        "port": target.port,
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else None,
        "auth_mechanism": parameters.get("auth_mechanism", "PLAIN"),
        "kerberos_service_name": "hive",
        "use_http_transport": http,
        "http_path": parameters.get("http_path", "cliservice").lstrip("/") if http else "",
        "use_ssl": encrypted,
        "ca_cert": tls.ca_file if encrypted and tls is not None and tls.verified else None,
        "verify_cert": encrypted and tls is not None and tls.verified,
        "timeout": None if http else target.timeout_s,
        "retries": 1,
        "user_agent": "qualytics",
    }
