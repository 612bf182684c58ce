"""What was typed: references and their sources, files, standard input, prompts, and bytes that are no text."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.refused_commands import PG, check

SECRET_SOURCES = [
    (("--password-stdin", "--secret-key-stdin"), b"x", "both read standard input", "in another way"),
    (("--password-stdin", "--password", "x"), b"x", "--password and --password-stdin exclude", "drop one"),
    (("--secret-key-stdin", "--secret-key", "x"), b"x", "--secret-key and --secret-key-stdin exclude", "drop one"),
    (("--secret-key-stdin",), b"", "--secret-key-stdin: standard input is empty", "pipe printed nothing"),
    (("--secret-key-stdin",), b"\n", "--secret-key-stdin: standard input is empty", "--allow-empty"),
    (("--password-stdin",), b"", "--password-stdin: standard input is empty", "what writes the password into the pipe"),
    (("--password-stdin",), b"\r\n", "--password-stdin: standard input is empty", "--allow-empty"),
    (("--password-stdin",), b"\xff\n", "--password-stdin: standard input is not UTF-8", "UTF-8"),
    (("--password-stdin",), b"x" * 65_537, "password has 65,537 characters", "65,536 is the most"),
    (("--password-stdin",), b"x" * 300_000, "--password-stdin: standard input holds too much", "65,536"),
    (("--password-stdin",), b"a\0b", "password holds a NUL character", "no server"),
    (("--password", "-"), b"x", "--password - asks on a terminal, and there is none", "--password-stdin"),
    (("--passphrase", "-"), b"x", "--passphrase - asks on a terminal, and there is none", "--passphrase '${NAME}'"),
    (("--secret-key", "-"), b"x", "--secret-key - asks on a terminal, and there is none", "--secret-key-stdin"),
    (("--access-key", "-"), b"x", "--access-key - asks on a terminal, and there is none", "'${NAME}'"),
]
ENV_FILES = [
    (b"PW", "line 1 of", "NAME=VALUE"),
    (b"A=1\n\n# c\nB 2\n", "line 4 of", "NAME=VALUE"),
    (b"1A=x", "line 1 of", "NAME=VALUE"),
    (b"A-B=x", "line 1 of", "NAME=VALUE"),
    (b"=x", "line 1 of", "NAME=VALUE"),
    (b"A =x", "line 1 of", "NAME=VALUE"),
    (b"exportA x", "line 1 of", "NAME=VALUE"),
    (b"PW=\xff", "is not UTF-8", "UTF-8"),
    (b"#" * 1_048_577, "is larger than 1 MiB", "right file"),
]
BYTES = [
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"db\xff"), 2, "host is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"postgresql\xff", b"--host", b"db"), 2, "there is no connection type"),
    ((b"connections", b"create", b"-t", b"sqlite", b"--uri", b"a", b"--name", b"n\xff"), 2, "name is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"sqlite", b"--uri", b"/a\xff"), 2, "uri is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--password", b"\xff"), 2, "password is not"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--username", b"\xff"), 2, "username is not"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--parameters", b"{\xff"), 2, "not JSON"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--parameters", b"@\xff"), 2, "no such file"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--env-file", b"\xff"), 2, "no such file"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--port", b"\xff"), 2, "--port must be"),
    ((b"connections", b"list", b"--type", b"\xff"), 2, "there is no connection type"),
    ((b"connections", b"get", b"--name", b"\xff"), 3, "there is no connection '\\udcff'"),
    ((b"datastores", b"get", b"--name", b"\xff"), 3, "there is no datastore '\\udcff'"),
    ((b"connections", b"\xff"), 2, "there is no command '\\udcff'"),
    ((b"connections", b"list", b"--\xff"), 2, "there is no such option"),
]

NEW = ("connections", "create", "-t", "postgresql")


@pytest.fixture
def secrets(home):
    """Return a function that opens the secrets of a connection."""
    from qualytics.service.context import Context
    from qualytics.settings import load

    def call(connection_id):
        with Context(load()) as context:
            found = context.store.connections.secrets(connection_id)
            return {name: secret.reveal() for name, secret in found.items()}

    return call


ENV = {"H": "db.example.com", "U": "me", "P": "${U} $U $${U}", "E": "", "A": "app"}


def test_references_are_resolved_where_the_table_says(run, secrets):
    given = ("--host", "${H}", "--username", "x${U}y", "--password", "${P}", "--name", "${H}")
    made = run(*NEW, *given, "--parameters", '{"application_name": "${A}-$A-$${A}"}', "-f", "json", env=ENV)
    assert made.code == 0, made.err
    assert (made.json["host"], made.json["username"], made.json["name"]) == ("db.example.com", "xmey", "${H}")
    assert made.json["parameters"] == {"application_name": "app-$A-${A}"}
    assert secrets(1) == {"password": "${U} $U $${U}"}


def test_references_are_resolved_in_a_uri_and_in_a_file_of_parameters(run, tmp_path):
    made = run("connections", "create", "-t", "sqlite", "--uri", "/data/${A}.db", "-f", "json", env=ENV)
    assert made.json["uri"] == "/data/app.db"
    file = tmp_path / "p.json"
    file.write_text('{"application_name": "${A}"}')
    made = run(*NEW, "--host", "h", "--parameters", f"@{file}", "-f", "json", env=ENV)
    assert made.json["parameters"] == {"application_name": "app"}


def test_an_update_and_a_test_resolve_references_too(run, secrets):
    run(*NEW, "--host", "h")
    assert run("connections", "update", "--id", "1", "--password", "${U}", env=ENV).code == 0
    assert secrets(1) == {"password": "me"}
    assert run("connections", "test", "--id", "1", "--password", "${NO}").err.startswith("error: --password: ${NO} is")


def test_an_empty_value_is_fine_for_a_password_only(run, secrets):
    assert run(*NEW, "--host", "h", "--password", "${E}", env=ENV).code == 0
    assert secrets(1) == {"password": ""}
    refused = run(*NEW, "--host", "h", "--username", "${E}", env=ENV)
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: --username: ${E} is empty")


EMPTY = [
    (verb, option)
    for verb in (NEW, ("connections", "update", "--id", "1"), ("connections", "test", "--id", "1"))
    for option in ("--password", "--passphrase", "--secret-key", "--access-key")
]


@pytest.mark.parametrize(("verb", "option"), EMPTY)
def test_a_secret_that_the_shell_left_empty_is_an_error(run, home, verb, option):
    refused = run(*verb, option, "")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: {option} is empty\nhint: an unset shell variable is the likely cause")
    assert "--allow-empty" in refused.err
    assert not home.exists()


@pytest.mark.parametrize("given", [("--password", ""), ("--password-stdin",)])
def test_an_empty_password_is_taken_where_it_is_said_to_be_meant(run, secrets, given):
    assert run(*NEW, "--host", "h", *given, "--allow-empty", stdin=b"\n").code == 0
    assert run(*NEW, "--allow-empty", "--host", "h", "--password", "${E}", env=ENV).code == 0
    assert secrets(1) == secrets(2) == {"password": ""}
    assert run("connections", "update", "--id", "1", "--password", "x").code == 0
    assert run("connections", "update", "--id", "1", *given, "--allow-empty", stdin=b"\r\n").code == 0
    assert secrets(1) == {"password": ""}


def test_an_empty_passphrase_stands_for_none_and_an_empty_key_for_one_that_is_missing(run, secrets):
    given = ("connections", "create", "-t", "snowflake", "--host", "a.snowflakecomputing.com", "--username", "me")
    assert run(*given, "--password", "x", "--passphrase", "${E}", "--allow-empty", env=ENV).code == 0
    assert secrets(1) == {"password": "x"}
    given = ("connections", "create", "-t", "s3", "--uri", "s3://data", "--access-key", "", "--secret-key", "${E}")
    assert "secret_key is needed for s3" in run(*given, "--allow-empty", env=ENV).err


def test_all_bad_references_are_told_in_one_error_and_nothing_is_stored(run, home):
    given = ("--host", "${NO1}", "--username", "${NO2}${NO3}", "--password", "${A-B}")
    refused = run(*NEW, *given, "--parameters", '{"application_name": "${NO4}"}')
    assert (refused.code, refused.out) == (2, "")
    errors = [line for line in refused.err.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: --host: ${NO1} is not set",
        "error: --username: ${NO2} is not set",
        "error: --username: ${NO3} is not set",
        "error: --password: holds a malformed reference to A_B, with more than its name",
        "error: --parameters: ${NO4} is not set",
    ]
    assert "hint: export NO1=… or use --env-file" in refused.err
    assert not home.exists()


def test_an_env_file_adds_variables_that_are_never_expanded(run, tmp_path, secrets):
    file = tmp_path / "my.env"
    lines = [
        "\ufeff# comment",
        "",
        "  export DB_PW='p ${U} $U'  ",
        'QUOTED="a\'b"',
        "H=from-file",
        "SPACED=  x y ",
        "ODD=a\u2028b\x85c\x0bd",
        "EQ=a=b=c",
        "LONE='",
    ]
    file.write_bytes("\r\n".join(lines).encode())

    def stored(text):
        made = run(*NEW, "--host", "h", "--password", text, "--env-file", file, "-f", "json", env=ENV)
        assert made.code == 0, made.err
        return secrets(made.json["id"])["password"]

    assert stored("${DB_PW}") == "p ${U} $U"
    assert stored("${QUOTED}|${EQ}|${LONE}") == "a'b|a=b=c|'"
    assert stored("${SPACED}") == "x y"
    assert stored("${ODD}") == "a\u2028b\x85c\x0bd"
    assert stored("${H} ${U}") == "from-file me"


def test_no_env_file_is_read_by_itself(run, tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("FOUND=x\n")
    monkeypatch.chdir(tmp_path)
    assert run(*NEW, "--host", "h", "--password", "${FOUND}").code == 2


STDIN = [
    (b"geheim\n", "geheim"),
    (b"geheim\r\n", "geheim"),
    (b"geheim", "geheim"),
    (b"ends with return\r", "ends with return\r"),
    (b"two\n\n", "two\n"),
    (b" ${P} $${P} \n", " ${P} $${P} "),
    ("pässwörd \U0001f600\n".encode(), "pässwörd \U0001f600"),
    (b"********x", "********x"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("stdin", "value"), STDIN)
def test_a_password_from_standard_input_is_taken_as_it_is(run, secrets, stdin, value):
    assert run(*NEW, "--host", "h", "--password-stdin", stdin=stdin, env=ENV).code == 0
    assert secrets(1) == {"password": value}


def test_other_fields_are_literal(run):
    text = "${A}"
    made = run(*NEW, "--host", "h", "--name", text, "-f", "json", env=ENV)
    assert made.json["name"] == text
    found = run("connections", "list", "--name", text, "-f", "json", env=ENV)
    assert [document["name"] for document in found.json] == [text]
    datastore = ("datastores", "create", "-n", text, "--connection-name", text, "--database", text, "--schema", text)
    made = run(*datastore, "-f", "json", env=ENV)
    assert (made.json["name"], made.json["database"]) == (text, text)


def test_a_service_never_expands(home):
    from qualytics.client import connect

    with connect() as client:
        made = client.connections.create(
            {"type": "postgresql", "host": "h", "username": "${HOME}", "password": "${HOME}"}
        )
        assert made["username"] == "${HOME}"
        assert json.dumps(made).count("${HOME}") == 1


@pytest.mark.parametrize(("given", "stdin", "error", "hint"), SECRET_SOURCES)
def test_a_secret_comes_one_way_only_and_never_by_asking_off_a_terminal(run, given, stdin, error, hint):
    check(run(*PG, *given, stdin=stdin), 2, error, hint)


@pytest.mark.parametrize(("content", "error", "hint"), ENV_FILES)
def test_an_env_file_holds_lines_of_name_and_value_and_is_never_repeated(run, tmp_path, content, error, hint):
    file = tmp_path / "my.env"
    file.write_bytes(content)
    check(run(*PG, "--password", "${PW}", "--env-file", file), 2, error, hint)


def test_an_env_file_that_cannot_be_read_is_an_error(run, tmp_path):
    check(run(*PG, "--env-file", tmp_path / "none"), 2, "no such file or directory", "--env-file")
    check(run(*PG, "--env-file", tmp_path), 2, "is a directory", "--env-file")
    check(run(*PG, "--env-file", "a\0b"), 2, "null byte", "--env-file")


@pytest.mark.parametrize(("given", "code", "error"), BYTES)
@pytest.mark.slow
def test_bytes_that_are_no_text_are_refused_like_any_bad_value(home, given, code, error):
    done = subprocess.run([os.fsencode(sys.executable), b"-m", b"qualytics", *given], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (code, b"")
    first = done.stderr.decode().splitlines()[0]
    assert first.startswith("error: ")
    assert error in first
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_lists_filtered_by_bytes_that_are_no_text_are_empty(home):
    for command in (b"connections", b"datastores"):
        words = [os.fsencode(sys.executable), b"-m", b"qualytics", command, b"list", b"--name", b"\xff"]
        done = subprocess.run(words, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"[]\n", b"")
