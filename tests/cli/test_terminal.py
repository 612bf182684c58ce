"""At a terminal: hidden prompts, Ctrl-C in the middle of a test, and completion in real shells."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each test starts processes

SECRET = "tippsel-geheim-7"
PROGRAM = [sys.executable, "-m", "qualytics"]


class Terminal:
    """A program on a terminal of its own; what it shows is collected in `shown`."""

    def __init__(self, *words):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [*PROGRAM, *words])

    def read_until(self, text):
        while text not in self.shown:
            if not select.select([self.fd], [], [], 30)[0]:
                raise AssertionError(self.shown)
            self.shown += os.read(self.fd, 4096)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        while True:
            try:
                chunk = os.read(self.fd, 4096)
            except OSError:  # Linux says so when the other side has gone
                chunk = b""
            if not chunk:
                break
            self.shown += chunk
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def stored_secrets():
    from qualytics.service.context import Context
    from qualytics.settings import load

    with Context(load()) as context:
        return {name: secret.reveal() for name, secret in context.store.connections.secrets(1).items()}


def test_a_password_is_asked_for_without_showing_it(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-", "-f", "json")
    terminal.read_until(b"Password: ")
    terminal.type("  ${HOME} " + SECRET + "\n")
    assert terminal.end() == 0
    assert SECRET.encode() not in terminal.shown
    assert json.loads(terminal.shown.split(b"Password: ")[1])["password"] == "********"
    assert stored_secrets() == {"password": "  ${HOME} " + SECRET}
    assert not any(SECRET.encode() in path.read_bytes() for path in home.iterdir())


def test_a_bad_reference_is_told_before_anything_is_asked(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "${NO}", "--password", "-")
    assert terminal.end() == 2
    assert b"${NO} is not set" in terminal.shown
    assert b"Password" not in terminal.shown


@pytest.mark.parametrize(("key", "code", "said"), [("\x03", 130, b""), ("\x04", 2, b"error: no password was typed")])
def test_a_prompt_that_is_left_ends_the_command_and_stores_nothing(home, key, code, said):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-")
    terminal.read_until(b"Password: ")
    terminal.type(key)
    assert terminal.end() == code
    assert said in terminal.shown
    assert b"Traceback" not in terminal.shown
    assert not home.exists()


def test_standard_input_is_not_read_from_a_terminal_where_it_would_show(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password-stdin")
    assert terminal.end() == 2
    assert b"standard input is a terminal" in terminal.shown
    assert b"--password - asks for it without showing it" in terminal.shown


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the children")
def test_an_interrupt_during_a_hanging_test_ends_with_130_and_leaves_no_child(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = [
            "connections",
            "test",
            "-t",
            "postgresql",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--username",
            "u",
        ]
        program = subprocess.Popen(
            [*PROGRAM, *words, "--timeout", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        listener.settimeout(30)
        peer, _ = listener.accept()
        with peer:  # connected and never answered: the test hangs
            found = children(program.pid)
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=30)
    assert found
    assert (program.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert not [child for child in found if Path(f"/proc/{child}").exists()]


def complete(home, before, last):
    """Return what a real bash offers for a line; the script is read as a user would."""
    bin_folder = Path(sys.executable).parent
    script = f"""
        PATH={bin_folder}:$PATH
        source <(qualytics completion bash)
        COMP_WORDS=(qualytics {before} '{last}')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        name=$(complete -p qualytics | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $name qualytics
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "last", "offered"),
    [
        ("", "conn", {"connections"}),
        (
            "",
            "",
            {
                *("connections", "datastores", "auth", "audit", "serve", "users", "service-accounts"),
                *("keys", "store", "doctor", "completion"),
            },
        ),
        ("connections", "cr", {"create"}),
        (
            "connections",
            "",
            {
                *("create", "update", "get", "list", "delete", "test", "types", "usages"),
                *("catalogs", "schemas", "tables", "explain"),
            },
        ),
        ("connections create", "--host", {"--host"}),
        ("connections create", "--secret-k", {"--secret-key", "--secret-key-stdin"}),
        ("connections create --type", "post", {"postgresql"}),
        ("connections create -t", "sqli", {"sqlite"}),
        ("connections list --type", "sqlite,duck", {"sqlite,duckdb"}),
        ("connections types", "sql", {"sqlite", "sqlserver"}),
        ("connections list --sort", "", {"id", "name", "type"}),
        ("connections get --format", "j", {"json"}),
        ("connections update --unset", "pass", {"password", "passphrase"}),
        ("completion", "", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_commands_options_types_and_fields(home, before, last, offered):
    assert set(complete(home, before, last)) == offered
    assert not home.exists()


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_and_read_by_its_shell(run, tmp_path, shell_name):
    script = run("completion", shell_name)
    assert (script.code, script.err) == (0, "")
    assert "_QUALYTICS_COMPLETE" in script.out
    path = shutil.which(shell_name)
    if path is not None:  # the other shells are checked where they are installed
        file = tmp_path / "script"
        file.write_text(script.out)
        done = subprocess.run([path, "-n", file], capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("shell_name", "pattern"), [("zsh", r"^plain\npostgresql\n"), ("fish", r"^plain,postgresql$")])
def test_zsh_and_fish_are_answered_in_their_own_form(shell, shell_name, pattern):
    environment = {
        "_QUALYTICS_COMPLETE": f"{shell_name}_complete",
        "COMP_WORDS": "qualytics connections create --type post",
        "COMP_CWORD": "post" if shell_name == "fish" else "4",
    }
    answered = shell(env=environment)
    assert re.search(pattern, answered.out, re.MULTILINE), answered
