"""Help: its examples run as they stand, its options have their groups, and it is readable on every terminal."""

import os
import pty
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import termios
from contextlib import closing
from pathlib import Path

import click
import pytest

from qualytics.cli import root
from qualytics.cli._help import examples, folded, sections
from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from testbed import servers
from testbed.control_plane import PASSWORD, serving
from tests.support.browser import play_browser
from tests.support.terminals import Terminal

CONTROL_PLANE, DATABASE = "https://connections.example.com", "postgresql://app@db.example.com/qualytics"
# Groups whose commands are about a control plane.
SIGNED_IN = {"auth", "users", "service-accounts", "grants", "audit"}


def commands(command=root, words=()):
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*words, name))


COMMANDS = dict(commands())
EXAMPLES = {line: words for words, command in COMMANDS.items() for line in examples(command)}
# These wait for somebody, and have tests of their own.
INTERACTIVE = ("qualytics serve", "qualytics auth login", "qualytics shell --name prod --database")
WAITING = dict.fromkeys(line for line in EXAMPLES if line.startswith(INTERACTIVE))
# The examples of a group are steps; those of a command stand each for itself.
STEPS = [
    steps
    for command in COMMANDS.values()
    for steps in ([examples(command)] if isinstance(command, click.Group) else zip(examples(command), strict=True))
    if WAITING.keys().isdisjoint(steps)
]


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("help") / "home", password=PASSWORD) as plane:
        yield plane


@pytest.fixture
def shop(home, tmp_path, postgres_server, root_file, monkeypatch):
    """Return a folder with the files of the examples, beside a store with their connections and datastore."""
    with closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("create table orders (id integer)")
    exported = '{"crm": {"conn_type": "postgres", "host": "db.example.com", "login": "app", "password": "secret"}}'
    texts = {"password.txt": PASSWORD, "error.log": "ORA-12514: TNS: listener does not know"}
    texts["connections.json"] = exported
    texts["config/connections/prod.yaml"] = "name: prod\ntype: postgresql\n"
    texts["config/connections/sales.yaml"] = "name: sales\ntype: sqlite\n"
    (tmp_path / "config" / "connections").mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    server = {"host": postgres_server.host, "port": postgres_server.port, "username": postgres_server.user}
    with LocalClient(Settings(home=home)) as client:
        client.connections.create(
            {"type": "postgresql", "name": "prod", "password": postgres_server.password, **server}
            | {"parameters": {"ssl_root_cert_file": str(root_file)}}
        )
        client.connections.create({"type": "sqlite", "name": "sales", "uri": str(tmp_path / "sales.sqlite")})
        client.datastores.create({"name": "orders", "connection_id": 2, "description": "Orders"})
        client.upkeep.backup(tmp_path / "store.backup.made")
    variables = {
        "HOME": str(tmp_path),
        "DATABASE_URL": "postgresql://app:secret@db.example.com/sales",
        "PATH": f"{Path(sys.executable).parent}:{servers.postgres_programs()}:{os.environ['PATH']}",
        "DB_HOST": postgres_server.host,
        "DB_USER": postgres_server.user,
        **dict.fromkeys(("DB_PASSWORD", "NEW_PASSWORD", "PROD_PASSWORD", "STAGING_PASSWORD"), postgres_server.password),
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "anything"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def signed_in(shop, control_plane, run, monkeypatch):
    """Sign in as the Admin; beside one user of each role there are a user and a service account of the examples."""
    token = control_plane.tokens["Admin"]
    with LocalClient(Settings(home=control_plane.home)) as client:
        for account in [*client.users.list("user"), *client.users.list("service")]:
            if account["name"] not in {"admin", "manager", "member"}:
                client.users.delete(account["id"])
        client.users.create({"kind": "user", "name": "ada", "role": "Member", "email": "ada@example.com"})
        client.users.create({"kind": "service", "name": "robot", "role": "Member", "email": "robot@example.com"})
        for known in list(client):
            client.connections.delete(known["id"])
        for name in ("sales", "orders"):
            client.connections.create({"type": "postgresql", "name": name, "host": "db.example.com"})
        client.grants.create("robot", "orders")
    admin = control_plane.api("Admin")
    for known in admin("GET", "/user-tokens").json["items"]:
        if known["name"] == "nightly":
            admin("PUT", f"/user-tokens/{known['id']}", {"revoke": True})
    assert admin("POST", "/user-tokens", {"name": "nightly"}).status == 200
    monkeypatch.setenv("QUALYTICS_API_TOKEN", token)
    (shop / "token.txt").write_text(token)
    assert run("auth", "init", "--url", control_plane.url, "--token", token).code == 0
    return control_plane


def in_bash(line, folder):
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_every_command_and_group_has_examples_of_itself():
    for words, command in COMMANDS.items():
        lines = examples(command)
        assert 1 <= len(lines) <= 4, words
        if not isinstance(command, click.Group):
            assert all(line.startswith(f"qualytics {' '.join(words)}") for line in lines), words


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("steps", [steps for steps in STEPS if steps[0].split()[1] not in SIGNED_IN], ids=" && ".join)
def test_an_example_runs_as_it_stands(shop, postgres_server, monkeypatch, steps):
    line = " && ".join(steps)
    if "store restore" in line:
        (shop / "store.backup.made").rename(shop / "store.backup")
    if DATABASE in line:
        with closing(servers.postgres_admin(postgres_server)) as admin:
            admin.execute("drop database if exists copied")
            admin.execute("create database copied")
        monkeypatch.setenv("QUALYTICS_STORE_PASSWORD", postgres_server.password)
        place = f"postgresql://{postgres_server.user}@127.0.0.1:{postgres_server.port}/copied"
        line = line.replace(DATABASE, place)
    done = in_bash(line, shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in line or "--output " in line


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("steps", [steps for steps in STEPS if steps[0].split()[1] in SIGNED_IN], ids=" && ".join)
def test_an_example_of_a_control_plane_runs_as_it_stands_but_for_its_address(shop, signed_in, steps):
    done = in_bash(" && ".join(steps).replace(CONTROL_PLANE, signed_in.url), shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in WAITING if "login" in line])
def test_an_example_of_a_sign_in_runs_as_it_stands_but_for_its_address(shop, signed_in, line):
    command = shlex.split(line.replace(CONTROL_PLANE, signed_in.url))
    environment = {**os.environ, "BROWSER": "true"}  # opens nothing: the part of the browser is played below
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            address = re.search(r"http://\S+", process.stderr.readline())[0]
            assert play_browser(address, "manager", PASSWORD) == 200
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "user: manager" in out


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in WAITING if " serve" in line])
def test_an_example_of_serve_runs_as_it_stands_but_for_its_port(shop, line, monkeypatch):
    address = f"127.0.0.1:{servers.free_port()}"
    monkeypatch.setenv("QUALYTICS_LISTEN", address)
    command = shlex.split(re.sub(r"127\.0\.0\.1:\d+", address, line))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            said = next(text for text in process.stderr if address in text)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert said


