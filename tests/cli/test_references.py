"""References: in which fields, resolved once, from which sources, and nothing stored when one is bad."""

import json

import pytest

PG = ("connections", "create", "-t", "postgresql")


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
    made = run(*PG, *given, "--parameters", '{"application_name": "${A}-$A-$${A}"}', "-f", "json", env=ENV)
    assert made.code == 0, made.err
    assert (made.json["host"], made.json["username"], made.json["name"]) == ("db.example.com", "xmey", "${H}")
    assert made.json["parameters"] == {"application_name": "app-$A-${A}"}
    assert secrets(1) == {"password": "${U} $U $${U}"}


def test_references_are_resolved_in_a_uri_and_in_a_file_of_parameters(run, tmp_path):
    made = run("connections", "create", "-t", "sqlite", "--uri", "/data/${A}.db", "-f", "json", env=ENV)
    assert made.json["uri"] == "/data/app.db"
    file = tmp_path / "p.json"
    file.write_text('{"application_name": "${A}"}')
    made = run(*PG, "--host", "h", "--parameters", f"@{file}", "-f", "json", env=ENV)
    assert made.json["parameters"] == {"application_name": "app"}


def test_an_update_and_a_test_resolve_references_too(run, secrets):
    run(*PG, "--host", "h")
    assert run("connections", "update", "--id", "1", "--password", "${U}", env=ENV).code == 0
    assert secrets(1) == {"password": "me"}
    assert run("connections", "test", "--id", "1", "--password", "${NO}").err.startswith("error: --password: ${NO} is")


def test_an_empty_value_is_fine_for_a_password_only(run, secrets):
    assert run(*PG, "--host", "h", "--password", "${E}", env=ENV).code == 0
    assert secrets(1) == {"password": ""}
    refused = run(*PG, "--host", "h", "--username", "${E}", env=ENV)
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: --username: ${E} is empty")


def test_all_bad_references_are_told_in_one_error_and_nothing_is_stored(run, home):
    given = ("--host", "${NO1}", "--username", "${NO2}${NO3}", "--password", "${A-B}")
    refused = run(*PG, *given, "--parameters", '{"application_name": "${NO4}"}')
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
        made = run(*PG, "--host", "h", "--password", text, "--env-file", file, "-f", "json", env=ENV)
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
    assert run(*PG, "--host", "h", "--password", "${FOUND}").code == 2


STDIN = [
    (b"geheim\n", "geheim"),
    (b"geheim\r\n", "geheim"),
    (b"geheim", "geheim"),
    (b"ends with return\r", "ends with return\r"),
    (b"two\n\n", "two\n"),
    (b" ${P} $${P} \n", " ${P} $${P} "),
    ("pässwörd \U0001f600\n".encode(), "pässwörd \U0001f600"),
    (b"", ""),
    (b"********x", "********x"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("stdin", "value"), STDIN)
def test_a_password_from_standard_input_is_taken_as_it_is(run, secrets, stdin, value):
    assert run(*PG, "--host", "h", "--password-stdin", stdin=stdin, env=ENV).code == 0
    assert secrets(1) == {"password": value}


def test_other_fields_are_literal(run):
    text = "${A}"
    made = run(*PG, "--host", "h", "--name", text, "-f", "json", env=ENV)
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
