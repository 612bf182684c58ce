"""What IBM's CLI driver is told: a data source in a file of its own, user and password beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Target

# Db2 lets nobody in without a database; this one comes with many servers.
_ENTRANCE = "SAMPLE"
# An RDB name has letters, digits and these (DDM Reference, RDBNAM); it must not break out of its line of db2cli.ini.
DATABASE = Chars(r"[A-Za-z0-9_@#$.-]{1,128}", "letters, digits and _ @ # $ . -")
# What ibm-db sends whole; what stands behind a semicolon it cuts off.
USER = Chars("[^;\x00-\x1f\x7f\U00010000-\U0010ffff]*", "everything but semicolons and characters beyond U+FFFF")
# The names of our data sources in db2cli.ini, one a way of sending the password.
ENCRYPTED, CLEAR = "QENCRYPT", "QSERVER"
_WAYS = {ENCRYPTED: "SERVER_ENCRYPT", CLEAR: "SERVER"}


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield where `ssl` and `ssl_mode` contradict each other."""
    parameters = values.get("parameters") or {}
    ssl, mode = parameters.get("ssl"), parameters.get("ssl_mode")
    if (ssl is True and mode == "disable") or (ssl is False and mode == "verify"):
        yield "parameters.ssl", f"is {str(ssl).lower()}, but ssl_mode is {mode}", "remove one of them"


def is_encrypted(target: Target) -> bool:
    """Say whether TLS is spoken: as `ssl` says, else when ssl_mode demands it; Db2 has a port of its own for it."""
    ssl = target.parameters.get("ssl")
    return bool(ssl) or (ssl is None and target.tls is not None and target.tls.mode == "verify")


def arguments(target: Target, port: int | None = None) -> dict[str, str]:
    """Return the CLI keywords of a data source; user and password go to SQLConnect by themselves.

    `port` is that of a tunnel on this machine; without one the driver is given the target's address.
    """
    database = target.database or next(iter(target.entrances), _ENTRANCE)
    if not DATABASE.fit(database):
        raise refuse("unknown_db", f"no Db2 database can be called {database!r}", "check --database", stage="database")
    return {
        "Database": database,
        "Protocol": "TCPIP",
        "Hostname": target.address or target.host if port is None else "127.0.0.1",
        "ServiceName": str(port or target.port),
        "ConnectTimeout": str(max(1, int(target.timeout_s))),
    }


def describe(target: Target, port: int | None = None) -> None:
    """Write the data sources, one a way of sending the password, where the driver looks for them."""
    # A connection string knows no quotes: whatever quotes a password would be part of it. So the driver gets a file that
    # holds no secret, and user and password as arguments.
    keywords = "".join(f"{key}={value}\n" for key, value in arguments(target, port).items())
    with open(f"{target.directory}/db2cli.ini", "w", encoding="utf-8") as out:
        out.writelines(f"[{source}]\n{keywords}Authentication={way}\n" for source, way in _WAYS.items())
    os.environ["DB2CLIINIPATH"] = target.directory
    # No second try, which takes 5 s, and none at another host that the server names: this is what ibm.com/docs,
    # "Db2 Connect server Sysplex support", disables automatic client reroute by.
    os.environ["DB2_MAX_CLIENT_CONNRETRIES"] = "0"


def can_send(value: str) -> bool:
    """Say whether the driver sends a user name or password unchanged: it cuts the rest off (ibm-db 3.3, at Derby)."""
    return ";" not in value and all(ord(char) <= 0xFFFF for char in value)


def credentials(target: Target) -> tuple[str, str]:
    """Return user name and password.

    Raises:
        Refusal: the driver would not send them as they are.

    """
    found = target.username or "", target.password.reveal() if target.password is not None else ""
    for name, value in zip(("user name", "password"), found, strict=True):
        if not can_send(value):
            cause = f"ibm-db cannot send a {name} that holds a semicolon or a character beyond U+FFFF"
            raise refuse("config", cause, f"choose another {name}", stage="login")
    return found
