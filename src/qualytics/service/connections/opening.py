"""Sessions of a connection's driver, handed over to a program of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import Conflict, TestFailed
from qualytics.model import Scope
from qualytics.service.connections import tests, uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qualytics.model import UsedConnection

PURPOSE = "open a session"


def open_connection(
    used: UsedConnection, database: str | None = None, *, login_databases: Iterable[str | None] = ()
) -> Any:
    """Return a connection of the driver, as PEP 249 describes it, in a database.

    Without a database `login_databases` are ways in. It is opened as a test opens it: with the same TLS, roots, options
    and login. Files of SQLite and DuckDB are open for reading only. Whoever asked closes it.

    Raises:
        InvalidInput: the type has no databases.
        Conflict: the driver has no such connections.
        DriverMissing: the driver is not installed.
        TestFailed: no session could be opened; its `report` is that of a test.

    """
    from qualytics.probe.parent.opening import open_session

    connector, scope = connectors.get(used.type), Scope(database)
    refusal = Conflict(
        f"the driver of {connector.type} has no connections of PEP 249", "client.connections.use gives the values"
    )
    if connector.kind == "dfs":
        raise refusal
    connector.require_driver()
    tests.check_place(connector, scope)
    handle, report = open_session(uses.plan_of(used, tests.with_databases(scope, login_databases)))
    if handle is None:
        document = tests.report_document(report)
        raise TestFailed(f"{document['stage']} failed: {document['message']}", document["hint"], document)
    if not hasattr(handle, "cursor"):
        connector.close(handle)
        raise refusal
    return handle
