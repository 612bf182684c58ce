"""Parts of a secret that a server says, in many encodings: none reaches stdout, stderr, --debug, a log or a file."""

import json
import random

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from qualytics.secret import MASK
from tests.support import faults
from tests.support.encodings import ENCODINGS

pytestmark = pytest.mark.slow  # each test of a connection starts a process

SOME = (
    "plain",
    "upper",
    "JSON, all escaped",
    "base64, in lines",
    "Basic, Latin-1",
    "hexdump",
    "decimal list",
    "wrapped",
)
FEW = ("plain", "JSON, all escaped", "hexdump")


@pytest.mark.parametrize("encoding", SOME)
def test_a_part_of_a_key_shows_nowhere(run, home, encoding):
    for text, shown in spread(run, encoding):
        assert text not in shown
        assert not holding(home, text)


@pytest.mark.parametrize("encoding", FEW)
def test_a_part_of_a_key_shows_nowhere_on_either_side_of_a_control_plane(remotely, fresh_plane, home, encoding):
    for text, shown in spread(remotely, encoding):
        told = remotely("audit", "list", "--limit", "20", "-f", "json").out
        assert '"connection.test"' in told
        assert text not in shown + told + "".join(fresh_plane.log)
        assert not holding(home, text) + holding(fresh_plane.home, text)


def spread(commands, encoding):
    """Run commands on a server that says a part of the key it is sent; return each way to read it and all they show."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    body = "".join(pem.split("-----")[2].split())
    part = body[(start := random.randrange(len(body) - 12)) : start + 12]
    said = ENCODINGS[encoding](part)
    with faults.refusing(lambda _: f"no entry for {said}") as port:
        given = ("-t", "postgresql", "--host", "127.0.0.1", "--port", str(port), "--username", "app")
        options = (*given, "--parameters", '{"ssl_mode": "disable"}', "--password", "${PEM}", "--debug", "-f", "json")
        results = [
            commands("connections", "create", *options, "--test", env={"PEM": pem}),
            commands("connections", "test", *options, env={"PEM": pem}),
            commands("connections", "create", *options, "--name", "kept", env={"PEM": pem}),
            commands("connections", "test", "--id", "1", "--debug", "-f", "json"),
            commands("connections", "schemas", "--id", "1", "--catalog", "x", "--debug"),
        ]
    assert [result.code for result in results] == [6, 6, 0, 6, 6]
    assert results[1].json["detail"].endswith(MASK)
    assert results[3].json["detail"].endswith(MASK)
    shown = "".join(result.out + result.err for result in results)
    return [(text, shown) for text in (said, json.dumps(said)[1:-1], part)]


def holding(place, text):
    return [path for path in place.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
