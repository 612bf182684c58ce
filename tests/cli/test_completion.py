"""Completion in real shells."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each test starts processes


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
        ("connections get --format", "j", {"json", "jsonl"}),
        ("connections list --columns", "id,parameters,crea", {"id,parameters,created"}),
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
