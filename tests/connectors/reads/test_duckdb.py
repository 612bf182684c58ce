"""Reads of DuckDB: its own Arrow, but where that would be another value."""

import duckdb
import pyarrow as pa
import pytest

from qualytics.errors import ReadFailed

pytestmark = pytest.mark.slow  # each test starts processes

ROWS = 300_000


@pytest.fixture
def file(client, tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as handle:
        handle.execute(f"create table t as select i, 'x' || i as s from range({ROWS}) r(i)")
    client.connections.create({"type": "duckdb", "name": "file", "uri": str(path)})


def read(client, **options):
    with client.connections.read(1, **options) as reader:
        return pa.Table.from_batches(list(reader), reader.schema), reader.receipt


def test_values_that_arrow_has_no_type_for_come_as_text(client, file):
    sql = (
        "select 170141183460469231731687303715884105727::hugeint h, 18446744073709551615::ubigint u, "
        "'12:00:00+02'::timetz z, '101'::bit b, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid g, [1, null] l"
    )
    table, receipt = read(client, sql=sql)
    assert table.to_pylist() == [
        {
            "h": "170141183460469231731687303715884105727",
            "u": 18446744073709551615,
            "z": "12:00:00+02",
            "b": "101",
            "g": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "l": [1, None],
        }
    ]
    assert [one["note"] for one in receipt["columns"]] == ["as text", None, "as text", "as text", "as text", None]


def test_infinite_dates_are_no_dates(client, file):
    row = "select date '2020-01-01' as d, timestamp '2020-01-01' as t"
    sql = f"{row} union all select date 'infinity', timestamp '-infinity'"
    with pytest.raises(ReadFailed, match="column 'd', row 2: an infinite date"):
        read(client, sql=sql)
    assert read(client, sql=sql, special="null")[0].column("t")[1].as_py() is None
    assert read(client, sql=sql, special="text")[0].column("t").to_pylist() == ["2020-01-01 00:00:00", "-infinity"]


def test_ranges_of_rows_hold_each_row_once(client, file):
    table, receipt = read(client, table="t", parallel=2, verify=True, columns=("i",))
    assert len(receipt["partitions"]) == 2
    assert sorted(table.column("i").to_pylist()) == list(range(ROWS))
    assert receipt["verified"] == {"count": ROWS, "ok": True}
