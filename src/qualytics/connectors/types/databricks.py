"""Databricks SQL warehouses and clusters through Databricks' own connector, which gets a token and no login."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, Target
from qualytics.connectors.foreign import Foreign
from qualytics.connectors.shared import databricks
from qualytics.connectors.shared.http import HTTP
from qualytics.connectors.shared.sql import fetched, like_escaped
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATH = re.compile(r"/?(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]*(\?o=\d{1,20})?\Z")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the path of a warehouse or cluster, and for what the mode of authentication needs."""
    path = (values.get("parameters") or {}).get("path")
    if path is None:
        hint = "as in /sql/1.0/warehouses/1234567890abcdef, from the warehouse's connection details"
        yield "parameters.path", "is needed for databricks", hint
    elif not _PATH.match(path):
        yield "parameters.path", "is not an HTTP path", "as in /sql/1.0/warehouses/1234567890abcdef"
    yield from databricks.requires(values, secrets_set)


def arguments(target: Target, token: str) -> dict[str, Any]:
    """Return the keyword arguments of databricks.sql.connect.

    Results come with the answers, never from addresses in an object store; a given token keeps the
    driver from opening a browser.
    """
    tls = target.tls
    return {
        "server_hostname": target.host,
        "_port": target.port,
        "http_path": target.parameters["path"],
        "access_token": token,
        "user_agent_entry": "qualytics",
        "use_cloud_fetch": False,
        "enable_telemetry": False,
        "_socket_timeout": target.timeout_s,
        "_retry_stop_after_attempts_count": 1,
        "_retry_stop_after_attempts_duration": target.timeout_s,
        "_respect_server_retry_after_header": True,  # else any 5xx is asked again, and its words are lost
        "_tls_trusted_ca_file": tls.ca_file,
        "_tls_no_verify": not tls.verified,
    }


def connect(target: Target) -> Any:
    """Get a token where a service principal logs in, and open a session."""
    token = databricks.bearer(target)
    from databricks import sql

    return sql.connect(**arguments(target, token))


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from each request."""
    handle.session.backend._transport.setTimeout(None)  # noqa: SLF001 - there is no other way


def select(handle: Any, target: Target) -> None:
    """Take the catalog and the schema in use."""
    for kind, name in (("catalog", target.database), ("schema", target.schema)):
        if name is not None:
            with handle.cursor() as cursor:
                cursor.execute(f"use {kind} {identifier(name)}")


def identifier(name: str) -> str:
    """Return a quoted identifier (Databricks SQL reference, "Names")."""
    return "`" + name.replace("`", "``") + "`"


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the catalogs, as the driver's metadata call tells them (TABLE_CAT)."""
    with handle.cursor() as cursor:
        for row in fetched(cursor.catalogs(), target.fetch_size):
            yield Item(row[0], "catalog", row[0] in {"system", "samples"})


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a catalog (TABLE_SCHEM)."""
    with handle.cursor() as cursor:
        for row in fetched(cursor.schemas(catalog_name=target.database), target.fetch_size):
            yield Item(row[0], "schema", row[0] == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix (TABLE_NAME, TABLE_TYPE)."""
    wanted = {"catalog_name": target.database, "schema_name": like_escaped(target.schema or "")}
    with handle.cursor() as cursor:
        for row in fetched(cursor.tables(**wanted, table_name=like_escaped(prefix) + "%"), target.fetch_size):
            if row[2].startswith(prefix):
                yield Item(row[2], "view" if "VIEW" in (row[3] or "") else "table")


def check(handle: Any, _target: Target) -> Server:
    """Ask for the version (Databricks SQL reference, "current_version function"); a cluster has only the second."""
    from qualytics.connectors.shared.sql import one_row

    row = one_row(handle, "select current_version().dbsql_version, current_version().dbr_version")
    return Server("Databricks SQL" if row[0] else "Databricks", row[0] or row[1])


CONNECTOR = Connector(
    type="databricks",
    title="Databricks",
    default_port=443,
    driver="databricks.sql",
    distribution="databricks-sql-connector",
    identity="client id",
    proof="the access token",
    username_optional=True,
    params=(
        Param(
            "path", str, "HTTP path of the warehouse or cluster", max_length=1_024, same=lambda path: path.lstrip("/")
        ),
        *databricks.PARAMS,
    ),
    grammar=databricks.GRAMMAR,
    scope=("database", "schema"),
    example="""--host dbc-1234.cloud.databricks.com --password '${DATABRICKS_TOKEN}' --parameters '{"path": "/sql/1.0/warehouses/1234567890abcdef"}'""",
    requires=requires,
    protocols=(HTTP,),
    tls="direct",
    open=connect,
    lift_limits=lift_limits,
    select=select,
    check=check,
    classify=databricks.classify,
    signature=r"(?i)databricks|\berror_code\b",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="sibling: Spark 4.3's HiveServer2 behind a relay; service principals and refusals against a script",
    authentication=databricks.AUTHENTICATION,
    privileges=("CAN USE on the SQL warehouse, or CAN ATTACH TO on the cluster", *databricks.PRIVILEGES),
    pinned="resolver",  # urllib3 and requests; tokens for service principals come from the workspace itself
    reads="databricks",
    foreign=Foreign(
        names=("databricks", "databricks-warehouse"),
        odbc=("databricks", "simba spark"),
        # What its driver for JDBC was called up to version 2.6.22.
        hosts={"spark": (".azuredatabricks.net", ".databricks.com")},
        keys=databricks.FOREIGN_KEYS
        | {
            "http_path": "path",
            "httppath": "path",
            "catalog": "database",
            "conncatalog": "database",
            "connschema": "schema",
        },
        path=("schema",),
        complete=databricks.complete,
        environment=databricks.ENVIRONMENT,
        forms=databricks.FORMS,
    ),
)
