"""What a command does not need is not imported: help costs little more than Python and click."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each test starts processes

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
HEAVY |= {"qualytics.service", "qualytics.store", "qualytics.probe", "qualytics.connectors", "qualytics.settings"}
ENGINES = {"psycopg", "pymysql", "snowflake", "duckdb", "cryptography", "qualytics.probe"}
SCRIPT = """
import sys
from qualytics.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(*sys.modules, file=sys.stderr)
"""


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
