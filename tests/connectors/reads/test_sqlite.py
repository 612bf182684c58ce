"""Reads of SQLite: the type of a column follows what its values are stored as."""

import sqlite3
from contextlib import closing
from importlib.metadata import version

import pyarrow as pa
import pytest

from qualytics.errors import ReadFailed
from tests.support.threads import Threads

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
    assert receipt["driver"] == {"name": "adbc_driver_sqlite", "version": version("adbc-driver-sqlite")}


def test_bytes_that_are_no_text_are_an_error_or_digits(client, file):
    file("t", [("good",)])
    sql = "select * from t union all select cast(x'ff41' as text)"
    with pytest.raises(ReadFailed, match="column 't', row 2: bytes that are no text"):
        read(client, sql=sql)
    assert read(client, sql=sql, invalid_text="hex")[0].column("t").to_pylist() == ["good", "\\xff41"]
    # Among texts they are digits, also where they could be one.
    mixed = "select * from t union all select x'676f6f64' union all select 1.5"
    with pytest.raises(ReadFailed, match="column 't' holds bytes beside real, text"):
        read(client, sql=mixed)
    assert read(client, sql=mixed, invalid_text="hex")[0].column("t").to_pylist() == ["good", "\\x676f6f64", "1.5"]


def test_two_columns_may_have_one_name(client, file):
    file("a", [(1,)])
    table, _ = read(client, sql="select a, a || 'x' as a from t")
    assert [column.to_pylist() for column in table.columns] == [[1], ["1x"]]


def test_a_column_that_is_not_there_is_no_text_of_its_name(client, file):
    file('a, `b"``c`', [(1, 2)])
    with pytest.raises(ReadFailed, match="no such column: nothing"):
        read(client, table="t", columns=("a", "nothing"))
    assert read(client, table="t", columns=('b"`c',), verify=True)[0].to_pydict() == {'b"`c': [2]}


@pytest.mark.parametrize("rows_before", [0, 1, 4, 9])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16le"])
def test_the_first_rows_do_not_decide_what_a_column_is(client, tmp_path, rows_before, encoding):
    late = (2.5, 7, "é\0z", b"\xff\0", 2**53, "3")
    path = tmp_path / "late.sqlite"
    with closing(sqlite3.connect(path)) as handle:
        handle.execute(f"pragma encoding = '{encoding}'")
        handle.execute("create table t (n integer primary key, r, i, t, b, numbers, mixed, none)")
        rows = [(n, None, None, None, None, 1, 0.1, None) for n in range(rows_before)]
        rows += [(9, *late, None), (10, *[None] * 7)]
        handle.executemany("insert into t values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        handle.execute("update t set numbers = 0.5 where n = 10")
        handle.commit()
    client.connections.create({"type": "sqlite", "name": "late", "uri": str(path)})
    table, _ = read(client, sql="select * from t order by n desc", fetch_size=4, verify=True)
    assert table.column("n").to_pylist() == [10, 9, *range(rows_before)[::-1]]
    assert table.column("mixed").to_pylist() == [None, "3", *["0.1"] * rows_before]
    assert table.drop_columns(["n", "mixed"]).to_pylist()[1] == {
        "r": 2.5,
        "i": 7,
        "t": "é\0z",
        "b": b"\xff\0",
        "numbers": 2.0**53,
        "none": None,
    }
    assert table.schema.field("numbers").type == pa.float64()
    ascending, _ = read(client, sql="select * from t order by n", fetch_size=4)
    assert ascending.to_pylist() == table.to_pylist()[::-1]


def test_numbers_in_a_column_of_several_types_keep_all_their_digits(client, file):
    values = [0.1 + 0.2, 2**63 - 1, -5e-324, 1e300, float("inf"), -(2**63), "1.50", "", None, 1.0]
    file("v", [(value,) for value in values])
    found = read(client, table="t")[0].column("v").to_pylist()
    assert found == [value if isinstance(value, str | None) else repr(value) for value in values]


def test_a_page_that_is_damaged_is_named_so_though_rows_have_come(client, file, tmp_path):
    file("n, pad", [(n, "x" * 500) for n in range(5_000)])
    path = tmp_path / "a.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 * 500 : 4096 * 501] = b"\xee" * 4096
    path.write_bytes(data)
    with pytest.raises(ReadFailed, match=r"SQLITE_CORRUPT: .* disk image is malformed") as failed:
        read(client, table="t")
    assert failed.value.report["class"] == "config"


ACCOUNTS, EACH = 3_000, 100


@pytest.fixture(params=["wal", "delete"])
def accounts(request, client, tmp_path):
    """Make a table of accounts that hold as much together at any time, and return its path."""
    path = tmp_path / "accounts.sqlite"
    with closing(sqlite3.connect(path)) as handle:
        handle.execute(f"pragma journal_mode = {request.param}")
        handle.execute("create table account (id integer primary key, amount integer, pad text)")
        handle.executemany(
            "insert into account values (?, ?, ?)", [(n * 1000 - ACCOUNTS, EACH, "x" * 200) for n in range(ACCOUNTS)]
        )
        handle.commit()
    client.connections.create({"type": "sqlite", "name": "accounts", "uri": str(path)})
    return path


@pytest.mark.parametrize("column", [None, "id"])
def test_sessions_that_nobody_disturbs_share_one_state(client, accounts, column):
    options = {"table": "account", "parallel": 3, "verify": True, "partition_column": column}
    if column is not None:  # it need not be one of those that are read
        amounts, receipt = read(client, columns=("amount",), **options)
        assert (amounts.column_names, len(receipt["partitions"])) == (["amount"], 13)
    table, receipt = read(client, **options)
    assert (receipt["parallel"], receipt["verified"]) == (3, {"count": ACCOUNTS, "ok": True})
    assert len(receipt["partitions"]) == (12 if column is None else 13)
    assert receipt["snapshot"]["id"]
    assert sorted(table.column("id").to_pylist()) == [n * 1000 - ACCOUNTS for n in range(ACCOUNTS)]


class Mover(Threads):
    """Moves an amount to a new account all the while, in one transaction."""

    def __init__(self, handle):
        super().__init__(1)
        self._handle = handle

    def once(self, _number, _count):
        self._handle.execute("begin immediate")
        self._handle.execute("update account set amount = amount - 7 where id in (select min(id) from account)")
        self._handle.execute("insert into account select max(id) + 1, 7, pad from account")
        self._handle.execute("commit")
        self.done()


def test_a_file_that_changes_is_read_in_one_state(client, accounts):
    how = {"timeout": 600, "isolation_level": None, "check_same_thread": False}
    with closing(sqlite3.connect(accounts, **how)) as handle, Mover(handle) as moving:
        moving.wait(1)
        table, receipt = read(client, table="account", parallel=3, verify=True, fetch_size=100)
    assert sum(table.column("amount").to_pylist()) == ACCOUNTS * EACH
    assert len(set(table.column("id").to_pylist())) == table.num_rows > ACCOUNTS
    assert receipt["verified"] == {"count": table.num_rows, "ok": True}
