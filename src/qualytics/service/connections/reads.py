"""Reads of data through a stored connection, or a datastore of it; on the embedded store alone."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.connectors.reading import INVALID_TEXT, SPECIAL, Query
from qualytics.errors import Conflict, DriverMissing, NotAllowed, ReadFailed, TestFailed, UsageError
from qualytics.model import Scope
from qualytics.service import lookup, validate
from qualytics.service.connections import tests
from qualytics.service.connections.drafts import merge, stored_with_secrets, with_secrets
from qualytics.service.rights import READ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.errors import QualyticsError
    from qualytics.model import Connection, TestReport
    from qualytics.reading.reader import Reader
    from qualytics.service.context import Context

# More rows at once, or more sessions, than any read is faster with.
MAX_FETCH_SIZE, MAX_PARALLEL = 1_000_000, 64
_DEFAULT_FETCH_SIZE = 1_000


class Reads:
    """Reads of tables and queries; each returns a `Reader`, which must be closed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def connection(self, record: int | str, scope: Scope | None = None, **options: Any) -> Reader:
        """Read through a connection, in the database and schema of `scope`; `options` are the fields of a query.

        `fetch_size` and `parallel` are those of the connection where they are not given; `limit_s` bounds the
        reading, in seconds.

        Raises:
            NotFound: there is no such connection.
            InvalidInput: an option is unknown or out of range, or the type has no such database or schema.
            Conflict: tables of the type cannot be read yet.
            DriverMissing: pyarrow is not installed.
            TestFailed: no session could be opened.
            ReadFailed: the table or query cannot be read.
            UsageError: sessions of the type share no snapshot in which their rows could be verified.
            NotAllowed: many users share the store.

        """
        self._require_embedded()
        with self._context.audited(READ, "connection.read", record) as action:
            found, secrets = stored_with_secrets(self._context.store, record)
            action.found(found.id, found.name)
            reader = self._begun(found, secrets, scope or Scope(), options, {})
            action.record_alone("done")
        return reader

    def datastore(self, record: int | str, **options: Any) -> Reader:
        """Read through a datastore: as `connection`, in its database and schema."""
        self._require_embedded()
        with self._context.audited(READ, "datastore.read", record) as action:
            datastore = lookup.datastore(self._context.store, record)
            action.found(datastore.id, datastore.name)
            found, secrets = stored_with_secrets(self._context.store, datastore.connection_id)
            scope = Scope(datastore.database, datastore.schema, datastore.root_path)
            reader = self._begun(found, secrets, scope, options, {"datastore": datastore.name})
            action.record_alone("done")
        return reader

    def _require_embedded(self) -> None:
        if self._context.is_shared:
            raise NotAllowed("a control plane gives no secrets", "read through a connection of an embedded store")

    def _begun(
        self,
        found: Connection,
        secrets: Mapping[str, Any],
        scope: Scope,
        options: dict[str, Any],
        names: Mapping[str, str],
    ) -> Reader:
        connector = connectors.get(found.type)
        _require_readable(connector)
        login_s, limit_s = tests.checked_timeout(None), options.pop("limit_s", None)
        query = checked_query(found, options)
        if query.verify and query.parallel > 1 and not connector.shares_snapshot:
            message = f"sessions of {connector.type} see each a state of its own, so that nothing can verify their rows"
            raise UsageError(message, "add --parallel 1, or leave out --verify")
        tests.check_place(connector, scope)
        asked = with_secrets(merge(found, {}, self._context.settings.policy), secrets)
        datastores = list(self._context.store.datastores.of_connection(found.id))
        plan = tests.plan_of(self._context, asked, login_s, tests.with_login_databases(scope, datastores))
        what = {"table": query.table} if query.table is not None else {"sql": query.sql}
        source = {
            "connection": found.name,
            **names,
            "type": found.type,
            "database": scope.database,
            "schema": scope.schema,
        }
        self._context.release()  # a read may take hours
        from qualytics.reading.reader import Reader

        return Reader(plan, query, source | what, judge=_judge, limit_s=limit_s)


def checked_query(found: Connection, options: Mapping[str, Any]) -> Query:
    """Return the query that options make, with the tuning of a connection where they have none.

    Raises:
        InvalidInput: with every problem there is.

    """
    problems = validate.Problems()
    known = {name: value for name, value in options.items() if value not in (None, ())}
    for name in known.keys() - set(Query.__annotations__):
        problems.add(name, "is no option of a read", None, "unknown-field")
    tuning: dict[str, Any] = {
        "fetch_size": found.values.get("jdbc_fetch_size") or _DEFAULT_FETCH_SIZE,
        "parallel": found.values.get("max_parallelization") or 1,
    }
    values: dict[str, Any] = tuning | {name: known[name] for name in known.keys() & set(Query.__annotations__)}
    if ("table" in values) == ("sql" in values):
        problems.add(
            "table", "or a query is needed, and not both", "as in --table orders, or --sql 'select 1'", "missing-value"
        )
    if "sql" in values and (values.keys() & {"columns", "where"}):
        problems.add("sql", "goes without columns and where", "write them into the query")
    for name, most in (("fetch_size", MAX_FETCH_SIZE), ("parallel", MAX_PARALLEL), ("limit", None)):
        _check_number(name, values.get(name), most, problems)
    for name, choices in (("special", SPECIAL), ("invalid_text", INVALID_TEXT)):
        if values.get(name, choices[0]) not in choices:
            problems.add(name, f"must be one of {', '.join(choices)}")
    problems.finish()
    return Query(**{**values, "columns": tuple(values.get("columns", ()))})


def _check_number(name: str, value: Any, most: int | None, problems: validate.Problems) -> None:
    if value is None:
        return
    if type(value) is not int or value < 1 or (most is not None and value > most):
        upper = f" and at most {most:,}" if most is not None else ""
        problems.add(name, f"must be a whole number, at least 1{upper}")


def _require_readable(connector: Connector) -> None:
    if connector.reads is None:
        types = [one.type for one in connectors.all_connectors() if one.reads is not None]
        raise Conflict(f"tables of {connector.type} cannot be read yet", f"types that can: {', '.join(sorted(types))}")
    connector.require_driver()
    if importlib.util.find_spec("pyarrow") is None:
        raise DriverMissing("pyarrow, which reads need, is not installed", "pip install 'qualytics[read]'")


def _judge(report: TestReport, partition: int | None) -> QualyticsError:
    """Return the error of a session that failed: before the reading as a test would, else with its partition."""
    failure = report.failure
    if failure is None:
        return ReadFailed("the read has ended without a reason", "please report this")
    document = tests.report_document(report)
    if failure.stage != "read":
        return TestFailed(f"{failure.stage} failed: {document['message']}", document["hint"], document)
    where = "" if partition is None else f" in partition {partition}"
    said = (document["detail"] or "").partition("\n")[0]
    if not said:
        return ReadFailed(f"the read failed{where}: {document['message']}", document["hint"], document)
    # What the engine says of a table or a query is about it, not about the settings of the connection.
    hint = "check the table, the columns and the query" if failure.failure_class in _ABOUT_QUERY else document["hint"]
    return ReadFailed(f"the read failed{where}: {said}", hint, document)


_ABOUT_QUERY = frozenset({"config", "unknown_db", "unknown"})
