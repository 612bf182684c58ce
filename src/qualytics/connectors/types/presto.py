"""PrestoDB through presto-python-client: Trino in all but the client."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Server, Target
from qualytics.connectors.foreign import Environment
from qualytics.connectors.types import trino
from qualytics.structs import replace


def connect(target: Target) -> Any:
    """Open a session and run the cheapest query: connecting alone sends nothing."""
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    import prestodb

    options = arguments(target)
    if login := trino.credentials(target):
        options["auth"] = prestodb.auth.BasicAuthentication(*login)
    handle = prestodb.dbapi.connect(**options)
    trino.session_of(handle._http_session, target)  # noqa: SLF001 - the client's README names it; there is no argument
    trino.first(handle, "select 1")
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of prestodb.dbapi.connect but for the login; redirects are not handled."""
    return {**trino.common_arguments(target), "redirect_handler": None}


def check(handle: Any, target: Target) -> Server:
    """Read the coordinator's version (Presto documentation, "System connector")."""
    sql = "select node_version from system.runtime.nodes where coordinator = true"
    return Server("Presto", trino.first(handle, sql, target.fetch_size))


ENVIRONMENT = Environment(
    texts={"PRESTO_PASSWORD": "{password}"}, url="presto", path=("database", "schema"), cleared=("PRESTO_*",)
)

# The README of PyHive; Presto documentation, "JDBC Driver"; dbt has no adapter for it that is kept.
_ODBC = {"Driver": "Simba Presto ODBC Driver", "AuthenticationType": "LDAP Authentication"}
FORMS = {
    "airflow": replace(trino.FORMS["airflow"], word="presto"),
    "jdbc": replace(trino.FORMS["jdbc"], word="jdbc:presto", driver="com.facebook.presto.jdbc.PrestoDriver"),
    "odbc": replace(trino.FORMS["odbc"], fixed=_ODBC),
    "sqlalchemy": replace(trino.FORMS["sqlalchemy"], word="presto"),
}

CONNECTOR = replace(
    trino.CONNECTOR,
    type="presto",
    title="Presto",
    driver="prestodb",
    distribution="presto-python-client",
    example="--host presto.example.com --port 8443 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    open=connect,
    check=check,
    reads="presto",
    privileges=(*trino.PRIVILEGES, "SELECT on system.runtime.nodes, for the version"),
    foreign=replace(
        trino.FOREIGN, names=("presto", "prestodb"), odbc=("presto",), environment=ENVIRONMENT, forms=FORMS
    ),
)
