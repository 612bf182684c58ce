"""Amazon Redshift through redshift_connector; IAM_ROLE gets its login from AWS first."""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, Any

from qualytics.connectors import _redshift_iam, postgresql
from qualytics.connectors._base import Connector, Item, Param, Server, Target, Verdict, tls_params
from qualytics.connectors._https import ENDPOINT_URL
from qualytics.connectors._sql import by_sqlstate, by_text, one_row, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

# Made with every cluster unless another name was asked for; template1 is always there.
_ENTRANCES = ("dev", "template1")
_POSTGRESQL = Verdict("config", "this is a PostgreSQL server, not Redshift", "use --type postgresql")
_STRANGER = Verdict("config", "the server does not speak Redshift's protocol", "check host and port")

# The driver's own words (core.py, scramp) and the server's, before those that Redshift shares with PostgreSQL.
_MESSAGES = (
    (r"unrecognized configuration parameter|unsupported startup parameter", _POSTGRESQL),
    (r"Server refuses SSL", Verdict("tls", "the server does not offer TLS")),
    (r"server socket closed", Verdict("network")),
    (r"no such database|database .* does not exist", Verdict("unknown_db", stage="database")),
    (r"no password was provided|no such user", Verdict("auth")),
    (r"connection time out", Verdict("timeout")),
    (r"connection limit .* exceeded|too many connections", Verdict("quota")),
)


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    import redshift_connector
    from redshift_connector.error import Error

    if target.tls is not None and target.tls.active and target.tls.ca_file:
        os.environ["SSL_CERT_FILE"] = target.tls.ca_file  # the driver has no argument for trusted roots
    entrances = (target.database,) if target.database is not None else _ENTRANCES
    for database in entrances:
        try:
            handle = redshift_connector.connect(**arguments(target, database, *_login(target, database)))
        except Error as exc:
            verdict = classify(exc)
            if verdict is None or verdict.stage != "database":
                raise
            last = exc
        else:
            handle.autocommit = True
            return handle
    raise last


def _login(target: Target, database: str) -> tuple[str | None, str | None]:
    if target.parameters.get("authentication_type") == "IAM_ROLE":
        if target.tls is None or not target.tls.active:
            raise refuse("tls", "the server offers no TLS, which IAM_ROLE needs")
        return _redshift_iam.login(target, database)
    return target.username, target.password.reveal() if target.password is not None else None


def arguments(target: Target, database: str, user: str | None, password: str | None) -> dict[str, Any]:
    """Return the keyword arguments of redshift_connector.connect."""
    return {
        "host": target.host,
        "port": target.port,
        "user": user,
        "password": password if password is not None else "",
        "database": database,
        "ssl": target.tls is not None and bool(target.tls.active),
        "sslmode": "verify-full",
        "timeout": target.timeout_s,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "iam": False,
    }


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists and may be used."""
    if target.schema is None:
        return
    sql = "select has_schema_privilege(nspname, 'usage') from pg_catalog.pg_namespace where nspname = %s"
    row = one_row(handle, sql, (target.schema,))
    if not row:
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")
    if not row[0]:
        raise refuse(
            "permission",
            f"this user may not use schema {target.schema!r}",
            f'run on the server: grant usage on schema "{target.schema}" to the user',
        )


def check(handle: Any, target: Target) -> Server:
    """Read the version: "PostgreSQL 8.0.2 on …, Redshift 1.0.12103"."""
    with handle.cursor() as cursor:
        cursor.execute("select version()")
        text = cursor.fetchmany(target.fetch_size)[0][0]
    found = re.search(r"Redshift ([\d.]+)", text)
    return Server("Redshift", found[1]) if found else Server("PostgreSQL", text.split()[1])


def _rows(handle: Any, target: Target, sql: str, *given: Any) -> Iterator[Any]:
    with handle.cursor() as cursor:
        cursor.execute(sql, given)
        while found := cursor.fetchmany(target.fetch_size):
            yield from found


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases of the warehouse."""
    for found, system in _rows(handle, target, "select datname, datistemplate from pg_catalog.pg_database order by 1"):
        yield Item(found, "catalog", system or found == "padb_harvest")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the database."""
    for (found,) in _rows(handle, target, "select nspname from pg_catalog.pg_namespace order by 1"):
        yield Item(found, "schema", found.startswith("pg_") or found in {"information_schema", "catalog_history"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables, external ones too, and views (Database Developer Guide, "SVV_TABLES")."""
    sql = (
        "select table_name, table_type from svv_tables where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    system = (target.schema or "").startswith("pg_")
    for found, kind in _rows(handle, target, sql, target.schema, len(prefix), prefix):
        yield Item(found, "view" if kind == "VIEW" else "table", system)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the driver's and the server's words, then by SQLSTATE: a proxy says 08P01 to everything."""
    if type(exc).__name__ == "ScramException":
        return _POSTGRESQL
    if isinstance(exc, KeyError | struct.error):  # the driver looks up and unpacks what it has read
        return _STRANGER
    if verdict := _redshift_iam.classify(exc):
        return verdict
    said = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
    text = said.get("M") or str(exc)
    return by_text(text, _MESSAGES) or by_text(text, postgresql._MESSAGES) or by_sqlstate(said.get("C"))  # noqa: SLF001 - a sibling


CONNECTOR = Connector(
    type="redshift",
    title="Amazon Redshift",
    kind="jdbc",
    default_port=5439,
    extra="redshift",
    driver="redshift_connector",
    distribution="redshift-connector",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(("auto", "verify", "disable")),
        Param("authentication_type", str, "BASIC: user and password; IAM_ROLE: the AWS keys in username and password assume role_arn", choices=("BASIC", "IAM_ROLE"), default="BASIC"),
        Param("role_arn", str, "role to assume, with IAM_ROLE", max_length=2_048),
        Param("external_id", str, "external id that the role's trust policy asks for", max_length=1_224),
        Param("db_user", str, "database user to log in as, with IAM_ROLE on a cluster; else the role's own (our choice: the driver's name)", max_length=127),
        Param("region", str, "AWS region, when the host name does not tell it (our choice: the driver's name)", max_length=63),
        Param("cluster_identifier", str, "cluster, when the host name does not tell it (our choice: the driver's name)", max_length=63),
        Param("serverless_work_group", str, "workgroup of Redshift Serverless, when the host name does not tell it (our choice: the driver's name)", max_length=128),
        Param(ENDPOINT_URL.name, str, "endpoint of STS and Redshift's API, with IAM_ROLE; plain http only on this machine", max_length=2_000),
        Param("application_name", str, "name shown in the server's list of sessions (our choice)", max_length=63),
    ),
    scope=("database", "schema"),
    example="--host analytics.abc123.eu-west-1.redshift.amazonaws.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="preamble",
    greet=postgresql.greet,
    requires=_redshift_iam.requires,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="sibling: PostgreSQL behind pgbouncer; IAM_ROLE against an emulator of AWS",
)  # fmt: skip
