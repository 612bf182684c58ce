"""What libpq is told, and how a server of its protocol is asked for TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared.wire import reject_stranger

if TYPE_CHECKING:
    import socket

    from qualytics.connectors.contract import Target

# SSLRequest: length 8, code 80877103 (PostgreSQL documentation, "Message Formats").
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
# An identity is what the connection holds, never a Kerberos ticket that lies around.
_NO_TICKETS = "!gss,!sspi"


def greet(sock: socket.socket) -> bool:
    """Ask for TLS; the answer is one byte: S or N, or E from servers before 7.0."""
    sock.sendall(_SSL_REQUEST)
    answer = sock.recv(1)
    if not answer:
        raise ConnectionResetError("the server closed the connection when it was asked for TLS")
    if answer not in {b"S", b"N"}:
        reject_stranger(sock, "the PostgreSQL protocol", answer)
    return answer == b"S"


def arguments(target: Target) -> dict[str, Any]:
    """Return what libpq is told, by its own names, but for the database.

    It dials `hostaddr` and looks nothing up; `host` is the name that the certificate must be for.
    """
    found: dict[str, Any] = {
        "host": target.host,
        "hostaddr": target.address,
        "port": target.port,
        "user": target.username,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "gssencmode": "disable",
        "passfile": "/dev/null",
        "require_auth": _NO_TICKETS,
    }
    if target.password is not None:
        found["password"] = target.password.reveal()
    tls = target.tls
    if tls is None or not tls.active:
        found["sslmode"] = "disable"
        if tls is not None and tls.mode == "auto":
            found["require_auth"] = f"{_NO_TICKETS},!password"
    elif tls.verified:
        found |= {"sslmode": "verify-full", "sslrootcert": tls.ca_file, "sslcertmode": "disable"}
    else:
        found |= {"sslmode": "require", "sslcertmode": "disable"}
    return found
