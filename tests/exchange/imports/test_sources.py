"""Which reader takes a file, what `auto` finds, and files as people have them."""

import json
import time

import pytest

from qualytics.exchange.imports import sources
from qualytics.exchange.imports.plan import Plan


def names(source):
    return [entry.name for entry in source.entries]


def test_a_home_with_five_tools_is_read_and_what_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        ".dbt/profiles.yml": "shop:\n  outputs:\n    dev: {type: postgres, host: h, user: u, pass: p}\n",
        ".my.cnf": "[client]\nhost=h\nuser=u\npassword=p\n",
        ".mylogin.cnf": "\0",
        ".pgpass": "h:5432:*:u:p\n",
        ".databrickscfg": "[DEFAULT]\nhost=https://h\ntoken=t\n",
        ".config/adbc/profiles/demo.toml": 'profile_version = 1\ndriver = "sqlite"\n[Options]\nuri = "/x.db"\n',
        "svc.conf": "[sales]\nhost=h\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    variables = {
        "HOME": str(tmp_path),
        "PGSERVICEFILE": str(tmp_path / "svc.conf"),
        "AIRFLOW_CONN_CRM": "mysql://u:p@h/d",
    }
    found = sources.of_machine(variables)
    assert {source.tool: names(source) for source in found if source.entries} == {
        "airflow": ["crm"],
        "dbt": ["shop-dev"],
        "mysql-client": ["client"],
        "libpq": [None],
        "databrickscfg": ["DEFAULT"],
        "adbc": ["demo"],
    }
    there = {source.place: source.problem for source in found}
    assert there[str(tmp_path / "svc.conf")] is None
    assert there[f"{tmp_path}/.sling/env.yaml"] == "no such file"
    assert there[f"{tmp_path}/.mylogin.cnf"].startswith("scrambled by mysql_config_editor")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path, encoding):
    path = tmp_path / "export.json"
    path.write_bytes('{\r\n\t"pg": {"conn_type": "postgres", "host": "h"}\r\n}\r\n'.encode(encoding))
    source = sources.of_file(str(path), {})
    assert (source.tool, names(source), source.entries[0].place) == ("airflow", ["pg"], f"{path}:2")


def test_a_file_of_lines_has_airflows_variables_and_urls(tmp_path):
    path = tmp_path / "prod.env"
    path.write_text(
        "# c\nexport DATABASE_URL='postgresql://u:p@h/d'\nAPI=https://example.com\nAIRFLOW_CONN_A=mysql://u:p@h\nX=postgres://u:p/q@h/\n"
    )
    source = sources.of_file(str(path), {})
    assert names(source) == ["database_url", "a", None]
    assert source.entries[2].place == f"{path}:5"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\x00\xfe", "not UTF-8; save it as UTF-8"),
        (b"x" * (16 * 1_048_576 + 1), "larger than 16 MiB"),
        (b"hello", "not a file of a tool that is known here: "),
    ],
)
def test_a_file_that_is_none_of_these_is_refused(tmp_path, content, problem):
    path = tmp_path / "thing"
    path.write_bytes(content)
    assert sources.of_file(str(path), {}).problem.startswith(problem)


@pytest.mark.parametrize(
    ("name", "said"), [("pg.duckdb_secret", "DuckDB's own"), ("credentials-config.json", "encrypted")]
)
def test_a_file_that_only_its_own_tool_reads_is_said_to_be_one(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"\xff\x00")
    assert said in sources.of_file(str(tmp_path / name), {}).problem


@pytest.mark.slow
def test_ten_thousand_connections_are_planned_in_seconds(tmp_path):
    one = {"conn_type": "postgres", "host": "h", "login": "u", "password": "p", "extra": '{"sslmode": "require"}'}
    path = tmp_path / "connections.json"
    path.write_text(json.dumps({f"c{number}": one for number in range(10_000)}, indent=1))
    began = time.monotonic()
    plan = Plan([sources.of_file(str(path), {})])
    assert len(plan.items) == 10_000
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_more_connections_than_a_store_takes_at_once_are_refused(tmp_path):
    path = tmp_path / ".pgpass"
    path.write_text("h:1:d:u:p\n" * (sources.MAX_ENTRIES + 1))
    assert sources.of_file(str(path), {}).problem == "more than 20,000 connections"
