"""The page of the SDK: its programs are right to two type checkers, and print the same on both clients, as shown."""

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qualytics
from tests.client.test_contract_types import VERBS

pytestmark = pytest.mark.slow  # each test starts processes

ROOT = Path(__file__).parents[2]
_BLOCKS = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
PAGE = _BLOCKS.findall((ROOT / "docs" / "sdk.md").read_text())
README = _BLOCKS.findall((ROOT / "README.md").read_text())
VARIABLES = {"CONNECTIONS_TOKEN": "token", "LEDGER_USER": "etl"}

# What both checkers have to find, on lines that end in a comment.
WRONG = """
import qualytics
from qualytics.types import TestReport
with qualytics.connect() as client:
    client.connections.create({"type": "postgresql", "hots": "x"})  # wrong
    client.connections.create({"host": "x"})  # wrong
    client.connections.update("x", {"port": "5432"})  # wrong
    client.connections.gett(1)  # wrong
    client.connections.read("x", tabel="t")  # wrong
    client.connections.read("x", table=7)  # wrong
    client.connections.use("x")  # wrong
    client.connections.get()  # wrong
    report: TestReport = client.connections.test(1)
    report["conected"]  # wrong
    print(report["class"] == "auth")
    print(report["class"] == "atuh")  # wrong
    for connection in client:
        connection["name"] + 1  # wrong
qualytics.conect()  # wrong
async def main() -> None:
    async with qualytics.aconnect() as client:
        (await client.connections.get(1))["nam"]  # wrong
        await client.connections.get(name="x")  # wrong
        await client.connections.test(1, timeout_s="5")  # wrong
        client.connections.test(1)["connected"]  # wrong
        async with client.datastores.read("x", limit="7") as reader:  # wrong
            reader.receipt["row"]  # wrong
        async for connection in client.connections.list(limit="5"):  # wrong
            print(connection["id"] + 1)
"""


@pytest.fixture(params=["embedded", "control plane"])
def there(request, home, allowed_files, monkeypatch):
    """Stand in a directory with sales.sqlite, once with nothing configured and once with a control plane.

    Return what grants the Admin, who runs the programs, the connections that they have made so far.
    """
    is_shared = request.param == "control plane"

    def grant():
        with qualytics.connect() as client:
            granted = {one["connection"]["id"] for one in client.grants.list()} if is_shared else set()
            for connection in list(client) if is_shared else ():
                if connection["id"] not in granted:
                    client.grants.create("admin", connection["id"])

    if is_shared:
        for name, value in request.getfixturevalue("fresh_plane").environment("Admin").items():
            monkeypatch.setenv(name, value)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(allowed_files)
    return grant


def test_each_program_prints_what_the_page_shows(there):
    assert len(PAGE) >= 8
    for program, shown in PAGE:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(program, "docs/sdk.md", "exec"), {"__name__": "program"})
        assert out.getvalue() == shown, program
        there()


def test_the_page_names_every_verb_of_the_contract():
    rows = re.findall(r"^\| `(\w+)` \| (`.*) \|$", (ROOT / "docs" / "sdk.md").read_text(), re.MULTILINE)
    assert {(part, verb) for part, cell in rows for verb in re.findall(r"`(\w+)`", cell)} == VERBS.keys()


def checked(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )


def mypy(folder):
    """Return the lines of a folder that mypy finds wrong, as `file:line`."""
    done = checked(folder, "mypy", "--strict", "--cache-dir", ROOT / ".mypy_cache" / "page", ".")
    assert "internal error" not in done.stderr.lower(), done.stderr
    return {":".join(line.split(":")[:2]): line for line in done.stdout.splitlines() if ": error: " in line}


def pyright(folder):
    """Return the lines of a folder that pyright finds wrong in its strict mode, as `file:line`."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = checked(folder, "basedpyright", "--outputjson", "--pythonpath", sys.executable, ".")
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == len([*folder.glob("*.py")]), done.stdout
    return {
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}": one["message"]
        for one in found["generalDiagnostics"]
        if one["severity"] == "error"
    }


@pytest.mark.parametrize("check", [mypy, pyright])
def test_type_checkers_find_what_is_wrong_and_nothing_in_the_programs_of_the_page_and_the_readme(tmp_path, check):
    for number, (program, _) in enumerate([*PAGE, *README]):
        (tmp_path / f"program_{number}.py").write_text(program)
    (tmp_path / "wrong.py").write_text(WRONG)
    lines = enumerate(WRONG.splitlines(), start=1)
    wrong = {f"wrong.py:{number}" for number, line in lines if line.endswith("# wrong")}
    found = check(tmp_path)
    assert found.keys() == wrong, found