def shown(words, columns):
    """Return the help of a command on a terminal so wide."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    command = [sys.executable, "-m", "qualytics", *words, "--help"]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65_536):
                parts.append(part)
        except OSError:  # how Linux says that nobody has the terminal any more
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize(
    "words", [(), ("connections",), ("connections", "create"), ("datastores", "create"), ("serve",)]
)
def test_help_fits_the_terminal(words, columns):
    text = shown(words, columns)
    # Of an example, an option with its value is never folded.
    whole = r""" +(--?[\w-]+( ('[^']*'|\S+))?|qualytics [^-]+)( \\)?"""
    assert [line for line in text.splitlines() if len(line) > columns and not re.fullmatch(whole, line)] == []
    assert max(map(len, text.splitlines())) <= 100
    # Two columns where there is place for them.
    assert bool(re.search(r"^  -h, --help  +Show", text, re.MULTILINE)) is (columns > 40)


@pytest.mark.parametrize("width", [38, 78, 98])
def test_a_folded_example_is_the_same_command(width):
    for line in EXAMPLES:
        rows = "\n".join(folded(line, width, "  "))
        assert shlex.split(rows.replace("\\\n", "")) == shlex.split(line)  # what a shell drops, too


def test_every_option_stands_in_one_group_in_the_order_of_the_command():
    for words, command in COMMANDS.items():
        context = click.Context(command, info_name=words[-1] if words else "qualytics", **root.context_settings)
        rows = [row for param in command.get_params(context) if (row := param.get_help_record(context)) and row[1]]
        groups = [members for _, members in sections(command, context)]
        assert sorted(row for members in groups for row in members) == sorted(rows), words
        for members in groups:
            assert members == [row for row in rows if row in members], words


def test_the_options_of_create_stand_in_groups(run):
    text = run("connections", "create", "--help").out
    heads = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert heads == ["Examples", "Connection", "Secrets", "Testing", "Output"]
    assert text.index("Secrets:") < text.index("--password-stdin  ") < text.index("Testing:") < text.index("--timeout")


def test_a_group_tells_the_whole_first_sentence_of_each_command(run):
    text = " ".join(run("store", "--help").out.split())
    assert "Copy the store, while it is in use, into one new file; the key is not in it." in text
    assert "..." not in text.removeprefix("Usage: qualytics store [OPTIONS] COMMAND [ARGS]...")


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in WAITING if " shell" in line])
def test_an_example_of_a_shell_is_logged_in_on_a_terminal(shop, line):
    terminal = Terminal(*shlex.split(line)[1:], env={"PSQL_PAGER": "cat"})
    terminal.read_until(b"sales=")
    terminal.type("select 40 + 2 as n;\n")
    terminal.read_until(b"42")
    terminal.type("\\q\n")
    assert terminal.end() == 0
