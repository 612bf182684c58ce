"""How Snowflake's connector is told whom to log in, by arguments and by variables, and held to one host."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.pem import private_key_der
from qualytics.connectors.types.snowflake.catalog import PLAIN, blame_role, identifier
from qualytics.connectors.types.snowflake.errors import classify
from qualytics.module_path import leave_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors.contract import Target

# What the connector loads for staged files, data frames and stored logins; without it, it loads in half the time.
_UNUSED = ("aioboto3", "aiobotocore", "azure.identity", "boto3", "botocore", "keyring", "pandas", "pyarrow")


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of snowflake.connector.connect 4.x; all but one also suit 5.x.

    The role is part of the login, as a user's default role may be one that was since taken away.
    Warehouse, database and schema are left to `select`: a login passes over a wrong one in silence.
    """
    patience_s = _patience_s(target)
    options: dict[str, Any] = {
        "account": account(target.host),
        "host": target.host,
        "port": target.port,
        "protocol": "https",
        "user": target.username,
        "application": "qualytics",
        "login_timeout": patience_s,
        "network_timeout": patience_s,
        "socket_timeout": patience_s,
        "disable_ocsp_checks": True,  # OCSP, and lists of revoked certificates, are fetched from other hosts
        "cert_revocation_check_mode": "DISABLED",
        "platform_detection_timeout_seconds": 0.0,
        "client_session_keep_alive": False,
        "client_store_temporary_credential": False,
        "log_imported_packages_in_telemetry": False,
        "session_parameters": {"CLIENT_TELEMETRY_ENABLED": False},
    }
    if role := target.parameters.get("role"):
        options["role"] = role if PLAIN.fullmatch(role) else identifier(role)
    if target.max_parallelization is not None:
        options["client_prefetch_threads"] = target.max_parallelization
    return options | _credentials(target)


def account(host: str) -> str:
    """Return the account of a host: what stands before .snowflakecomputing.com, else the first label."""
    name = host.removesuffix(".")
    stem = re.sub(r"\.snowflakecomputing\.com\Z", "", name, flags=re.IGNORECASE)
    return stem if stem != name else name.partition(".")[0]


def _patience_s(target: Target) -> int:
    # One second more than the whole test: the deadline is the parent's to keep.
    return math.ceil(target.timeout_s) + 1


def _credentials(target: Target) -> dict[str, Any]:
    if target.password is None or not target.password.reveal():
        raise refuse("config", "no password is set", "give the password, or a key pair's private key, with --password")
    if target.parameters.get("authentication_type", "BASIC") == "BASIC":
        return {"authenticator": "SNOWFLAKE", "password": target.password.reveal()}
    passphrase = target.passphrase.reveal() if target.passphrase is not None else ""
    return {"authenticator": "SNOWFLAKE_JWT", "private_key": private_key_der(target.password.reveal(), passphrase)}


def environment(target: Target) -> dict[str, str]:
    """Return the variables that the connector needs in the child process, where they end with the test."""
    variables = {
        "SNOWFLAKE_HOME": target.directory,  # no connections.toml, config.toml or log settings of the user
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",  # it asks the metadata services of three clouds
        "SNOWFLAKE_DISABLE_MINICORE": "true",  # a library of its own that only reports a version
        "MAX_CON_RETRY_ATTEMPTS": "0",  # the first failure is the verdict
        "JWT_CNXN_RETRY_ATTEMPTS": "0",
        "JWT_CNXN_WAIT_TIME": str(_patience_s(target)),
        "NO_PROXY": "*",
    }
    if target.tls.ca_file is not None:
        # 4.x reads the first, the Rust core of 5.x the second.
        variables |= {"REQUESTS_CA_BUNDLE": target.tls.ca_file, "SSL_CERT_FILE": target.tls.ca_file}
    return variables


def connect(target: Target) -> Any:
    """Log in, with a password or a key pair."""
    options = arguments(target)
    os.environ.update(environment(target))
    leave_out(*_UNUSED)
    import snowflake.connector

    _suit_version(options)
    try:
        with _dialling_only(target):
            return snowflake.connector.connect(**options)
    except snowflake.connector.Error as exc:
        verdict = classify(exc)
        if verdict is not None and verdict.stage == "database":  # of the session, only the role is part of the login
            blame_role(exc, target, verdict)
        raise


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limits from queries and requests, of which the service answers each within 45 s."""
    handle._network_timeout = handle._socket_timeout = None  # noqa: SLF001 - there is no other way


@contextlib.contextmanager
def _dialling_only(target: Target) -> Iterator[None]:
    """Answer look-ups of this process with the address that was found alive, and refuse any other name.

    The connector dials by itself; without this it would try dead addresses of a host for a whole timeout each. Large
    results come from other hosts, so it ends with the login.
    """
    import socket

    look_up = socket.getaddrinfo

    def only(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in {target.host, target.address}:
            raise socket.gaierror(socket.EAI_NONAME, "a test looks up no host but its target")
        return look_up(target.address or host, *rest, **named)

    socket.getaddrinfo = only
    try:
        yield
    finally:
        socket.getaddrinfo = look_up


def _suit_version(options: dict[str, Any]) -> None:
    if sessions := sys.modules.get("snowflake.connector.vendored.requests.sessions"):
        # A redirect of the login would carry the password to another host.
        sessions.DEFAULT_REDIRECT_LIMIT = 0  # type: ignore[attr-defined]  # read as each session begins
    else:
        # The Rust core of 5.x asks nobody over OCSP, and would pass a word that it does not know on to the service.
        del options["disable_ocsp_checks"]
