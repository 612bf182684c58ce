"""Tables: on terminals of any width, in pipes, of many rows, and of reports."""

import collections
import itertools
import re
import tracemalloc

import pytest

from qualytics.cli._formats.cells import width
from qualytics.cli._formats.columns import of_table
from qualytics.cli._formats.tables import Table
from qualytics.cli._formats.views import VIEWS
from qualytics.service.clock import now
from qualytics.service.context import Context
from qualytics.settings import load
from tests.support.terminals import stdout_of

HOST = "warehouse-primary.eu-central-1.databases.example.com"
BOLD, DIM, GREEN, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


@pytest.fixture
def stored(run, monkeypatch):
    for name, value in {"COLUMNS": "", "NO_COLOR": "", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    keys = ("--access-key", "AKIAEXAMPLE", "--secret-key", "x")
    run(
        "connections", "create", "-t", "postgresql", "--host", HOST, "--port", "5432", "--username", "app", "-n", "prod"
    )
    run("connections", "create", "-t", "postgresql", "--host", "2001:db8::1", "--port", "6432", "-n", "日本語データ")
    run("connections", "create", "-t", "s3", "--uri", "s3://lake/raw", *keys, "-n", 'a, "b" 🚀')


def test_the_target_is_host_and_port_or_uri(run, stored):
    lines = run("connections", "list", "-f", "table").out.splitlines()
    assert lines == [
        "ID  NAME          TYPE        TARGET                                                     USER",
        f"1   prod          postgresql  {HOST}:5432  app",
        "2   日本語データ  postgresql  [2001:db8::1]:6432",
        '3   a, "b" 🚀     s3          s3://lake/raw',
    ]


def test_wide_is_the_table_with_more_at_its_end(run, stored):
    narrow, wide = (run("connections", "list", "-f", name).out.splitlines() for name in ("table", "wide"))
    more = ("TAGS", "OWNER", "DATASTORES", "KIND", "PRODUCT", "PARAMETERS", "CREATED")
    assert wide[0].split() == [*narrow[0].split(), *more]
    assert all(long.startswith(short) for short, long in zip(narrow, wide, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_fits_its_terminal(run, stored, columns):
    for words in (("connections", "list", "-f", "wide"), ("connections", "types", "postgresql", "-f", "table")):
        code, err, out = stdout_of(*words, columns=columns)
        assert (code, err) == (0, b"")
        header, *lines = out.splitlines()
        if columns > 40 or "wide" not in words:
            assert header.startswith(BOLD)
            assert header.endswith(PLAIN)
        assert max(width(re.sub("\x1b\\[[0-9]*m", "", line)) for line in (header, *lines)) <= columns


@pytest.mark.slow
def test_a_list_with_more_columns_than_room_shows_one_record_after_the_other(run, stored):
    words = ("connections", "list", "-f", "wide", "--color", "never")
    _, _, out = stdout_of(*words, columns=40)
    first, *others = out.split("\n\n")
    assert len(others) == 2
    assert [line[:12].strip() for line in first.splitlines() if not line.startswith(" ")] == [
        *("ID", "NAME", "TYPE", "TARGET", "USER"),
        *("TAGS", "OWNER", "DATASTORES", "KIND", "PRODUCT", "PARAMETERS", "CREATED"),
    ]
    assert first.splitlines()[1] == "NAME        prod"
    _, _, out = stdout_of(*words, "--type", "oracle", columns=40)  # of no record there is the header alone
    assert out.startswith("ID")
    assert len(out.splitlines()) == 1


@pytest.mark.slow
def test_a_narrow_table_keeps_ids_and_both_ends_of_what_is_long(run, stored):
    _, _, out = stdout_of("connections", "list", "-f", "table", "--color", "never", columns=60)
    assert out.splitlines()[1].split() == ["1", "prod", "postgresql", "warehouse-pr…le.com:5432", "app"]


@pytest.mark.slow
@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour_gets_no_escape_and_columns_decides_its_width(run, stored, monkeypatch, plain):
    for name, value in {**plain, "COLUMNS": "50"}.items():
        monkeypatch.setenv(name, value)
    _, _, out = stdout_of("connections", "list", "-f", "table", columns=200)
    assert "\x1b" not in out
    assert max(map(width, out.splitlines())) == 50


@pytest.mark.slow
def test_names_are_bold_what_is_not_said_is_dim_and_marks_have_the_colour_of_what_they_say(run, stored):
    header, prod, wide, _ = run("connections", "list", "-f", "table", "--color", "always").out.splitlines()
    assert header.startswith(f"{BOLD}ID  NAME  ")
    assert prod.startswith(f"1   {BOLD}prod{PLAIN}          postgresql  ")
    assert wide.startswith(f"2   {BOLD}日本語データ{PLAIN}  postgresql  ")
    lines = run("connections", "get", "prod", "-f", "table", "--color", "always").out.splitlines()
    assert f"{DIM}passphrase{PLAIN}" in lines
    assert [line for line in lines if "\x1b" not in line and line.split()[0] == "username"]
    words = ("connections", "test", "-t", "sqlite", "--uri", "/nowhere/x.db", "-f", "table", "--color", "always")
    assert re.search(f"\nstages           {re.escape(RED)}✗{re.escape(PLAIN)} open [0-9.]+ ms\n", run(*words).out)
    assert f"{GREEN}✓{PLAIN} python_version: " in run("doctor", "-f", "table", "--color", "always").out


def test_a_mark_in_a_name_of_someone_has_no_colour(run, stored):
    run("connections", "update", "prod", "--name", "✓ prod")
    assert GREEN not in run("connections", "get", "--id", "1", "-f", "table", "--color", "always").out


def test_wide_names_the_datastores_that_lists_do_not(run, stored):
    for name in ("marts", "sales"):
        run("datastores", "create", "--name", name, "--connection-id", "1", "--database", "d", "--schema", name)
    _, prod, other, _ = run("connections", "list", "-f", "wide").out.splitlines()
    assert "  marts, sales  jdbc  " in prod
    assert other.split()[-3:-1] == ["[2001:db8::1]:6432", "jdbc"]
    picked = run("connections", "list", "-f", "table", "--columns", "name,datastores", "--type", "postgresql")
    assert picked.out.splitlines()[1] == "prod          marts, sales"
    assert [one["datastores"] for one in run("connections", "list", "-f", "json").json] == [None, None, None]


def test_the_ssl_mode_in_effect_stands_in_the_table_of_a_connection_and_in_no_document(run, stored):
    words = ("connections", "get", "prod")
    shown = run(*words, "-f", "table", "--color", "always").out
    assert f"\nparameters.ssl_mode  {DIM}auto (default here){PLAIN}\n" in shown
    for form in ("yaml", "json", "jsonl", "csv"):
        assert "ssl_mode" not in run(*words, "-f", form).out
    assert "ssl_mode" not in run(*words, "-f", "table", "--columns", "id,parameters").out
    changed = run("connections", "update", "prod", "--parameters", '{"ssl_mode": "require"}', "-f", "table").out
    assert re.findall("ssl_mode.*", changed) == ["ssl_mode  require"]
    run("connections", "create", "-t", "sqlite", "--uri", "/x.db", "-n", "file")
    assert "ssl_mode" not in run("connections", "get", "file", "-f", "table").out


def test_in_a_pipe_nothing_is_cut_whatever_columns_says(run, stored):
    assert f"{HOST}:5432" in run("connections", "list", "-f", "wide", env={"COLUMNS": "40"}).out


def test_a_report_has_a_line_for_each_stage_and_says_when_no_tls_was_offered():
    stages = [{"name": "tcp", "ok": True, "ms": 0.9}, {"name": "tls", "ok": True, "ms": 1.0}]
    report = {"connected": True, "tls": None, "stages": stages, "message": "a\nb"}
    view = VIEWS["connections test"]
    lines = "".join(Table("table", view).of_document(report)).splitlines()
    assert lines == [
        "FIELD      VALUE",
        "connected  true",
        "tls        not offered",
        "stages     ✓ tcp 0.9 ms",
        "           ✓ tls 1.0 ms",
        "message    a",
        "           b",
    ]
    unasked = {"tls": None, "stages": stages[:1]}
    assert "".join(Table("table", view).of_document(unasked)).splitlines()[1] == "tls"
    there = {"tls": {"version": "TLSv1.3", "verified": True}, "stages": stages[:1]}
    assert "".join(Table("table", view).of_document(there)).splitlines()[1:3] == [
        "tls.version   TLSv1.3",
        "tls.verified  true",
    ]


@pytest.mark.slow
def test_a_test_that_fails_tells_the_same_on_stderr_and_its_stage_in_the_table(run):
    words = ("connections", "test", "-t", "sqlite", "--uri", "/nowhere/x.db")
    plain, table = run(*words), run(*words, "-f", "table")
    assert (table.code, table.err) == (plain.code, plain.err)
    assert table.code == 6
    assert "stages           ✗ open " in table.out


@pytest.mark.slow
def test_more_of_a_listing_is_told_on_stderr(run, tmp_path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.executescript("create table a (x); create table b (x)")
    run("connections", "create", "-t", "sqlite", "--uri", f"{tmp_path}/x.db")
    done = run("connections", "tables", "--id", "1", "--limit", "1", "-f", "table")
    assert done.out.splitlines()[1:] == ["a     table  false"]
    assert done.err == "note: next: 1\n"


@pytest.mark.slow
def test_the_header_stands_once_and_memory_stays_bounded_over_many_rows():
    columns = of_table({"id": "id", "name": "name"})
    table = Table("table", VIEWS["connections list"], columns)
    documents = ({"id": number, "name": f"connection {number} " + "x" * 500} for number in range(20_000))
    texts = table.of_list(documents)
    first = next(texts)
    assert first.startswith("ID   NAME\n0    connection 0")
    tracemalloc.start()
    try:
        (last,) = collections.deque(texts, maxlen=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "NAME" not in last
    assert last.splitlines()[-1].startswith("19999  connection 19999 ")
    assert peak < 4_000_000  # of 11 MB of text


@pytest.mark.parametrize("name", ["json", "table", "csv", "jsonl", "yaml"])
def test_a_list_that_fails_in_its_middle_is_no_whole_json(name):
    from qualytics.cli._formats import choose
    from qualytics.cli._output import Format

    def documents():
        yield from ({"id": number} for number in range(250))
        raise RuntimeError

    form = Format(name) if name in {"json", "yaml"} else choose("connections list", name, None, None, is_given=True)
    texts = form.of_list(documents())
    first = next(texts)
    rest = []
    with pytest.raises(RuntimeError):
        rest.extend(texts)
    if name == "json":
        assert not (first + "".join(rest)).rstrip().endswith("]")


def test_a_name_that_an_earlier_version_took_with_escapes_is_shown_escaped(run):
    with Context(load()) as context, context.writing() as store:
        store.connections.insert("n\x1b[31m\u202e", "n", "sqlite", {"uri": "/x\ny"}, {}, now())
    for name, words in itertools.product(("table", "wide"), (("list",), ("get", "--id", "1"))):
        out = run("connections", *words, "-f", name).out
        assert "n\\x1b[31m\\u202e" in out
        assert not {"\x1b", "\u202e"} & set(out)
