"""What a mistyped command or option is answered with: the right one where it is likely, and no guess at random."""

import pytest

from tests.support.refused_commands import check

COMMANDS = [
    # Words in another order, and without the group.
    ("list connections", "list", "did you mean qualytics connections list?"),
    ("delete datastore", "delete", "did you mean qualytics datastores delete?"),
    ("create user", "create", "did you mean qualytics users create?"),
    ("list", "list", "did you mean qualytics connections list?"),
    ("test", "test", "did you mean qualytics connections test?"),
    ("login", "login", "did you mean qualytics auth login?"),
    ("token list", "token", "did you mean qualytics auth token?"),
    ("backup", "backup", "did you mean qualytics store backup?"),
    ("connections verify", "verify", "did you mean qualytics datastores verify?"),
    ("connections datastores list", "datastores", "did you mean qualytics datastores?"),
    # Singular, mistyped, in upper case, the beginning alone.
    ("connection list", "connection", "did you mean qualytics connections list?"),
    ("connection", "connection", "did you mean connections?"),
    ("conections", "conections", "did you mean connections?"),
    ("Connections list", "Connections", "did you mean qualytics connections list?"),
    ("conn", "conn", "did you mean connections?"),
    ("connections lst", "lst", "did you mean list?"),
    ("connections del", "del", "did you mean delete?"),
    # What other tools say.
    ("ls", "ls", "did you mean qualytics connections list?"),
    ("connections ls", "ls", "did you mean list?"),
    ("connections rm", "rm", "did you mean delete?"),
    ("connections show", "show", "did you mean get?"),
    ("connections add", "add", "did you mean create?"),
    ("connections new", "new", "did you mean create?"),
    ("datastores edit", "edit", "did you mean update?"),
    ("connections ping", "ping", "did you mean test?"),
    ("help", "help", "did you mean qualytics --help?"),
    ("help connections", "help", "did you mean qualytics --help?"),
    ("connections help", "help", "did you mean qualytics connections --help?"),
    ("version", "version", "did you mean qualytics --version?"),
    # Nothing that is like it.
    ("frobnicate", "frobnicate", "qualytics --help lists the commands"),
    ("connections frobnicate", "frobnicate", "qualytics connections --help lists the commands"),
]
OPTIONS = [
    ("connections list --json", "there is no option --json", "did you mean --format json?"),
    ("connections list -o json", "there is no option -o", "did you mean --format?"),
    ("connections create --user x", "there is no option --user", "did you mean --username?"),
    ("connections create --pass x", "there is no option --pass", "did you mean --password?"),
    ("connections create --url x", "there is no option --url", "did you mean --uri?"),
    ("connections create --db x", "there is no option --db", "did you mean --database?"),
    ("connections test --verbose", "there is no option --verbose", "did you mean --debug?"),
    ("auth init --host x", "there is no option --host", "did you mean --url?"),
    ("connections create --hots x", "there is no option --hots", "did you mean --host?"),
    ("connections tables 1 --database x", "there is no option --database", "did you mean --catalog?"),
    ("connections read 1 -o x", "there is no option -o", "did you mean --output?"),
    ("connections read 1 --query x", "there is no option --query", "did you mean --sql?"),
    ("connections read 1 --force", "there is no option --force", "did you mean --overwrite?"),
    ("connections read 1 --batch-size 9", "there is no option --batch-size", "did you mean --fetch-size?"),
    ("serve --port 80", "there is no option --port", "did you mean --listen?"),
    ("connections create --PASSWORD x", "there is no such option", "put a value with spaces in quotes"),
    ("connections create --param {}", "there is no option --param", "did you mean --parameters?"),
    ("connections create --warehouse x", "there is no option --warehouse", 'mean --parameters \'{"warehouse": '),
    ("connections create --ssl-mode x", "there is no option --ssl-mode", 'mean --parameters \'{"ssl_mode": '),
    (
        "connections list --host x",
        "there is no option --host",
        "--host is an option of qualytics connections copy, create, test or update",
    ),
    ("--json connections list", "there is no option --json", "did you mean qualytics COMMAND --format json?"),
    (
        "connections --format json list",
        "there is no option --format",
        "did you mean qualytics connections COMMAND --format?",
    ),
    # The fields that cannot change.
    ("connections update --id 1 --type mysql", "the type of a connection cannot change", "create a new one"),
    ("connections update --id 1 -t mysql", "there is no option -t", "qualytics connections update --help"),
    # Below a fair likeness there is no guess.
    ("connections list --nothing", "there is no option --nothing", "qualytics connections list --help"),
    ("connections create --urgent", "there is no option --urgent", "qualytics connections create --help"),
    ("connections create -x", "there is no option -x", "qualytics connections create --help"),
]


@pytest.mark.parametrize(("words", "name", "hint"), COMMANDS, ids=[words for words, _, _ in COMMANDS])
def test_a_mistyped_command_is_told_the_one_that_was_meant(run, words, name, hint):
    result = run(*words.split())
    check(result, 2, f"there is no command {name!r}", hint)
    assert result.err.splitlines()[-1] == f"hint: {hint}"


@pytest.mark.parametrize(("words", "error", "hint"), OPTIONS, ids=[words for words, _, _ in OPTIONS])
def test_an_unknown_option_is_told_the_one_that_was_meant(run, words, error, hint):
    check(run(*words.split()), 2, error, hint)


@pytest.mark.parametrize("half", ["--Geheim9", "--g€heim", "--geheim$", "--a_b"])
def test_what_may_be_half_a_password_is_not_repeated(run, half):
    result = run("connections", "create", "-t", "postgresql", "--password", "first", half)
    check(result, 2, "there is no such option", "in quotes")
    assert half not in result.err
