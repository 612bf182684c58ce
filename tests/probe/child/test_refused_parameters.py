"""Dangerous parameters of every type: refused by name before a file is opened, a socket dialled or a process started.

The commands run in an interpreter that writes down what it asks the system for (tests/probe/observed.py).
"""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from qualytics.connectors import all_connectors, get
from qualytics.probe import Plan, run
from qualytics.secret import Secret
from testbed.reach import reaching
from tests.connectors.shared import test_files, test_object_store
from tests.connectors.types import (
    test_db2,
    test_dremio,
    test_hive,
    test_jdbc,
    test_mysql,
    test_oracle,
    test_postgresql,
    test_presto,
    test_redshift,
    test_snowflake,
    test_sqlserver,
    test_teradata,
    test_timescale,
)
from tests.support import faults

pytestmark = pytest.mark.slow  # an interpreter of its own, and hundreds of commands in it

OBSERVED = Path(__file__).parents[1] / "observed.py"
DATABRICKS = {
    "auth_type": "external-browser",
    "profile": "DEFAULT",
    "config_file": "/root/.databrickscfg",
    "databricks_cli_path": "/bin/sh",
    "metadata_service_url": "http://169.254.169.254",
    "_tls_no_verify": True,
    "_tls_client_cert_file": "/etc/ssl/key.pem",
    "staging_allowed_local_path": "/",
    "discovery_url": "https://evil.example.com",
    "http_proxy": "http://evil.example.com",
    "access_token": "in clear",
    "client_secret": "in clear",
    "ssl_mode": "disable",
}
# Where a type has no table of its own kind, the names are those of its driver's documentation.
DANGEROUS = {
    "postgresql": test_postgresql.DANGEROUS,
    "timescale": test_timescale.DANGEROUS,
    "redshift": test_redshift.DANGEROUS,
    "mysql": test_mysql.DANGEROUS,
    "mariadb": test_mysql.DANGEROUS,
    "sqlserver": test_sqlserver.DANGEROUS,
    "synapse": test_sqlserver.DANGEROUS,
    "fabric": test_sqlserver.DANGEROUS,
    "oracle": test_oracle.DANGEROUS,
    "db2": test_db2.DANGEROUS,
    "teradata": test_teradata.DANGEROUS,
    "snowflake": test_snowflake.DANGEROUS,
    "hive": test_hive.DANGEROUS,
    "presto": test_presto.DANGEROUS,
    "trino": test_presto.DANGEROUS,
    "dremio": test_dremio.DANGEROUS,
    "s3": test_object_store.S3_REFUSED,
    "gcs": test_object_store.GCS_REFUSED,
    "abfs": test_object_store.ABFS_REFUSED,
    "jdbc": test_jdbc.DANGEROUS,
    "databricks": DATABRICKS,
    "databricks_native": DATABRICKS,
    "bigquery": {
        "token_uri": "https://evil.example.com",
        "credentials_path": "/etc/passwd",
        "keyfile": "/root/key.json",
        "api_endpoint": "https://evil.example.com",
        "quota_project_id": "theirs",
        "use_adc": True,
        "auth_local_webserver": True,
        "client_class": "os.system",
        "access_token": "in clear",
        "metadata_host": "169.254.169.254",
        "ssl_mode": "disable",
        "endpoint_url": "http://169.254.169.254/",
    },
    "athena": {
        "profile_name": "admin",
        "session_token": "in clear",
        "credential_process": "/bin/sh",
        "web_identity_token_file": "/etc/passwd",
        "verify": False,
        "s3_staging_dir": "s3://theirs",
        "cursor_class": "os.system",
        "proxies": {"https": "http://evil.example.com"},
        "ec2_metadata_service_endpoint": "http://169.254.169.254",
        "output": "file:///etc/passwd",
        "endpoint_url": "http://169.254.169.254/latest",
        "ssl_mode": "disable",
    },
    **test_files.DANGEROUS,
}
ALL = [pytest.param(connector, id=connector.type) for connector in all_connectors()]


def words(kind, port, place, key, value):
    fields = {"type": kind, "uri": f"{place}/there"} if kind in test_files.DANGEROUS else reaching(kind, port)
    parameters = {**fields.pop("parameters", {}), key: value}
    options = [part for name, one in fields.items() for part in (f"--{name.replace('_', '-')}", str(one))]
    return ["connections", "test", *options, "--parameters", json.dumps(parameters)]


