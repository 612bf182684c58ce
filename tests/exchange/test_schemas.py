"""JSON Schemas of files: every file that is exported is right by them, and what no plan takes is wrong by them."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from qualytics import connectors
from qualytics.cli._output import dump_yaml
from qualytics.client.local import LocalClient
from qualytics.exchange import config_files, schemas, yaml_text
from qualytics.exchange.folder import Folder
from qualytics.fields import BY_NAME, KEYS, READ_ONLY
from qualytics.service.datastores.fields import SETTINGS
from qualytics.service.validate import accepted
from qualytics.settings import Settings
from testbed.reach import google_key
from tests.support.every_parameter import base_of, bases, is_valid, two_values

ALL = connectors.all_connectors()
# One value of each type that JSON has.
VALUES = (1, "text", True, ["text"], [1], {"key": "text"}, 1.5)
DATASTORE = {"name": "marts", "connection_name": "prod", "database": "sales", "schema": "public"}


@pytest.mark.parametrize("name", connectors.type_names())
def test_a_schema_has_every_key_of_a_file_and_every_parameter_of_its_type(name):
    connector = connectors.get(name)
    schema = schemas.of_type(name)
    keys = {key for key in KEYS[connector.kind] if key not in READ_ONLY}
    keys -= set() if "uri" in connector.fields else {"uri"}
    assert keys <= schema["properties"].keys()
    assert set(schema["properties"]["parameters"]["properties"]) == {param.name for param in connector.params}
    assert connector.type in schema["properties"]["type"]["enum"]
    assert schema["required"] == ["name", "type"]


def test_the_schema_of_a_datastore_has_every_setting_but_the_id_of_another():
    properties = schemas.of_datastore()["properties"]
    assert SETTINGS.keys() - properties.keys() == {"enrichment_datastore_id"}


def every_connection(connector, files, root):
    """Yield, for each field and parameter of a type and each choice, its name, the value and a connection with it."""
    base = base_of(connector, 8, files)
    others = {name: value for name, value in base.items() if name != "password"}
    starts = (base, others, others | {"password": json.loads(google_key())["private_key"]})
    fields = [BY_NAME[name] for name in accepted(connector) if name not in {"name", "tags", "parameters"}]
    for entry in (*fields, *connector.params):
        values = getattr(entry, "choices", ()) or two_values(entry, base, 8, files, root)[:1]
        if getattr(entry, "is_path", False):
            values = [str(files / "root.pem")]
        if getattr(entry, "is_secret", False):
            values = [base.get(entry.name) or google_key()]
        for value in values:
            name = f"{connector.type} {entry.name} {str(value).splitlines()[0]}"[:99]
            holding = (
                {**one, "name": name, "tags": ["a", "b"]}
                for start in starts
                for one in bases(connector, start, entry, value)
                if {**one, **one["parameters"]}.get(entry.name) == value and is_valid(one)
            )
            yield name, next(holding, None)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, authority):
    """Return the folder that connections with every field and parameter, and datastores, are exported to."""
    place = tmp_path_factory.mktemp("schemas")
    root = authority.cert_pem.bytes().decode()
    (place / "one.jar").touch()
    (place / "root.pem").write_text(root)
    drawn = dict(pair for one in ALL for pair in every_connection(one, place, root))
    assert [name for name, connection in drawn.items() if connection is None] == []
    settings = {"enrichment_prefix": "p", "favorite": True, "group_id": 3, "enrichment_remediation_strategy": "append"}
    rows = [DATASTORE | settings, DATASTORE | {"name": "other", "tags": ["t"], "enrich_datastore_name": "marts"}]
    prod = {"name": "prod", "type": "postgresql", "host": "h"}
    with LocalClient(Settings(home=place / "home")) as client, Folder.open(str(place / "out"), make=True) as folder:
        client.config.apply({"connections": [prod, *drawn.values()], "datastores": rows})
        config_files.write(folder, client.connections.list(), client.config.datastores(), dump_yaml)
    return place / "out"


@pytest.mark.slow
def test_every_exported_file_is_right_by_the_schema_that_its_first_line_names(exported):
    validators, files = {}, sorted(exported.rglob("*.yaml"))
    for path in files:
        text = path.read_text()
        place = (path.parent / text.partition("\n")[0].rpartition("=")[2]).resolve()
        if place not in validators:
            Draft202012Validator.check_schema(schema := json.loads(place.read_text()))
            validators[place] = Draft202012Validator(schema)
        assert [error.message for error in validators[place].iter_errors(yaml_text.load(text))] == [], path
    assert sorted(place.stem for place in validators) == sorted([*connectors.type_names(), "datastore"])


def changed(document, at, value):
    """Return a document with another value at a place, of one key or two."""
    head, *rest = at
    return {**document, head: changed(document.get(head) or {}, rest, value) if rest else value}


# What is said of a value of another type, and of a key that nothing has.
STRUCTURAL = re.compile(
    " must be (a text|a whole number|true or false|an object|a list)( of .*texts| that is not empty)?$"
    "| is not a field| have no '| is not supported| may be that of another record"
)


def agree(client, sort, document, places, schema):
    """Check that a value of a type that a plan refuses is wrong by the schema, too."""
    validator = Draft202012Validator(schema)
    tried = [(at, value) for at in places for value in VALUES]
    named = [document, *(document | {"name": f"n{number}"} for number in range(len(tried)))]
    every = [document, *(changed(one, *how) for one, how in zip(named[1:], tried, strict=True))]
    connections = [{"name": "prod", "type": "postgresql", "host": "h"}]
    problems = client.config.plan({"connections": connections, sort: every})["problems"]
    refused = {problem["index"] for problem in problems if STRUCTURAL.search(problem["message"])}
    assert 0 not in {problem["index"] for problem in problems}
    assert validator.is_valid(document)
    assert [tried[number - 1] for number in sorted(refused) if validator.is_valid(every[number])] == []
    assert {at[-1] for at, _ in tried} == {tried[number - 1][0][-1] for number in refused}  # each has a wrong type


@pytest.mark.parametrize("connector", ALL, ids=lambda one: one.type)
def test_a_connection_that_no_plan_takes_for_its_structure_is_wrong_by_the_schema(connector, tmp_path, client):
    document = {**base_of(connector, 5_432, tmp_path), "name": "n"}
    for path in document.get("parameters", {}).get("jars", []):
        open(path, "w").close()
    names = [*accepted(connector), "hots", "secrets_manager"]
    places = [*((name,) for name in names), *(("parameters", param.name) for param in connector.params)]
    places.append(("parameters", "no_such"))
    agree(client, "connections", document, places, schemas.of_type(connector.type))


def test_a_datastore_that_no_plan_takes_for_its_structure_is_wrong_by_the_schema(client):
    schema = schemas.of_datastore()
    places = [(name,) for name in (*schema["properties"], "shcema")]
    agree(client, "datastores", DATASTORE, places, schema)


@pytest.fixture
def client(tmp_path):
    """Return a client of a new store."""
    with LocalClient(Settings(home=tmp_path / "home")) as opened:
        yield opened
