"""Configuration in files: what is read of a folder, and what is wrong with it."""

import pytest

from qualytics.exchange import config_files
from qualytics.exchange.config_files import Fault, LeftOut
from qualytics.exchange.folder import Folder


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


def test_only_a_secret_that_is_wholly_one_reference_is_resolved(read):
    found = read(
        {
            "connections/a.yaml": "name: ${N}\nhost: ${N}\npassword: ${N}\nsecret_key: x${N}\npassphrase: $${N}\n"
            "parameters:\n  role: ${N}\n"
        },
        {"N": "${M}", "M": "never"},
    )
    literal = {"name": "${N}", "host": "${N}", "secret_key": "x${N}", "passphrase": "$${N}"}
    assert found.resources["connections"] == [{**literal, "password": "${M}", "parameters": {"role": "${N}"}}]
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
    assert found.resources == {"connections": read_all, "datastores": [{"name": "x"}]}
    hint = "export UNSET=… or use --env-file"
    assert found.faults == [
        Fault("connections/a.yaml", 3, "password: ${UNSET} is not set", hint),
        Fault("connections/b.yaml", 2, "a key stands twice in one mapping"),
        Fault("connections/c.yaml", 1, "is no mapping of fields", "see qualytics config schema"),
    ]
    assert found.references == ["UNSET"]


def test_a_source_knows_the_line_of_each_field(read):
    source = read({"connections/a.yaml": "# c\nname: a\nparameters:\n  role: R\n"}).sources["connections"][0]
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
    assert found.resources["datastores"] == [{"name": "x", "shcema": "s", "created": "now"}]
    assert found.left_out == [
        LeftOut(f"{place}/checks", []),
        LeftOut(f"{place}/containers", []),
        LeftOut(f"{place}/_datastore.yaml", ["quality_dimensions", "score"]),
    ]


def test_a_reference_to_a_name_that_no_shell_has_means_the_one_that_export_writes(read):
    file = {"connections/a.yaml": "name: 2024 DB\npassword: ${2024_DB_PASSWORD}\n"}
    found = read(file, {"_2024_DB_PASSWORD": "pw"})
    assert found.resources["connections"] == [{"name": "2024 DB", "password": "pw"}]
    assert found.references == ["_2024_DB_PASSWORD"]
    assert [fault.message for fault in read(file).faults] == ["password: ${_2024_DB_PASSWORD} is not set"]
