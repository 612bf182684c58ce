"""Snowflake through its own connector for Python: HTTPS to one host, and to no other."""

from __future__ import annotations

import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Param, Server, Target, Verdict, tls_params
from qualytics.connectors._keys import private_key
from qualytics.connectors._snowflake_errors import classify, explain
from qualytics.connectors._snowflake_names import PLAIN, catalogs, identifier, schemas, tables
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            _attach(exc, next((failure for kind, _, failure in _session(target) if kind == "role"), verdict))
        raise


def environment(target: Target) -> dict[str, str]:
    """Return the variables that the connector needs in the child process, where they end with the test."""
    found = {
        "SNOWFLAKE_HOME": target.directory,  # no connections.toml, config.toml or log settings of the user
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",  # it asks the metadata services of three clouds
        "SNOWFLAKE_DISABLE_MINICORE": "true",  # a library of its own that only reports a version
        "MAX_CON_RETRY_ATTEMPTS": "0",  # the first failure is the verdict
        "JWT_CNXN_RETRY_ATTEMPTS": "0",
        "JWT_CNXN_WAIT_TIME": str(_patience_s(target)),
        "NO_PROXY": "*",
    }
    if target.tls is not None and target.tls.ca_file is not None:
        # 4.x reads the first, the Rust core of 5.x the second.
        found |= {"REQUESTS_CA_BUNDLE": target.tls.ca_file, "SSL_CERT_FILE": target.tls.ca_file}
    return found


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of snowflake.connector.connect 4.x; all but one also suit 5.x.

    The role is part of the login, as a user's default role may be one that was since taken away.
    Warehouse, database and schema are left to `select`: a login passes over a wrong one in silence.
    """
    patience_s = _patience_s(target)
    found: dict[str, Any] = {
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
        found["role"] = role if PLAIN.fullmatch(role) else identifier(role)
    if target.max_parallelization is not None:
        found["client_prefetch_threads"] = target.max_parallelization
    return found | _credentials(target)


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
    return {"authenticator": "SNOWFLAKE_JWT", "private_key": private_key(target.password.reveal(), passphrase)}


def _dial_only(target: Target) -> None:
    """Answer look-ups of this process with the address that was found alive, and refuse any other name.

    The connector dials by itself; without this it would try dead addresses of a host for a whole timeout each.
    """
    import socket

    look_up = socket.getaddrinfo

    def only(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in {target.host, target.address}:
            raise socket.gaierror(socket.EAI_NONAME, "a test looks up no host but its target")
        return look_up(target.address, *rest, **named)

    socket.getaddrinfo = only


def _suit_version(given: dict[str, Any]) -> None:
    if sessions := sys.modules.get("snowflake.connector.vendored.requests.sessions"):
        # A redirect of the login would carry the password to another host.
        sessions.DEFAULT_REDIRECT_LIMIT = 0  # type: ignore[attr-defined]  # read as each session begins
    else:
        # The Rust core of 5.x asks nobody over OCSP, and would pass a word that it does not know on to the service.
        del given["disable_ocsp_checks"]


def select(handle: Any, target: Target) -> None:
    """Take the role, warehouse, database and schema in use, in this order, and name the first that fails.

    Of a role this asks nothing new, unless the server let the login in with another one.
    """
    import snowflake.connector

    for kind, name, failure in _session(target):
        try:
            _run(handle, f"use {kind} {name}")
        except snowflake.connector.Error as exc:
            found = classify(exc)
            if found is not None and found.failure_class in {"unknown_db", "permission"}:
                _attach(exc, failure)
            raise


def _session(target: Target) -> Iterator[tuple[str, str, Verdict]]:
    """Yield kind and SQL name of each part of the session that was asked for, and the verdict if it cannot be had."""
    role, warehouse = (target.parameters.get(name) for name in ("role", "warehouse"))
    database, schema = target.database, target.schema
    who = f"role {role!r}" if role else f"the role of user {target.username!r}"
    # Snowflake does not tell what is missing from what is not granted.
    wanted = (
        ("role", role, "permission", f"role {role!r} does not exist or is not granted to user {target.username!r}"),
        ("warehouse", warehouse, "permission", f"warehouse {warehouse!r} does not exist, or {who} may not use it"),
        ("database", database, "unknown_db", f"database {database!r} does not exist, or {who} may not use it"),
        ("schema", schema, "unknown_db", f"{database!r} has no schema {schema!r}, or {who} may not use it"),
    )
    for kind, name, failure_class, cause in wanted:
        if name is not None:
            sql = identifier(name)
            if kind == "schema" and database is not None:
                sql = f"{identifier(database)}.{sql}"
            grant = f"role {sql} to user …" if kind == "role" else f"usage on {kind} {sql} to role …"
            hint = f"check the spelling; an administrator can run: grant {grant}"
            yield kind, sql, Verdict(failure_class, cause, hint, "database")


def _attach(exc: Any, verdict: Verdict) -> None:
    # `classify` gives it back; so the driver's own words stay the detail of the report.
    while exc is not None:  # the innermost is asked first
        exc.verdict = verdict
        exc = exc.__cause__ or exc.__context__


def check(handle: Any, target: Target) -> Server:
    """Ask for the version, which needs no warehouse."""
    version = str(_run(handle, "select current_version()", target.fetch_size)[0][0])
    return Server("Snowflake", version.split(maxsplit=1)[0])


def _run(handle: Any, sql: str, fetch_size: int = 1) -> list[Any]:
    cursor = handle.cursor()
    try:
        cursor.arraysize = fetch_size
        cursor.execute(sql)
        rows: list[Any] = cursor.fetchmany()
        return rows
    finally:
        cursor.close()


CONNECTOR = Connector(
    type="snowflake",
    title="Snowflake",
    kind="jdbc",
    default_port=443,
    extra="snowflake",
    driver="snowflake.connector",
    distribution="snowflake-connector-python",
    fields=("host", "port", "username", "password", "passphrase"),
    required=("host",),
    params=(
        *tls_params(("auto", "verify")),
        Param("role", str, "role of the session"),
        Param("warehouse", str, "warehouse of the session"),
        Param(
            "authentication_type",
            str,
            "BASIC: a password; KEYPAIR: a PEM private key in password, its passphrase in passphrase",
            choices=("BASIC", "KEYPAIR"),
            default="BASIC",
        ),
    ),
    session_params=("role", "warehouse"),
    scope=("database", "schema"),
    example="--host '${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com' --username '${SNOWFLAKE_USER}' "
    """--password '${SNOWFLAKE_PASSWORD}' --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}'""",
    tls="direct",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: fakesnow, which takes any login, role and warehouse; refusals from a server of the tests",
)
