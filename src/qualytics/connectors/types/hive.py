"""Hive, and what speaks its protocol, through impyla: HiveServer2 over plain sockets or HTTP; without Kerberos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, Target, tls_params
from qualytics.connectors.shared.grammar import BASIC_USER, PATH
from qualytics.connectors.types import _hive_client, _hive_errors, _hive_listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse what the given transport or mechanism has no use for."""
    parameters = values.get("parameters") or {}
    if "http_path" in parameters and parameters.get("transport") != "http":
        yield "parameters.http_path", "is for transport http only", "set transport to http"
    if parameters.get("transport") == "http" and not BASIC_USER.fit(values.get("username") or ""):
        yield "username", "must not have a colon over transport http", "HTTP takes what follows it for the password"
    if parameters.get("auth_mechanism") == "NOSASL" and "password" in secrets_set:
        hint = "set it to PLAIN, or leave the password out"
        yield "parameters.auth_mechanism", "must not be NOSASL with a password", hint


def check(handle: Any, target: Target) -> Server:
    """Read the version: "3.1.3 r4df4d75b…" in Hive and, with another number, in Spark."""
    version = next(_hive_listing.rows(handle, target, "select version()"))[0]
    return Server("HiveServer2", version.split()[0])


CONNECTOR = Connector(
    type="hive",
    title="Apache Hive",
    kind="jdbc",
    default_port=10_000,
    extra="hive",
    driver="impala",
    distribution="impyla",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(),
        Param("transport", str, "binary, or http as through a gateway (our choice)", choices=("binary", "http"), default="binary"),
        Param("http_path", str, "path of the HTTP transport (our choice: the driver's name)", default="cliservice", same=lambda path: path.lstrip("/")),
        Param("auth_mechanism", str, "PLAIN: user and password, LDAP's too; NOSASL: a server without authentication (our choice: the driver's name)", choices=("PLAIN", "NOSASL"), default="PLAIN"),
    ),
    grammar={"http_path": PATH},
    scope=("database",),
    scope_optional=("schema",),
    example="--host hive.example.com --port 10000 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="direct",
    greet=_hive_client.greet,
    requires=requires,
    open=_hive_client.connect,
    select=_hive_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=_hive_errors.classify,
    explain=_hive_errors.explain,
    schemas=_hive_listing.schemas,
    tables=_hive_listing.tables,
    verified="real server: Spark's HiveServer2, which takes any password; not Hive's own; Kerberos is not offered",
    authentication=(
        ("PLAIN", "username and password, which the server checks itself or by LDAP or PAM; no Kerberos"),
        ("NOSASL", "username alone, for a server that checks nobody"),
    ),
    privileges=(
        "none for the test itself: SHOW DATABASES and SELECT version() touch no table",
        "GRANT SELECT ON TABLE sales.orders TO USER reader, where the server shows a user only what it may read",
    ),
    pinned="resolver",  # Thrift's and Python's own HTTP sockets
)  # fmt: skip
