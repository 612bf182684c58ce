"""Discovery in the child process: floods, endless lists and huge names are cut, and the deadline holds.

The driver is a module of our own called like a real one: the child looks for modules where its parent does.
"""

import pytest

from qualytics import probe
from qualytics.model import Listing
from tests.support import deadlines

pytestmark = pytest.mark.slow  # each lists in a process of its own

HEAD = """
class Result:
    def __init__(self, rows): self.rows = iter(rows)
    def fetchmany(self, size): return [row for _, row in zip(range(size), self.rows)]
    def fetchone(self): return next(self.rows, None)
class Handle:
    def cursor(self): return self
    def execute(self, sql, given=()): return Result(rows())
    def close(self): pass
def connect(*_, **__): return Handle()
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Return a function that lists the tables of a database file by a driver whose rows are given as a generator."""
    place = tmp_path / "drivers"
    place.mkdir()
    database = tmp_path / "a.duckdb"
    database.write_bytes(bytes(8) + b"DUCK" + bytes(100))  # as a DuckDB file begins
    monkeypatch.syspath_prepend(place)

    def call(body, timeout_s=20.0, **page):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        (place / "duckdb.py").write_text(f"import os, time\ndef rows():\n{lines}\n{HEAD}")
        plan = probe.Plan("duckdb", {"uri": str(database)}, {}, timeout_s, listing=Listing("tables", **page))
        with deadlines.within(timeout_s):
            return probe.run(plan)

    return call


def outcome(report):
    return report.failure and (report.failure.stage, report.failure.failure_class)


def test_an_endless_list_ends_with_the_page(listed):
    report = listed("n = 0\nwhile True:\n  n += 1\n  yield (f't{n}', 'BASE TABLE')", limit=10_000)
    assert outcome(report) is None
    assert (len(report.items), report.more) == (10_000, True)
    assert report.items[0] == ("t1", "table", False)


def test_a_later_page_skips_what_was_shown(listed):
    report = listed("for n in range(25): yield (f't{n}', 'VIEW')", skip=20, limit=10)
    assert [(item.name, item.kind) for item in report.items] == [(f"t{n}", "view") for n in range(20, 25)]
    assert report.more is False


def test_a_page_that_is_just_full_has_no_more(listed):
    assert listed("for n in range(10): yield (f't{n}', 'VIEW')", limit=10).more is False
    assert listed("for n in range(11): yield (f't{n}', 'VIEW')", limit=10).more is True


@pytest.mark.parametrize("character", ["x", "\\U0001f600", "\\0"])
def test_names_of_any_length_are_cut_and_a_page_of_them_ends_early(listed, character):
    report = listed(f"while True: yield ('{character}' * 100_000, 'VIEW')", limit=10_000)
    assert outcome(report) is None
    assert {len(item.name) for item in report.items} == {1_000}
    assert len(report.items) > 1_000
    assert report.more is True


def test_a_name_that_is_no_text_still_leaves_the_child(listed):
    report = listed("yield ('half \\udce9', 'VIEW')\nyield (b'bytes'.decode(), 'VIEW')")
    assert [item.name for item in report.items] == ["half ?", "bytes"]


def test_a_list_that_breaks_off_is_a_failure_of_its_stage(listed):
    report = listed("yield ('a', 'VIEW')\nraise ConnectionResetError('gone')")
    assert outcome(report) == ("query", "network")


def test_a_list_that_never_goes_on_ends_at_the_deadline(listed):
    limit_s = deadlines.limit_after(lambda: listed("yield ('a', 'VIEW')"))
    report = listed("yield ('a', 'VIEW')\ntime.sleep(600)", timeout_s=limit_s)
    assert outcome(report) == ("query", "timeout")


def test_a_flood_beside_the_list_is_cut_off(listed):
    body = """
line = (b'["Items", [["' + b"x" * 1_000 + b'", "table", false]]]\\n') * 60
while True:
    for stream in range(3, 16):
        try:
            os.write(stream, line)
        except OSError:
            pass
    yield ('a', 'VIEW')
"""
    report = listed(body, skip=10_000_000)
    assert outcome(report) == ("query", "internal")


def test_junk_in_the_place_of_items_is_told_as_such(listed):
    body = """
for stream in range(3, 16):
    try:
        os.write(stream, b'["Items", [["x"]]]\\n')
    except OSError:
        pass
time.sleep(600)
yield
"""
    report = listed(body)
    assert outcome(report) == ("query", "internal")
    assert report.failure.message == "the driver wrote into the report"
