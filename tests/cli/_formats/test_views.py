"""Every command in every format: what each writes is read back, and its documents hold what its view says."""

import csv
import io
import json
import sqlite3
from contextlib import closing

import click
import pytest
import yaml

from qualytics.cli import root
from qualytics.cli._formats.views import VIEWS
from qualytics.cli._output import FORMATS
from tools.docs import commands

NAME = 'a "b", c; 日本 🚀'
# A whole life of a store, in order; the test of a file that does not exist fails.
LIFE = [
    ("connections create", "-t", "sqlite", "--uri", "{path}", "--name", NAME),
    ("connections create", "-t", "snowflake", "--host", "acme", "--parameters", '{"role": "R"}', "--password", "x"),
    ("connections create", "-t", "sqlite", "--uri", "{path}", "--dry-run"),
    ("connections update", "--id", "1", "--max-parallelization", "4"),
    ("connections copy", "--id", "1", "--name", "copy", "--dry-run"),
    ("connections list",),
    ("connections find", NAME),
    ("connections test", "--id", "1"),
    ("connections history", "--id", "1"),
    ("connections test", "-t", "sqlite", "--uri", "{path}.none"),
    ("connections schemas", "--id", "1"),
    ("connections tables", "--id", "1"),
    ("connections tables", "--id", "1", "--limit", "1"),
    ("connections import", "--from", "sqlite:///{path}", "--name", "imported", "--dry-run"),
    ("connections types",),
    ("connections types", "oracle"),
    ("connections explain", "28P01"),
    ("datastores create", "--name", NAME, "--connection-id", "1", "--schema", "main", "--tags", "a,b"),
    ("datastores create", "--name", "second", "--connection-id", "1", "--dry-run"),
    ("datastores update", "--id", "1", "--description", "two words"),
    ("datastores get", "--name", NAME),
    ("datastores list",),
    ("datastores verify", "--id", "1"),
    ("connections get", "--id", "1"),
    ("connections usages", "--id", "1"),
    ("config export", "--output", "{path}.config", "--type", "sqlite"),
    ("config schema", "--type", "s3"),
    ("config plan", "{path}.config"),
    ("config apply", "{path}.config", "--yes"),
    ("connections schemas", "--id", "1"),
    ("datastores delete", "--id", "1"),
    ("connections delete", "--id", "2", "--dry-run"),
    ("connections delete", "--id", "2"),
    ("users create", "--name", "root", "--role", "admin"),
    ("users update", "--id", "1", "--email", "root@example.com"),
    ("users get", "--id", "1"),
    ("users list",),
    ("service-accounts create", "--name", "etl", "--token"),
    ("service-accounts update", "--id", "2", "--role", "manager"),
    ("service-accounts get", "--id", "2"),
    ("service-accounts list",),
    ("auth token create", "--name", "ci", "--user", "root"),
    ("auth token list", "--everybody"),
    ("auth token revoke", "--id", "3"),
    ("grants create", "--user", "etl", "--connection", NAME, "--expires-in-days", "7"),
    ("grants list",),
    ("grants delete", "--id", "1"),
    ("auth status",),
    ("auth contexts",),
    ("auth use", "embedded"),
    ("audit list",),
    ("audit prune", "--before", "2020-01-31"),
    ("keys rotate",),
    ("keys forget", "--yes"),
    ("store check",),
    ("store backup", "{path}.backup"),
    ("store copy", "--to", "{path}.copy"),
    ("store restore", "{path}.backup"),
    ("service-accounts delete", "--id", "2"),
    ("users list", "--name", "nobody"),
    ("doctor",),
]


def keys_of(row, view):
    """Yield the keys of a document, and those of the objects in it whose keys are not up to users."""
    for key, part in row.items():
        yield key
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, dict) and view.parts.get(key) != ():
                yield from (f"{key}.{inner}" for inner in one)


def declared(view):
    return {*view.keys, *(f"{key}.{part}" for key, parts in view.parts.items() for part in parts)}


@pytest.fixture
def live(run, tmp_path):
    """Return a function that runs a whole life in one format and yields each command with its output."""
    path = tmp_path / "sales.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript('create table "a ""b"", c" (x); create table second (x)')

    def run_all(name):
        for words, *options in LIFE:
            filled = [option.replace("{path}", str(path)) for option in options]
            done = run(*words.split(), *filled, "-f", name)
            assert done.code == (6 if filled[-1:] == [f"{path}.none"] else 0), (words, done.err)
            yield words, done.out

    return run_all


def test_every_command_has_a_view_and_every_view_a_command():
    there = {
        " ".join(words)
        for words, command in commands(root, [])
        if any("--jq" in param.opts for param in command.params if isinstance(param, click.Option))
    }
    assert there == VIEWS.keys()


@pytest.mark.slow
def test_documents_hold_what_their_view_says(live):
    seen = set()
    for words, out in live("json"):
        document, view = json.loads(out), VIEWS[words]
        rows = document[view.rows] if isinstance(document, dict) and view.rows in document else document
        for row in rows if isinstance(rows, list) else [rows]:
            assert not set(keys_of(row, view)) - declared(view), words
        seen.add(words)
    # These need a server: a catalog, a browser, a control plane.
    assert VIEWS.keys() - seen == {"connections catalogs", "auth login", "auth init", "auth logout", "users delete"}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_every_document_is_read_back_in_every_format(live, name):
    for words, out in live(name):
        if name == "yaml":
            assert yaml.safe_load(out) is not None, words
        elif name == "json":
            json.loads(out)
        elif name == "jsonl":
            assert all(isinstance(json.loads(line), dict) for line in out.splitlines()), words
        elif name == "csv":
            header, *records = csv.reader(io.StringIO(out, newline=""), strict=True)
            assert len(set(header)) == len(header), words
            assert {len(record) for record in records} <= {len(header)}, words
        else:
            header, *lines = out.splitlines()
            assert header == header.upper(), words
            assert all(line == line.rstrip() for line in lines), words
