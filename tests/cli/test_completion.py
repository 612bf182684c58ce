"""Completion in real shells."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from testbed.shells import shells
from tests.support.misbehaving_http import TOKEN, reply, scripted
from tests.support.terminals import Terminal

pytestmark = pytest.mark.slow  # each test starts processes


BREAKS = " \t\n\"'><=;|&(:@"


def complete(before, last):
    """Return what a real bash offers for a line, each without its quotes; the script is read as a user would."""
    line = f"qualytics {before} {last}".replace("  ", " ")
    script = f"""
        PATH={Path(sys.executable).parent}:$PATH
        source <(qualytics completion bash)
        COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_WORDBREAKS={shlex.quote(BREAKS)}
        _qualytics_completion
        for word in "${{COMPREPLY[@]}}"; do eval "printf '%s\\n' $word"; done
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("before", "last", "offered"),
    [
        ("", "conn", {"connections"}),
        (
            "",
            "",
            {
                *("connections", "datastores", "auth", "audit", "serve", "users", "service-accounts", "grants"),
                *("run", "shell", "config", "keys", "store", "doctor", "completion"),
            },
        ),
        ("connections", "cr", {"create"}),
        (
            "connections",
            "",
            {
                *("create", "update", "get", "list", "delete", "test", "types", "usages", "find", "copy", "import"),
                *("url", "history", "read"),
                *("catalogs", "schemas", "tables", "explain"),
            },
        ),
        ("connections create", "--host", {"--host"}),
        ("connections create", "--secret-k", {"--secret-key", "--secret-key-stdin"}),
        ("connections create --type", "post", {"postgresql"}),
        ("connections create -t", "sqli", {"sqlite"}),
        ("connections list --type", "sqlite,duck", {"sqlite,duckdb"}),
        ("connections types", "sql", {"sqlite", "sqlserver"}),
        ("connections list --sort", "", {"id", "name", "type", "state"}),
        ("connections get --format", "j", {"json", "jsonl"}),
        ("connections list --columns", "id,parameters,crea", {"id,parameters,created"}),
        ("connections update --unset", "pass", {"password", "passphrase"}),
        ("completion", "", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_commands_options_types_and_fields(home, before, last, offered):
    assert set(complete(before, last)) == offered
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


NAMES = (
    *(
        "full prod",
        "it's a name",
        'say "hi" twice',
        "a:b",
        "=x=y",
        "$HOME/x",
        "back\\slash \\n",
        "`date`;rm",
        "(p) & [q] {r}",
    ),
    *("!bang! x", "#hash", "~tilde", "*star?", "Ünïcode 😀 x", "x@y,z%", "<v|w>"),
)
# What no store of ours takes, and another server may send.
ODD = ("new\nline", "tab\tx", "esc\x1b[31m", "del\x7f", "rtl\u202ex", "quote'\nx")
RC = {
    "bash": "PS1='read''y> '; HISTCONTROL=ignoreboth",
    "zsh": "PROMPT='read''y> '; autoload -U compinit; compinit -u -D",
    "fish": "function fish_prompt; echo -n 'read''y> '; end; function fish_greeting; end",
}
REPORT = {
    "bash": """qualytics() { printf '%s\\0' "$@" > "$OUT"; printf '<do''ne>\\n'; }""",
    "zsh": """qualytics() { printf '%s\\0' "$@" > "$OUT"; printf '<do''ne>\\n'; }""",
    "fish": """function qualytics; printf '%s\\0' $argv > $OUT; printf '<do''ne>\\n'; end""",
}
OPTIONS = {"bash": ("--noprofile", "--rcfile"), "zsh": ("-i",), "fish": ("--no-config", "-i", "-C")}


class Shell:
    """A shell on a terminal, with the completion script as a user has it, and a command that keeps its arguments."""

    def __init__(self, name, folder, env):
        self.out = folder / "arguments"
        text = f"{RC[name]}\n{self.sourced(name)}\n{REPORT[name]}\n"
        rc = folder / (".zshrc" if name == "zsh" else "rc")
        rc.write_text(text)
        words = {"bash": [*OPTIONS["bash"], str(rc), "-i"], "zsh": ["-i"], "fish": [*OPTIONS["fish"], f"source {rc}"]}
        places = dict.fromkeys(("ZDOTDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(folder))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {"PATH": path, "OUT": str(self.out), "TERM": "xterm", "LC_ALL": "C.UTF-8", **places, **env}
        self.terminal = Terminal(*words[name], program=[shells()[name]], env=env)
        self.terminal.read_until(b"ready> ")

    @staticmethod
    def sourced(name):
        return "qualytics completion fish | source" if name == "fish" else f"source <(qualytics completion {name})"

    def typed(self, text):
        """Type a line and return the arguments that the command got."""
        self.out.unlink(missing_ok=True)
        self.terminal.shown = b""
        self.terminal.type(f"{text}\r")
        self.terminal.read_until(b"<done>")
        self.terminal.read_until(b"ready> ")
        return self.out.read_text().split("\0")[:-1]


@pytest.fixture(params=["bash", "zsh", "fish"])
def open_shell(request, tmp_path):
    """Return a function that opens a shell, with an environment."""
    opened = []

    def call(**env):
        opened.append(Shell(request.param, tmp_path, env))
        return opened[-1].typed

    call.name = request.param
    yield call
    for shell in opened:
        shell.terminal.type("exit\r")
        shell.terminal.end()


def prefix_of(name, quote):
    """Return the beginning of a name as it is typed: up to its first blank, but two characters."""
    first = name[:2] if quote else re.sub(r"([^\w])", r"\\\1", name[:2], flags=re.ASCII)
    return f"{quote}{first}"


@pytest.mark.parametrize("quote", ["", "'"], ids=["unquoted", "quoted"])
def test_a_name_is_completed_as_the_argument_that_it_is(open_shell, home, quote):
    with LocalClient(Settings(home=home)) as client:
        for name in NAMES:
            client.connections.create({"type": "sqlite", "uri": "/x.db", "name": name})
    typed = open_shell()
    for name in NAMES:
        is_pattern = name.startswith("*") and open_shell.name == "fish"  # which completes what is typed as one
        if not is_pattern and (quote not in name[:2] or not quote):
            assert typed(f"qualytics connections get {prefix_of(name, quote)}\t") == ["connections", "get", name]


def test_options_take_names_as_well(open_shell, home):
    with LocalClient(Settings(home=home)) as client:
        client.connections.create({"type": "sqlite", "uri": "/x.db", "name": "full prod:x"})
    typed = open_shell()
    assert typed("qualytics connections test --name f\t") == ["connections", "test", "--name", "full prod:x"]
    assert typed("qualytics connections test --name=f\t") == ["connections", "test", "--name=full prod:x"]
    assert typed("qualytics connections test --name 'full prod:\t") == ["connections", "test", "--name", "full prod:x"]
    assert typed("qualytics connections list --type sqlite,duc\t") == ["connections", "list", "--type", "sqlite,duckdb"]
    assert typed("qualytics datastores create --connection-name fu\t")[-1] == "full prod:x"


def test_what_a_terminal_would_obey_is_quoted(open_shell):
    page = {"items": [{"id": number, "name": name} for number, name in enumerate(ODD)], "total": len(ODD)}
    page["items"] = [{**item, "type": "postgresql"} for item in page["items"]]
    with scripted(reply(200, page)) as server:
        typed = open_shell(QUALYTICS_URL=server.url, QUALYTICS_TOKEN=TOKEN)
        for name in ODD:
            if "\t" in name and open_shell.name == "fish":  # fish has no way to write it in a candidate
                continue
            assert typed(f"qualytics connections get {name[:2]}\t") == ["connections", "get", name]
        assert len(server.asked) == 1  # the rest came from what is kept


@pytest.mark.parametrize(("shell_name", "form"), [("zsh", "postgresql\0postgresql\0"), ("fish", "postgresql\t\0")])
def test_zsh_and_fish_are_answered_in_their_own_form(run, shell_name, form):
    words = ("connections", "create", "--type", "postg")
    assert run(*words, env={"_QUALYTICS_COMPLETE": f"{shell_name}_complete"}).out == form


TYPED_PARAMETERS = (
    ("create --type postgresql", '{"ssl_mo', '{"ssl_mode": "'),
    ("create --type postgresql", '{"ssl_mode": "req', '{"ssl_mode": "require"'),
    ("create --type postgresql", '{"ssl_mode": "require"', '{"ssl_mode": "require"'),
    ("create --type postgresql", '{"ssl_mode": "require", "app', '{"ssl_mode": "require", "application_name": "'),
    ("create --type postgresql", '{"ssl_root', '{"ssl_root_cert'),
    ("create --type snowflake", '{"ro', '{"role": "'),
    ("create --type no-such-type", '{"ro', '{"ro'),
    ("create", '{"ro', '{"ro'),
)


def test_parameters_are_completed_inside_an_open_quote(open_shell):
    typed = open_shell()
    for before, begun, completed in TYPED_PARAMETERS:
        words = ["connections", *before.split(), "--parameters", completed]
        assert typed(f"qualytics connections {before} --parameters '{begun}\t'") == words


def test_parameters_of_a_stored_connection_are_those_of_its_type(open_shell, home):
    with LocalClient(Settings(home=home)) as client:
        client.connections.create({"type": "postgresql", "name": "full prod", "host": "db"})
    typed = open_shell()
    for words in ("update 'full prod'", "update --id 1", "test --name 'full prod'"):
        line = f"qualytics connections {words} --parameters '{{\"appl\t'"
        assert typed(line)[-2:] == ["--parameters", '{"application_name": "']


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("{", ['{"ssl_mode"', '{"ssl_root_cert"', '{"ssl_root_cert_file"', '{"application_name"']),
        ('{"ssl_mode": ', [f'{{"ssl_mode": "{mode}"' for mode in ("auto", "verify", "require", "disable")]),
        ('{"ssl_mode": "require"', ['{"ssl_mode": "require"}', '{"ssl_mode": "require", "']),
        ('{"ssl_mode": "auto", "ssl_m', []),
        ('{"application_name"', ['{"application_name": "', '{"application_name": "${']),
        ('{"other": {"ssl', []),
        ("@file", []),
    ],
)
def test_what_is_offered_inside_parameters(run, begun, offered):
    words = ("connections", "create", "--type", "postgresql", "--parameters", begun)
    answer = run(*words, env={"_QUALYTICS_COMPLETE": "zsh_complete"}).out
    assert answer.split("\0")[:-1:2] == offered
