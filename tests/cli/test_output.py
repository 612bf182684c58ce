"""Output: one document on stdout in either format, that every reader reads back; everything else on stderr."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qualytics.cli import _output as output
from qualytics.cli._output import dump_json, dump_yaml, escape
from qualytics.packed import PackedList
from qualytics.service.clock import now
from qualytics.service.context import Context
from qualytics.settings import load

# Plain scalars that YAML 1.2's core schema (section 10.3.2) and YAML 1.1's types take for something else than text.
CORE = re.compile(
    r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE"
    r"|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
)
YAML_1_1 = re.compile(
    r"y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|=|<<"
    r"|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?|[-+]?[1-9][0-9_]*"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9:.]+[ \t]*(Z|[-+][0-9:]+)?)?"
)
TRICKY = [
    *("null", "Null", "NULL", "~", "yes", "Yes", "no", "NO", "y", "n", "Y", "N", "on", "off", "Off", "true", "FALSE"),
    *(
        "1e3",
        "1E3",
        "1e-3",
        "0o17",
        "0x1F",
        "-0x1F",
        "0b11",
        "017",
        "1_000",
        "12:30:45",
        "1:2",
        "190:20:30.15",
        "0",
        "-1",
    ),
    *("+1", ".5", "-.5", "5.", "1.5", "+12.5e3", ".inf", "-.INF", ".nan", ".NaN", "=", "<<", "", " ", "  x", "x  "),
    *("2024-01-01", "2024-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2001-12-15 2:59:43"),
    *("- a", "-", "--", "---", "...", "? x", "?", ": x", ":", "a: b", "a:", "a #x", "#x", "a#", "@a", "`a", "%a", "!a"),
    *(
        "!!str x",
        "&a",
        "*a",
        "{a",
        "}",
        "[a",
        "]",
        ",",
        "a, b",
        "|",
        "|+",
        ">",
        ">-",
        "'",
        "''",
        '"',
        "it's",
        'say "hi"',
    ),
    *(
        "\\",
        "\\n",
        "a\\",
        "a\nb",
        "a\n",
        "\na",
        "\n",
        "a\tb",
        "\t",
        "a\r\nb",
        "\r",
        "\x00",
        "\x07",
        "\x1b[31mred\x1b[0m",
    ),
    *(
        "\x7f",
        "\x80",
        "\x85",
        "a\x85b",
        "\xa0",
        "\xad",
        "\u2028",
        "a\u2029b",
        "\u202eevil",
        "\u200f",
        "\u2066x",
        "\ufeff",
    ),
    *("\ufeffx", "\U0001f600", "a\U0001f600b", "\u00e9", "e\u0301", "\ufffe", "\uffff", "x" * 5000, "a " * 3000),
]
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.from_regex(CORE, fullmatch=True)
    | st.from_regex(YAML_1_1, fullmatch=True)
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def check_yaml(document):
    text = dump_yaml(document)
    assert yaml.safe_load(text) == document
    assert yaml.load(text, Loader=yaml.CSafeLoader) == document
    assert not UNSAFE.search(text)
    return text


@pytest.mark.parametrize("text", TRICKY, ids=ascii)
def test_a_tricky_text_is_read_back_from_yaml_and_json(text):
    for document in ({"name": text}, [{"name": text, "list": [text, {"k": text}]}], {"a": None, "b": text, "c": True}):
        check_yaml(document)
        assert json.loads(dump_json(document, 2)) == document
        assert not UNSAFE.search(dump_json(document, 2))


@pytest.mark.slow  # YAML written in Python
@given(TEXTS)
@example("0o8")
@example("1__0")
@example("08")
@example(".")
@example("-.")
@example(".e+1")
@example("\xa0")
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_read_back_and_ambiguous_ones_are_quoted(text):
    line = check_yaml({"name": text}).removeprefix("name: ").removesuffix("\n")
    assert json.loads(dump_json({"name": text})) == {"name": text}
    if CORE.fullmatch(text) or YAML_1_1.fullmatch(text):
        assert line[:1] in {"'", '"'}, line
    if not line.startswith(("'", '"')):
        assert line == text
        assert line == line.strip()
        assert "\n" not in line
        assert ": " not in line
        assert " #" not in line


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from(["id", "name", "x"]), JSON_VALUES, min_size=1), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_document_is_read_back(documents):
    assert json.loads(dump_json(documents, 2)) == documents
    assert yaml.safe_load(dump_yaml(documents)) == documents


@given(st.text())
def test_escaped_text_holds_nothing_that_a_terminal_acts_on(text):
    shown = escape(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", shown)
    assert shown.encode().decode() == shown
    if text.isalnum() and text.isascii():
        assert shown == text


def test_stored_text_comes_out_escaped_in_both_formats(run):
    odd = "/d/\u202eab\u200f.db"  # as an earlier version took it
    with Context(load()) as context, context.writing() as store:
        store.connections.insert("n", "n", "sqlite", {"uri": odd}, {}, now())
    for form in ("yaml", "json"):
        shown = run("connections", "get", "--id", "1", "-f", form)
        assert "\\u202E" in shown.out or "\\u202e" in shown.out
        assert not UNSAFE.search(shown.out)
        assert shown.document["uri"] == odd


def test_names_that_look_like_other_types_come_back_as_texts(run):
    names = ["null", "yes", "1e3", "2024-01-01", "0x1F", "~", "- a", "a: b", "#x", "no", "12:30:45"]
    for name in names:
        assert run("connections", "create", "-t", "sqlite", "--uri", "/x", "--name", name).document["name"] == name
    assert [document["name"] for document in run("connections", "list").document] == names
    assert run("connections", "get", "--name", "NULL").document["id"] == 1


def test_no_color_and_terminals_change_nothing(run):
    plain = run("connections", "list", "--help").out
    assert run("connections", "list", "--help", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"}).out == plain
    assert "\x1b" not in plain


def qualytics(line, **environment):
    """Run a shell line in which $Q is the program."""
    words = {**os.environ, "Q": f"{sys.executable} -m qualytics", **environment}
    done = subprocess.run(["bash", "-c", line], capture_output=True, env=words, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    return done.returncode, done.stdout, done.stderr.decode()


FULL = "error: the output could not be written: no space left on device"
CLOSED = "error: the output could not be written: standard output is closed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["connections list", "connections list --help", "--version", "connections types -f json", "completion bash"],
)
def test_a_full_or_closed_stdout_is_told_and_exit_code_1(home, command):
    code, _, err = qualytics(f"$Q {command} >/dev/full")
    assert (code, err.splitlines()[0]) == (1, FULL)
    code, _, err = qualytics(f"$Q {command} >&-")
    assert (code, err.splitlines()[0]) == (1, CLOSED)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["connections types -f json", "connections types --help"])
def test_a_reader_that_has_gone_ends_the_command_quietly(home, command):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as stdout:
        words = [sys.executable, "-m", "qualytics", *command.split()]
        done = subprocess.run(words, stdout=stdout, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
def test_a_closed_stderr_or_stdin_takes_nothing_from_the_exit_code(home):
    assert qualytics("$Q connections get --id 1 2>&-")[:2] == (3, b"")
    assert qualytics("$Q connections list <&-") == (0, b"[]\n", "")
    create = "$Q connections create -t postgresql --host h"
    code, out, err = qualytics(f"{create} --password-stdin <&-")
    assert (code, out) == (2, b"")
    assert "standard input is closed" in err
    assert qualytics(f"{create} --password - <&-")[0] == 2
    assert qualytics("$Q connections frobnicate 2>/dev/full")[0] == 2
    code, _, err = qualytics("$Q connections read x --table t >&-")
    assert (code, err.splitlines()[0]) == (2, "error: --output is missing")


@pytest.mark.slow
def test_ascii_and_c_locales_change_nothing(home):
    for environment in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}):
        line = "$Q connections create -t sqlite --uri /x --name Caf\u00e9 --dry-run"
        code, out, err = qualytics(line, **environment)
        assert (code, err) == (0, "")
        assert yaml.safe_load(out)["name"] == "Caf\u00e9"


def test_an_error_that_cannot_be_foreseen_is_one_line(monkeypatch, capsys, home):
    from qualytics.cli import main

    assert home
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", object())  # something that nobody can write to, as a faulty host program gives
        assert main(["connections", "list"]) == 1
    assert capsys.readouterr().err.startswith("error: internal fault: AttributeError\nhint: ")


def test_version_and_help_go_to_stdout_and_calls_without_a_command_to_stderr(run):
    import qualytics

    assert run("--version") == run("--version")
    assert run("--version").out == f"qualytics {qualytics.__version__}\n"
    for words in ((), ("connections",), ("datastores",), ("store",), ("keys",)):
        assert run(*words, "--help").out.startswith("Usage: qualytics")
        assert run(*words, "-h").out == run(*words, "--help").out
        bare = run(*words)
        assert (bare.code, bare.out) == (2, "")
        assert bare.err.startswith("Usage: qualytics")


def test_the_module_runs_as_the_program_does(shell):
    assert shell("--version").out.startswith("qualytics ")
    assert shell("connections", "nope").code == 2


def test_formats_begin_with_the_two_of_the_page():
    assert output.FORMATS[:2] == output.WHOLE == ("yaml", "json")


@pytest.mark.parametrize("name", output.WHOLE)
def test_long_lists_of_a_document_are_written_in_parts_as_they_would_be_whole(name):
    rows = [
        {"name": f"n{number}", "fields": [{"before": None, "after": "a: b"}] * (number % 3)} for number in range(501)
    ]
    document = {"count": 501, "none": [], "rows": rows, "inner": {"rows": [1, 2]}, "texts": ["x", "- y\n"] * 250}
    whole = dump_yaml(document) if name == "yaml" else output.dump_json(document, 2) + "\n"
    parts = list(output.Format(name).of_document(document))
    assert "".join(parts) == whole
    assert max(map(len, parts)) < len(whole) / 2


@pytest.mark.parametrize("name", output.WHOLE)
@pytest.mark.parametrize("count", [0, 1, 200, 201])
def test_a_packed_list_is_written_as_another(name, count):
    rows, packed = [{"n": number} for number in range(count)], PackedList()
    for row in rows:
        packed.append(row)
    whole = dump_yaml({"rows": rows}) if name == "yaml" else output.dump_json({"rows": rows}, 2) + "\n"
    assert "".join(output.Format(name).of_document({"rows": packed})) == whole
