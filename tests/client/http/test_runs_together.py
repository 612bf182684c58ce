"""Tests of all connections over real servers, emulators and faults together: one exact verdict for each."""

import contextlib
import json
import socket

import pytest

import qualytics
from testbed import counterparts
from tests.support import faults

TEST = ("connections", "test", "--all", "-f", "jsonl")
SECRET = "canary-6e1f0b9a"
PASSED = (None, None)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Return what a connection to each emulator of an object store is given."""
    place = counterparts.Place.within(tmp_path_factory.mktemp("stores"))
    with counterparts.gcs(place, "gcs") as google, counterparts.abfs(place, "abfs") as azure:
        yield {"gcs": google.given, "abfs": azure.given}


@pytest.fixture
def fleet(postgres_server, mariadb_server, fakesnow_server, stores, root_file, allowed_files):
    """Return connections by name: what each is given, and stage and class of its verdict."""
    trusting = {"ssl_mode": "verify", "ssl_root_cert": root_file.read_text()}
    postgres = reaching("postgresql", postgres_server, **trusting)
    mariadb = reaching("mariadb", mariadb_server, **trusting)
    snowflake = reaching("snowflake", fakesnow_server, **trusting)
    return {
        "postgres": (postgres, PASSED),
        "postgres, wrong password": (postgres | {"password": SECRET}, ("login", "auth")),
        "postgres, unknown authority": (postgres | {"parameters": {}}, ("tls", "tls")),
        "postgres, no server": (postgres | {"port": 1}, ("tcp", "refused")),
        "postgres, no such host": (postgres | {"host": "nothing.invalid"}, ("resolve", "dns")),
        "postgres at mariadb": (postgres | {"port": mariadb_server.port}, ("tls", "config")),
        "mariadb": (mariadb, PASSED),
        "mariadb, wrong password": (mariadb | {"password": SECRET}, ("login", "auth")),
        "mariadb, unknown authority": (mariadb | {"parameters": {}}, ("tls", "tls")),
        "mysql": (mariadb | {"type": "mysql"}, PASSED),
        "snowflake": (snowflake, PASSED),
        "snowflake, unknown authority": (snowflake | {"parameters": {}}, ("tls", "tls")),
        "google": (stores["gcs"], PASSED),
        "google, no bucket": (stores["gcs"] | {"uri": "gs://none"}, ("list", "unknown_db")),
        "azure": (stores["abfs"], PASSED),
        "azure, wrong key": (stores["abfs"] | {"secret_key": "Y2FuYXJ5LTZlMWYwYjlh"}, ("login", "auth")),
        "file": ({"type": "sqlite", "uri": str(allowed_files / "sales.sqlite")}, PASSED),
        "file, none": ({"type": "sqlite", "uri": str(allowed_files / "none.sqlite")}, ("open", "unknown_db")),
        "file, damaged": ({"type": "sqlite", "uri": str(allowed_files / "odd.sqlite")}, ("query", "config")),
    }


def reaching(kind, server, **parameters):
    login = {"username": server.user, "password": server.password}
    return {"type": kind, "host": "localhost", "port": server.port, **login, "parameters": parameters}


@pytest.mark.slow
@pytest.mark.parametrize("where", ["embedded", "control plane"])
def test_each_of_many_kinds_gets_its_own_verdict(request, home, where, fleet):
    if where == "embedded":
        commands, client = request.getfixturevalue("run"), qualytics.connect(home=home)
    else:
        commands, plane = request.getfixturevalue("remotely"), request.getfixturevalue("fresh_plane")
        client = qualytics.connect(plane.url, plane.tokens["Admin"])
    with client:
        for name, (fields, _) in fleet.items():
            client.connections.create({**fields, "name": name})
    done = commands(*TEST)
    lines = [json.loads(line) for line in done.out.splitlines()]
    found = {line["name"]: (line["type"], line["stage"], line["class"]) for line in lines}
    assert found == {name: (fields["type"], *verdict) for name, (fields, verdict) in fleet.items()}
    assert (done.code, len(lines)) == (6, len(fleet))
    assert SECRET not in done.out + done.err


@contextlib.contextmanager
def dead_places(count):
    """Give addresses of dead servers, each with its verdict: a third refuses, a third drops all, a third is silent."""
    with contextlib.ExitStack() as stack:
        places = {}
        for number in range(count):
            host = f"127.0.1.{number + 1}"
            if number % 3 == 0:
                places[host, 1] = ("tcp", "refused", f"nothing listens on {host}:1")
            elif number % 3 == 1:
                port = stack.enter_context(faults.dropping(host))
                places[host, port] = ("tcp", "timeout", f"{host}:{port} did not answer within 10 s")
            else:
                port = stack.enter_context(socket.create_server((host, 0), backlog=64)).getsockname()[1]
                silence = "accepted the connection but said nothing that PostgreSQL says; right port?"
                places[host, port] = ("tls", "timeout", f"{host}:{port} {silence}")
        yield places


# More than run at once, of one address and altogether; `python -m bench --rows fleet-dead` has 1,000 of them.
ALIVE, DEAD, PARALLEL = 35, 15, 24


@pytest.mark.slow
def test_the_dead_of_many_are_told_each_by_its_own_address_and_no_other(
    home, run, postgres_server, mariadb_server, root_file
):
    trusting = {"ssl_mode": "verify", "ssl_root_cert": root_file.read_text()}
    alive = [reaching("postgresql", postgres_server, **trusting), reaching("mariadb", mariadb_server, **trusting)]
    with dead_places(DEAD) as places, qualytics.connect(home=home) as client:
        expected = {}
        for number, ((host, port), verdict) in enumerate(places.items()):
            client.connections.create({**alive[0], "host": host, "port": port, "name": f"dead {number}"})
            expected[f"dead {number}"] = (*verdict, None)
        for number in range(ALIVE):
            client.connections.create({**alive[number % 2], "name": f"alive {number}"})
            message = f"connected to localhost:{alive[number % 2]['port']}"
            expected[f"alive {number}"] = (None, None, message, ("PostgreSQL", "MariaDB")[number % 2])
        done = run(*TEST, "--parallel", PARALLEL)
    lines = [json.loads(line) for line in done.out.splitlines()]
    found = {line["name"]: (line["stage"], line["class"], line["message"], line["product_name"]) for line in lines}
    assert found == expected
    assert (done.code, len(lines)) == (6, ALIVE + DEAD)
