"""The first hour in a fresh clone: the README's first lines work, and what lacks an extra says how to install it."""

import json
import re
import shlex
import subprocess

import pytest

from qualytics.connectors import all_connectors
from testbed import clone
from testbed.reach import google_key
from tests.conftest import Result
from tests.support.all_commands import commands

pytestmark = pytest.mark.slow

SERVER = "pip install 'qualytics[server]'"
LACKING = [
    ("serve", 2, "the control plane needs granian, which is not installed", SERVER),
    ("users create --name ada --role admin", 2, "tokens need the packages of a control plane", SERVER),
    ("users create --name bob --password 'correct horse battery'", 2, "passwords need the packages", SERVER),
    ("store copy --to postgresql://u@127.0.0.1:1/d", 6, "the driver of a store on a database server", SERVER),
    ("connections list --jq .", 2, "--jq needs the package jq", "pip install 'qualytics[jq]'"),
]
# What needs no extra, on the store that the README's lines have made.
WORKING = [
    *("connections list -f table", "connections list -f csv", "connections get --name sales -f jsonl"),
    *("connections schemas --name sales", "connections tables --name sales --schema main", "connections types oracle"),
    *("connections explain ORA-12514", "connections test --name sales", "connections usages --name sales"),
    *("datastores create --name orders --connection-name Sales", "datastores list", "datastores verify --name orders"),
    *("connections create -t postgresql --host h --username u --password p", "connections update --id 2 --port 5433"),
    *("connections delete --id 2", "users list", "service-accounts list", "audit list", "auth token list"),
    *("auth status", "store check", "store backup copy.db", "store restore copy.db", "keys rotate", "keys forget"),
    *("keys generate", "doctor", "completion bash"),
]
DRIVERS = [connector for connector in all_connectors() if connector.extra]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return a clone in which the README's first lines have run, what they printed, and the variables of its user."""
    place = tmp_path_factory.mktemp("fresh")
    variables = clone.environment(place)
    return place / "clone", clone.run_readme(place / "clone", variables), variables


@pytest.fixture
def core(fresh):
    """Return a function that runs one command as that user, who has the core and no extra."""
    place, _, variables = fresh

    def call(*words, **more):
        command = [place / ".venv" / "bin" / "qualytics", *words]
        env = {**variables, **more}
        done = subprocess.run(
            command, cwd=place, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


def test_the_first_lines_of_the_readme_work_as_they_are_printed(fresh):
    _, printed, _ = fresh
    assert "\nconnected: true\n" in printed
    (listed,) = json.loads(printed[printed.index("[\n") :])
    assert (listed["name"], listed["product_name"]) == ("Sales", "SQLite")


def test_every_command_shows_its_help_without_an_extra(core):
    for words, _ in commands():
        shown = core(*words, "--help")
        assert (shown.code, shown.err) == (0, ""), words
        assert shown.out.startswith("Usage: qualytics"), words


def test_what_needs_no_extra_works_without_one(core):
    for line in WORKING:
        done = core(*shlex.split(line))
        assert done.code == 0, f"{line}\n{done.err}"
        assert not [said for said in done.err.splitlines() if not said.startswith("note: ")], line


@pytest.mark.parametrize(("line", "code", "said", "install"), LACKING, ids=[line for line, *_ in LACKING])
def test_what_needs_an_extra_says_how_to_install_it(core, line, code, said, install):
    done = core(*shlex.split(line))
    assert (done.code, done.out) == (code, "")
    error, hint = [words for words in done.err.splitlines() if not words.startswith("note: ")]
    assert error.startswith(f"error: {said}")
    assert hint == f"hint: {install}"


def test_a_store_on_a_server_says_how_to_install_its_driver(core):
    done = core("connections", "list", QUALYTICS_STORE="postgresql://u@127.0.0.1:1/d", QUALYTICS_KEY_FILE="/tmp/no")
    assert (done.code, done.err.splitlines()[1]) == (6, f"hint: {SERVER}")


@pytest.mark.parametrize("connector", DRIVERS, ids=lambda connector: connector.type)
def test_a_test_without_the_driver_says_how_to_install_it(core, connector):
    example = shlex.split(connector.example)
    variables = {name: "value" for word in example for name in re.findall(r"\$\{(\w+)\}", word)}
    variables |= {name: google_key() for name in variables if name.endswith("_JSON")}
    done = core("connections", "test", "--type", connector.type, *example, "-f", "json", **variables)
    assert (done.code, done.json["class"]) == (6, "driver_missing"), done.err
    assert done.json["hint"] == f"pip install 'qualytics[{connector.extra}]'"
