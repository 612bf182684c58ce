"""Secrets of files, and parts of one that a server says: none reaches stdout, stderr, --debug, a log or a file."""

import json
import random

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from qualytics import connectors
from qualytics.fields import SECRETS
from qualytics.secret import MASK
from tests.support import faults
from tests.support.encodings import ENCODINGS
from tests.support.every_parameter import base_of, is_valid

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


WITH_SECRETS = [one for one in connectors.all_connectors() if set(SECRETS) & set(one.fields)]
# Of the drivers that are quick to import: a test of each starts a process.
QUICK = "postgresql,mysql,trino,hive"


def connection_of(connector, files, mark):
    """Return a connection with a secret of its own in each field that takes one, and in which fields those are."""
    found = {**base_of(connector, 1, files), "name": f"the {connector.type}"}
    secrets = {}
    for name in SECRETS:
        value = f"c4n4ry-{connector.type}-{name}-{mark}"
        if name in connector.fields and is_valid({**found, name: value}):
            found[name] = secrets[name] = value
    return found, secrets


def write(folder, found, secrets, variables):
    """Write a file of each connection, its secrets as references where there are variables, else as they are."""
    for connection in found:
        own = secrets[connection["type"]]
        names = {name: f"{connection['type']}_{name}".upper() for name in own}
        content = connection | {name: f"${{{variable}}}" for name, variable in names.items() if variables is not None}
        if variables is not None:
            variables |= {variable: own[name] for name, variable in names.items()}
        (folder / f"{connection['type']}.yaml").write_text(json.dumps(content))


def carried(commands, place, types):
    """Run the commands that carry secrets of files, of each type and field; return the secrets, and all they show."""
    folder, values, shown = place / "config" / "connections", [], []
    folder.mkdir(parents=True)
    (place / "one.jar").touch()

    def config(*words, env=None, form="json"):
        result = commands("config", *words, "--debug", "-f", form, env=env)
        shown.append(result.out + result.err)
        return result.code

    for mark, variables in (("one", {}), ("two", None)):  # by reference, then each another one, literally
        every = [connection_of(connector, place, mark) for connector in types]
        secrets = {found["type"]: own for found, own in every}
        write(folder, [found for found, _ in every], secrets, variables)
        values += [value for own in secrets.values() for value in own.values()]
        plans = [config("plan", str(place / "config"), env=variables, form=form) for form in ("yaml", "json", "table")]
        wrong = folder / "wrong.yaml"
        wrong.write_text(json.dumps({**every[0][0], "name": "wrong", "port": values[0], values[0]: values[0]}))
        codes = [*plans, config("plan", str(place / "config"), env=variables)]
        wrong.unlink()
        codes += [config("apply", str(place / "config"), "--yes", env=variables)]
        assert codes == [0, 0, 0, 2, 0], shown
    assert config("export", "--output", str(place / "exported")) == 0
    report = place / "report.xml"
    tested = commands("connections", "test", "--all", "--type", QUICK, "--junit", str(report), "-f", "jsonl", "--debug")
    assert (tested.code, report.stat().st_size > 0) == (6, True)
    return values, "".join([*shown, tested.out, tested.err, report.read_text()])


def test_a_secret_of_a_file_shows_nowhere(run, home, tmp_path):
    values, shown = carried(run, tmp_path / "files", WITH_SECRETS)
    assert {name for name in SECRETS if any(f"-{name}-" in value for value in values)} == {*SECRETS}
    assert [value for value in values if value in shown] == []
    assert holding_any(home, tmp_path / "files" / "exported", values=values) == []


def test_a_secret_of_a_file_shows_nowhere_on_either_side_of_a_control_plane(remotely, fresh_plane, home, tmp_path):
    # Neither types that are off by default, nor one that reads files of the host.
    allowed = [one for one in WITH_SECRETS if one.pinned is not None and not one.needs_java]
    values, shown = carried(remotely, tmp_path / "files", allowed)
    told = remotely("audit", "list", "--limit", "200", "-f", "json").out
    assert '"config.apply"' in told
    assert [value for value in values if value in shown + told + "".join(fresh_plane.log)] == []
    assert holding_any(home, fresh_plane.home, tmp_path / "files" / "exported", values=values) == []


def holding_any(*places, values):
    return [path for place in places for value in values for path in holding(place, value)]
