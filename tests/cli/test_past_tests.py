"""`connections history`: past tests as a table for people, as documents for programs."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from qualytics.cli._formats import choose
from tests.support.terminals import stdout_of

pytestmark = pytest.mark.slow  # each test starts processes

HISTORY = ("connections", "history", "files")


@pytest.fixture
def tested(run, tmp_path):
    """Return the runner of commands, with a connection that failed and then passed."""
    path = tmp_path / "sales.sqlite"
    assert run("connections", "create", "-t", "sqlite", "--uri", path, "--name", "files").code == 0
    assert run("connections", "test", "files").code == 6
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer)")
    assert run("connections", "test", "files").code == 0
    return run


def past_test(age):
    return {"at": (datetime.now(UTC) - age).isoformat(), "connected": True, "stage": None, "class": None, "code": None}


def test_it_is_a_table_on_a_terminal_and_yaml_elsewhere(tested):
    code, _, shown = stdout_of(*HISTORY, "--color", "never")
    header, newest, oldest = shown.splitlines()
    assert (code, header.split()) == (0, ["AGE", "VERDICT", "STAGE", "CLASS", "CODE", "TOTAL_MS"])
    assert re.fullmatch(r"\d+ (s|min)  passed +[0-9.]+", newest)
    assert re.fullmatch(r"\d+ (s|min)  failed +open +unknown_db +[0-9.]+", oldest)
    assert stdout_of(*HISTORY, "-f", "yaml")[2].startswith("- at: ")
    assert [one["connected"] for one in tested(*HISTORY).document] == [True, False]


def test_a_limit_leaves_the_newest(tested):
    assert tested(*HISTORY, "--limit", "1").document == tested(*HISTORY).document[:1]


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(hours=-1), "0 s"),  # of a clock that runs ahead
        (timedelta(hours=2, minutes=30), "2 h"),
        (timedelta(hours=47), "1 d"),
        (timedelta(days=400, hours=1), "400 d"),
    ],
)
def test_an_age_is_told_in_its_greatest_unit(age, words):
    table = choose("connections history", "table", "age", None, is_given=True)
    assert "".join(table.of_list([past_test(age)])) == f"AGE\n{words}\n"


def test_a_time_of_another_server_that_is_none_is_shown_as_it_is():
    table = choose("connections history", "table", "age", None, is_given=True)
    assert "".join(table.of_list([{**past_test(timedelta()), "at": "soon"}])) == "AGE\nsoon\n"
