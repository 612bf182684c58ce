"""Files that others write to meanwhile, with values of every class: sessions see one state, or say that they do not."""

import ast
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Refusal
from qualytics.connectors.reading import NotShared, Query
from qualytics.connectors.reads.sqlite import begun
from qualytics.connectors.reads.sqlite_database import Database

INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COLUMNS = {
    "i integer": INTEGERS,
    "r real": st.floats(allow_nan=False),
    "t text": TEXTS,
    "b blob": st.binary(max_size=20),
    "n": st.none(),
    "numbers": st.integers(-(2**53), 2**53) | st.floats(0.25, 0.75),
}
ROWS = st.lists(st.tuples(*(st.none() | values for values in COLUMNS.values())), max_size=6)
COPIES = 40
NAMES = ("id", *(name.split()[0] for name in COLUMNS))


CHANGES = (
    f"insert into t ({', '.join(NAMES[1:])}) select {', '.join(NAMES[1:])} from t where id % 7 = 1 limit 20",
    "delete from t where id in (select id from t where id % 7 = 2 limit 20)",
    "update t set t = 'changed' where id in (select id from t where id % 7 = 3 and t <> 'changed' limit 5)",
)


# Two libraries of SQLite in one process would end each other's locks: the writer has a process of its own.
WRITER = """
import sqlite3, sys
handle = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
for _ in sys.stdin:
    try:
        handle.execute("begin immediate")
        for sql in sys.argv[2:]:
            handle.execute(sql)
        handle.execute("commit")
    except sqlite3.OperationalError:  # with a rollback journal nobody commits while others read
        handle.execute("rollback")
    print(flush=True)
"""


class Writer:
    """A process that inserts, changes and deletes rows in one transaction, whenever it is told to."""

    def __init__(self, path):
        words = [sys.executable, "-c", WRITER, str(path), *CHANGES]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()

    def write(self):
        """Return when it has written, or was kept away."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "\n"


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("parallel", [1, 2, 7])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_each_row_comes_once_as_it_is_stored(tmp_path_factory, journal, parallel, rows):
    path = str(tmp_path_factory.mktemp("changing") / "a.sqlite")
    fill(path, journal, rows)
    with ExitStack() as opened:
        writer = opened.enter_context(Writer(path))
        files = [opened.enter_context(closing(Database(path, 60.0))) for _ in range(parallel + 1)]
        writer.write()
        parts, found, stored, is_late = compared(writer, files)
    assert parts > 1 or parallel == 1 or not rows
    assert sorted(found, key=repr) == sorted(stored, key=repr)
    assert is_late == (journal == "wal" and parallel > 1 and bool(rows))


def fill(path, journal, rows):
    with closing(sqlite3.connect(path, isolation_level=None)) as handle:
        handle.execute(f"pragma journal_mode = {journal}")
        handle.execute(f"create table t (id integer primary key, {', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        handle.executemany(f"insert into t ({', '.join(NAMES[1:])}) values ({marks})", rows * COPIES)


def compared(writer, files):
    """Return the number of ranges, the rows of a read, those of one SELECT, and whether a session came too late."""
    parallel = len(files) - 1
    query = Query(table="t", parallel=parallel, fetch_size=97)
    first = begun(files[0], query)
    others = [begun(one, query, first.snapshot.id, first.schema) for one in files[1:parallel]]
    parts = first.partitions()
    found = []
    for number, part in enumerate(parts):
        writer.write()
        for batch in [first, *others][number % parallel].batches(part):
            writer.write()
            found += [tuple(row.values()) for row in batch.to_pylist()]
    is_late = False
    try:
        begun(files[-1], query, first.snapshot.id, first.schema)
    except NotShared:
        is_late = True
    stored = as_stored(files[0])
    assert first.count() == len(stored)
    return len(parts), found, stored, is_late


def as_stored(database):
    """Return the rows of t, of SQLite's own literals of their values; integers among reals are doubles, too."""
    # Its literal of a text ends where that has a NUL.
    literal = "case typeof({0}) when 'text' then 'T' || hex({0}) else quote({0}) end as {0}"
    columns = ", ".join(literal.format(name) for name in NAMES)
    real = [name in {"r", "numbers"} for name in NAMES]
    rows = database.rows(f"select {columns} from t")
    return [tuple(map(value_of, row, real)) for row in rows]


