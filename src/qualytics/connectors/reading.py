"""What a read asks for, and what a type that can be read offers for it."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from qualytics.connectors.contract import Connector, Target

# What is done with a value that the Arrow type of its column cannot hold, such as NaN among decimals: an error that names
# column and row, null, or text for the whole column.
SPECIAL = ("error", "null", "text")
# The same for bytes that are no text: an error, or all values of the column in hexadecimal digits.
INVALID_TEXT = ("error", "hex")
# Of a field of an Arrow schema, as its metadata: what the database calls the column's type, and what was not kept of it.
DATABASE_TYPE, NOTE = "database_type", "note"
# The note of a column whose values are not all what is stored.
NULLED = "values that the type cannot hold become null"
# Rows that a driver holds at once where a connection does not say.
DEFAULT_FETCH_SIZE = 1_000
# Ranges for each session, so that no session waits long for the last one.
RANGES_PER_SESSION = 4


class Query(Struct):
    """What is read: `table`, in the database and schema of the plan, `sql`, one statement, or the files under `path`.

    `columns` are all when empty; `where` is a condition in the engine's SQL. `fetch_size` is how many rows a driver
    holds at once, `parallel` how many connections read at once. Partitions are ranges of `partition_column`, or
    what the engine offers by itself when it is None; with `ordered` their rows come one partition after the other.
    """

    table: str | None = None
    columns: tuple[str, ...] = ()
    where: str | None = None
    sql: str | None = None
    path: str | None = None
    limit: int | None = None
    fetch_size: int = DEFAULT_FETCH_SIZE
    parallel: int = 1
    partition_column: str | None = None
    special: str = SPECIAL[0]
    invalid_text: str = INVALID_TEXT[0]
    verify: bool = False
    ordered: bool = False


class Partition(Struct, eq=True):
    """A part of what is read: the rows for which `predicate` is true, all of them when it is None."""

    number: int
    predicate: str | None = None


def partitioned(predicates: Sequence[str]) -> list[Partition]:
    """Return a partition for each predicate; one of all rows where there is none."""
    return [Partition(number, predicate) for number, predicate in enumerate(predicates)] or [Partition(0)]


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch without rows."""
    import pyarrow as pa

    # Of values given as a list pyarrow asks pandas, which it imports for that.
    return pa.RecordBatch.from_arrays([pa.nulls(0, one.type) for one in schema], schema=schema)


def ranges_of(query: Query, column_ranges: Callable[[str], Sequence[str]]) -> list[Partition]:
    """Return the ranges of the column that a query names, as `column_ranges` gives them; all rows in one without it."""
    if query.parallel < 2 or query.limit is not None or query.partition_column is None:
        return partitioned([])
    return partitioned(column_ranges(query.partition_column))


def first_rows(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """Yield batches up to so many rows, all without a limit, and end what gives them."""
    with contextlib.closing(batches):  # type: ignore[type-var]  # they come from generators
        for batch in batches:
            yield batch if limit is None else batch.slice(0, limit)
            if limit is not None and (limit := max(limit - batch.num_rows, 0)) == 0:
                return


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that has come before; None where each comes once."""
    seen = set[str]()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


class Snapshot(Struct, eq=True):
    """A state of the data that several sessions can read: what it is, and by what they find it (None: this session alone)."""

    kind: str
    id: str | None = None


class NotShared(Exception):
    """A session does not see the snapshot of the first one: the others read without it."""


class Session(Protocol):
    """A session that only reads, in one snapshot where the engine has such; made by `begin` of a type's module.

    `schema` has the Arrow type of each column, with `DATABASE_TYPE` and `NOTE` as metadata of its field.
    """

    schema: pa.Schema
    snapshot: Snapshot | None

    def partitions(self) -> Sequence[Partition]:
        """Return partitions that hold each row once; one when there is no way to make more."""
        ...

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition, at most `fetch_size` in a batch.

        Raises:
            Refusal: a value that its column's Arrow type cannot hold.

        """
        ...

    def count(self) -> int:
        """Return how many rows there are to read, counted by the engine in the same snapshot."""
        ...


class Begin(Protocol):
    """What a type's module under `connectors/reads` offers."""

    def __call__(
        self, handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None
    ) -> Session:
        """Begin a session on an open connection.

        With a `snapshot` it sees what another session sees, whose `schema` it takes over.

        Raises:
            NotShared: it does not see that.

        """
        ...


def begin_of(connector: Connector) -> Begin:
    """Return what begins a session of a type that can be read; its module is imported now."""
    module = importlib.import_module(f"qualytics.connectors.reads.{connector.reads}")
    return cast("Begin", module.begin)
