"""The table of what is fetched is whole, and is told before anything is installed."""

import ast
import os
import re
import subprocess
import sys

import pytest

from testbed import needs, servers

_CALLS = {
    "install_debian": needs.DEBIAN,
    "virtual_environment": needs.ENVIRONMENTS,
    "wheels": needs.WHEELS,
    "npm_package": needs.NPM,
    "unpacked": needs.UNPACKED,
}
# Folders of the trees that Python programs and tests stand in.
_SOURCES = [path for folder in ("testbed", "bench", "tools", "tests") for path in (servers.ROOT / folder).rglob("*.py")]


def _names_in(call, constants):
    for argument in call.args:
        value = argument.value if isinstance(argument, ast.Starred) else argument
        if isinstance(value, ast.Name) and value.id in constants:
            yield from constants[value.id]
        elif isinstance(value, ast.Constant):
            yield value.value


def _wanted(function):
    """Yield every name that the sources give to a function that installs."""
    for path in _SOURCES:
        text = path.read_text()
        if function not in text:  # to parse all takes many seconds
            continue
        tree = ast.parse(text)
        constants = {
            node.targets[0].id: [item.value for item in node.value.elts if isinstance(item, ast.Constant)]
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Tuple)
            and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == function:
                names = list(_names_in(node, constants))
                yield from names[:1] if function == "npm_package" else names


@pytest.mark.slow  # every source file is read
@pytest.mark.parametrize("function", _CALLS)
def test_the_table_names_all_that_is_installed_and_nothing_else(function):
    assert set(_wanted(function)) == set(_CALLS[function])


def test_every_size_is_known():
    tables = (needs.DEBIAN, needs.ENVIRONMENTS, needs.WHEELS, needs.NPM, needs.UNPACKED)
    every = [needs.VENV, *(need for table in tables for need in table.values())]
    assert all(need.fetch_mb > 0 and need.disk_mb > 0 for need in every)


@pytest.mark.servers
def test_the_sizes_are_those_of_what_is_in_the_cache():
    assert needs.differing_sizes() == []


def _told(target, venv, **variables):
    done = subprocess.run(
        [sys.executable, "-m", "testbed.needs", target, str(venv)],
        cwd=servers.ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.slow
def test_a_fresh_machine_is_told_all_that_make_test_fetches(tmp_path):
    told = _told("test", tmp_path / "venv", XDG_CACHE_HOME=str(tmp_path / "cache"))
    head, *lines = told.splitlines()
    named = {name for line in lines for name in line.rpartition(": ")[2].split(", ")}
    tests = needs.ENVIRONMENTS.keys() | needs.WHEELS.keys() | needs.NPM.keys()
    assert named >= tests - {"bench-twin", "bench-reads"} | {f"{tmp_path}/venv with every driver"}
    total, *parts = (int(size.replace(",", "")) for size in re.findall(r"about ([\d,]+) MB", told))
    assert head.startswith(f"make test fetches about {total:,} MB (")
    assert abs(total - sum(parts)) <= len(parts)
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_nothing_is_told_when_nothing_is_missing(tmp_path):
    (tmp_path / ".complete").touch()
    assert _told("setup", tmp_path) == ""


def test_a_target_wants_only_what_the_table_has():
    assert {name for names in needs._TARGETS.values() for name in names} <= (
        needs.DEBIAN.keys() | needs.ENVIRONMENTS.keys() | needs.WHEELS.keys() | needs.NPM.keys() | needs.UNPACKED.keys()
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", ["setup", "demo", "test"])
def test_make_tells_sizes_before_it_installs(target, tmp_path):
    words = ["make", "-n", "-C", str(servers.ROOT), f"VENV={tmp_path}/venv", target]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    first, second = [line for line in done.stdout.splitlines() if "testbed.needs" in line or "setup.sh" in line][:2]
    assert first.endswith(f"-m testbed.needs {target} {tmp_path}/venv")
    assert second == f"sh tools/setup.sh {tmp_path}/venv"
