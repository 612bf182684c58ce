"""IBM Db2 through ibm-db, which brings IBM's CLI driver."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Param, Server, Target, tls_params
from qualytics.connectors._db2_errors import OTHER_WAY, classify
from qualytics.connectors._quiet import reject_talker
from qualytics.connectors._rows import rows
from qualytics.connectors._sql import one_row, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROTOCOL = "DRDA, Db2's protocol"
# Db2 lets nobody in without a database; this one comes with many servers.
_ENTRANCE = "SAMPLE"
# An RDB name has letters, digits and these (DDM Reference, RDBNAM); it must not break out of its line of db2cli.ini.
_DATABASE = re.compile(r"[\w@#$.-]{1,128}\Z")
# The names of our data sources in db2cli.ini, one a way of sending the password.
_ENCRYPTED, _CLEAR = "QENCRYPT", "QSERVER"
_WAYS = {_ENCRYPTED: "SERVER_ENCRYPT", _CLEAR: "SERVER"}
_ROOTS = "db2-roots.pem"


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


def arguments(target: Target) -> dict[str, str]:
    """Return the CLI keywords of a data source; user and password go to SQLConnect by themselves."""
    database = target.database or _ENTRANCE
    if not _DATABASE.match(database):
        raise refuse("unknown_db", f"no Db2 database can be called {database!r}", "check --database", stage="database")
    encrypted = is_encrypted(target)
    found = {
        "Database": database,
        "Protocol": "TCPIP",
        "Hostname": target.host if encrypted else target.address or target.host,
        "ServiceName": str(target.port),
        "ConnectTimeout": str(max(1, int(target.timeout_s))),
    }
    if encrypted:
        found |= {"Security": "SSL", "SSLClientHostnameValidation": "Basic"}
        if target.tls is not None and target.tls.ca_file:
            found["SSLServerCertificate"] = f"{target.directory}/{_ROOTS}"
    return found


def _describe(target: Target) -> None:
    # A connection string knows no quotes: whatever quotes a password would be part of it. So the driver gets a file that
    # holds no secret, and user and password as arguments.
    keywords = "".join(f"{key}={value}\n" for key, value in arguments(target).items())
    with open(f"{target.directory}/db2cli.ini", "w", encoding="utf-8") as out:
        out.writelines(f"[{source}]\n{keywords}Authentication={way}\n" for source, way in _WAYS.items())
    os.environ["DB2CLIINIPATH"] = target.directory
    os.environ["DB2_MAX_CLIENT_CONNRETRIES"] = "0"  # else the driver waits 5 s over each failure


def can_send(value: str) -> bool:
    """Say whether the driver sends a user name or password unchanged: it cuts the rest off (ibm-db 3.3, at Derby)."""
    return ";" not in value and all(ord(char) <= 0xFFFF for char in value)


def _credentials(target: Target) -> tuple[str, str]:
    found = target.username or "", target.password.reveal() if target.password is not None else ""
    for name, value in zip(("user name", "password"), found, strict=True):
        if not can_send(value):
            cause = f"ibm-db cannot send a {name} that holds a semicolon or a character beyond U+FFFF"
            raise refuse("config", cause, f"choose another {name}", stage="login")
    return found


def connect(target: Target) -> Any:
    """Log in; the password goes encrypted where the server takes it so, and as it is only over TLS or when told to."""
    tls, encrypted = target.tls, is_encrypted(target)
    if tls is not None:
        tls.active = encrypted
        if encrypted and tls.ca_file:
            shutil.copyfile(tls.ca_file, f"{target.directory}/{_ROOTS}")  # to a path without odd characters
    _describe(target)
    credentials = _credentials(target)
    reject_talker(target, _PROTOCOL)
    import ibm_db
    import ibm_db_dbi

    in_clear = encrypted or tls is None or tls.mode == "disable"
    try:
        return ibm_db_dbi.Connection(_log_in(ibm_db.connect, credentials, in_clear=in_clear))
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    verdict = classify(failed)
    if target.database is not None or verdict is None or verdict.failure_class != "unknown_db":
        raise failed
    # The answer about our guess of a database is not the user's concern.
    hint = "make a datastore with --database, and run: qualytics datastores verify"
    raise refuse("config", "the server answers, but Db2 lets nobody in without a database", hint, stage="login")


def _log_in(dial: Any, credentials: tuple[str, str], *, in_clear: bool) -> Any:
    try:
        return dial(_ENCRYPTED, *credentials)
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    if not in_clear or classify(failed) != OTHER_WAY:
        raise failed
    return dial(_CLEAR, *credentials)


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists; the database was chosen at login."""
    sql = "select 1 from syscat.schemata where schemaname = ?"
    if target.schema is not None and not one_row(handle, sql, (target.schema,)):
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema; names are in upper case unless they were quoted",
        )


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its name and version at login."""
    next(rows(handle, "select 1 from sysibm.sysdummy1", size=target.fetch_size))
    return Server(handle.dbms_name, handle.dbms_ver)


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database; those of SYSIBM are its own."""
    sql = "select schemaname, owner from syscat.schemata order by schemaname"
    for name, owner in rows(handle, sql, size=target.fetch_size):
        yield Item(name.rstrip(), "schema", owner.rstrip() == "SYSIBM")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    sql = (
        "select tabname, type, owner from syscat.tables where tabschema = ? and type in ('T', 'V') "
        "and left(tabname, length(cast(? as varchar(128)))) = ? order by tabname"
    )
    for name, kind, owner in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, "view" if kind == "V" else "table", owner.rstrip() == "SYSIBM")


CONNECTOR = Connector(
    type="db2",
    title="Db2",
    kind="jdbc",
    default_port=50_000,
    extra="db2",
    driver="ibm_db",
    distribution="ibm-db",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(("auto", "verify", "disable")),  # the driver verifies always
        Param("ssl", bool, "speak TLS; by default when ssl_mode is verify"),
    ),
    scope=("database", "schema"),
    example="--host db.example.com --port 50000 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="sibling: Derby's DRDA server, as far as wrong password and unknown database; discovery never run",
    tls="own",
    requires=requires,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    schemas=schemas,
    tables=tables,
)
