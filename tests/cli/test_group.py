"""Words on the command line that no command takes: each is told with what to do."""

import click
import pytest

from tests.support.all_commands import commands
from tests.support.refused_commands import PG, TEST, UNSET, check

DATASTORE = ("datastores", "create", "--name", "d")
CALLS = [
    (("connections", "create"), "--type is missing", "--help shows the options"),
    (("connections", "create", "-t", "postgresql"), "host is needed for postgresql", "--host"),
    (("connections", "create", "-t", "sqlite"), "uri is needed for sqlite", "--uri"),
    (("connections", "create", "-t", "sqlite", "--uri", "file:x"), "uri is not a path", "types sqlite"),
    (("connections", "create", "-t", "sqlite", "--uri", ":memory:"), "uri is not a path", "types sqlite"),
    (("connections", "create", "-t", "sqlite", "--uri", "a\nb"), "uri holds a control character", "line end"),
    ((*PG, "--username", "a\x07"), "username holds a control character", "line end"),
    ((*PG, "--username", "x" * 2001), "username has 2,001 characters", "2,000 is the most"),
    ((*PG, "--timeout", "3"), "--timeout is for --test", "add --test"),
    ((*PG, "--test", "--dry-run"), "--dry-run contacts nothing, so it cannot --test", "drop one"),
    ((*PG, "--hots", "x"), "there is no option --hots", "did you mean --host?"),
    ((*PG, "--pasword=geheim"), "there is no option --pasword", "did you mean --password?"),
    ((*PG, "--secrets-manager", "{}"), "there is no option --secrets-manager", ""),
    ((*PG, "-x"), "there is no option -x", "qualytics connections create --help"),
    ((*PG, "--password", "geheim", "Wort"), "1 word belongs to no option", "in quotes"),
    ((*PG, "--name", "a", "geheim", "Wort"), "2 words belong to no option", "in quotes"),
    (("connections", "test", "-t", "postgresql"), "host is needed for postgresql", "--host"),
    ((*TEST, "--type", "postgresql"), "--type is for settings that are not stored", "leave out --type"),
    (("connections", "test", "--host", "h"), "there is nothing to test", "a name or --id, or --type"),
    ((*TEST, "--timeout", "0"), "timeout must be more than 0 and at most 300 seconds", "--timeout 10"),
    ((*TEST, "--timeout", "300.1"), "timeout must be more than 0 and at most 300 seconds", "--timeout 10"),
    ((*TEST, "--timeout", "nan"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "inf"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "1e9"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "-1"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "10s"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--access-key", "x"), "access_key is not a field of postgresql", "it takes name, tags, owner, host"),
    ((*TEST, "--host", "db:1"), "host holds a port", "--port"),
    (("connections", "list", "--limit", "0"), "--limit must be 1 or more", "--limit 1"),
    (("connections", "list", "--limit", "all"), "--limit must be a whole number", "--limit 1"),
    (("connections", "list", "--limit", "1" * 19), "--limit must be a whole number", "at most 18"),
    (("connections", "list", "--sort", "host"), "--sort must be id, name, type or state", "--sort id"),
    (
        ("connections", "list", "--state", "fails,never"),
        "--state must be fails, unknown",
        "--state fails --state unknown",
    ),
    (("connections", "list", "--sort", "nmae"), "--sort must be id, name, type or state", "did you mean name?"),
    (("connections", "list", "--format", "xml"), "--format must be yaml, json, table", "--format yaml"),
    (("connections", "list", "-f", "JSON"), "--format must be yaml, json, table", "did you mean json?"),
    (("connections", "list", "prod"), "1 word belongs to no option", "qualytics connections find TEXT searches"),
    (("connections", "list", "full", "prod"), "2 words belong to no option", "qualytics connections find TEXT"),
    (("connections", "lst"), "there is no command 'lst'", "did you mean list?"),
    (("connections", "Create"), "there is no command 'Create'", "did you mean create?"),
    (("connections", "frobnicate"), "there is no command 'frobnicate'", "qualytics connections --help"),
    (("conections",), "there is no command 'conections'", "did you mean connections?"),
    (("datastore", "list"), "there is no command 'datastore'", "did you mean qualytics datastores list?"),
    (("connections", "types", "a", "b"), "1 word belongs to no option", "in quotes"),
    (("connections", "types", ""), "[TYPE] is empty", UNSET),
    (("completion",), "SHELL is missing", "qualytics completion --help"),
    (("completion", "tcsh"), "must be bash, zsh or fish", "bash"),
    (("store", "backup"), "FILE is missing", "qualytics store backup --help"),
    (("store", "backup", ""), "FILE is empty", UNSET),
    (("datastores", "create", "--connection-id", "1"), "--name is missing", "--help"),
    (DATASTORE, "connection_id is missing", "--connection-id"),
    (
        (*DATASTORE, "--connection-id", "1", "--connection-name", "prod"),
        "give either --connection-id or --connection-name, not both",
        "connections list",
    ),
    ((*DATASTORE, "--connection-id", "0"), "--connection-id must be 1 or more", "--connection-id 1"),
    ((*DATASTORE, "--connection-id", "1", "--schema", "s"), "database is needed for postgresql", "--database"),
    ((*DATASTORE, "--connection-id", "1", "--database", "s"), "schema is needed for postgresql", "--schema"),
    (
        (*DATASTORE, "--connection-id", "1", "--database", "d", "--schema", "s", "--root-path", "/"),
        "root_path is not part of postgresql datastores",
        "leave --root-path out",
    ),
    (
        (*DATASTORE, "--connection-id", "2", "--database", "d"),
        "database is not part of sqlite",
        "leave --database out",
    ),
    ((*DATASTORE, "--connection-id", "2", "--tags", "a\x07"), "tags holds a control character", "line end"),
    ((*DATASTORE, "--connection-id", "2", "--tags", ",".join(map(str, range(101)))), "at most 100", "--tags finance"),
    ((*DATASTORE, "--connection-id", "2", "--description", "x" * 256), "description has 256 characters", "255"),
    (
        ("datastores", "create", "-n", "\u202e", "--connection-id", "2"),
        "name holds a character that cannot be seen (U+202E)",
        "anew",
    ),
    (("datastores", "update", "--id", "1"), "nothing to update", "--schema"),
    (("datastores", "update", "--id", "1", "--connection-id", "2"), "is of type sqlite", "list --type postgresql"),
    (("datastores", "verify", "--id", "1", "--timeout", "0"), "timeout must be more than 0", "--timeout 10"),
    (
        ("connections", "read", "--id", "1", "--table", "t", "--output", "-", "--format", "csv", "--timeout", "0"),
        "the time limit must be a number of seconds, more than 0",
        "--timeout 600",
    ),
]


VALUED = [
    (words, param.opts[0])
    for words, command in commands()
    for param in command.params
    if isinstance(param, click.Option) and not param.is_flag
]
FLAGS = [
    (words, param.opts[0])
    for words, command in commands()
    for param in command.params
    if isinstance(param, click.Option) and param.is_flag
]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "option"), VALUED, ids=str)
def test_an_empty_value_names_an_unset_variable_as_the_likely_cause(run, home, words, option):
    check(run(*words, option, ""), 2, f"{option} is empty", UNSET)
    assert not home.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("words", "option"), VALUED, ids=str)
def test_an_option_that_follows_another_at_once_names_an_unset_variable(run, words, option):
    check(run(*words, option, "--help"), 2, f"{option} has no value: --help follows it at once", UNSET)
    check(run(*words, option), 2, f"{option} has no value", UNSET)


@pytest.mark.parametrize(("words", "option"), FLAGS, ids=str)
def test_a_flag_takes_no_value(run, words, option):
    check(run(*words, f"{option}=yes"), 2, f"{option} takes no value", f"write {option} alone")


def test_an_option_with_a_value_that_follows_another_is_seen_too(run):
    check(run(*PG, "--password", "--port=5432"), 2, "--password has no value: --port follows it at once", UNSET)
    check(run(*PG, "--username", "-f", "json"), 2, "--username has no value: -f follows it at once", UNSET)


@pytest.mark.parametrize(("given", "error", "hint"), CALLS)
def test_a_wrong_call_says_what_is_wrong_and_what_to_do(stored, given, error, hint):
    result = stored(*given)
    check(result, 2, error, hint)
    assert "geheim" not in result.err
