"""What a call on a control plane imports: click, http.client and little more, so that it starts fast."""

import os
import subprocess
import sys

import pytest

from tests.support.misbehaving_http import reply, scripted

pytestmark = pytest.mark.slow  # each test starts processes

RUN = """
import sys
from qualytics.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(code, *sys.modules, file=sys.stderr)
"""
OURS = {f"qualytics.{name}" for name in ("connectors", "probe", "server", "service", "store")}
OTHERS = {
    "cryptography",
    "encodings.idna",
    "http.server",
    "httpx",
    "logging",
    "requests",
    "sqlite3",
    "subprocess",
    "urllib.request",
}


def imported(server, *args):
    env = {**os.environ, "QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": "t"}
    done = subprocess.run([sys.executable, "-c", RUN, *args], capture_output=True, env=env, timeout=60, check=True)
    code, *modules = done.stderr.decode().splitlines()[-1].split()
    assert code == "0", done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "words",
    ["connections list -f json", "connections get --id 1 -f json", "datastores list -f json", "users list -f json"],
)
def test_a_call_imports_no_store_no_cipher_and_no_driver(home, words):
    document = {
        "id": 1,
        "name": "a",
        "type": "postgresql",
        "connection_type": "jdbc",
        "items": [{"id": 1, "name": "a", "type": "x"}],
        "total": 1,
    }
    with scripted(reply(200, document)) as server:
        modules = imported(server, *words.split())
    assert not modules & (OURS | OTHERS | {"yaml"})


def test_the_embedded_store_is_opened_without_anything_of_http(home):
    done = subprocess.run(
        [sys.executable, "-c", RUN, "connections", "list", "-f", "json"],
        capture_output=True,
        env=os.environ,
        check=True,
    )
    modules = set(done.stderr.decode().splitlines()[-1].split())
    assert not modules & {"http.client", "ssl", "yaml", "qualytics.client.http.client"}
