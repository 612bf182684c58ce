"""`connections import`: the plan, the question, what is stored, and that no secret is shown."""

import json
import re

import pytest

from tests.support.terminals import Terminal

CANARY = "canary-Zq7"
AT = "write %40 for @, %2F for /, %3F for ? and %23 for # in its user and password"
EXTRA = {"x": CANARY}
EXPORT = {
    "pg_prod": {"conn_type": "postgres", "host": "db.example.com", "login": "app", "password": CANARY, "extra": EXTRA},
    "files": {"conn_type": "ftp", "host": "h", "password": CANARY},
    "broken": {"conn_type": "postgres", "host": f"u:{CANARY}@h", "password": CANARY},
}  # fmt: skip


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "connections.json"
    path.write_text(json.dumps(EXPORT, indent=2))
    return path


def test_a_dry_run_prints_the_plan_and_stores_nothing(run, export):
    done = run("connections", "import", "--from", export, "--dry-run", "-f", "json")
    document = json.loads(done.out)
    assert done.code == 0
    assert document["sources"] == [{"tool": "airflow", "place": str(export), "connections": 3, "problem": None}]
    first, second, third = document["connections"]
    assert first == {
        "action": "create",
        "id": None,
        "name": "pg_prod",
        "type": "postgresql",
        "original_name": "pg_prod",
        "tool": "airflow",
        "place": f"{export}:2",
        "fields": {"host": "db.example.com", "username": "app", "password": "********"},
        "datastore": None,
        "left_out": ["x: postgresql has no such field"],
        "reason": None,
    }
    assert (second["action"], second["reason"]) == ("refuse", "there is no connection type for 'ftp'")
    assert third["action"] == "refuse"
    assert done.err == "warning: 2 connections cannot be taken over; `reason` says why\n"
    assert run("connections", "list").out == "[]\n"


def test_with_yes_all_are_stored_and_no_secret_is_shown(run, export):
    done = run("connections", "import", "--from", export, "--yes", "-f", "json", "--debug")
    assert [row["id"] for row in json.loads(done.out)["connections"]] == [1, None, None]
    assert CANARY not in done.out + done.err
    assert "db.example.com" in run("connections", "get", "pg_prod").out


def test_off_a_terminal_it_asks_for_yes_before_it_reads(run):
    done = run("connections", "import", "--from", "/nope")
    assert done.code == 2
    assert done.err == (
        "error: connections import asks before it stores anything, and there is no terminal to ask on\n"
        "hint: --dry-run prints the plan, --yes creates the connections\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code", "stored"), [("y\n", 0, True), ("\n", 1, False), ("\x04", 1, False)])
def test_on_a_terminal_the_plan_is_shown_and_asked_for(run, export, answer, code, stored):
    terminal = Terminal("connections", "import", "--from", str(export))
    terminal.read_until(b"create 1 connection? [y/N] ")
    shown = terminal.shown.decode().replace("\r", "")
    assert "+ create 'pg_prod' postgresql db.example.com\n    left out: x: postgresql has no such field\n" in shown
    assert "! refuse 'files' (there is no connection type for 'ftp')\n" in shown
    terminal.type(answer)
    assert terminal.end() == code
    assert CANARY.encode() not in terminal.shown
    assert (run("connections", "get", "pg_prod").code == 0) == stored


def test_auto_reads_what_tools_of_this_machine_keep(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".pgpass").write_text(f"db.example.com:5432:*:app:{CANARY}\n")
    done = run(
        "connections", "import", "--from", "auto", "--yes", "-f", "json", env={"AIRFLOW_CONN_CRM": "mysql://u:p@h/d"}
    )
    document = json.loads(done.out)
    assert [(row["name"], row["action"]) for row in document["connections"]] == [
        ("crm", "create"),
        ("postgresql-db.example.com", "create"),
    ]
    assert "no such file" in {source["problem"] for source in document["sources"]}
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize(
    "url", ["postgresql://u:a%2Fb@db.example.com/sales", "Server=db.example.com;User Id=u;Password='a/b';Encrypt=true"]
)
def test_a_url_or_string_may_come_from_a_variable_and_gets_a_name(run, url):
    done = run(
        "connections", "import", "--from", "${DATABASE_URL}", "--name", "crm", "--yes", env={"DATABASE_URL": url}
    )
    assert done.code == 0
    assert "name: crm" in done.out
    assert "a/b" not in done.out + done.err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nope/connections.json", "error: --from: /nope/connections.json: no such file or directory\n"),
        (
            f"Driver={{SQL Server}};Server=h;PWD={{{CANARY}",
            (
                "error: --from: a value of the connection string does not end as it begins, with a {; "
                "a value with a ; in it stands in braces, or in quotes, as its tool has it\n"
            ),
        ),
        (
            f"postgresql://u:x/{CANARY}@h/d",
            f"error: --from: where the password of the URL ends cannot be told; {AT}\n",
        ),
    ],
)
def test_a_source_that_cannot_be_read_is_an_error(run, source, message):
    done = run("connections", "import", "--from", source, "--yes")
    assert done.code == 2
    assert done.err == message + "hint: check the file, URL or string that --from names\n"


def test_a_name_chooses_one_connection_of_a_file(run, export):
    done = run("connections", "import", "--from", export, "--name", "files", "--dry-run", "-f", "json")
    assert [row["name"] for row in json.loads(done.out)["connections"]] == ["files"]


def test_a_uri_is_given_to_those_that_name_no_place(run, tmp_path):
    path = tmp_path / "a.env"
    path.write_text('AIRFLOW_CONN_AWS=\'{"conn_type": "aws", "login": "AKIAEXAMPLE", "password": "s"}\'\n')
    command = ("connections", "import", "--from", path, "--dry-run", "-f", "json")
    assert json.loads(run(*command).out)["connections"][0]["reason"] == "uri is needed for s3"
    row = json.loads(run(*command, "--uri", "s3://bucket/path").out)["connections"][0]
    assert (row["action"], row["fields"]["uri"]) == ("create", "s3://bucket/path")


def test_a_table_says_in_one_line_how_many_places_do_not_exist(run, tmp_path):
    (tmp_path / ".pgpass").write_text(f"db.example.com:5432:sales:app:{CANARY}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    done = run("connections", "import", "--from", "auto", "--dry-run", "-f", "table", env={"HOME": str(tmp_path)})
    assert f"note: libpq {tmp_path / '.pgpass'}: 1 connection" in done.err.splitlines()
    assert re.search("^note: [0-9]+ other places were looked at and do not exist$", done.err, re.MULTILINE)
    assert "no such" not in done.err
    assert CANARY not in done.out + done.err
