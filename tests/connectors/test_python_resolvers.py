"""The drivers that are held to a checked address by the resolver: their look-ups run in Python, where it is pinned."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import faults

# Answers as the child of a test does on a control plane: the name is what was checked, no other name exists.
PROGRAM = """
import contextlib, json, socket, sys, tempfile

plan, address = json.loads(sys.argv[1]), "127.0.0.1"
asked = []

def pinned(host, port, *_, **__):
    asked.append(host.decode() if isinstance(host, bytes) else str(host))
    if asked[-1] not in ("pinned.invalid", address):
        raise socket.gaierror(socket.EAI_NONAME, "not the host of this test")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))]

socket.getaddrinfo = pinned
from qualytics.connectors import get
from qualytics.connectors.contract import Tls
from qualytics.probe import Plan
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret

with tempfile.TemporaryDirectory() as directory:
    secrets = {"password": Secret(plan.pop("password"))} if "password" in plan else {}
    target = make_target(Plan(secrets=secrets, timeout_s=5.0, ssl_mode="verify", **plan), directory)
    target.address = address
    target.tls.active = True
    with contextlib.suppress(Exception):
        get(target.type).open(target)
print(json.dumps(asked))
"""
ROLE = "arn:aws:iam::123456789012:role/reader"
URL = {"endpoint_url": "https://pinned.invalid:{port}"}
AWS = {"region": "eu-west-1", "output": "s3://results/"}
PATH = {"path": "/sql/1.0/warehouses/1"}
PRINCIPAL = {"authentication_type": "OAUTH_M2M"}
CASES = [
    ("athena", AWS | URL),
    ("athena", {**AWS, **URL, "authentication_type": "IAM_ROLE", "role_arn": ROLE}),
    ("bigquery", URL),
    ("databricks", PATH),
    ("databricks", PATH | PRINCIPAL),
    ("databricks_native", URL),
    ("databricks_native", URL | PRINCIPAL),
    ("hive", {}),
    ("hive", {"transport": "http"}),
    ("presto", {}),
    ("trino", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("type_", "parameters"), CASES, ids=lambda value: str(value)[:60])
def test_a_driver_asks_python_for_the_host_and_goes_where_it_is_told(type_, parameters):
    found, called = looked_up(type_, parameters)
    assert set(found) == {"pinned.invalid"}
    assert called


@pytest.mark.slow
def test_a_role_is_asked_for_at_the_region_s_own_host_and_nowhere_else():
    found, _ = looked_up("athena", {**AWS, "authentication_type": "IAM_ROLE", "role_arn": ROLE})
    assert found == ["sts.eu-west-1.amazonaws.com"]


def looked_up(type_, parameters, **more):
    """Return the names that a driver asked Python for, and whether the server at the pinned address was called."""
    calls = []
    with faults.serving(lambda _peer, _over: calls.append(1)) as port:
        filled = {name: value.replace("{port}", str(port)) for name, value in parameters.items()}
        values = {"host": "pinned.invalid", "port": port, "username": "ann", "parameters": filled}
        plan = {"type": type_, "values": values, "database": "d", "schema": None, **more}
        if type_ != "bigquery":
            plan["password"] = "secret"
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(plan)], capture_output=True, check=True, timeout=60
        )
    return json.loads(done.stdout.splitlines()[-1]), bool(calls)
