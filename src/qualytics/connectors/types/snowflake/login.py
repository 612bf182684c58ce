"""How Snowflake's connector is told whom to log in, and held to one host."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors.types.snowflake.arguments import arguments, environment
from qualytics.connectors.types.snowflake.errors import classify
from qualytics.connectors.types.snowflake.session import blame_role

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# What the connector loads for staged files, data frames and stored logins; without it, it loads in half the time.
_UNUSED = ("aioboto3", "aiobotocore", "azure.identity", "boto3", "botocore", "keyring", "pandas", "pyarrow")


def connect(target: Target) -> Any:
    """Log in, with a password or a key pair."""
    given = arguments(target)
    os.environ.update(environment(target))
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's own word for "absent"
    _dial_only(target)
    import snowflake.connector

    _suit_version(given)
    try:
        return snowflake.connector.connect(**given)
    except snowflake.connector.Error as exc:
        verdict = classify(exc)
        if verdict is not None and verdict.stage == "database":  # of the session, only the role is part of the login
            blame_role(exc, target, verdict)
        raise


def _dial_only(target: Target) -> None:
    """Answer look-ups of this process with the address that was found alive, and refuse any other name.

    The connector dials by itself; without this it would try dead addresses of a host for a whole timeout each.
    """
    import socket

    look_up = socket.getaddrinfo

    def only(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in {target.host, target.address}:
            raise socket.gaierror(socket.EAI_NONAME, "a test looks up no host but its target")
        return look_up(target.address or host, *rest, **named)

    socket.getaddrinfo = only


def _suit_version(given: dict[str, Any]) -> None:
    if sessions := sys.modules.get("snowflake.connector.vendored.requests.sessions"):
        # A redirect of the login would carry the password to another host.
        sessions.DEFAULT_REDIRECT_LIMIT = 0  # type: ignore[attr-defined]  # read as each session begins
    else:
        # The Rust core of 5.x asks nobody over OCSP, and would pass a word that it does not know on to the service.
        del given["disable_ocsp_checks"]
