"""Documents on data that is read through a connection: what a read asks for, and its receipt."""

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict


class ReadOptions(TypedDict, total=False):
    """What a read asks for: a table, one query, or the files under a path, and how it is read.

    `limit_s` bounds the reading, in seconds.

    `fetch_size` is how many rows a driver holds at once, `parallel` how many connections read at once: by default
    those of the connection.
    """

    table: str | None
    columns: Sequence[str] | None
    where: str | None
    sql: str | None
    path: str | None
    limit: int | None
    fetch_size: int | None
    parallel: int | None
    partition_column: str | None
    special: Literal["error", "null", "text"]
    invalid_text: Literal["error", "hex"]
    verify: bool
    ordered: bool
    limit_s: float | None


class ReadSource(TypedDict):
    """Where rows were read: through which connection or datastore, of what, and which of them where not all."""

    connection: str
    datastore: NotRequired[str]
    type: str
    database: str | None
    schema: str | None
    table: NotRequired[str]
    sql: NotRequired[str]
    path: NotRequired[str]
    columns: NotRequired[Sequence[str]]
    where: NotRequired[str]
    limit: NotRequired[int]


class ReadSnapshot(TypedDict):
    """The state of the data that all partitions were read in."""

    kind: str
    id: str | None


class ReadPartition(TypedDict):
    """A partition: the rows for which `predicate` is true, all of them when it is None."""

    number: int
    predicate: str | None
    rows: int
    seconds: float


class ReadColumn(TypedDict):
    """A column, its type there and in Arrow, and whether each value is the one that is stored."""

    name: str
    database_type: str | None
    arrow_type: str
    exact: bool
    note: str | None


class ReadCount(TypedDict):
    """How many rows the engine counts in the same snapshot, and whether as many came."""

    count: int
    ok: bool


class ReadDriver(TypedDict):
    """The driver that read."""

    name: str | None
    version: str | None


class Receipt(TypedDict):
    """What was read, from which snapshot, in which partitions, and how exactly."""

    source: ReadSource
    began: str
    seconds: float
    rows: int
    bytes: int
    batches: int
    fetch_size: int
    parallel: int
    snapshot: ReadSnapshot | None
    partitions: list[ReadPartition]
    columns: list[ReadColumn]
    verified: ReadCount | None
    driver: ReadDriver


class ReadProgress(TypedDict):
    """Rows and bytes that were taken, partitions that were read whole, and how many there are."""

    rows: int
    bytes: int
    partitions: int
    of_partitions: int
