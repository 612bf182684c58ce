"""`connections read` and `datastores read`: what is written where, whole or not at all, and the receipt."""

import csv
import functools
import io
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import termios
import time
from contextlib import closing

import pyarrow as pa
import pytest
from pyarrow import parquet

from testbed import servers
from tests.support.terminals import Terminal

pytestmark = pytest.mark.slow

NAME = 'two "words", é'


@pytest.fixture
def stored(run, tmp_path):
    """Return a function that runs commands beside a store with a datastore `orders` of a file with three rows."""
    path = tmp_path / "sales.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer, name text, price real)")
        database.executemany("insert into orders values (?, ?, ?)", [(1, NAME, 0.5), (2, "", None), (3, None, 1e300)])
        database.commit()
    run("connections", "create", "--type", "sqlite", "--name", "sales", "--uri", str(path))
    run("datastores", "create", "--name", "orders", "--connection-name", "sales")
    return run


def test_a_file_has_the_rows_and_the_receipt(stored, tmp_path):
    target, receipt = tmp_path / "orders.parquet", tmp_path / "receipt.json"
    options = ("--table", "orders", "--output", target, "--receipt", receipt, "--verify")
    done = stored("datastores", "read", "orders", *options)
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"read 3 rows into {target}, ")
    assert "the engine counts the same" in done.err
    assert parquet.read_table(target).to_pylist()[0] == {"id": 1, "name": NAME, "price": 0.5}
    told = json.loads(receipt.read_text())
    assert json.loads(parquet.read_metadata(target).metadata[b"qualytics.receipt"]) == told
    assert told["source"] == {
        "connection": "sales",
        "datastore": "orders",
        "type": "sqlite",
        "database": None,
        "schema": None,
        "table": "orders",
    }
    assert [part["rows"] for part in told["partitions"]] == [told["rows"]] == [3]
    assert told["verified"] == {"count": 3, "ok": True}


def test_each_format_is_written_to_stdout(stored):
    def read(form):
        done = stored("connections", "read", "sales", "--table", "orders", "--output", "-", "--format", form)
        assert done.code == 0, done.err
        return done.out

    assert [json.loads(line) for line in read("jsonl").splitlines()][2] == {"id": 3, "name": None, "price": 1e300}
    text = read("csv")
    assert list(csv.reader(io.StringIO(text)))[1] == ["1", NAME, "0.5"]
    assert text.split("\n")[2:] == ['2,"",', "3,,1e+300", ""]
    words = ("connections", "read", "sales", "--table", "orders", "--output", "/dev/stdout", "--format", "csv")
    assert stored(*words).out == text
    table = stored("connections", "read", "sales", "--table", "orders", "--format", "table", "--columns", "id")
    assert table.out.split() == ["ID", "1", "2", "3"]


def test_a_table_shows_columns_without_rows_and_those_of_one_name(stored):
    words = ("connections", "read", "sales", "--format", "table", "--quiet", "--sql")
    done = stored(*words, "select 1 as a, 2 as a, '' as b")
    assert (done.out.splitlines()[1].split(), done.err) == (["1", "2"], "")
    done = stored(*words, "select id, name from orders where 0")
    assert (done.code, done.out.split(), done.err) == (0, ["ID", "NAME"], "")


def test_a_column_whose_name_holds_a_comma_stands_in_quotes(stored, tmp_path):
    with closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("""create table odd as select 1 as id, 2 as "a, b", 3 as 'c"d'""")
        database.commit()

    def read(columns):
        words = ("--table", "odd", "--columns", columns, "--output", "-", "--format", "csv")
        return stored("connections", "read", "sales", *words)

    assert read('id, "a, b","c""d"').out == '"id","a, b","c""d"\n1,2,3\n'
    for columns in ("id,", ",", '"id', '"id"x,name'):
        done = read(columns)
        assert (done.code, done.err.splitlines()[0]) == (2, "error: --columns must be names with commas between")


def test_bytes_are_not_shown_on_a_terminal(home):
    terminal = Terminal("connections", "read", "sales", "--table", "orders", "--output", "-", "--format", "parquet")
    assert terminal.end() == 2
    assert b"error: parquet is not for a terminal\r\n" in terminal.shown


