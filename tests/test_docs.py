"""The documents: every command in them runs as written, and the generated ones are current."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from qualytics.connectors import all_connectors, get
from testbed.counterparts import COUNTERPARTS
from tools import docs

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if page.name not in docs.PAGES]
VARIABLES = {
    "DB_HOST": "db.example.com",
    "DB_USER": "app",
    "DB_PASSWORD": "p$HOME @#;!%{}\"'\\ x",
    "SNOWFLAKE_ACCOUNT": "myaccount",
    "SNOWFLAKE_USER": "analyst",
    "SNOWFLAKE_PASSWORD": "anything at all",
}


def commands(page):
    """Yield each command of a page's shell blocks with the exit code that its comment promises."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if "qualytics " in line and not line.startswith("pip "):
                comment = re.search(r"\s+# exit (\d+)$", line)
                yield re.sub(r"\s+# exit \d+$", "", line), int(comment[1]) if comment else 0


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in WRITTEN if list(commands(page))], ids=lambda page: page.name)
def test_every_command_of_a_page_runs_as_written(page, home, tmp_path):
    with closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("create table orders (id integer)")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command, wanted in commands(page):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**os.environ, **VARIABLES, "PATH": path, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == wanted, f"{command}\n{done.stdout}{done.stderr}"


def test_the_python_example_of_the_readme_runs(home, tmp_path, monkeypatch, capsys):
    with closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("create table orders (id integer)")
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(example[1], "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("True 3.")


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_generated_page_is_current(name):
    assert (ROOT / "docs" / name).read_text() == docs.PAGES[name](), "run make docs"


def test_every_type_stands_on_its_page_with_a_verdict_and_the_run_behind_it():
    page = (ROOT / "docs" / "connectors.md").read_text()
    found = json.loads(docs.VERIFIED.read_text())
    assert len(all_connectors()) == len(found["counterparts"]) + len(found["driver_only"]) == 26
    for connector in all_connectors():
        is_driver_only = docs.verdict(connector) == "driver only"
        part = page.split(f"\n## {connector.type}\n")[1].split("\n## ")[0]
        assert connector.type in found["driver_only" if is_driver_only else "counterparts"], connector.type
        assert ("login and discovery: never run" in part) is is_driver_only, connector.type
        assert set(found["counterparts"]) == set(COUNTERPARTS)


def test_the_readme_has_one_command_for_each_type_and_the_verdict_of_its_page():
    rows = re.findall(r'^\| (`.*`) \| .* \| (real|sibling|emulator|driver only).* \| `make verify TYPES="?(.*?)"?` \|$', (ROOT / "README.md").read_text(), re.MULTILINE)  # fmt: skip  # noqa: E501 - a pattern of one line
    named = [name for cell, _, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == [connector.type for connector in all_connectors()]
    for cell, word, types in rows:
        assert types.split() == re.findall(r"`(\w+)`", cell)
        assert {docs.verdict(get(name)) for name in types.split()} == {word}


@pytest.mark.parametrize("connector", all_connectors(), ids=lambda connector: connector.type)
def test_every_type_tells_of_its_logins_and_of_the_least_rights(connector):
    assert connector.authentication, "name each way to log in, the default one first"
    assert all(name and takes for name, takes in connector.authentication)
    assert connector.privileges, "say what a test and discovery need on the server"
    assert connector.pinned in {"socket", "address", "resolver", "proxy", None}


def test_every_link_between_the_documents_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_place_that_the_documents_name_exists():
    for page in WRITTEN:
        # A place before a colon holds what the page says next.
        for place in re.findall(r"`((?:src|testbed|bench|tools|tests)/[\w/.]+)`(?!:)", page.read_text()):
            assert (ROOT / place).exists(), f"{page.name}: {place}"


MAN = sorted(name for name in docs.PAGES if name.startswith("man/"))


def test_every_command_and_group_has_a_manual_page_that_a_wheel_installs():
    words = [path for path, _ in docs.commands(docs.root, ["qualytics"])]
    wanted = {"-".join(path[:count]) for path in words for count in range(1, len(path) + 1)}
    assert {Path(name).stem for name in MAN} == wanted
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["shared-data"] == {"docs/man": "share/man/man1"}


@pytest.mark.parametrize("name", MAN)
def test_a_manual_page_is_roff_that_shows_each_text_as_it_stands(name):
    text = docs.PAGES[name]()
    assert text.isascii()  # other characters depend on how a system reads pages
    requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert requests <= {'.\\"', ".TH", ".SH", ".PP", ".TP", ".B", ".BR", ".nf", ".fi"}
    # A hyphen without a backslash may be shown as another character, which no shell takes.
    assert not re.search(r"(?<!\\)-", text)
    assert {".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXAMPLES"} <= set(text.splitlines())


def test_a_manual_page_shows_every_option_and_example():
    page = docs.PAGES["man/qualytics-connections-create.1"]().replace("\\-", "-").replace("\\(aq", "'")
    for option in ("-t, --type TEXT", "--host TEXT", "--password-stdin", "-f, --format TEXT"):
        assert f"\n.TP\n.B {option}\n" in page
    assert "qualytics connections create --type sqlite --name files" in page
    assert "--password '${DB_PASSWORD}'" in page
