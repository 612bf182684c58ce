"""Rows of the table on reads: PostgreSQL into Arrow beside psql's COPY, and the memory that a read holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clock import Command, medians_ms, peak_mib, qualytics
from bench.rows import Bench, Figure
from testbed import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FEW, _MANY = 200_000, 2_000_000
_ROUNDS = 3
_TABLE = """
create table {name} as select n as id, n * 7919::bigint as big, n / 3.0::float8 as share, 'name of ' || n as name,
    (n * 0.01)::numeric(12, 2) as price, timestamp '2020-01-01' + n * interval '1 second' as at,
    date '2020-01-01' + n % 1000 as day, n % 2 = 0 as even
from generate_series(1, {rows}) n
"""


def reads(bench: Bench) -> Iterator[Figure]:
    """Time a read of a table of eight columns, beside COPY of the same; then its memory at two sizes of both."""
    home, libpq = bench.on_postgres()
    psql = str(servers.postgres_programs() / "psql")
    for name, rows in (("few", _FEW), ("many", _MANY)):
        Command((psql, "-qc", _TABLE.format(name=name, rows=rows)), libpq).run()

    def read(table: str, fetch_size: int, parallel: int = 1) -> Command:
        options = f"--fetch-size {fetch_size} --parallel {parallel} --output - --format arrow"
        words = f"connections read live --database postgres --schema public --table {table} {options}"
        made = qualytics(home, *words.split())
        return Command(("sh", "-c", '"$@" > /dev/null', "sh", *made.words), made.extra)

    copy = Command(("sh", "-c", '"$@" > /dev/null', "sh", psql, "-qc", "copy many to stdout"), libpq)
    commands = {"copy": copy, "one": read("many", 10_000), "two": read("many", 10_000, 2), "start": read("few", 1_000)}
    taken = medians_ms(commands, _ROUNDS)
    rows = f"{_MANY:,} rows"
    yield Figure(f"read of {rows}", taken["one"], "ms", taken["copy"], "psql COPY", limit_ratio=1 / 0.9)
    yield Figure(f"read of {rows}, two sessions", taken["two"], "ms", taken["copy"], "psql COPY")
    for size in (1_000, 10_000):
        less, more = (peak_mib(read(table, size)) for table in ("few", "many"))
        yield Figure(f"peak memory, read of {rows}, {size:,} at once", more, "MiB", less, f"of {_FEW:,}", 200)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"read": reads}