@pytest.mark.parametrize("name", ["orders.feather", "orders.arrows", "-"])
def test_arrow_is_a_file_or_a_stream_and_keeps_the_receipt_behind_the_rows(stored, tmp_path, name):
    target = tmp_path / name
    given = ("connections", "read", "sales", "--table", "orders", "--where", "id < 3", "--output")
    if name == "-":
        words = [sys.executable, "-m", "qualytics", *given, "-", "--format", "arrow"]
        target.write_bytes(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    else:
        assert stored(*given, target).code == 0
    if name == "orders.feather":
        with pa.ipc.open_file(target.read_bytes()) as found:
            batches = [found.get_batch_with_custom_metadata(number) for number in range(found.num_record_batches)]
    else:
        with pa.ipc.open_stream(target.read_bytes()) as found:
            batches = [found.read_next_batch_with_custom_metadata() for _ in range(2)]
    assert [batch.num_rows for batch, _ in batches] == [2, 0]
    receipt = json.loads(batches[1][1][b"qualytics.receipt"])
    assert (receipt["rows"], receipt["source"]["table"], receipt["source"]["where"]) == (2, "orders", "id < 3")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--table", "nothing"), 1, "no such table: nothing"),
        (("--sql", "select x'ff' as a union all select 'text'"), 1, "column 'a' holds bytes beside text"),
        ((), 2, "table or sql is needed"),
        (("--table", "orders", "--sql", "select 1"), 2, "and not both"),
        (("--table", "orders", "--timeout", "0"), 2, "the time limit must be a number of seconds, more than 0"),
    ],
)
def test_a_read_that_fails_leaves_no_file(stored, tmp_path, options, code, words):
    (tmp_path / "out").mkdir()
    done = stored("connections", "read", "sales", *options, "--output", tmp_path / "out" / "orders.parquet")
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert os.listdir(tmp_path / "out") == []


def test_a_file_that_exists_is_kept_unless_it_may_be_replaced(stored, tmp_path):
    target = tmp_path / "orders.csv"
    target.write_text("mine")
    read = ("connections", "read", "sales", "--table", "orders", "--output", target)
    done = stored(*read)
    assert (done.code, target.read_text()) == (2, "mine")
    assert "--overwrite" in done.err
    assert stored(*read, "--overwrite").code == 0
    assert target.read_text().startswith('"id","name","price"')


