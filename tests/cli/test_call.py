"""What a call knows of itself: --debug, whose words show no secret, and an interrupt in the middle of a test."""

import base64
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import faults

PROGRAM = [sys.executable, "-m", "qualytics"]

PG = ("connections", "create", "-t", "postgresql")
CANARY = "kAnari+/=vogel%geheim ä1"
FORMS = [
    CANARY.encode(),
    quote(CANARY).encode(),
    quote(CANARY, safe="").encode(),
    json.dumps(CANARY)[1:-1].encode(),
    *(base64.b64encode(b"\0" * shift + CANARY.encode())[4:-4] for shift in range(3)),
]


def shown(*texts):
    return [form for form, text in itertools.product(FORMS, texts) if form in text]


def test_debug_tells_what_is_run_and_where_the_store_is(run, home):
    result = run(*PG, "--host", "${H}", "--debug", "-f", "json", env={"H": "db.example.com"})
    lines = result.err.splitlines()
    assert result.json["host"] == "db.example.com"
    assert all(re.match(r"debug: +\d+\.\d ms  ", line) for line in lines)
    for part in (
        "run qualytics connections create with --type --host --format --debug",
        f"store {home}/store.db (is not made yet), key from {home}/key",
        "resolved H",
        "exit code 0",
    ):
        assert part in result.err, part
    assert "db.example.com" not in result.err


def test_debug_tells_of_an_error_its_code_its_causes_and_places_without_a_traceback(run, home):
    run("connections", "list")
    (home / "store.db").write_bytes(b"no store at all" * 100)
    result = run("connections", "list", "--debug")
    assert result.code == 1
    assert "error store-damaged, exit code 1" in result.err
    assert re.search(r"  at qualytics/store/\w+\.py:\d+ in \w+", result.err)
    assert re.search(r"  at qualytics/cli/listing\.py:\d+ in list_", result.err)
    assert "DatabaseError: file is not a database" in result.err
    assert "Traceback" not in result.err
    assert result.err.splitlines()[-2].startswith("error: ")


def test_a_key_from_the_environment_is_named_but_not_shown(run):
    key = base64.urlsafe_b64encode(bytes(range(32))).decode()
    result = run("connections", "list", "--debug", env={"QUALYTICS_KEY": key})
    assert "key from QUALYTICS_KEY" in result.err
    assert key not in result.err + result.out


@pytest.mark.slow
def test_debug_tells_the_stages_of_a_test(run, tmp_path):
    database = tmp_path / "x.db"
    with sqlite3.connect(database) as handle:
        handle.execute("create table t (a)")
    handle.close()
    result = run("connections", "test", "-t", "sqlite", "--uri", database, "--debug")
    assert re.search(r"stage open: passed after [\d.]+ ms", result.err)
    failed = run("connections", "create", "-t", "sqlite", "--uri", tmp_path / "none", "--test", "--debug")
    assert re.search(r"stage open: failed after [\d.]+ ms", failed.err)
    assert "error test-failed, exit code 6" in failed.err


def ways(tmp_path):
    """Return how a secret can be given: arguments, environment and standard input."""
    file = tmp_path / "canary.env"
    file.write_text(f"FROM_FILE='{CANARY}'\n")
    return [
        (["--password", "${CANARY}"], {"CANARY": CANARY}, b""),
        (["--password", "${FROM_FILE}", "--env-file", str(file)], {}, b""),
        (["--password-stdin"], {}, f"{CANARY}\n".encode()),
        (["--password", CANARY], {}, b""),
    ]


@pytest.mark.slow
def test_a_canary_shows_in_no_output_no_error_no_log_and_no_file(home, tmp_path):
    outputs = []

    def call(*words, env=None, stdin=b"", code=None):
        done = subprocess.run(
            [sys.executable, "-m", "qualytics", *words, "--debug"],
            input=stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=60,
            check=False,
        )
        assert code is None or done.returncode == code, done.stderr.decode()
        outputs.extend((done.stdout, done.stderr))

    with faults.closed() as port, faults.garbage(f"HTTP/1.1 400 {CANARY}\r\n\r\n".encode()) as echo:
        for number, (given, env, stdin) in enumerate(ways(tmp_path), start=1):
            at = ("--host", "127.0.0.1", "--port", str(port), "--username", "u")
            call(*PG, *at, *given, env=env, stdin=stdin, code=0)
            call("connections", "get", "--id", str(number), code=0)
            call("connections", "update", "--id", str(number), "--username", "u", *given, env=env, stdin=stdin, code=0)
            call("connections", "update", "--id", str(number), *given, "--dry-run", env=env, stdin=stdin, code=0)
            call("connections", "update", "--id", str(number), *given, "--port", "0", env=env, stdin=stdin, code=2)
            call("connections", "test", "--id", str(number), code=6)
            call("connections", "test", "--id", str(number), "--port", str(echo), *given, env=env, stdin=stdin, code=6)
            call(*PG, *at, *given, "--test", env=env, stdin=stdin, code=6)
            call(*PG, "--host", "a:b", *given, env=env, stdin=stdin, code=2)
            call(*PG, "--host", "h", *given, "--parameters", '{"a": 1}', env=env, stdin=stdin, code=2)
            call(*PG, "--host", "h", *given, "word", env=env, stdin=stdin, code=2)
            call(*PG, "--host", "${NO}", *given, env=env, stdin=stdin, code=2)
        call(*PG, "--host", "h", "--password", *CANARY.split(), code=2)
        call(*PG, "--host", "h", f"--pasword={CANARY}", code=2)
        call(*PG, "--host", "h", "--access-key", "${CANARY}", env={"CANARY": CANARY}, code=2)
        call("connections", "list", code=0)
        call("store", "check", code=0)
    assert len(shown(*FORMS)) >= len(FORMS)  # the search itself finds what it looks for
    assert len(outputs) > 100
    assert shown(*outputs) == []
    files = [path for path in Path(home).rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        assert shown(path.read_bytes()) == [], path


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


INTERRUPTED_IMPORT = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
runpy.run_module("qualytics", run_name="__main__")
"""


@pytest.mark.slow
def test_an_interrupt_before_the_command_has_begun_ends_it_with_130_and_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the children")
def test_an_interrupt_during_a_hanging_test_ends_with_130_and_leaves_no_child(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = [
            "connections",
            "test",
            "-t",
            "postgresql",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--username",
            "u",
        ]
        program = subprocess.Popen(
            [*PROGRAM, *words, "--timeout", "300"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        listener.settimeout(60)
        peer, _ = listener.accept()
        with peer:  # connected and never answered: the test hangs
            found = children(program.pid)
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=60)
    assert found
    assert (program.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert not [child for child in found if Path(f"/proc/{child}").exists()]
