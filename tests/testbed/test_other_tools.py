"""Airflow, dbt and ADBC themselves: what they write is imported, what is written for them they read as the same."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from psycopg import sql

from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from testbed import other_tools, servers

pytestmark = pytest.mark.servers
CANARY = "c4n:@/ %ry'\"\\{x}#&=+"  # allow: a canary
EXTRA = {"sslmode": "verify-full", "application_name": "nightly load"}
ENTRIES = {
    "warehouse": {"conn_type": "postgres", "host": "db.example.com", "port": 5433, "login": "a b@c", "extra": EXTRA},
    "shop": {"conn_type": "mysql", "host": "mysql.example.com", "login": "app", "extra": {}},
}
ENTRIES = {name: {"password": CANARY, "schema": "sales", "port": None, **entry} for name, entry in ENTRIES.items()}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """Return Airflow's commands, with the connections in its database."""
    with other_tools.airflow_commands(tmp_path_factory.mktemp("airflow")) as commands:
        yield commands


def add(airflow):
    for name, entry in ENTRIES.items():
        airflow.run("connections", "delete", name)
        done = airflow.run("connections", "add", name, "--conn-json", json.dumps(entry))
        assert done.returncode == 0, done.stdout + done.stderr


def exported(airflow, path):
    done = airflow.run("connections", "export", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def entries_in(path):
    whole = json.loads(path.read_text())
    return {name: {**entry, "extra": json.loads(entry["extra"] or "{}")} for name, entry in whole.items()}


@pytest.mark.parametrize("form", ["json", "yaml", "env"])
def test_what_airflow_writes_comes_back_to_it_field_by_field(run, airflow, tmp_path, form):
    add(airflow)
    before = entries_in(exported(airflow, tmp_path / "before.json"))
    assert before == {name: {"description": None, **entry} for name, entry in ENTRIES.items()}
    taken = run("connections", "import", "--from", exported(airflow, tmp_path / f"x.{form}"), "--yes", "-f", "json")
    assert [(row["action"], row["left_out"]) for row in taken.json["connections"]] == [("create", [])] * len(ENTRIES)
    written = {}
    for name in ENTRIES:
        done = run("connections", "url", name, "--for", "airflow", "--database", "sales")
        placeholder = f"${{{name.upper()}_PASSWORD}}"
        assert done.code == 0
        assert done.err.startswith(f"warning: escape the value that is put in for {placeholder} as JSON has it")
        written |= json.loads(done.out)
        assert written[name]["password"] == placeholder
        written[name]["password"] = CANARY
        assert airflow.run("connections", "delete", name).returncode == 0
    file = tmp_path / "written.json"
    file.write_text(json.dumps(written))
    assert airflow.run("connections", "import", str(file)).returncode == 0
    assert entries_in(exported(airflow, tmp_path / "after.json")) == before


PROFILE = """\
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: 127.0.0.1
      port: {port}
      user: {user}
      password: "{{{{ env_var('SHOP_PW') }}}}"
      dbname: sales
      schema: public
      sslmode: require
"""


def test_dbt_logs_in_with_the_profile_that_is_written_for_it(run, home, tmp_path, postgres_server):
    theirs = tmp_path / "profiles.yml"
    theirs.write_text(PROFILE.format(port=postgres_server.port, user=postgres_server.user))
    done = run("connections", "import", "--from", theirs, "--yes", env={"SHOP_PW": postgres_server.password})
    assert done.code == 0, done.err
    scope = ("--database", "sales", "--schema", "public")
    project = tmp_path / "project"
    project.mkdir()
    (project / "profiles.yml").write_text(run("connections", "url", "shop-dev", "--for", "dbt", *scope).out)
    (project / "dbt_project.yml").write_text("name: shop\nprofile: shop_dev\n")
    assert postgres_server.password not in (project / "profiles.yml").read_text()
    words = ("run", "--name", "shop-dev", "--", str(other_tools.dbt()), "debug", "--profiles-dir", str(project))
    debug = subprocess.run(
        [sys.executable, "-m", "qualytics", *words],
        cwd=project,
        env=os.environ | other_tools.DBT_QUIET | {"HOME": str(tmp_path), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert debug.returncode == 0, debug.stdout + debug.stderr
    assert "Connection test: [OK connection ok]" in debug.stdout
    assert postgres_server.password not in debug.stdout + debug.stderr


ADBC_READ = """
import json, sys
import adbc_driver_manager.dbapi as adbc
with adbc.connect(profile=sys.argv[1]) as connection, connection.cursor() as cursor:
    for sql in sys.argv[2:]:
        cursor.execute(sql)
        print(json.dumps(cursor.fetchall()))
"""
ADBC_PASSWORD = "p@ss w:/rd'\"\\{{ x }}%41"  # allow: of a test's own user


@pytest.fixture
def adbc(tmp_path):
    """Return a Python that has the driver manager, and its environment; its home is the folder of the test."""
    python, variables = other_tools.adbc(tmp_path)
    return python, {"HOME": str(tmp_path), "QUALYTICS_CONFIG_HOME": str(tmp_path / "store"), **variables}


def write_profile(adbc, name, *words):
    """Write a profile to where the driver manager looks for it."""
    folder = f"{adbc[1]['HOME']}/.config/adbc/profiles"
    command = [sys.executable, "-m", "qualytics", "connections", "url", name, "--for", "adbc", *words]
    script = 'mkdir -p "$1" && shift && out="$1" && shift && "$@" > "$out"'
    words = ["sh", "-c", script, "sh", folder, f"{folder}/{name}.toml", *command]
    done = subprocess.run(words, env=adbc[1], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    with open(f"{folder}/{name}.toml") as file:
        return file.read()


def read_through_profile(adbc, name, *sql):
    words = ["run", "--name", name, "--", str(adbc[0]), "-c", ADBC_READ, name, *sql]
    return subprocess.run(
        [sys.executable, "-m", "qualytics", *words],
        env=adbc[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def create_connection(adbc, **fields):
    with LocalClient(Settings(home=Path(adbc[1]["QUALYTICS_CONFIG_HOME"]))) as client:
        client.connections.create(fields)


@pytest.mark.slow
def test_postgresql_is_read_over_verified_tls_by_the_name_of_a_profile(adbc, postgres_server, root_file):
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute("drop role if exists adbc_reader")
        admin.execute(sql.SQL("create role adbc_reader login password {}").format(ADBC_PASSWORD))
    place = {"host": "localhost", "port": postgres_server.port, "username": "adbc_reader", "password": ADBC_PASSWORD}
    tls = {"ssl_mode": "verify", "ssl_root_cert_file": str(root_file)}
    create_connection(adbc, type="postgresql", name="pg", **place, parameters=tls)
    profile = write_profile(adbc, "pg", "--database", "tls_only")
    assert ADBC_PASSWORD not in profile
    assert profile.startswith("# The password comes from PGPASSWORD, which qualytics run sets.\nprofile_version = 1\n")
    done = read_through_profile(adbc, "pg", "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()")
    assert (done.stdout, done.stderr) == ('[["adbc_reader", true]]\n', "")


@pytest.mark.slow
def test_a_file_of_sqlite_is_read_and_cannot_be_written(adbc, tmp_path):
    path = tmp_path / "a b%c?.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table t as select 7 as n")
    create_connection(adbc, type="sqlite", name="lite", uri=str(path))
    write_profile(adbc, "lite")
    assert read_through_profile(adbc, "lite", "select n from t").stdout == "[[7]]\n"
    done = read_through_profile(adbc, "lite", "delete from t")
    assert (done.returncode, done.stdout) == (1, "")
    assert "attempt to write a readonly database" in done.stderr


@pytest.mark.slow
def test_a_file_of_duckdb_is_read_and_cannot_be_written(tmp_path, monkeypatch):
    import adbc_driver_duckdb
    import adbc_driver_manager.dbapi

    path = tmp_path / 'a "bü.duckdb'
    with duckdb.connect(str(path)) as database:
        database.execute("create table t as select 7 as n")
    library = json.dumps(adbc_driver_duckdb.driver_path())
    manifest = 'manifest_version = 1\nname = "DuckDB"\nversion = "2"\n[Driver]\nentrypoint = "duckdb_adbc_init"\n'
    (tmp_path / "duckdb.toml").write_text(f"{manifest}shared = {library}\n")
    here = (sys.executable, {"HOME": str(tmp_path), "QUALYTICS_CONFIG_HOME": str(tmp_path / "store")})
    create_connection(here, type="duckdb", name="duck", uri=str(path))
    write_profile(here, "duck")
    monkeypatch.setenv("ADBC_DRIVER_PATH", str(tmp_path))
    monkeypatch.setenv("ADBC_PROFILE_PATH", str(tmp_path / ".config/adbc/profiles"))
    with adbc_driver_manager.dbapi.connect(profile="duck") as connection, connection.cursor() as cursor:
        cursor.execute("select n from t")
        assert cursor.fetchall() == [(7,)]
        with pytest.raises(adbc_driver_manager.dbapi.Error, match="read-only"):
            cursor.execute("delete from t")