def test_no_file_takes_the_place_of_a_pipe_or_a_folder(stored, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    read = ("connections", "read", "sales", "--table", "orders", "--overwrite")
    for name, words in (("pipe.csv", "is no regular file"), ("folder.csv", "is a folder")):
        for options in (("--output", tmp_path / name), ("--output", "-", "-f", "csv", "--receipt", tmp_path / name)):
            done = stored(*read, *options)
            assert (done.code, done.out) == (2, "")
            assert done.err == f"error: {tmp_path / name} {words}\nhint: name a file\n"
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe.csv").st_mode)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--output", "-"), "--format is missing"),
        ((), "--output is missing"),
        (("--output", "orders.txt"), "names no format"),
        (("--format", "table", "--receipt", "r.json"), "a table of the first rows is no file"),
        (("--output", "/dev/full", "--format", "csv", "--overwrite"), "/dev/full is no regular file"),
        (("--output", "r.csv", "--receipt", "./r.csv", "--overwrite"), "name the same file"),
        (("--output", "-", "--receipt", "-", "--format", "csv"), "name the same file"),
        (("--output", "r.csv", "--receipt", "nowhere/r.json"), "nowhere/r.json cannot be written"),
        (("--output", "r.csv", "--where", "id = 1) or (id = 2"), "where closes a parenthesis that it did not open"),
    ],
)
def test_what_says_not_where_or_how_is_refused(stored, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some name a file
    done = stored("connections", "read", "sales", "--table", "orders", *options)
    assert done.code == 2
    assert words in done.err


def test_the_receipt_goes_to_stdout_beside_a_file(stored, tmp_path):
    done = stored("connections", "read", "sales", "--table", "orders", "--output", tmp_path / "o.csv", "--receipt", "-")
    assert (done.code, json.loads(done.out)["rows"]) == (0, 3)
    assert os.listdir(tmp_path).count("o.csv") == 1


def test_without_room_for_the_receipt_there_is_no_file_either(stored, shell, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()

    def limit():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    many = "select " + ", ".join(f"1 as c{number}" for number in range(1_000))  # of which it says much, and CSV little
    done = shell(
        "connections",
        "read",
        "sales",
        "--sql",
        many,
        "--output",
        folder / "o.csv",
        "--receipt",
        folder / "r.json",
        preexec_fn=limit,
    )
    assert (done.code, os.listdir(folder)) == (1, [])
    assert "r.json cannot be written: file too large" in done.err


def test_a_full_disk_is_told_and_leaves_no_file(shell, tmp_path):
    shell("connections", "create", "--type", "sqlite", "--name", "s", "--uri", tmp_path / "a.sqlite")
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database:
        database.execute(
            "create table t as with n(i) as (select 1 union all select i + 1 from n where i < 5000) "
            "select i, hex(randomblob(500)) as s from n"
        )
        database.commit()
    (tmp_path / "out").mkdir()

    def limit(size):
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    small = ("--columns", "i", "--fetch-size", 500)  # of which a part waits in a buffer when the disk is full
    for name, size, options in (("t.csv", 1 << 20, ()), ("t.arrow", 1 << 15, small)):
        path = tmp_path / "out" / name
        words = ("connections", "read", "s", "--table", "t", "--parallel", 2, "--output", path, *options)
        done = shell(*words, preexec_fn=functools.partial(limit, size))
        assert (done.code, os.listdir(tmp_path / "out")) == (1, [])
        assert f"{name} cannot be written: file too large" in done.err


@pytest.fixture
def on_postgres(run, postgres_server):
    """Return a function that runs commands beside a store with a connection `pg`."""
    where = ("--host", "127.0.0.1", "--port", postgres_server.port, "--parameters", '{"ssl_mode": "disable"}')
    given = ("--type", "postgresql", "--name", "pg", *where, "--username", postgres_server.user, "--password-stdin")
    assert run("connections", "create", *given, stdin=postgres_server.password.encode()).code == 0
    return run


@pytest.mark.servers
@pytest.mark.parametrize(
    ("form", "opened"),
    [("parquet", parquet.read_table), ("arrow", lambda source: pa.ipc.open_stream(source).read_all())],
)
def test_what_a_failure_leaves_on_stdout_is_taken_for_whole_by_nobody(on_postgres, form, opened):
    # The first group of rows of a Parquet file is written before it fails.
    fails = "select i, 1 / (199999 - i) as n from generate_series(1, 200000) i"
    words = ("connections", "read", "pg", "--sql", fails, "--output", "-", "--format", form)
    done = subprocess.run([sys.executable, "-m", "qualytics", *words], capture_output=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0][-16:]) == (1, b"division by zero")
    assert len(done.stdout) > 100_000
    with pytest.raises(pa.ArrowInvalid):
        opened(pa.BufferReader(done.stdout))


@pytest.mark.servers
def test_a_table_that_is_looked_for_elsewhere_is_told_where_it_is_looked_for(on_postgres, tmp_path):
    read = ("connections", "read", "pg", "--output", tmp_path / "o.csv", "--table")
    done = on_postgres(*read, "public.orders")
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith(
        "no --database was given; a schema goes into --schema, not before the table"
    )


@pytest.mark.servers
def test_the_line_of_progress_is_gone_before_rows_are_shown(on_postgres):
    slow = "select i as id from generate_series(1, 3) i, pg_sleep(0.5)"
    terminal = Terminal("connections", "read", "pg", "--sql", slow, env={"TERM": "xterm", "NO_COLOR": "1"})
    termios.tcsetwinsize(terminal.fd, (24, 30))
    assert terminal.end() == 0
    drawn = re.findall(r"\x1b\[K([^\x1b\r]+)", terminal.shown.decode())
    assert drawn
    assert {len(line) for line in drawn} == {29}  # or a part of it would stay, in the line before
    before, _, rows = terminal.shown.partition(b"ID")
    assert before.rpartition(b"\n")[2].rpartition(b"\r")[2] in {b"", b"\x1b[K\x1b[?25h"}
    assert rows.split(b"\r\n")[:4] == [b"", b"1", b"2", b"3"]


@pytest.mark.servers
@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the children")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupt_leaves_no_file_and_no_session(on_postgres, tmp_path, postgres_server, number):
    folder = tmp_path / "out"
    folder.mkdir()
    # Without an end; its session holds a lock.
    endless = "select generate_series(1, 1000000000) as n from (select pg_advisory_lock(4712)) l"
    words = [
        "connections",
        "read",
        "pg",
        "--database",
        "sales",
        "--sql",
        endless,
        "--output",
        str(folder / "n.parquet"),
    ]
    program = subprocess.Popen(
        [sys.executable, "-m", "qualytics", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    locks = "select count(*) from pg_locks where locktype = 'advisory' and objid = 4712 and granted"
    try:
        until = time.monotonic() + 60
        with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
            while admin.execute(locks).fetchone() == (0,):
                assert program.poll() is None, program.communicate()
                assert time.monotonic() < until
                time.sleep(0.02)
    finally:
        program.send_signal(number)
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (-number if number == signal.SIGKILL else 128 + number, b"")
    assert b"Traceback" not in err
    assert list(folder.iterdir()) == []
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("set statement_timeout = '60s'")
        admin.execute("select pg_advisory_lock(4712)")  # waits for the end of the session that held it
        others = "select query from pg_stat_activity where query like '%4712%' and pid <> pg_backend_pid()"
        assert admin.execute(others).fetchall() == []