@contextmanager
def untouched():
    """Yield the port of a listener that nobody may dial."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


def observed(cases, home):
    done = subprocess.run(
        [sys.executable, OBSERVED, "commands"],
        input=json.dumps(cases).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "QUALYTICS_CONFIG_HOME": str(home)},
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Return what every dangerous parameter of every type led to, all of them in one interpreter."""
    place = tmp_path_factory.mktemp("refused")
    (place / "there").write_bytes(b"")
    asked = [(kind, key, value) for kind, found in DANGEROUS.items() for key, value in found.items()]
    with untouched() as port:
        found = observed([words(kind, port, place, key, value) for kind, key, value in asked], place / "home")
    assert not (place / "home").exists()
    found["by_type"] = {kind: {} for kind in DANGEROUS}
    for (kind, key, _), result in zip(asked, found["results"], strict=True):
        found["by_type"][kind][key] = result
    return found


@pytest.mark.parametrize("connector", ALL)
def test_a_dangerous_parameter_is_refused_by_name_before_anything_is_asked_of_the_system(refusals, connector):
    results = refusals["by_type"][connector.type]
    assert len(results) >= 8
    for key, result in results.items():
        assert (result["code"], result["out"], result["events"]) == (2, "", []), key
        assert key in result["err"], result["err"]


def test_no_driver_was_loaded_and_no_process_started_by_any_of_the_refusals(refusals):
    assert refusals["children"] == 0
    drivers = {connector.driver for connector in all_connectors() if connector.extra is not None}
    assert not drivers & set(refusals["modules"])


def test_the_observer_sees_what_a_test_asks_of_the_system(tmp_path):
    (tmp_path / "there").write_bytes(b"")
    asked = ["connections", "test", "--type", "sqlite", "--uri", str(tmp_path / "there")]
    taken = ["connections", "test", "--type", "sqlite", "--parameters", f"@{tmp_path}/there"]
    ran, read = observed([asked, taken], tmp_path / "home")["results"]
    assert ran["code"] == 0
    assert "subprocess.Popen" in {event for event, _ in ran["events"]}
    assert ["open", f"{tmp_path}/there"] in read["events"]


# One of each family of drivers: in C, in Python, in Go, in Rust, in Java, over HTTPS, and a file.
FAMILIES = (
    "postgresql",
    "mysql",
    "sqlserver",
    "oracle",
    "teradata",
    "dremio",
    "trino",
    "snowflake",
    "s3",
    "jdbc",
    "duckdb",
)
ELSEWHERE = ("evil.example.com", "evil.example", "169.254.169.254")


def led_to(kind, port, path, more):
    fields = {"uri": str(path)} if kind == "duckdb" else reaching(kind, port)
    fields.pop("type", None)
    held = {name: Secret(fields.pop(name)) for name in ("password", "access_key", "secret_key") if name in fields}
    values = {**fields, "parameters": {**fields.get("parameters", {}), **more}}
    report = run(Plan(kind, values, held, timeout_s=20.0))
    return [stage.name for stage in report.stages], report.failure and (
        report.failure.stage,
        report.failure.failure_class,
    )


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_child_knows_its_parameters_by_name_and_passes_on_no_others(kind, tmp_path):
    """Past every check, a plan with all of them at once ends as a plan with none: no name reaches the driver."""
    known = {param.name for param in get(kind).params}
    with faults.closing() as port, untouched() as second:
        given = {key: value for key, value in DANGEROUS[kind].items() if key not in known}
        for place in ELSEWHERE:  # another host would be one that is watched
            given = json.loads(json.dumps(given).replace(place, f"127.0.0.1:{second}"))
        assert len(given) >= 8
        assert led_to(kind, port, tmp_path / "missing", given) == led_to(kind, port, tmp_path / "missing", {})


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "trino", "hive"])
def test_a_child_with_dangerous_parameters_asks_for_no_more_of_the_system(kind, tmp_path):
    known = {param.name for param in get(kind).params}
    given = {key: value for key, value in DANGEROUS[kind].items() if key not in known}
    with faults.closing() as port:
        assert events_of(kind, port, given, tmp_path / "with") == events_of(kind, port, {}, tmp_path / "without")


def events_of(kind, port, more, place):
    """Return the files, names and addresses that a child of a test asks for, but those of its own directory."""
    (place / "home").mkdir(parents=True)
    log = place / "events"
    fields = reaching(kind, port)
    plan = Plan(kind, {**fields, "parameters": more}, {"password": Secret(fields.pop("password"))}, timeout_s=20.0)
    command = [sys.executable, OBSERVED, "child", log]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=place) as child:
        child.stdin.write(plan.encode(str(place / "home")))
        child.stdin.flush()
        assert b'"Failed"' in child.stdout.read()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(event == "socket.connect" for event, _ in events)
    # What the child's meter makes of an open descriptor, as often as time allows, asks for nothing.
    metered = ("socket.__new__", "(-1, -1, -1)")
    return {(event, what) for event, what in events if str(place) not in what} - {metered}
