"""Saved connections as engines of SQLAlchemy: `pip install 'qualytics[sqlalchemy]'`, and the dialect of the type."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.client.sdk import given_or_own
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from qualytics.client.contract import Client
    from qualytics.types import Connection

# A dialect that does not work on the driver's own connection wraps it in this.
_WRAPPERS = {"duckdb_engine": "ConnectionWrapper"}


def create_engine(
    connection: int | str, *, database: str | None = None, client: Client | None = None, **options: Any
) -> Engine:
    """Return an engine whose connections are those of `client.connections.open`, with its TLS, roots and login.

    `connection` is the name or the id, `options` are those of `sqlalchemy.create_engine`. Nothing is opened before the
    engine is used, and the secrets are asked for at each new connection: a new password counts at once, and none stands
    in the URL of the engine. Without a `client` the one that is configured is asked, each time anew; a client that is
    given is asked in the thread that uses the engine. Files of SQLite and DuckDB are open for reading only.

    Raises:
        NotFound: there is no such connection.
        UsageError: SQLAlchemy has no dialect of this type, or none that works on the type's driver.
        DriverMissing: the driver is not installed.

    """
    import sqlalchemy

    with given_or_own(client) as asked:
        document = asked.connections.get(connection)
    url = _url(document, database)
    wrap = _wrapper(url, document["type"])

    def creator() -> Any:
        with given_or_own(client) as asked:
            return wrap(asked.connections.open(document["id"], database))

    return sqlalchemy.create_engine(url, creator=creator, **options)


def _url(document: Connection, database: str | None) -> URL:
    import sqlalchemy

    foreign = connectors.get(document["type"]).foreign
    form = foreign.forms.get("sqlalchemy") if foreign is not None else None
    if form is None:
        raise UsageError(f"SQLAlchemy has no dialect of {document['type']}", "client.connections.open opens a session")
    return sqlalchemy.URL.create(form.word, host=document.get("host"), database=database or document.get("uri"))


def _wrapper(url: URL, type_name: str) -> Any:
    """Return what makes of the driver's connection what the dialect works on.

    Raises:
        UsageError: the dialect is not installed, or works on another driver.

    """
    from sqlalchemy.exc import NoSuchModuleError

    connector = connectors.get(type_name)
    connector.require_driver()
    try:
        dialect = url.get_dialect()
        module = importlib.import_module(dialect.__module__.partition(".")[0])
        if (name := _WRAPPERS.get(module.__name__)) is not None:
            return getattr(module, name)
        driver = dialect.import_dbapi().__name__
    except (NoSuchModuleError, ImportError) as exc:
        raise UsageError(
            f"the dialect {url.drivername} of SQLAlchemy is not installed", "install the package that brings it"
        ) from exc
    if driver.partition(".")[0] != connector.driver.partition(".")[0]:
        message = f"the dialect {url.drivername} works on {driver}, and {type_name} here on {connector.driver}"
        raise UsageError(message, "client.connections.open opens a session without SQLAlchemy")
    return lambda opened: opened
