"""Files that others write to meanwhile, with values of every class: sessions see one state, or say that they do not."""

import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Refusal, Target
from qualytics.connectors.reading import NotShared, Query
from qualytics.connectors.reads.sqlite import begin
from qualytics.connectors.types.sqlite import connect

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


class Writer:
    """Inserts, changes and deletes rows all the while, but not while it is `held`."""

    def __init__(self, handle):
        self.handle, self.held = handle, threading.Lock()
        self._stop, self._tried = threading.Event(), threading.Event()

    def _write(self):
        while not self._stop.is_set():
            with self.held:
                try:
                    self.handle.execute("begin immediate")
                    for sql in CHANGES:
                        self.handle.execute(sql)
                    self.handle.execute("commit")
                except sqlite3.OperationalError:  # with a rollback journal nobody commits while others read
                    self.handle.execute("rollback")
                self._tried.set()
            self._stop.wait(0.001)  # or nobody else gets the lock

    def has_tried(self):
        """Wait until it has written once more, or was kept away."""
        self._tried.clear()
        return self._tried.wait(60)

    @contextmanager
    def writing(self):
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            assert self.has_tried()
            yield
        finally:
            self._stop.set()
            thread.join()


CHANGES = (
    f"insert into t ({', '.join(NAMES[1:])}) select {', '.join(NAMES[1:])} from t where id % 7 = 1 limit 20",
    "delete from t where id in (select id from t where id % 7 = 2 limit 20)",
    "update t set t = 'changed' where id in (select id from t where id % 7 = 3 and t <> 'changed' limit 5)",
)


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("parallel", [1, 2, 7])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_each_row_comes_once_as_it_is_stored(tmp_path_factory, journal, parallel, rows):
    path = tmp_path_factory.mktemp("changing") / "a.sqlite"
    # All are opened first: a file that is closed takes the locks with it that this process has.
    with ExitStack() as opened:
        handle = opened.enter_context(closing(sqlite3.connect(path, timeout=0, check_same_thread=False)))
        fill(handle, journal, rows)
        target = Target(type="sqlite", parameters={}, timeout_s=60.0, directory="", uri=str(path))
        handles = [opened.enter_context(closing(connect(target))) for _ in range(parallel + 1)]
        parts, found, stored, is_late = compared(Writer(handle), target, handles)
    assert parts > 1 or parallel == 1 or not rows
    assert sorted(map(repr, found)) == sorted(map(repr, stored))
    assert is_late == (journal == "wal" and parallel > 1 and bool(rows))


def fill(handle, journal, rows):
    handle.isolation_level = None
    handle.execute(f"pragma journal_mode = {journal}")
    handle.execute(f"create table t (id integer primary key, {', '.join(COLUMNS)})")
    marks = ", ".join("?" * len(COLUMNS))
    handle.executemany(f"insert into t ({', '.join(NAMES[1:])}) values ({marks})", rows * COPIES)


def compared(writer, target, handles):
    """Return the number of ranges, the rows of a read, those of one SELECT, and whether a session came too late."""
    parallel = len(handles) - 1
    query = Query(table="t", parallel=parallel, fetch_size=97)
    with writer.writing():
        with writer.held:
            first = begin(handles[0], target, query, None, None)
            others = [begin(one, target, query, first.snapshot.id, first.schema) for one in handles[1:parallel]]
        parts = first.partitions()
        found = []
        for number, part in enumerate(parts):
            assert writer.has_tried()
            batches = [first, *others][number % parallel].batches(part)
            found += [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        is_late = False
        try:
            begin(handles[-1], target, query, first.snapshot.id, first.schema)
        except NotShared:
            is_late = True
        handles[0].text_factory = str
        stored = handles[0].execute("select * from t").fetchall()
        assert first.count() == len(stored)
    return len(parts), found, as_read(stored, first.schema), is_late


def as_read(rows, schema):
    """Return rows whose integers among reals are doubles, too."""
    real = [pa.types.is_floating(kind) for kind in schema.types]
    return [
        tuple(
            float(value) if is_real and value is not None else value for value, is_real in zip(row, real, strict=True)
        )
        for row in rows
    ]


ENDS = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**62])
KEYS = {
    "whole": ENDS | st.integers(-50, 50),
    "real": st.floats(allow_nan=False) | st.integers(-9, 9).map(float),
    "day": st.dates().map(str) | st.datetimes().map(str),
}


@contextmanager
def session(statements, rows=(), **options):
    """Begin a session on a database of its own, of which the rows are in the table t."""
    with closing(sqlite3.connect(":memory:")) as handle:
        for sql in statements:
            handle.execute(sql)
        if rows:
            handle.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
        handle.commit()
        target = Target(type="sqlite", parameters={}, timeout_s=60.0, directory="", uri=":memory:")
        yield begin(handle, target, Query(**{"table": "t", "parallel": 2} | options), None, None)


def rows_of(session):
    return [row for part in session.partitions() for batch in session.batches(part) for row in batch.to_pylist()]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("parallel", [2, 7])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_ranges_of_a_column_hold_each_row_once(kind, parallel, data):
    keys = data.draw(st.lists(st.none() | KEYS[kind], max_size=40).map(lambda some: some * 2))
    rows = [(key, n) for n, key in enumerate(keys)]
    with session(["create table t (k, n)"], rows, parallel=parallel, partition_column="k") as begun:
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
def test_what_has_no_numbers_of_rows_is_one_partition(made, options):
    with session(["create table t (n)", made], [(n,) for n in range(9)], **options) as begun:
        assert [part.predicate for part in begun.partitions()] == [None]


def test_a_column_that_is_called_as_the_number_of_a_row_is_none():
    with session(["create table t (rowid, n)"], [(1, n) for n in range(100)]) as begun:
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
def test_a_column_that_makes_no_ranges_is_refused(rows, column, words):
    with session(["create table t (k)"], rows, partition_column=column) as begun, pytest.raises(Refusal, match=words):
        begun.partitions()