def value_of(literal, is_real):
    if literal == "NULL":
        return None
    if literal.startswith("X"):
        return bytes.fromhex(literal[2:-1])
    if literal.startswith("T"):
        return bytes.fromhex(literal[1:]).decode()
    return float(literal) if is_real else ast.literal_eval(literal)


ENDS = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**62])
KEYS = {
    "whole": ENDS | st.integers(-50, 50),
    "real": st.floats(allow_nan=False) | st.integers(-9, 9).map(float),
    "day": st.dates().map(str) | st.datetimes().map(str),
}


@contextmanager
def session(folder, statements, rows=(), **options):
    """Begin a session on a database of its own, of which the rows are in the table t."""
    path = str(folder / "a.sqlite")
    with closing(sqlite3.connect(path)) as handle:
        handle.execute("pragma synchronous = off")
        for sql in statements:
            handle.execute(sql)
        if rows:
            handle.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
        handle.commit()
    with closing(Database(path, 60.0)) as database:
        yield begun(database, Query(**{"table": "t", "parallel": 2} | options))


def rows_of(session):
    return [row for part in session.partitions() for batch in session.batches(part) for row in batch.to_pylist()]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("parallel", [2, 7])
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ranges_of_a_column_hold_each_row_once(tmp_path_factory, kind, parallel, data):
    keys = data.draw(st.lists(st.none() | KEYS[kind], max_size=40).map(lambda some: some * 2))
    rows = [(key, n) for n, key in enumerate(keys)]
    folder = tmp_path_factory.mktemp("ranges")
    with session(folder, ["create table t (k, n)"], rows, parallel=parallel, partition_column="k") as begun:
        found = rows_of(begun)
    assert sorted(row["n"] for row in found) == list(range(len(keys)))
    assert [row["k"] for row in sorted(found, key=lambda row: row["n"])] == keys


@pytest.mark.parametrize(
    ("made", "options"),
    [
        ("create table w (k text primary key, n) without rowid", {"table": "w"}),
        ("create view v as select * from t", {"table": "v"}),
        ("create table named (rowid, _rowid_, oid)", {"table": "named"}),
        ("create virtual table f using fts5(words)", {"table": "f"}),
        ("create table u (n)", {"table": None, "sql": "select * from t"}),
        ("create table u (n)", {"limit": 5}),
    ],
)
def test_what_has_no_numbers_of_rows_is_one_partition(tmp_path, made, options):
    with session(tmp_path, ["create table t (n)", made], [(n,) for n in range(9)], **options) as begun:
        assert [part.predicate for part in begun.partitions()] == [None]


def test_a_column_that_is_called_as_the_number_of_a_row_is_none(tmp_path):
    with session(tmp_path, ["create table t (rowid, n)"], [(1, n) for n in range(100)]) as begun:
        assert begun.partitions()[1].predicate.startswith("_rowid_ >= ")
        assert sorted(row["n"] for row in rows_of(begun)) == list(range(100))


@pytest.mark.parametrize(
    ("rows", "column", "words"),
    [
        ([("a",), ("b",)], "k", "makes no ranges"),
        ([(b"a",)], "k", "makes no ranges"),
        ([(1,)], "x", "there is no column"),
    ],
)
def test_a_column_that_makes_no_ranges_is_refused(tmp_path, rows, column, words):
    with (
        session(tmp_path, ["create table t (k)"], rows, partition_column=column) as begun,
        pytest.raises(Refusal, match=words),
    ):
        begun.partitions()
