"""The working directory: nothing is imported from there, whatever it holds, and nothing is needed of it."""

import contextlib
import importlib.metadata
import os
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import pytest

from qualytics import connectors, module_path
from qualytics.service import doctor
from testbed.control_plane import serving

ROOT = Path(__file__).parent.parent
OURS = {"qualytics"}
# Each says that somebody has imported it, and is of no other use.
TRAP = 'import builtins\nwith builtins.open({seen!r}, "a") as file:\n    file.write(__name__ + " ")\n'


@pytest.fixture(scope="module")
def with_python(tmp_path_factory):
    """Return what `python -m` imports before any module of the program, and a script's own first line."""
    place = tmp_path_factory.mktemp("bare")
    (place / "bare.py").write_text("import re, sys; print(*(name.partition('.')[0] for name in sys.modules))")
    done = subprocess.run([sys.executable, "-m", "bare"], cwd=place, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture
def trapped(tmp_path):
    """Return a function that makes a folder with a module of every name there is but some, and what was imported."""
    seen = tmp_path / "imported"

    def call(but):
        place = tmp_path / "hostile"
        names = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions(), "sitecustomize", *OURS} - but
        place.mkdir()
        for name in ("__init__", *filter(str.isidentifier, names)):
            text = TRAP.format(seen=str(seen))
            (place / f"{name}.py").write_text(text)
            if name in {"litestar", "qualytics", "granian"}:
                (place / name).mkdir()
                (place / name / "__init__.py").write_text(text)
        return place, lambda: seen.read_text() if seen.exists() else ""

    return call


@pytest.fixture
def script(tmp_path):
    """Return the command as an installer writes it."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["qualytics"]
    module, _, name = entry.partition(":")
    path = tmp_path / "bin" / "qualytics"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\nimport re\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n")
    path.chmod(0o755)
    return path


def make_databases(place):
    """Return the path of a database of SQLite, beside which one of DuckDB lies."""
    path = place / "data.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table t (n)")
    duckdb.connect(f"{path}.duck").close()
    return str(path)


def commands(database):
    """Return a life of a connection, and what else needs no server."""
    postgresql = ("--type", "postgresql", "--host", "127.0.0.1", "--port", "1", "--username", "app")
    test = ("connections", "test")
    return (
        (0, "--version"),
        (0, "connections", "create", *postgresql, "--name", "one", "--password", "secret"),
        (0, "connections", "list"),
        (0, "connections", "list", "--format", "json"),
        (0, "connections", "get", "--name", "one"),
        (0, "connections", "types"),
        (0, "connections", "explain", "--type", "postgresql", "connection refused"),
        (0, *test, "--type", "sqlite", "--uri", database),
        (0, *test, "--type", "duckdb", "--uri", f"{database}.duck"),
        (6, *test, "--name", "one"),
        *((6, *test, "--type", kind, "--host", "127.0.0.1", "--port", "1") for kind in ("mysql", "trino", "hive")),
        (0, "connections", "create", "--type", "sqlite", "--uri", database, "--name", "file"),
        (0, "connections", "tables", "--name", "file"),
        (0, "store", "check"),
        (0, "doctor"),
        (0, "completion", "bash"),
        (0, "auth", "status"),
        (0, "connections", "delete", "--name", "one"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "script with an empty PYTHONPATH entry", "module"])
def test_no_command_imports_anything_from_there(way, trapped, with_python, script, home, tmp_path):
    start, variables, but = [str(script)], {}, set()
    if way == "module":
        # Python itself looks for what it is to run, and for what it needs for that, in the working directory.
        start, but = [sys.executable, "-m", "qualytics"], with_python | OURS
    elif way != "script":
        variables, but = {"PYTHONPATH": os.pathsep}, with_python | OURS | {"sitecustomize", "usercustomize"}
    place, imported = trapped(but)
    database = make_databases(tmp_path)
    for code, *words in commands(database):
        done = subprocess.run(
            [*start, *words], cwd=place, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        assert (imported(), done.returncode) == ("", code), (words, done.stderr)


@pytest.mark.slow
@pytest.mark.servers
def test_no_process_of_a_control_plane_imports_anything_from_there(trapped, with_python, home, tmp_path, monkeypatch):
    place, imported = trapped(with_python | OURS)
    database = make_databases(tmp_path)
    monkeypatch.chdir(place)
    options = ("--workers", "2", "--allow-file", str(tmp_path))
    with serving(home, *options) as plane:
        admin = plane.api()
        files = [{"type": "sqlite", "uri": database}, {"type": "duckdb", "uri": f"{database}.duck"}]
        hosts = [
            {"type": kind, "host": "127.0.0.1", "port": 1, "username": "app"}
            for kind in ("postgresql", "mysql", "trino", "hive")
        ]
        for fields, failure_class in [(one, None) for one in files] + [(one, "refused") for one in hosts]:
            found = admin("POST", "/connections/test", fields).json
            assert found["class"] == failure_class, found["message"]
    assert imported() == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["removed", "not readable"])
def test_commands_and_a_control_plane_need_no_working_directory(kind, script, home, tmp_path, monkeypatch):
    database = make_databases(tmp_path)
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    place.chmod(0)
    if kind == "removed":
        place.rmdir()
    try:
        for code, *words in commands(database):
            done = subprocess.run([script, *words], capture_output=True, text=True, check=False)
            assert (done.returncode, "Traceback" in done.stderr) == (code, False), (words, done.stderr)
        with serving(home) as plane:
            assert plane.api()("GET", "/connections").status == 200
    finally:
        monkeypatch.undo()


def test_a_child_finds_modules_without_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    here = os.getcwd()
    known = [place for place in sys.path if os.path.isabs(place)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "lib", "./more", "/opt/lib"]))
    relative = [here, os.path.join(here, "lib"), os.path.join(here, "more")]
    monkeypatch.setattr(sys, "path", [here, "", *known, *relative, "/opt/lib", "."])
    assert module_path.places() == [*known, "/opt/lib"]
    monkeypatch.chdir(ROOT / "src")
    monkeypatch.setattr(sys, "path", [str(ROOT / "src")])
    assert module_path.places() == [str(ROOT / "src")]  # where the package itself is


@pytest.mark.slow
def test_the_doctor_imports_no_driver_from_there(trapped, monkeypatch):
    place, imported = trapped(set())
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", ["", str(place), *sys.path])
    drivers = {connector.driver for connector in connectors.all_connectors() if connector.type in {"mysql", "sqlite"}}
    assert [doctor.importable(driver) for driver in drivers] == [True] * len(drivers)
    assert imported() == ""
