"""Airflow and dbt themselves: what they write is imported, and what is written for them they read as the same."""

import json
import os
import subprocess
import sys

import pytest

from testbed import other_tools

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
        assert (done.code, done.err) == (0, "")
        written |= json.loads(done.out)
        assert written[name]["password"] == f"${{{name.upper()}_PASSWORD}}"  # the placeholder
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
