"""PostgreSQL through psycopg 3 (libpq)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Refusal, Server, tls_params
from qualytics.connectors.shared.entrance import enter
from qualytics.connectors.shared.postgresql_catalog import catalogs, schemas, select, tables
from qualytics.connectors.shared.postgresql_errors import classify
from qualytics.connectors.shared.postgresql_text import RAW, speak
from qualytics.connectors.shared.preamble import postgresql_offers_tls
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types._postgresql_login import log_in

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# A connection has no database of its own; these exist almost everywhere, the first one on every new server.
_ENTRANCES = ("postgres", "template1")


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    if target.database is None:
        return _enter(target)
    try:
        return log_in(target, target.database)
    except Refusal as exc:
        if exc.verdict.failure_class == "unknown_db" and not target.database.isascii():
            with contextlib.suppress(Refusal):
                return log_in(target, _spelled(target, target.database))
        raise


def _enter(target: Target) -> Any:
    usual = (*_ENTRANCES, target.username)
    return enter((*target.entrances, *usual), lambda database: log_in(target, database))


def _spelled(target: Target, name: str) -> str:
    # The names of databases are bytes to the server, and it may have shown this one by way of another encoding.
    with contextlib.closing(_enter(target)) as handle:
        found = one_row(handle, "select oid from pg_catalog.pg_database where datname = %s", (name,))
        speak(handle, RAW)
        row = one_row(handle, "select datname from pg_catalog.pg_database where oid = %s", found or (0,))
    return str(row[0]) if row else name


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through a server-side cursor of the connection's fetch size."""
    with handle.transaction(), handle.cursor(name="qualytics") as cursor:
        cursor.itersize = target.fetch_size
        cursor.execute("select current_setting('server_version')")
        version = next(iter(cursor))[0]
    return Server("PostgreSQL", version.split()[0])


CONNECTOR = Connector(
    type="postgresql",
    title="PostgreSQL",
    kind="jdbc",
    aliases=("postgres",),
    default_port=5432,
    extra="postgresql",
    driver="psycopg",
    distribution="psycopg",
    params=(
        *tls_params(),
        Param(
            "application_name",
            str,
            "name shown in pg_stat_activity",
            max_length=63,
            harmless="a name shown in pg_stat_activity; nobody receives the secret because of it",
        ),
    ),
    scope=("database", "schema"),
    example="--host db.example.com --port 5432 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="preamble",
    greet=postgresql_offers_tls,
    open=connect,
    select=select,
    check=check,
    classify=classify,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="real server: PostgreSQL 15",
    authentication=(
        (
            "BASIC",
            "username and password, checked by SCRAM-SHA-256 or MD5, in clear text over TLS alone; no Kerberos, no client certificate",
        ),
    ),
    # PostgreSQL documentation, "Privileges".
    privileges=(
        "GRANT CONNECT ON DATABASE sales TO reader (PUBLIC has it by default)",
        "GRANT USAGE ON SCHEMA finance TO reader, for a datastore with that schema; the catalogs are open to everybody",
    ),
    pinned="address",
)
