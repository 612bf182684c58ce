"""Reads of data through a connection, or a datastore of it, on the machine of whoever asks."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.connectors.reading import DEFAULT_FETCH_SIZE, INVALID_TEXT, SPECIAL, Query
from qualytics.connectors.shared.one_statement import one_expression, one_statement, syntax_of
from qualytics.errors import Conflict, DriverMissing, InvalidInput, Problem, ReadFailed, TestFailed, UsageError
from qualytics.fields import BY_NAME
from qualytics.probe.parent.budget import machine_bytes
from qualytics.probe.plan import Reading
from qualytics.service import validate
from qualytics.service.connections import tests
from qualytics.service.connections.uses import plan_of, purpose_of
from qualytics.settings import READ_MEMORY_BYTES, READ_SHARE_BYTES, read_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.errors import QualyticsError
    from qualytics.model import Scope, TestReport, UsedConnection
    from qualytics.reading.reader import Reader

# What may be read, each with the option that says it.
_WHAT = ("table", "sql", "path")
# What leaves out a part of that.
_PARTS = ("columns", "where", "limit")
_TEXTS = (*_WHAT, "where", "partition_column")


def begin(
    used: UsedConnection,
    scope: Scope,
    options: Mapping[str, Any],
    *,
    datastore: str | None = None,
    login_databases: Iterable[str | None] = (),
    ask: Callable[[], object] | None = None,
) -> Reader:
    """Read through a connection, in the database and schema of `scope`; `options` are `types.ReadOptions`.

    Without a database in the scope, `login_databases` are ways in. `ask` raises once the connection may not be used any
    more, which ends the read. Whoever asked closes the reader.

    Raises:
        InvalidInput: an option is unknown or out of range, or the type has no such database or schema.
        Conflict: tables of the type cannot be read yet.
        DriverMissing: pyarrow is not installed.
        TestFailed: no session could be opened.
        ReadFailed: the table or query cannot be read.
        UsageError: sessions of the type share no snapshot in which their rows could be verified, or the variable that
            limits their memory is wrong.

    """
    connector = connectors.get(used.type)
    _require_readable(connector)
    given = dict(options)
    limit_s = _checked_limit(given.pop("limit_s", None))
    query = checked_query(used, given, is_store=connector.kind == "dfs")
    _require_verifiable(connector, query)
    tests.check_place(connector, scope)
    plan = plan_of(used, tests.with_databases(scope, login_databases))
    what = {name: value for name in (*_WHAT, *_PARTS) if (value := getattr(query, name)) not in (None, ())}
    source = {
        "connection": used.name,
        **({} if datastore is None else {"datastore": datastore}),
        "type": used.type,
        "database": scope.database,
        "schema": scope.schema,
    }
    from qualytics.reading.reader import Reader

    reading = Reading(query, limit_s=limit_s, memory_bytes=read_memory_bytes() or _share_bytes(query.parallel))
    return Reader(
        plan, reading, source | what, judge=functools.partial(_judge, _query_hint(connector, scope, query)), ask=ask
    )


def _share_bytes(parallel: int) -> int:
    """Return what each of some sessions may hold, so that all of them leave half of the machine's memory to others."""
    return min(READ_MEMORY_BYTES, max(machine_bytes() // 2 // parallel, READ_SHARE_BYTES))


def purpose(options: Mapping[str, Any]) -> str:
    """Return what a read uses a connection for."""
    read = next((options[name] for name in ("table", "path") if isinstance(options.get(name), str)), None)
    return "read a query" if read is None else purpose_of(f"read {read}")


def checked_query(used: UsedConnection, options: Mapping[str, Any], *, is_store: bool = False) -> Query:
    """Return the query that options make, with the tuning of a connection where they have none.

    `is_store`: the connection is of a store of files.

    Raises:
        InvalidInput: with every problem there is.

    """
    problems = validate.Problems()
    known = {name: value for name, value in options.items() if value not in (None, ())}
    for name in known.keys() - set(Query.__annotations__):
        hint = "as in qualytics.Scope('sales', 'public')" if name in {"database", "schema"} else None
        problems.add(name, "is no option of a read", hint, "unknown-field")
    tuning: dict[str, Any] = {
        "fetch_size": used.values.get("jdbc_fetch_size") or DEFAULT_FETCH_SIZE,
        "parallel": used.values.get("max_parallelization") or 1,
    }
    values: dict[str, Any] = tuning | {name: known[name] for name in known.keys() & set(Query.__annotations__)}
    _check_what(values, problems, is_store=is_store)
    _check_texts(values, problems)
    if not is_store:
        _check_sql(used, values, problems)
    for name, field in (("fetch_size", "jdbc_fetch_size"), ("parallel", "max_parallelization"), ("limit", None)):
        _check_number(name, values.get(name), None if field is None else BY_NAME[field].maximum, problems)
    for name, choices in (("special", SPECIAL), ("invalid_text", INVALID_TEXT)):
        if values.get(name, choices[0]) not in choices:
            problems.add(name, f"must be one of {', '.join(choices)}")
    problems.finish()
    return Query(**{**values, "columns": tuple(values.get("columns", ()))})


def _check_what(values: Mapping[str, Any], problems: validate.Problems, *, is_store: bool) -> None:
    """Check that it is said what is read, once, and nothing that files, or a query, have no use for."""
    if is_store:
        if "path" not in values:
            problems.add("path", "is needed", "as in --path raw/2025, or --path / for all files", "missing-value")
        for name in ("table", "sql", "where", "partition_column"):
            if name in values:
                problems.add(name, "is for engines, and files have none", "leave it out; --columns and --limit hold")
        return
    if "path" in values:
        problems.add("path", "is for stores of files: s3, gcs and abfs", "give --table or --sql")
    elif ("table" in values) == ("sql" in values):
        problems.add(
            "table", "or sql is needed, and not both", "as in --table orders, or --sql 'select 1'", "missing-value"
        )
    if "sql" in values and (values.keys() & {"columns", "where"}):
        problems.add("sql", "goes without columns and where", "write them into the query")


def _check_texts(values: Mapping[str, Any], problems: validate.Problems) -> None:
    for name in _TEXTS:
        if name in values and not (isinstance(values[name], str) and values[name].strip()):
            problems.add(name, "must be a text, and not empty")
    columns = values.get("columns", ())
    if isinstance(columns, str) or not all(isinstance(one, str) and one for one in columns):
        problems.add("columns", "must be a list of names", "as in columns=['id', 'name']")


def _check_sql(used: UsedConnection, values: dict[str, Any], problems: validate.Problems) -> None:
    """Check that a query is one statement, whose semicolon is taken from it, and a condition one expression."""
    syntax = syntax_of(connectors.get(used.type).reads or "", used.values.get("uri") or "")
    for name, checked, what in (("sql", one_statement, "statement"), ("where", one_expression, "expression")):
        if isinstance(values.get(name), str) and values[name].strip():
            try:
                values[name] = checked(values[name], syntax)
            except ValueError as exc:
                problems.add(name, str(exc), f"--{name} takes one {what}")


def _checked_limit(limit_s: Any) -> float | None:
    if limit_s is None:
        return None
    if isinstance(limit_s, bool) or not isinstance(limit_s, int | float) or not limit_s > 0:  # nor NaN
        message = "the time limit must be a number of seconds, more than 0"
        raise InvalidInput([Problem("limit_s", message, "as in --timeout 600; without one there is no limit")])
    return float(limit_s)


def _check_number(name: str, value: Any, most: int | None, problems: validate.Problems) -> None:
    if value is None:
        return
    if type(value) is not int or value < 1 or (most is not None and value > most):
        upper = f" and at most {most:,}" if most is not None else ""
        problems.add(name, f"must be a whole number, at least 1{upper}")


def _require_verifiable(connector: Connector, query: Query) -> None:
    if not query.verify or connector.snapshots == "shared":
        return
    if connector.snapshots == "none":
        message = f"statements of {connector.type} see each a state of its own, so that nothing can verify their rows"
        raise UsageError(message, "leave out --verify")
    if query.parallel > 1:
        message = f"sessions of {connector.type} see each a state of its own, so that nothing can verify their rows"
        raise UsageError(message, "add --parallel 1, or leave out --verify")


def _require_readable(connector: Connector) -> None:
    if connector.reads is None:
        types = [one.type for one in connectors.all_connectors() if one.reads is not None]
        raise Conflict(f"tables of {connector.type} cannot be read yet", f"types that can: {', '.join(sorted(types))}")
    connector.require_driver()
    for package in ("pyarrow", *connector.reads_with):
        if importlib.util.find_spec(package) is None:
            raise DriverMissing(f"{package}, which reads need, is not installed", "pip install 'qualytics[read]'")


def _judge(query_hint: str, report: TestReport, partition: int | None) -> QualyticsError:
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
    hint = query_hint if failure.failure_class in _ABOUT_QUERY else document["hint"]
    if failure.failure_class == "timeout" and failure.code is not None:  # of the server itself, not of this program
        hint = "the server ends what takes longer than it allows this user: raise that, or read in smaller parts"
    return ReadFailed(f"the read failed{where}: {said}", hint, document)


_ABOUT_QUERY = frozenset({"config", "unknown_db", "unknown"})


def _query_hint(connector: Connector, scope: Scope, query: Query) -> str:
    hint = "check the table, the columns and the query, which must be one that reads"
    places = {*connector.scope, *connector.scope_optional}
    if "database" in places and scope.database is None:
        hint += "; no --database was given"
    if "schema" in places and scope.schema is None and "." in (query.table or ""):
        hint += "; a schema goes into --schema, not before the table"
    return hint
