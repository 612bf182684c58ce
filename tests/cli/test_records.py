"""Which record a command is about: a word, --id or --name, and what is said of words that are too many."""

from __future__ import annotations

import shlex

import pytest

from tests.support.refused_commands import check

QUOTES = "put a value with spaces in quotes"
HALF = "zwei Wörter"


@pytest.fixture
def spaced(stored):
    """Return the run on a store that has a connection 'full prod' (4), too, and one named 7 (5)."""
    for name in ("full prod", "7"):
        assert stored("connections", "create", "-t", "sqlite", "--uri", "/x.db", "--name", name).code == 0
    return stored


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("connections get prod", "name: prod"),
        ("connections get PROD", "name: prod"),
        ("connections get 1", "name: prod"),
        ("connections get -f yaml 'full prod'", "id: 4"),
        ("connections usages prod", "name: d"),
        ("connections update prod --port 2", "port: 2"),
        ("connections update prod --name renamed", "name: renamed"),
        ("connections update 3 --name renamed", "id: 3"),
        ("connections delete other", "deleted: true"),
        ("datastores get D", "id: 1"),
        ("datastores update d --name e", "name: e"),
        ("datastores delete d", "deleted: true"),
    ],
)
def test_a_word_is_a_name_or_an_id(spaced, line, shown):
    done = spaced(*shlex.split(line))
    assert (done.code, done.err) == (0, "")
    assert shown in [text.strip(" -") for text in done.out.splitlines()]


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        ("get", "give a name, or --id", "qualytics connections list shows"),
        ("update --port 1", "give a name, or --id", "qualytics connections list shows"),
        ("get --id 1 prod", "a word beside --id says which record, too", QUOTES),
        ("get prod --id 1", "a word beside --id says which record, too", QUOTES),
        ("get --name full prod", "a word beside --name says which record, too", "did you mean --name 'full prod'?"),
        ("test --name FULL prod", "a word beside --name says which record, too", "did you mean --name 'FULL prod'?"),
        ("get --name prod geheim", "a word beside --name says which record, too", QUOTES),
        ("get full prod", "1 word belongs to no option", "did you mean --name 'full prod'?"),
        ("update full prod --port 1", "1 word belongs to no option", "did you mean 'full prod'?"),
        ("get prod geheim wort", "2 words belong to no option", QUOTES),
        ("delete 7", "7 could be an id, or the name of connection 5", "give --id 7, or --id 5"),
        ("update 7 --port 1", "7 could be an id, or the name of connection 5", "give --id 7, or --id 5"),
        ("test prod --type sqlite", "--type is for settings that are not stored", "leave out --type"),
    ],
)
def test_what_could_mean_more_than_one_record_is_refused(spaced, line, error, hint):
    done = spaced("connections", *shlex.split(line))
    check(done, 2, error, hint)
    assert "geheim" not in done.err


@pytest.mark.parametrize(
    "line",
    [
        f"test --id 1 --password {HALF}",
        f"test --password {HALF}",
        f"test --password={HALF}",
        f"test prod --password {HALF}",
        f"update --secret-key {HALF} --port 1",
        f"update --port 1 --password $'x'{HALF} --port 2",
        f"test --password {HALF} full prod",
    ],
)
def test_a_word_after_a_secret_may_be_the_rest_of_it_and_is_no_name(spaced, line):
    done = spaced("connections", *shlex.split(line))
    check(done, 2, "belong", "and a name before the options")
    assert "rter" not in done.err


@pytest.mark.parametrize("secret", ["'${HALF}'", "'a${HALF}b'"])
def test_a_name_may_follow_a_secret_that_no_shell_has_split(spaced, secret):
    line = f"connections update --password {secret} 'full prod'"
    check(spaced(*shlex.split(line), env={"HALF": HALF}), 2, "password is not a field of sqlite", "it takes")
    assert spaced(*shlex.split("connections get --format json prod")).json["id"] == 1


@pytest.mark.slow
def test_the_failed_test_of_a_name_says_the_name(spaced):
    done = spaced("connections", "test", "full prod")
    assert (done.code, done.err.splitlines()[0].partition(" failed")[0]) == (
        6,
        "error: the test of connection 'full prod'",
    )
    assert spaced("connections", "test", "4").err.startswith("error: the test of connection 4 failed")


@pytest.mark.parametrize("group", ["users", "service-accounts"])
def test_users_and_service_accounts_are_named_by_a_word(run, group):
    assert run(group, "create", "--name", "Ada Byron", "--role", "admin").code == 0
    assert run(group, "get", "ada byron", "-f", "json").json["id"] == 1
    assert run(group, "update", "Ada Byron", "--email", "a@b.c", "-f", "json").json["email"] == "a@b.c"
    check(run(group, "get", "Ada", "Byron"), 2, "1 word belongs to no option", "did you mean --name 'Ada Byron'?")
    check(run(group, "get"), 2, "give a name, or --id", f"qualytics {group} list shows")
    missing = run(group, "delete", "Bob")
    assert missing.code == 3
    assert "error: there is no user 'Bob'" in missing.err
