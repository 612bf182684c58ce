"""`connections test --all`: results on stdout in every format, failures and a summary on stderr, exit codes, files."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import closing

import pytest

from tests.support.gate import gate
from tests.support.processes import descendants, watched
from tests.support.starting import starting
from tests.support.terminals import Terminal, stderr_of

pytestmark = pytest.mark.slow  # each test starts processes

SECRET = "canary-6e1f0b9a"
ODD = 'a "b" <c>&: 50%, d 日本 🚀'


@pytest.fixture
def fleet(run, tmp_path):
    """Return the runner of commands, with two connections that pass, one refused, and one without its file."""
    path = tmp_path / "sales.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer)")
    for name in ("one", "two"):
        run("connections", "create", "-t", "sqlite", "--uri", path, "--name", name)
    run("connections", "create", "-t", "sqlite", "--uri", tmp_path / "none", "--name", "gone")
    add_server(run, "server", 1)
    return run


def add_server(run, name, port):
    server = ("--host", "127.0.0.1", "--port", port, "--username", "u", "--password", SECRET)
    assert run("connections", "create", "-t", "postgresql", *server, "--name", name).code == 0


TEST = ("connections", "test", "--all")


def test_json_lines_hold_a_result_each_and_the_exit_code_says_that_one_failed(fleet):
    done = fleet(*TEST, "-f", "jsonl")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 6
    assert {line["name"]: line["class"] for line in lines} == {
        "one": None,
        "two": None,
        "gone": "unknown_db",
        "server": "refused",
    }
    assert all(list(line)[:4] == ["id", "name", "type", "connected"] for line in lines)
    assert sorted(done.err.splitlines()[:-1]) == [
        "error: connection 'gone' failed at open (unknown_db): " + lines_of(lines, "gone")["message"],
        "error: connection 'server' failed at tcp (refused): nothing listens on 127.0.0.1:1",
    ]
    assert done.err.splitlines()[-1] == "error: 2 of 4 tests failed: 1 refused, 1 unknown_db"


def lines_of(lines, name):
    return next(line for line in lines if line["name"] == name)


@pytest.mark.parametrize("form", ["yaml", "json", "table", "wide", "csv"])
def test_every_other_format_is_one_document(fleet, form):
    done = fleet(*TEST, "-f", form)
    assert done.code == 6
    if form in {"yaml", "json"}:
        assert {row["name"] for row in done.document} == {"one", "two", "gone", "server"}
    else:
        header, *rows = done.out.splitlines()
        assert (header.lower().replace(",", " ").split()[:3], len(rows)) == (["id", "name", "type"], 4)


def test_a_table_says_the_result_of_each(fleet):
    done = fleet(*TEST, "-f", "table", "--type", "postgresql")
    header, row = done.out.splitlines()
    assert header.split() == ["ID", "NAME", "TYPE", "RESULT", "STAGE", "MS", "MESSAGE"]
    assert row.split()[:5] == ["4", "server", "postgresql", "refused", "tcp"]
    assert row.endswith("nothing listens on 127.0.0.1:1")


def test_columns_and_queries_know_what_a_result_holds(fleet):
    done = fleet(*TEST, "--type", "sqlite", "--name", "TWO", "--columns", "name,result,connected", "-f", "csv")
    assert (done.code, done.out) == (0, "name,result,connected\ntwo,passed,true\n")
    done = fleet(*TEST, "--name", "two", "--jq", ".[].name")
    assert (done.code, done.out, done.err) == (0, "two\n", "")


def test_only_the_classes_that_are_named_fail_the_run(fleet):
    done = fleet(*TEST, "-f", "jsonl", "--fail-on", "auth, dns")
    assert done.code == 0
    assert done.err.splitlines()[-1] == (
        "warning: failed without failing the run, as --fail-on says: 1 refused, 1 unknown_db"
    )
    done = fleet(*TEST, "-f", "jsonl", "--fail-on", "refused")
    assert done.code == 6
    assert done.err.splitlines()[-1] == "error: 1 of 4 tests failed: 1 refused"


@pytest.mark.servers
def test_a_server_that_still_starts_passes_at_the_second_try_if_that_is_asked_for(run, postgres_server):
    login = ("--username", postgres_server.user, "--password", postgres_server.password)
    parameters = json.dumps({"ssl_mode": "disable"})
    words = ("connections", "create", "-t", "postgresql", "--host", "127.0.0.1", *login, "--parameters", parameters)
    with starting(postgres_server.port) as port:
        assert run(*words, "--port", port, "--name", "starts").code == 0
        done = run(*TEST, "-f", "json", "--retry-transient")
        [result] = json.loads(done.out)
    assert (done.code, result["connected"]) == (0, True)
    assert result["warnings"][-1] == "passed at the second try; the first failed at login (transient)"
    with starting(postgres_server.port) as port:
        assert run("connections", "update", "starts", "--port", port, *login[2:]).code == 0
        done = run(*TEST, "-f", "json")
        [result] = json.loads(done.out)
    assert (done.code, result["class"], result["code"]) == (6, "transient", "57P03")


def test_where_nothing_matches_nothing_fails_and_it_is_said(fleet):
    done = fleet(*TEST, "--name", "nobody", "-f", "json")
    assert (done.code, done.out, done.err) == (0, "[]\n", "warning: there was no connection to test\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--all", "--host", "h"), "--host is for the test of one connection"),
        (("--all", "--database", "d"), "--database is for the test of one connection"),
        (("--all", "--password-stdin"), "--password-stdin is for the test of one connection"),
        (("--all", "one"), "--all tests all connections, not one"),
        (("--all", "--id", "1"), "--all tests all connections, not one"),
        (("one", "--parallel", "3"), "--parallel is for --all"),
        (("one", "--retry-transient"), "--retry-transient is for --all"),
        (("one", "--github"), "--github is for --all"),
        (("--all", "--parallel", "129"), "parallel must be from 1 to 128"),
        (("--all", "--timeout", "0"), "timeout must be more than 0 and at most 300 seconds"),
        (("--all", "--fail-on", "auht"), "there is no class 'auht' of failed tests"),
        (("--all", "--fail-on", ","), "--fail-on names no class"),
        (("--all", "--junit", "/nowhere/at/all.xml"), "--junit: /nowhere/at/all.xml: no such file or directory"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_tested(fleet, args, message):
    done = fleet("connections", "test", *args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}\n")


def test_a_junit_file_holds_a_case_for_each_and_no_secret(fleet, tmp_path):
    fleet("connections", "update", "--id", "4", "--name", ODD)
    path = tmp_path / "report.xml"
    done = fleet(*TEST, "-f", "jsonl", "--junit", path, "--fail-on", "refused")
    suite = ET.parse(path).getroot().find("testsuite")
    assert done.code == 6
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite}
    failed = cases.pop(ODD)
    assert (failed.get("classname"), failed.find("failure").get("type")) == ("postgresql", "refused")
    assert failed.find("failure").get("message") == "nothing listens on 127.0.0.1:1"
    assert cases["gone"].find("skipped") is not None
    assert len(cases["one"]) == len(cases["two"]) == 0
    assert SECRET not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert [name for name in os.listdir(tmp_path) if name.startswith(".qualytics-")] == []


def test_a_junit_file_of_before_stays_when_the_run_does_not_end(fleet, tmp_path):
    path = tmp_path / "report.xml"
    path.write_text("before")
    assert fleet(*TEST, "--junit", path, "--parallel", "200").code == 2
    assert path.read_text() == "before"
    os.mkfifo(tmp_path / "pipe")
    for place, words in ((tmp_path / "pipe", "is no regular file"), (tmp_path, "is a folder")):
        done = fleet(*TEST, "--junit", place)
        assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {place} {words}")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_annotations_are_escaped_as_github_reads_them(fleet):
    fleet("connections", "update", "--id", "4", "--name", ODD)
    done = fleet(*TEST, "-f", "jsonl", "--github", "--fail-on", "refused")
    annotations = [line for line in done.err.splitlines() if line.startswith("::")]
    assert sorted(annotation.split("::")[1].partition(" ")[0] for annotation in annotations) == ["error", "warning"]
    name = 'a "b" <c>&%3A 50%25%2C d 日本 🚀'
    assert f"::error title=connection {name}::failed at tcp (refused): nothing listens on 127.0.0.1:1" in annotations
    assert SECRET not in done.err


def test_each_line_is_written_when_its_test_ends(fleet):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        add_server(fleet, "silent", port)
        with started("-f", "jsonl", "--timeout", "300") as process:
            names = {json.loads(process.stdout.readline())["name"] for _ in range(4)}
            assert names == {"one", "two", "gone", "server"}
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == b""
            assert process.wait(60) == 130
            assert process.stderr.read().decode().splitlines()[-1] == "stopped; 1 not tested: 'silent'"


def started(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "qualytics", *TEST, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_run_that_is_ended(fleet, number):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        silent.settimeout(60)
        port = silent.getsockname()[1]
        for name in range(3):
            add_server(fleet, f"silent {name}", port)
        with started("-f", "json", "--timeout", "300", "--type", "postgresql", "--name", "silent") as process:
            with silent.accept()[0], silent.accept()[0], silent.accept()[0], watched(descendants(process.pid)) as left:
                process.send_signal(number)
                process.wait(60)
                assert left(30) == []
            if number == signal.SIGINT:
                assert json.loads(process.stdout.read()) == []


def test_on_a_terminal_a_table_comes_and_goes_and_the_failures_stay(fleet, tmp_path):
    with gate(1) as server:
        add_server(fleet, "gate", server.port)
        environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
        code, out, shown = stderr_of(*TEST, "-f", "jsonl", env=environment)
    assert (code, len(out.splitlines())) == (6, 5)
    *_, last = shown.split("\x1b[J")
    assert last.startswith("\x1b[?25h")
    lines = last.removeprefix("\x1b[?25h").splitlines()
    assert {line.split(" failed")[0] for line in lines[:-1]} == {"✗ gone", "✗ server", "✗ gate"}
    assert lines[-1].startswith("5 tested: 2 passed, 3 failed (1 auth, 1 refused, 1 unknown_db) in ")


def test_failures_and_the_summary_stand_below_the_document_of_a_terminal(fleet):
    terminal = Terminal(*TEST, "-f", "table", env={"TERM": "xterm", "NO_COLOR": "1"})
    assert terminal.end() == 6
    *_, last = terminal.shown.decode().split("\x1b[?25h")
    lines = last.splitlines()
    assert [line.split()[0] for line in lines if line][:5] == ["ID", "1", "2", "3", "4"]
    assert {line.split(" failed")[0] for line in lines[5:7]} == {"✗ gone", "✗ server"}
    assert lines[7].startswith("4 tested: 2 passed, 2 failed (1 refused, 1 unknown_db) in ")


def test_ctrl_c_on_a_terminal_leaves_it_clean_and_says_what_was_not_tested(fleet):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        add_server(fleet, "silent", port)
        terminal = Terminal(*TEST, "--timeout", "300", "--name", "silent")
        terminal.read_until(b"silent  postgresql")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert terminal.shown.decode().splitlines()[-1] == "stopped; 1 not tested: 'silent'"
    assert terminal.shown.count(b"\x1b[?25l") >= 1
    assert terminal.shown.rindex(b"\x1b[?25h") > terminal.shown.rindex(b"\x1b[?25l")
