"""Statements of reads in standard SQL: what is read, and conditions that divide it."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.one_statement import is_ordered
from qualytics.connectors.shared.sql import identifier
from qualytics.text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qualytics.connectors.contract import Refusal
    from qualytics.connectors.reading import Query

    Quote = Callable[[str], str]


def table_name(query: Query, schema: str | Sequence[str | None] | None, quote: Quote = identifier) -> str:
    """Return the quoted name of the table of a query, with its schema, or all names before it, where there are such."""
    before = (schema,) if schema is None or isinstance(schema, str) else schema
    return ".".join(quote(name) for name in (*before, query.table) if name)


def statement(
    query: Query,
    schema: str | Sequence[str | None] | None,
    predicate: str | None = None,
    quote: Quote = identifier,
    source: str | None = None,
) -> str:
    """Return the statement that reads a query, or the part of it for which a predicate is true.

    `source` stands in the place of the table, as with the moment of its history.
    """
    conditions = [f"(\n{part}\n)" for part in (query.where, predicate) if part is not None]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    columns = ", ".join(map(quote, query.columns)) or "*"
    if source is None:
        source = table_name(query, schema, quote) if query.sql is None else f"(\n{query.sql}\n) q"
    limit = "" if query.limit is None else f" limit {query.limit}"
    return f"select {columns} from {source}{where}{limit}"


def is_query_alone(query: Query, syntax: str) -> bool:
    """Say whether a query may be run as it stands: all of it, or the first rows in its own order.

    Many an engine drops the order of a query within another. Whoever reads stops when there are enough rows.
    """
    if query.sql is None or query.columns or query.where is not None:
        return False
    return query.limit is None or (not query.verify and is_ordered(query.sql, syntax))


def counted(query: Query, schema: str | None, quote: Quote = identifier) -> str:
    """Return the statement that counts the rows of a query."""
    return f"select count(*) from (\n{statement(query, schema, quote=quote)}\n) as q"


def whole_bounds(low: int | None, high: int | None, number: int) -> list[int]:
    """Return whole numbers that divide what lies between two into so many ranges, or fewer; none where there is nothing."""
    if low is None or high is None:
        return []
    bounds = [low + (high - low) * part // number for part in range(1, number)]
    return [bound for bound in dict.fromkeys(bounds) if bound > low]


def real_bounds(low: float | None, high: float | None, number: int) -> list[str]:
    """Return the same for doubles, which may be infinite."""
    if low is None or high is None:
        return []
    most = sys.float_info.max
    first, last = (min(max(float(end), -most), most) for end in (low, high))
    bounds = [first * (1 - part / number) + last * (part / number) for part in range(1, number)]
    # So many digits are as many doubles, in the same order, however an engine rounds them. The doubles themselves may be
    # rounded past each other, where the ends are close.
    return sorted({f"{bound:.15g}" for bound in bounds}, key=float)


def no_column(name: str, known: Iterable[str], option: str = "--partition-column") -> Refusal:
    """Return the refusal of a column that is not among those that there are."""
    near = nearest(name, known)
    hint = f"check {option}" if near is None else f"did you mean {option} {near}?"
    return refuse("config", f"there is no column {name!r}", hint)


def require_columns(query: Query, known: Iterable[str]) -> None:
    """Refuse a query for a column that there is not, whatever the case of its letters, of which the engine may say more."""
    folded = {name.lower(): name for name in known}
    for name in query.columns:
        if name.lower() not in folded:
            raise no_column(name, folded.values(), "--columns")


def no_ranges(name: str) -> Refusal:
    """Return the refusal of a --partition-column whose type has no values between two others."""
    hint = "--partition-column takes a column of numbers, dates or timestamps"
    return refuse("config", f"column {name!r} makes no ranges", hint)


def ranges(column: str, bounds: Sequence[str | int], *, has_nulls: bool, has_nan: bool = False) -> list[str]:
    """Return predicates of which each row fulfils one: the first and the last are open, NULL is one of its own.

    With `has_nan` the last has what fulfils none of the others, whatever the engine says of NaN.
    """
    if not bounds:
        return []
    inner = [f"{column} >= {low} and {column} < {high}" for low, high in pairwise(bounds)]
    nulls = [f"{column} is null"] if has_nulls else []
    last = f"not ({column} < {bounds[-1]})" if has_nan else f"{column} >= {bounds[-1]}"
    return [f"{column} < {bounds[0]}", *inner, last, *nulls]
