"""What a call imports: no more than it needs, so that it starts fast; and no driver, so that the core runs alone."""

import json
import os
import subprocess
import sys

import pytest

from qualytics import connectors

HEAVY = {
    "json",
    "sqlite3",
    "yaml",
    "cryptography",
    "difflib",
    "ipaddress",
    "getpass",
    "hmac",
    "traceback",
    "subprocess",
}
ENGINES = {"psycopg", "pymysql", "snowflake", "duckdb", "cryptography", "qualytics.probe"}
SCRIPT = """
import sys
from qualytics.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(*sys.modules, file=sys.stderr)
"""

pytestmark = pytest.mark.slow  # each test starts processes

DRIVERS = {connector.driver.partition(".")[0] for connector in connectors.all_connectors() if connector.extra}
# Libraries of others, and the parts of the standard library that take long to import.
CONVERSATION = {"asyncio", "email", "http", "requests", "selectors", "socket", "ssl", "subprocess", "urllib3"}
WEIGHT = {"difflib", "hashlib", "hmac", "importlib.metadata", "logging", "tempfile", "traceback", "xml", "zipfile"}
STORING = {"cryptography", "fcntl", "json", "pathlib", "sqlite3", "yaml"}

RUN = """
import sys
from qualytics.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(code, *sys.modules, file=sys.stderr)
"""
# As in an environment where nobody installed an extra: the drivers cannot even be found.
WITHOUT_DRIVERS = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {DRIVERS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def imported(home):
    """Return a function that runs a command in a fresh interpreter and returns its output and what it imported."""

    def call(*args, before=""):
        done = subprocess.run(
            [sys.executable, "-c", before + RUN, *args], capture_output=True, env=os.environ, timeout=60, check=True
        )
        found, *modules = done.stderr.decode().splitlines()[-1].split()
        assert found == "0", done.stderr
        return done.stdout.decode(), set(modules)

    return call


def outside(modules, unwanted):
    """Return those of the unwanted modules, or parts of them, that were imported."""
    return {name for name in modules for prefix in unwanted if name == prefix or name.startswith(f"{prefix}.")}


@pytest.mark.parametrize(
    "args", [(), ("connections",), ("connections", "test"), ("datastores",), ("keys",), ("store",)]
)
def test_help_imports_neither_the_store_nor_a_driver(imported, args):
    out, modules = imported(*args, "--help")
    assert out.startswith("Usage: qualytics")
    assert not outside(modules, DRIVERS | CONVERSATION | WEIGHT | STORING)
    assert not outside(modules, {"qualytics.connectors", "qualytics.probe", "qualytics.service", "qualytics.store"})


def test_a_list_imports_no_cipher_no_network_and_no_driver(imported, run):
    for kind in ("postgresql", "mysql", "snowflake"):
        run("connections", "create", "--type", kind, "--host", "db.example.com", "--password", "secret")
    out, modules = imported("connections", "list", "--format", "json")
    assert [name for name in modules if name.startswith("qualytics.connectors")] == ["qualytics.connectors"]
    assert [document["password"] for document in json.loads(out)] == ["********"] * 3
    assert not outside(modules, DRIVERS | CONVERSATION | WEIGHT | {"cryptography", "yaml", "qualytics.probe"})


def test_a_list_as_yaml_imports_no_library_for_it(imported, run):
    run("connections", "create", "--type", "postgresql", "--host", "db.example.com", "--password", "secret")
    _, as_json = imported("connections", "list", "--format", "json")
    _, as_yaml = imported("connections", "list")
    assert as_yaml - as_json == {"qualytics.cli._yaml"}


def test_a_listing_reads_no_key(imported, run, home):
    run("connections", "create", "--type", "postgresql", "--host", "db.example.com", "--password", "secret")
    (home / "key").rename(home / "elsewhere")
    assert imported("connections", "list")[0].count("********") == 1
    assert imported("connections", "get", "--id", "1")[0].count("********") == 1


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["create", "get", "list", "delete"])
def test_every_verb_but_test_leaves_drivers_and_network_alone(imported, verb):
    settings = ("--type", "snowflake", "--host", "acme.snowflakecomputing.com", "--password", "secret")
    given = {"create": settings, "list": ()}.get(verb, ("--id", "1"))
    imported("connections", "create", *settings, "--name", "one")
    _, modules = imported("connections", verb, *given)
    assert not outside(modules, DRIVERS | {"asyncio", "http", "socket", "ssl", "subprocess"})


@pytest.mark.parametrize("kind", connectors.type_names())
def test_the_file_of_a_type_imports_no_driver(kind):
    text = f"import json, sys, qualytics.connectors.types.{kind}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, timeout=60, check=True)
    assert not outside(json.loads(done.stdout), DRIVERS | CONVERSATION | WEIGHT)


def test_the_core_alone_shows_help_and_lists(imported):
    assert imported("--help", before=WITHOUT_DRIVERS)[0].startswith("Usage: qualytics")
    imported(
        *("connections", "create", "--type", "postgresql", "--host", "db.example.com", "--password", "secret"),
        before=WITHOUT_DRIVERS,
    )
    out, _ = imported("connections", "list", "--format", "json", before=WITHOUT_DRIVERS)
    assert [document["host"] for document in json.loads(out)] == ["db.example.com"]


def test_the_core_alone_knows_every_type_and_says_which_driver_is_missing(imported):
    out, _ = imported("connections", "types", "--format", "json", before=WITHOUT_DRIVERS)
    installed = {document["type"]: document["driver"]["installed"] for document in json.loads(out)}
    assert set(installed) == set(connectors.type_names())
    assert {kind for kind, there in installed.items() if not there} == {
        connector.type for connector in connectors.all_connectors() if connector.extra
    }


def test_importing_the_package_alone_imports_none_of_its_parts():
    text = "import json, sys, qualytics; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, timeout=60, check=True)
    assert [name for name in json.loads(done.stdout) if name.startswith("qualytics")] == ["qualytics"]


def test_options_are_made_when_their_command_is_called():
    text = (
        "import click, gc, qualytics.cli.connections\n"
        "options = lambda: [each.name for each in gc.get_objects() if isinstance(each, click.Option)]\n"
        "print(*options())\n"
        "made = [param.name for param in qualytics.cli.listing.list_.params]\n"
        "print(*(name for name in made if name not in options()))\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["version", ""]


def loaded(*words):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stderr.split())


def before():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, click; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "words", ["--help", "connections --help", "connections create --help", "connections test --help"]
)
def test_help_imports_nothing_that_works(home, words):
    assert (loaded(*words.split()) - before()) & HEAVY == set()


def test_listing_and_dry_runs_import_no_driver_no_probe_and_no_cipher(home):
    assert loaded("connections", "list") & {"psycopg", "duckdb", "qualytics.probe"} == set()
    assert loaded("connections", "list") & ENGINES == set()  # the store is there now: no key is made any more
    dry = loaded("connections", "create", "-t", "postgresql", "--host", "h", "--password", "x", "--dry-run")
    assert dry & (ENGINES | {"sqlite3"}) == set()
