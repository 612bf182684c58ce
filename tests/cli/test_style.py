"""--color, which wins over every variable, and --quiet, which leaves errors alone on stderr."""

import pytest

from tests.support.all_commands import commands
from tests.support.terminals import stdout_of

BOLD = "\x1b[1m"
LIST = ("connections", "list", "-f", "table")


@pytest.mark.parametrize(
    ("words", "variables", "is_colored"),
    [
        ((), {}, False),
        ((), {"CLICOLOR_FORCE": "1"}, True),
        ((), {"CLICOLOR_FORCE": "0"}, False),
        ((), {"CLICOLOR_FORCE": ""}, False),
        ((), {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (("--color", "never"), {"CLICOLOR_FORCE": "1"}, False),
        (("--color", "auto"), {"CLICOLOR_FORCE": "1"}, True),
    ],
)
def test_colours_in_a_pipe_are_as_the_option_says_and_else_as_the_variables(
    run, monkeypatch, words, variables, is_colored
):
    for name in ("NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    out = run(*LIST, *words, env={"TERM": "xterm", **variables}).out
    assert out.startswith(BOLD) == is_colored
    assert ("\x1b" in out) == is_colored


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "variables", "is_colored"),
    [
        ((), {}, True),
        ((), {"TERM": "dumb"}, False),
        ((), {"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True),
        (("--color", "never"), {}, False),
        (("--color", "always"), {"NO_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_colours_on_a_terminal_are_as_the_option_says_and_else_as_the_variables(
    home, monkeypatch, words, variables, is_colored
):
    for name in ("NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    assert stdout_of(*LIST, *words)[2].startswith(BOLD) == is_colored


def test_documents_for_programs_never_get_colours(run):
    run("connections", "create", "-t", "sqlite", "--uri", "/x.db")
    for form in ("yaml", "json", "jsonl", "csv"):
        assert "\x1b" not in run("connections", "list", "-f", form, "--color", "always").out


def test_every_command_takes_color_and_quiet():
    for words, command in commands():
        options = {name for param in command.params for name in param.opts}
        assert "--debug" not in options or {"--color", "--quiet"} <= options, words


@pytest.mark.slow
def test_quiet_leaves_out_notes_and_warnings_but_no_error(run, tmp_path):
    new = ("connections", "create", "-t", "sqlite", "--uri", tmp_path / "none.db")
    loud = run("audit", "list")
    assert loud.err.startswith("note: this works on the store ")
    assert run("audit", "list", "--quiet").err == ""
    assert run("keys", "rotate", "--quiet").err == ""
    assert run(*new).err.startswith("warning: there is no file ")
    assert run(*new, "--quiet").err == ""
    failed, quiet = run(*new, "--test"), run(*new, "--test", "--quiet")
    assert quiet.err == failed.err
    assert (quiet.code, quiet.err.splitlines()[0].partition(":")[0]) == (6, "error")
    assert run("connections", "get", "none", "--quiet").err.startswith("error: ")
