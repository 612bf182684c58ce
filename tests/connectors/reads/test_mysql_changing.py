"""Tables of a real MariaDB that others write to meanwhile, of every kind of column: one session sees one state."""

import datetime as dt
import struct
from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.mysql import begin
from testbed import servers
from tests.support.threads import Threads

pytestmark = pytest.mark.servers

DAY = dt.timedelta(hours=838, minutes=59, seconds=59)
MOMENTS = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001 - they have no zone
COLUMNS = {
    "tinyint": st.integers(-(2**7), 2**7 - 1),
    "smallint unsigned": st.integers(0, 2**16 - 1),
    "mediumint": st.integers(-(2**23), 2**23 - 1),
    "int unsigned zerofill": st.integers(0, 2**32 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "bigint unsigned": st.integers(0, 2**64 - 1),
    "decimal(9,3)": st.decimals(-999_999, 999_999, places=3),
    "decimal(65,30)": st.decimals(-(10**34), 10**34, places=30),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32, allow_subnormal=False),
    "double": st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    "varchar(20) character set utf8mb4": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    "varbinary(20)": st.binary(max_size=20),
    "longtext character set utf8mb4": st.sampled_from(["", "é" * 200, "LONG"]),
    "date": MOMENTS.map(dt.datetime.date),
    "datetime(6)": MOMENTS,
    "time(6)": st.timedeltas(-DAY, DAY),
    "year": st.just(0) | st.integers(1901, 2155),
    "bit(7)": st.integers(0, 127),
}
FLOAT, BIT = (list(COLUMNS).index(kind) for kind in ("float", "bit(7)"))
NAMES = [f"c{number}" for number in range(len(COLUMNS))]
ROWS = st.lists(st.tuples(*(st.none() | values for values in COLUMNS.values())), max_size=6)
COPIES = 60


class Writer(Threads):
    """A session that inserts, changes and deletes rows all the while."""

    def __init__(self, cursor):
        super().__init__(1)
        self._cursor = cursor

    def once(self, _number, _count):
        names = ", ".join(NAMES)
        self._cursor.execute(
            f"insert into changing ({names}) select {names} from changing where mod(id, 7) = 1 limit 20"
        )
        self._cursor.execute("delete from changing where mod(id, 7) = 2 limit 20")
        self._cursor.execute("update changing set id = -id where mod(id, 7) = 3 and id > 0 limit 5")
        self.done()


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_each_row_comes_once_as_it_is_stored(mariadb_server, rows):
    with ExitStack() as opened:
        writer, reader = (opened.enter_context(closing(servers.mariadb_admin(mariadb_server))) for _ in range(2))
        cursor = opened.enter_context(writer.cursor())
        fill(cursor, rows)
        target = Target(type="mariadb", parameters={}, timeout_s=60.0, directory="", database="sales")
        with Writer(cursor) as writing:
            writing.wait(1)
            session = begin(reader, target, Query(table="changing", columns=tuple(NAMES), fetch_size=37), None, None)
            (part,) = session.partitions()
            found = [tuple(row.values()) for batch in session.batches(part) for row in batch.to_pylist()]
            stored = stored_rows(reader)
            assert session.count() == len(stored)
    assert sorted(repr(alike(row)) for row in found) == sorted(repr(alike(row)) for row in stored)


def fill(cursor, rows):
    cursor.execute("use sales")
    cursor.execute("set time_zone = '+00:00', sql_mode = ''")
    cursor.execute("drop table if exists changing")
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, COLUMNS, strict=True))
    cursor.execute(f"create table changing (id bigint auto_increment primary key, {columns}) engine innodb")
    marks = ", ".join(["%s"] * len(NAMES))
    for row in rows:
        cursor.execute(
            f"insert into changing ({', '.join(NAMES)}) select {marks} from seq_1_to_{COPIES}", [*map(spelled, row)]
        )


def spelled(value):
    """Return a value as the driver writes it; floats with the digits that they have, and the long text itself."""
    if value == "LONG":
        return "x" * 70_000
    return repr(value) if isinstance(value, float) else value


def stored_rows(handle):
    """Return the rows as the driver itself has them, in the same transaction."""
    from pymysql.converters import decoders

    handle.decoders = decoders
    chosen = ", ".join(f"{name} + 0e0" if at == FLOAT else name for at, name in enumerate(NAMES))
    with handle.cursor() as cursor:
        cursor.execute(f"select {chosen} from changing")
        return cursor.fetchall()


def alike(row):
    """Return a row with what Arrow and the driver write apart made one."""
    values = list(row)
    if values[FLOAT] is not None:
        values[FLOAT] = struct.pack("f", values[FLOAT])
    if isinstance(values[BIT], bytes):
        values[BIT] = f"{int.from_bytes(values[BIT]):07b}"
    return values
