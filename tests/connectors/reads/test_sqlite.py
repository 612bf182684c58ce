"""Reads of SQLite: the type of a column follows what its values are stored as."""

import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest

from qualytics.errors import ReadFailed

pytestmark = pytest.mark.slow  # each test starts processes


@pytest.fixture
def file(client, tmp_path):
    """Return a function that makes the table t of a file, of rows, which connection 1 is of."""

    def make(columns, rows):
        path = tmp_path / "a.sqlite"
        with closing(sqlite3.connect(path)) as handle:
            handle.execute(f"create table t({columns})")
            handle.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
            handle.commit()
        client.connections.create({"type": "sqlite", "name": "file", "uri": str(path)})

    return make


def read(client, **options):
    with client.connections.read(1, **options) as reader:
        return pa.Table.from_batches(list(reader), reader.schema), reader.receipt


def test_values_are_read_as_they_are_stored(client, file):
    rows = [(2**62, 1.5, "a", b"\xff\x00", None, 1, "x"), (-1, 2.5, "", b"", None, 1.5, 2), (None,) * 7]
    file("i integer, r real, t text, b blob, n, numbers, mixed", rows)
    table, receipt = read(client, table="t", verify=True)
    assert table.schema.types == [
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.binary(),
        pa.string(),
        pa.float64(),
        pa.string(),
    ]
    assert table.to_pylist()[1] == {"i": -1, "r": 2.5, "t": "", "b": b"", "n": None, "numbers": 1.5, "mixed": "2"}
    assert table.column("i")[0].as_py() == 2**62
    assert table.column("b")[0].as_py() == b"\xff\x00"
    notes = {one["name"]: one["note"] for one in receipt["columns"]}
    assert notes["mixed"] == "as text: its values are of several types"
    assert (receipt["verified"], receipt["snapshot"]["kind"]) == ({"count": 3, "ok": True}, "sqlite transaction")


def test_bytes_that_are_no_text_are_an_error_or_digits(client, file):
    file("t", [("good",)])
    sql = "select * from t union all select cast(x'ff41' as text)"
    with pytest.raises(ReadFailed, match="column 't', row 2: bytes that are no text"):
        read(client, sql=sql)
    assert read(client, sql=sql, invalid_text="hex")[0].column("t").to_pylist() == ["good", "\\xff41"]


def test_two_columns_may_have_one_name(client, file):
    file("a", [(1,)])
    table, _ = read(client, sql="select a, a || 'x' as a from t")
    assert [column.to_pylist() for column in table.columns] == [[1], ["1x"]]
