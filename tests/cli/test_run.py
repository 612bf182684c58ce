"""qualytics run: the command gets the connection, nothing else changes, and it ends as it ends."""

import json
import signal
import subprocess
import sys

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from testbed import servers
from tests.support import snowflake_service

pytestmark = pytest.mark.slow  # each test starts processes

CANARY = "c4n'\"$(x) %ry"
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def started(home, monkeypatch):
    """Return a function that runs `qualytics run` in a process of its own; connection 1 has the canary."""
    monkeypatch.setenv("QUALYTICS_CONFIG_HOME", str(home))
    with LocalClient(Settings(home=home)) as client:
        server = {"type": "postgresql", "host": "db.example.com", "username": "u"}
        client.connections.create({**server, "name": "pg", "password": CANARY})

    def start(*words, **options):
        command = [sys.executable, "-m", "qualytics", "run", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)

    return start


def test_a_command_finds_the_connection_and_keeps_the_rest(started, monkeypatch):
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("QUALYTICS_CONNECTION_PORT", "1")
    monkeypatch.setenv("QUALYTICS_CONNECTION_URI", "of another")
    monkeypatch.setenv("OF_MINE", "kept")
    done = started("--name", "pg", "--database", "sales", "--", sys.executable, "-c", SHOW)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["PGPASSWORD"], found["PGDATABASE"], found["OF_MINE"]) == (CANARY, "sales", "kept")
    assert found["PG_PASSWORD"] == CANARY  # as `connections url` calls it
    assert found["QUALYTICS_CONNECTION_PORT"] == "5432"
    assert not {"PGHOSTADDR", "QUALYTICS_CONNECTION_URI"} & found.keys()


def test_it_ends_as_the_command_ends_with_its_words_and_input(started):
    script = "import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(41)"
    done = started("--id", "1", "--", sys.executable, "-c", script, "--name", "--help", "", input="given")
    assert (done.returncode, done.stdout) == (41, "['--name', '--help', ''] given\n")
    done = started("--id", "1", "--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert done.returncode == -signal.SIGTERM


def test_signals_that_python_ignores_end_a_command_as_anywhere(started):
    done = started("--id", "1", "--", "sh", "-c", "kill -PIPE $$; echo survived")
    assert (done.returncode, done.stdout) == (-signal.SIGPIPE, "")


def test_what_must_be_a_file_is_one_in_memory(started, home):
    pem = snowflake_service.pem(snowflake_service.new_key())
    with LocalClient(Settings(home=home)) as client:
        account = {"host": "o.snowflakecomputing.com", "username": "u", "password": pem}
        keypair = {"authentication_type": "KEYPAIR"}
        client.connections.create({"type": "snowflake", "name": "sf", **account, "parameters": keypair})
    script = (
        "import os; path = os.environ['SNOWFLAKE_PRIVATE_KEY_FILE']; print(os.readlink(path)); print(open(path).read())"
    )
    done = started("--name", "sf", "--", sys.executable, "-c", script)
    place, _, content = done.stdout.partition("\n")
    assert place.startswith("/memfd:")
    assert content.strip() == pem.strip()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--id", "1", "--", "no-such-command"), 127, "error: cannot run 'no-such-command': there is no such command"),
        (("--id", "1", "--", ""), 127, "error: cannot run '': there is no such command"),
        (("--id", "1", "--", "/"), 126, "error: cannot run '/': permission denied"),
        (("true", "--name", "pg"), 2, "error: give --name or --id"),
        (("--id", "1", "--database", "--", "true"), 2, "error: --database has no value: -- follows it at once"),
        (("--id", "1"), 2, "error: there is no command to run"),
        (("--", "true"), 2, "error: give --name or --id"),
        (("--id", "1", "--name", "pg", "--", "true"), 2, "error: give either --id or --name, not both"),
        (("--name", "gp", "--", "true"), 3, "error: there is no connection 'gp'"),
        (("--id", "1", "--schema", "s", "--", "true"), 2, "error: database is needed with a schema"),
    ],
)
def test_what_cannot_be_run_is_told_with_a_hint_and_no_secret(started, words, code, message):
    done = started(*words)
    first, second = done.stderr.splitlines()
    assert (done.returncode, done.stdout, first) == (code, "", message)
    assert second.startswith("hint: ")
    assert CANARY not in done.stderr


@pytest.mark.parametrize(
    ("first_line", "code", "why", "hint"),
    [
        ("true", 126, "exec format error", "start it by one, as in -- sh FILE"),
        ("#!/nowhere/sh", 127, "the interpreter that its first line names is not there", "after #!"),
    ],
)
def test_why_a_program_cannot_be_started_is_told_with_what_to_do(started, tmp_path, first_line, code, why, hint):
    script = tmp_path / "job"
    script.write_text(f"{first_line}\n")
    script.chmod(0o755)
    done = started("--id", "1", "--", str(script))
    first, second = done.stderr.splitlines()
    assert (done.returncode, first) == (code, f"error: cannot run {str(script)!r}: {why}")
    assert second.endswith(hint)


def test_a_value_that_is_longer_than_a_variable_may_be_is_told(started, home):
    with LocalClient(Settings(home=home)) as client:
        client.connections.update("pg", {"password": "\N{SNOWMAN}" * 60_000})
    done = started("--id", "1", "--", "true")
    assert (done.returncode, done.stderr.splitlines()[0]) == (126, "error: cannot run 'true': argument list too long")
    assert "longer than the system takes" in done.stderr


def test_a_record_among_the_words_of_the_command_is_pointed_at(started):
    assert started("pg", "--", "psql").stderr.splitlines()[1] == "hint: did you mean --name pg?"
    assert "before the words" in started("psql", "--id=1").stderr


def test_psql_logs_in_by_what_it_finds(started, home, postgres_server, authority):
    program = servers.postgres_programs() / "psql"
    with LocalClient(Settings(home=home)) as client:
        login = {"username": postgres_server.user, "password": postgres_server.password}
        roots = {"ssl_mode": "verify", "ssl_root_cert": authority.cert_pem.bytes().decode()}
        place = {"host": "localhost", "port": postgres_server.port, **login, "parameters": roots}
        client.connections.create({"type": "postgresql", "name": "real", **place})
    sql = "select current_database(), current_setting('search_path'), ssl from pg_stat_ssl where pid = pg_backend_pid()"
    scope = ("--database", "tls_only", "--schema", 'a "b\\c')
    done = started("--name", "real", *scope, "--", str(program), "-X", "-w", "-At", "-c", sql)
    assert (done.stdout, done.stderr, done.returncode) == ('tls_only|"a ""b\\c"|t\n', "", 0)
    done = started("--name", "real", "--", str(program), "-X", "-w", "-At", "-c", "select current_database()")
    assert (done.stdout, done.stderr) == ("postgres\n", "")  # as a test and a read without a database
