"""PrestoDB through presto-python-client, over https, or plain http without a password."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Connector, Server, Target
from qualytics.connectors.shared import presto, presto_errors, presto_listing
from qualytics.connectors.shared.preamble import expect_silence


def connect(target: Target) -> Any:
    """Open a session and run the cheapest query: connecting alone sends nothing."""
    expect_silence(target)
    import prestodb

    given = arguments(target)
    if login := presto.credentials(target):
        given["auth"] = prestodb.auth.BasicAuthentication(*login)
    handle = prestodb.dbapi.connect(**given)
    presto.bind(handle._http_session, target)  # noqa: SLF001 - the client's README names it; there is no argument
    presto_listing.first(handle, "select 1")
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of prestodb.dbapi.connect but for the login; redirects are not handled."""
    return {**presto.arguments(target), "redirect_handler": None}


def check(handle: Any, target: Target) -> Server:
    """Read the coordinator's version (Presto documentation, "System connector")."""
    sql = "select node_version from system.runtime.nodes where coordinator = true"
    return Server("Presto", presto_listing.first(handle, sql, target.fetch_size))


CONNECTOR = Connector(
    type="presto",
    title="Presto",
    kind="jdbc",
    default_port=8080,
    extra="presto",
    driver="prestodb",
    distribution="presto-python-client",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=presto.PARAMS,
    grammar=presto.GRAMMAR,
    scope=("database", "schema"),
    example="--host presto.example.com --port 8443 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="direct",
    greet=presto.greet,
    requires=presto.requires,
    open=connect,
    select=presto_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=presto_errors.classify,
    explain=presto_errors.explain,
    catalogs=presto_listing.catalogs,
    schemas=presto_listing.schemas,
    tables=presto_listing.tables,
    verified="driver only: login and discovery never run",
    authentication=presto.AUTHENTICATION,
    privileges=(*presto.PRIVILEGES, "SELECT on system.runtime.nodes, for the version"),
    pinned="resolver",
)
