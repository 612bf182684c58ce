"""`docs/add-a-connector.md` is followed as it stands, in a copy of the project: whoever does so has a new type."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "add-a-connector.md").read_text()
FILES = re.findall(r"^`([\w/.]+)`(, at its head)?:\n\n```python\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.search(r"## The rest\n\n```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()

pytestmark = pytest.mark.slow  # a project of its own


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Return a function that runs Python in a copy of the project, in which the page has been followed."""
    tree = tmp_path_factory.mktemp("project")
    for name in ("src", "testbed", "bench", "tools", "tests", "docs"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt", "README.md"):
        shutil.copy(ROOT / name, tree)
    for name, at_head, code in FILES:
        path = tree / name
        before = path.read_text() if path.exists() else ""
        head, first, rest = before.partition("from __future__ import annotations\n")
        path.write_text(f"{head}{first}\n{code}{rest}" if at_head else f"{before}\n\n{code}".lstrip())
    env = {name: text for name, text in os.environ.items() if not name.startswith("QUALYTICS_")}
    env |= {"PYTHONPATH": f"{tree / 'src'}:{tree}", "QUALYTICS_CONFIG_HOME": str(tree / "home")}

    def run(*words, **more):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([sys.executable, *words], cwd=tree, env=env, text=True, **pipes)

    run.tree = tree
    return run


def result(process, code=0):
    """Return what a process wrote to its standard output, once it has ended as it must."""
    out, err = process.communicate(timeout=500)
    assert process.returncode == code, out + err
    return out


def test_the_type_is_listed_created_tested_and_shown(call):
    qualytics = ("-m", "qualytics", "connections")
    assert json.loads(result(call(*qualytics, "types", "valkey", "-f", "json")))["type"] == "redis"
    with call("-m", "testbed", "redis", stdin=subprocess.PIPE) as counterpart:
        given = json.loads(counterpart.stdout.readline())
        words = [f"--{name}={given[name]}" for name in ("host", "port", "username")]
        words += ["--parameters", json.dumps(given["parameters"]), "-f", "json"]
        secret, wrong = (["--password", password] for password in (given["password"], "wrong"))
        made = json.loads(result(call(*qualytics, "create", "--type", "redis", "--name", "cache", *words, *secret)))
        report = json.loads(result(call(*qualytics, "test", "--id", str(made["id"]), "-f", "json")))
        assert (report["connected"], report["product_name"], report["product_version"]) == (True, "Redis", "7.4.1")
        assert report["tls"]["verified"] is True
        refused = json.loads(result(call(*qualytics, "test", "--type", "redis", *words, *wrong), 6))
        assert (refused["stage"], refused["class"]) == ("login", "auth")
        counterpart.stdin.close()
    shown = json.loads(result(call(*qualytics, "get", "--name", "cache", "-f", "json")))
    assert (shown["type"], shown["password"]) == ("redis", "********")


def test_its_commands_run_and_the_documents_have_it(call):
    for command in COMMANDS:
        result(call(*command.split()[1:], *(["-k", "redis"] if "pytest" in command else [])))
    page = (call.tree / "docs" / "connectors.md").read_text().partition("\n## redis\n")[2].partition("\n## ")[0]
    assert "| emulator | 7.4.1 | Redis 7.4.1 | TLSv1.3 | connected |" in page


def test_its_code_passes_the_linter(call):
    result(call("-m", "ruff", "check", "--no-cache", "src/qualytics/connectors/types/redis.py"))
    result(call("-m", "ruff", "format", "--check", "--no-cache", "src/qualytics/connectors/types/redis.py"))
