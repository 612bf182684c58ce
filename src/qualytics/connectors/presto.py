"""PrestoDB through presto-python-client, over https, or plain http without a password."""

from __future__ import annotations

from typing import Any

from qualytics.connectors import _presto, _presto_errors, _presto_listing
from qualytics.connectors._base import Connector, Server, Target
from qualytics.connectors._silence import expect_silence


def connect(target: Target) -> Any:
    """Open a session and run the cheapest query: connecting alone sends nothing."""
    expect_silence(target)
    import prestodb

    given = arguments(target)
    if login := _presto.credentials(target):
        given["auth"] = prestodb.auth.BasicAuthentication(*login)
    handle = prestodb.dbapi.connect(**given)
    _presto.bind(handle._http_session, target)  # noqa: SLF001 - the client's README names it; there is no argument
    _presto_listing.first(handle, "select 1")
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of prestodb.dbapi.connect but for the login; redirects are not handled."""
    return {**_presto.arguments(target), "redirect_handler": None}


def check(handle: Any, target: Target) -> Server:
    """Read the coordinator's version (Presto documentation, "System connector")."""
    sql = "select node_version from system.runtime.nodes where coordinator = true"
    return Server("Presto", _presto_listing.first(handle, sql, target.fetch_size))


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
    params=_presto.PARAMS,
    grammar=_presto.GRAMMAR,
    scope=("database", "schema"),
    example="--host presto.example.com --port 8443 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="direct",
    greet=_presto.greet,
    requires=_presto.requires,
    open=connect,
    select=_presto_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=_presto_errors.classify,
    explain=_presto_errors.explain,
    catalogs=_presto_listing.catalogs,
    schemas=_presto_listing.schemas,
    tables=_presto_listing.tables,
    verified="driver only: login and discovery never run",
    authentication=_presto.AUTHENTICATION,
    privileges=(*_presto.PRIVILEGES, "SELECT on system.runtime.nodes, for the version"),
    pinned="resolver",
)
