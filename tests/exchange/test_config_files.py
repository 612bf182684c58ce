"""Configuration in files: what is read of a folder, and what is wrong with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qualytics.cli._output import dump_yaml
from qualytics.client.local import LocalClient
from qualytics.exchange import config_files
from qualytics.exchange.config_files import Fault, LeftOut
from qualytics.exchange.folder import Folder
from qualytics.exchange.layout import placeholder
from qualytics.exchange.layout import slugs as slugs_of
from qualytics.fields import SECRETS
from qualytics.settings import Settings
from qualytics.text import folded


@pytest.fixture
def read(tmp_path):
    """Return a function that writes files, by path, and reads the folder with some variables."""

    def call(files, variables=None):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        with Folder.open(str(tmp_path)) as folder:
            return config_files.read(folder, variables or {})

    return call


def resources(found):
    """Return what a configuration holds, as lists."""
    return {sort: [*every] for sort, every in found.resources.items()}


def test_only_a_secret_that_is_wholly_one_reference_is_resolved(read):
    found = read(
        {
            "connections/a.yaml": "name: ${N}\nhost: ${N}\npassword: ${N}\nsecret_key: x${N}\npassphrase: $${N}\n"
            "parameters:\n  role: ${N}\n"
        },
        {"N": "${M}", "M": "never"},
    )
    literal = {"name": "${N}", "host": "${N}", "secret_key": "x${N}", "passphrase": "$${N}"}
    assert [*found.resources["connections"]] == [{**literal, "password": "${M}", "parameters": {"role": "${N}"}}]
    assert (found.references, found.faults) == (["N"], [])


def test_a_fault_is_told_with_its_line_and_the_rest_is_read(read):
    found = read(
        {
            "connections/a.yaml": "name: a\ntype: postgresql\npassword: ${UNSET}\n",
            "connections/b.yaml": "name: b\nname: c\n",
            "connections/c.yaml": "- x\n",
            "connections/d.yaml": "name: d\n",
            "connections/.e.yaml": "nothing: here",
            "connections/notes.txt": "nothing: here",
            "datastores/x/_datastore.yaml": "name: x\n",
            "datastores/y/other.yaml": "name: y\n",
        }
    )
    read_all = [{"name": "a", "type": "postgresql"}, {"name": "d"}]  # without the secret that is not known
    assert resources(found) == {"connections": read_all, "datastores": [{"name": "x"}]}
    hint = "export UNSET=… or use --env-file"
    assert found.faults == [
        Fault("connections/a.yaml", 3, "password: ${UNSET} is not set", hint),
        Fault("connections/b.yaml", 2, "a key stands twice in one mapping"),
        Fault("connections/c.yaml", 1, "is no mapping of fields", "see qualytics config schema"),
    ]
    assert found.references == ["UNSET"]


def test_a_name_in_two_files_is_told_with_the_other_one_and_an_empty_file_as_such(read):
    found = read(
        {
            "connections/a.yaml": "name: Prod\n",
            "connections/b.yaml": "# again\nname: ' prod'\n",
            "connections/zero.yaml": "",
            "datastores/x/_datastore.yaml": "name: Prod\n",
        }
    )
    assert resources(found) == {"connections": [{"name": "Prod"}], "datastores": [{"name": "Prod"}]}
    assert [(fault.path, fault.line, fault.message) for fault in found.faults] == [
        ("connections/b.yaml", 2, "connection ' prod' is defined in connections/a.yaml, too"),
        ("connections/zero.yaml", 1, "is empty"),
    ]


def test_files_and_folders_of_other_names_are_told(read):
    names = (
        "connections/a.yml",
        "connections/b.YAML",
        "connections/c.json",
        "connections/sub/d.yaml",
        "datastores/y/z",
    )
    found = read({**dict.fromkeys(names, "name: n\n"), "connections/.hidden": "", "datastores/.git/x": ""})
    assert [one["name"] for one in found.resources["connections"]] == ["n"]
    left = ["connections/b.YAML", "connections/c.json", "connections/sub", "datastores/y"]
    assert found.left_out == [LeftOut(path, []) for path in left]


def test_a_source_knows_the_line_of_each_field(read):
    source = read({"connections/a.yaml": "# c\nname: a\nparameters:\n  role: R\n"}).source("connections", 0)
    lines = {loc: source.line_of(loc) for loc in ("name", "parameters.role", "parameters.none", "host", None)}
    assert lines == {"name": 2, "parameters.role": 4, "parameters.none": 3, "host": 2, None: 2}


def test_what_is_not_carried_over_is_told_for_each_file_and_a_mistyped_key_is_kept_to_be_refused(read):
    place = "datastores/x"
    found = read(
        {
            f"{place}/_datastore.yaml": "name: x\nquality_dimensions: {a: 1}\nshcema: s\ncreated: now\nscore: 9\n",
            f"{place}/checks/orders/notnull__id.yaml": "rule: notNull\n",
            f"{place}/containers/orders/_container.yaml": "name: orders\n",
            f"{place}/.DS_Store": "x",
        }
    )
    assert [*found.resources["datastores"]] == [{"name": "x", "shcema": "s", "created": "now"}]
    assert found.left_out == [
        LeftOut(f"{place}/checks", []),
        LeftOut(f"{place}/containers", []),
        LeftOut(f"{place}/_datastore.yaml", ["quality_dimensions", "score"]),
    ]


def test_a_reference_to_a_name_that_no_shell_has_means_the_one_that_export_writes(read):
    file = {"connections/a.yaml": "name: 2024 DB\npassword: ${2024_DB_PASSWORD}\n"}
    found = read(file, {"_2024_DB_PASSWORD": "pw"})
    assert [*found.resources["connections"]] == [{"name": "2024 DB", "password": "pw"}]
    assert found.references == ["_2024_DB_PASSWORD"]
    assert [fault.message for fault in read(file).faults] == ["password: ${_2024_DB_PASSWORD} is not set"]


AWKWARD = st.sampled_from(
    ["null", "yes", "1e3", "${NAME}", "~", "0x1", "2024-01-31", "a: #b", "'\"", "日本", "é\\n", "on", "- x", "!!str"]
)
OWN = {
    "postgresql": {"host": "h.example.com", "username": "app", "port": 5433, "parameters": {"ssl_mode": "disable"}},
    "mysql": {"host": "h.example.com", "username": "app", "parameters": None},
    "s3": {"uri": "s3://lake/raw", "access_key": "AKIA"},
}


@st.composite
def stores(draw):
    """Draw connections with their secrets, and datastores on those of databases."""
    connections = []
    for name in draw(st.lists(AWKWARD, min_size=1, max_size=4, unique_by=folded)):
        kind = draw(st.sampled_from(sorted(OWN)))
        secret = {"secret_key" if kind == "s3" else "password": draw(AWKWARD)}
        tagged = {"tags": draw(st.lists(AWKWARD, max_size=2, unique_by=folded)), "owner": draw(st.none() | AWKWARD)}
        connections.append({"name": name, "type": kind, **OWN[kind], **secret, **tagged})
    rows = [
        {"name": one["name"], "connection_name": one["name"], "database": "sales", "schema": "public"}
        for one in connections
        if one["type"] == "postgresql"
    ]
    return connections, rows


def exported(client, path):
    with Folder.open(str(path), make=True) as folder:
        config_files.write(folder, client.connections.list(), client.config.datastores(), dump_yaml)
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@settings(max_examples=10, deadline=None)
@given(drawn=stores())
def test_what_is_exported_of_one_store_and_applied_to_another_is_exported_the_same(tmp_path_factory, drawn):
    place = tmp_path_factory.mktemp("round")
    connections, rows = drawn
    with LocalClient(Settings(home=place / "one")) as first, LocalClient(Settings(home=place / "two")) as second:
        first.config.apply({"connections": connections, "datastores": rows})
        files = exported(first, place / "files")
        slugs = slugs_of(one["name"] for one in connections)
        variables = {
            placeholder(slugs[one["name"]], name)[2:-1]: one[name]
            for one in connections
            for name in SECRETS
            if name in one
        }
        with Folder.open(str(place / "files")) as folder:
            found = config_files.read(folder, variables)
        assert (found.faults, found.left_out) == ([], [])
        second.config.apply(found.resources)
        assert exported(second, place / "again") == files
        assert first.config.plan(found.resources)["changes"] == []  # secrets are compared, too
