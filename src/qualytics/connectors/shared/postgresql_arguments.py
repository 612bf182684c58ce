"""The arguments of libpq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# An identity is what the connection holds, never a Kerberos ticket that lies around.
_NO_TICKETS = "!gss,!sspi"


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
