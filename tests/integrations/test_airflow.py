"""Airflow's connections from a control plane: Airflow itself, its hook, a task of a DAG, and what a refusal says."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import qualytics
from testbed import control_plane, other_tools

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SOURCE = Path(__file__).parent.parent.parent / "src"
DAG = """
from airflow.sdk import BaseHook, dag, task

@dag
def orders():
    @task
    def ask():
        print("ANSWER", BaseHook.get_hook("sales orders").get_first("select current_user, current_database()"))
    ask()

orders()
"""


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    with control_plane.serving(tmp_path_factory.mktemp("plane") / "home", "--allow-use") as found:
        yield found


@pytest.fixture(scope="module")
def admin(plane, postgres_server):
    """Return an Admin's client, with a connection, a datastore of it, and one connection that nobody is granted."""
    variables = plane.environment("Admin")
    server = postgres_server
    given = {"host": server.host, "port": server.port, "username": server.user, "password": server.password}
    with qualytics.connect(variables["QUALYTICS_URL"], variables["QUALYTICS_TOKEN"]) as client:
        tls = {"parameters": {"ssl_mode": "require", "application_name": "airflow"}}
        made = client.connections.create({"type": "postgresql", "name": "shop", **given, **tls})
        client.connections.create({"type": "postgresql", "name": "not granted", **given})
        place = {"connection_id": made["id"], "database": "sales", "schema": "public"}
        client.datastores.create({"name": "sales orders", **place})
        client.users.create({"name": "airflow", "kind": "service", "role": "Member"})
        client.grants.create("airflow", "shop")
        yield client


@pytest.fixture(scope="module")
def variables(plane, admin, tmp_path_factory):
    """Return the environment of Airflow."""
    return {
        "PYTHONPATH": str(SOURCE),
        "QUALYTICS_URL": plane.environment("Admin")["QUALYTICS_URL"],
        "QUALYTICS_TOKEN": admin.tokens.create("dags", 7, "airflow")["bearer_token"],
        "QUALYTICS_CONFIG_HOME": str(tmp_path_factory.mktemp("qualytics")),
        "AIRFLOW__SECRETS__BACKEND": "qualytics.integrations.airflow.QualyticsBackend",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


@pytest.fixture(scope="module")
def airflow(variables, tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags" / "orders.py").write_text(DAG)
    with other_tools.airflow_commands(home, **variables) as commands:
        yield commands


def test_airflow_shows_the_connection(airflow, postgres_server):
    done = airflow.run("connections", "get", "shop", "-o", "json")
    assert done.returncode == 0, done.stderr
    (shown,) = json.loads(done.stdout)
    assert shown["password"] == postgres_server.password
    assert (shown["conn_type"], shown["port"]) == ("postgres", str(postgres_server.port))
    assert shown["extra_dejson"] == {"sslmode": "require", "application_name": "airflow"}


def test_a_task_asks_in_the_database_of_a_datastore(airflow, admin, postgres_server):
    assert airflow.run("dags", "reserialize").returncode == 0
    done = airflow.run("dags", "test", "orders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ANSWER ('{postgres_server.user}', 'sales')" in done.stdout + done.stderr
    assert postgres_server.password not in done.stdout + done.stderr
    assert [use["user"]["name"] for use in admin.connections.uses("shop")] == ["airflow"]


def test_a_connection_that_is_not_granted_is_told_in_the_log(variables, tmp_path):
    # In a process of its own: commands of Airflow show no log.
    program = "from airflow.configuration import secrets_backend_list as b; b[0].get_conn_value('not granted')"
    environment = {**variables, "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [str(other_tools.airflow().with_name("python")), "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = r"connection 'not granted': .* has no grant to use connection 'not granted'; hint: "
    assert re.search(said, done.stdout), done.stdout


def test_a_name_that_nobody_has_is_left_to_airflow(airflow):
    done = airflow.run("connections", "get", "nobody")
    assert done.returncode == 1
    assert "Connection not found" in done.stdout + done.stderr
    assert "qualytics" not in done.stdout + done.stderr
