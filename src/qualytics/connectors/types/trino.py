"""Trino through its own client, over https, or plain http without a password."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Connector, Server, Target
from qualytics.connectors.shared import presto, presto_errors, presto_listing
from qualytics.connectors.shared.preamble import expect_silence


def connect(target: Target) -> Any:
    """Open a session and run the cheapest query: connecting alone sends nothing."""
    expect_silence(target)
    import requests
    import trino.auth
    import trino.dbapi

    dbapi: Any = trino.dbapi
    basic: Any = trino.auth.BasicAuthentication
    login = presto.credentials(target)
    session = presto.bind(requests.Session(), target)
    handle = dbapi.connect(**arguments(target), auth=basic(*login) if login else None, http_session=session)
    presto_listing.first(handle, "select 1")
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of trino.dbapi.connect but for the session and the login.

    Without an encoding the server sends results itself, not by addresses in an object store.
    """
    return {**presto.arguments(target), "encoding": None, "legacy_prepared_statements": True}


def check(handle: Any, target: Target) -> Server:
    """Read the version (Trino documentation, "System information")."""
    return Server("Trino", presto_listing.first(handle, "select version()", target.fetch_size))


CONNECTOR = Connector(
    type="trino",
    title="Trino",
    kind="jdbc",
    default_port=8080,
    extra="trino",
    driver="trino",
    distribution="trino",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=presto.PARAMS,
    grammar=presto.GRAMMAR,
    scope=("database", "schema"),
    example="--host trino.example.com --port 8443 --username '${DB_USER}' --password '${DB_PASSWORD}'",
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
    privileges=presto.PRIVILEGES,
    pinned="resolver",
)
