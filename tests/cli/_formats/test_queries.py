"""`--jq`: results as `jq -r` prints them, and what is wrong with an expression told before anything is done."""

import subprocess
import sys

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import load


@pytest.fixture
def two(run):
    run("connections", "create", "-t", "postgresql", "--host", "h", "--password", "hidden", "-n", "one")
    run("connections", "create", "-t", "sqlite", "--uri", "/x", "-n", "two")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (".[].name", "one\ntwo\n"),
        ("length", "2\n"),
        (".[0].password", "********\n"),
        (".[] | .port", "null\nnull\n"),
        (".[] | {id}", '{\n  "id": 1\n}\n{\n  "id": 2\n}\n'),
        ("map(.id) | @csv", "1,2\n"),
        ('"\\u001b[31m"', "\\u001b[31m\n"),
        ("empty", ""),
    ],
)
def test_results_come_as_jq_prints_them(run, two, words, out):
    done = run("connections", "list", "--jq", words)
    assert (done.code, done.out, done.err) == (0, out, "")


def test_json_lines_make_each_result_short(run, two):
    assert run("connections", "list", "--jq", ".[] | {id}", "-f", "jsonl").out == '{"id": 1}\n{"id": 2}\n'


def test_a_document_is_the_input_itself_whatever_format_is_the_default(run, two):
    assert run("connections", "get", "--id", "2", "--jq", ".uri", env={"QUALYTICS_FORMAT": "table"}).out == "/x\n"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--jq", ".["), "--jq: syntax error"),
        (("--jq", "nope"), "--jq: nope/0 is not defined"),
        (("--jq", ".", "-f", "csv"), "--jq prints JSON, not csv"),
        (("--jq", ".", "--columns", "id"), "give either --jq or --columns, not both"),
        (("--columns", "nmae"), "--columns: there is no column 'nmae'"),
        (("--columns", "name.x"), "--columns: there is no column 'name.x'"),
        (("--columns", ","), "--columns names no column"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_is_stored(run, more, message):
    done = run("connections", "create", "-t", "sqlite", "--uri", "/x", *more)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}")
    with LocalClient(load()) as client:
        assert list(client.connections.list()) == []


def test_an_expression_that_cannot_work_on_a_document_ends_with_exit_2(run, two):
    done = run("connections", "list", "--jq", ".[0].id, .name")
    assert (done.code, done.out) == (2, "1\n")  # jq, too, prints what came before
    assert done.err.splitlines()[0] == "error: --jq: cannot index array with string"


def test_a_column_that_is_mistyped_brings_the_nearest_and_all(run):
    hint = run("connections", "list", "--columns", "nmae").err.splitlines()[1]
    assert hint.startswith("hint: did you mean name? there are id, name, type, ")


@pytest.mark.slow
def test_without_the_package_the_way_to_install_it_is_told(home):
    absent = "import sys; sys.modules['jq'] = None; from qualytics.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", absent, "connections", "list", "--jq", "."]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    wanted = "error: --jq needs the package jq, which is not installed\nhint: pip install 'qualytics[jq]'\n"
    assert done.stderr == wanted


def test_an_error_of_an_expression_shows_nothing_of_a_new_token(run):
    done = run("users", "create", "--name", "root", "--role", "admin", "--jq", ".bearer_token[]")
    assert (done.code, done.out) == (2, "")
    assert "error: --jq: cannot iterate over string\n" in done.err
    assert "eyJ" not in done.err
