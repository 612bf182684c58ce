"""Bad input: an exit code, a line that says what is wrong, a hint, nothing on stdout, nothing stored."""

import json
import os
import shutil
import subprocess
import sys

import click
import pytest

from qualytics.cli import root
from qualytics.client.local import LocalClient
from qualytics.settings import Settings

CREATE = ("connections", "create")
PG = (*CREATE, "--type", "postgresql", "--host", "db.example.com")
UPDATE = ("connections", "update", "--id", "1")
TEST = ("connections", "test", "--id", "1")
DATASTORE = ("datastores", "create", "--name", "d")
UNSET = "an unset shell variable is the likely cause"


def check(result, code, error, hint):
    """Assert on how a command failed; `error` and `hint` are parts of their lines."""
    lines = result.err.splitlines()
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    assert all(line.startswith(("error: ", "hint: ")) for line in lines), result.err
    assert not any(line.endswith(".") for line in lines), result.err
    assert any(line.startswith("error: ") and error in line for line in lines), result.err
    assert any(line.startswith("hint: ") and hint in line for line in lines), result.err


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a home with connections of PostgreSQL (1), SQLite (2) and PostgreSQL (3), and a datastore (1)."""
    home = tmp_path_factory.mktemp("filled") / "home"
    with LocalClient(Settings(home=home)) as client:
        server = {"type": "postgresql", "host": "db.example.com"}
        client.connections.create({**server, "name": "prod", "username": "u", "password": "first-secret"})
        client.connections.create({"type": "sqlite", "uri": "/data/sales.sqlite", "name": "file"})
        client.connections.create({**server, "name": "other"})
        client.datastores.create({"name": "d", "connection_id": 1, "database": "sales", "schema": "public"})
    return home


@pytest.fixture
def stored(run, home, filled):
    """Start with a copy of the filled home."""
    shutil.copytree(filled, home)
    return run


HOSTS = [
    ("https://db.example.com", "host holds a scheme", "without the part up to ://"),
    ("postgresql://u:pw@db/sales", "host holds a scheme", "without the part up to ://"),
    ("jdbc:postgresql://db/sales", "host holds a scheme", "without the part up to ://"),
    ("db.example.com:5432", "host holds a port", "--port"),
    ("::1:x", "host holds a port", "--port"),
    ("db/sales", "host holds a path", "the host name alone"),
    ("db\\sales", "host holds a path", "the host name alone"),
    ("me@db", "host holds a user name", "--username"),
    ("me:secret@db:5432", "host holds a user name", "--username"),
    ("db example", "host holds a space", "line end"),
    ("db.example.com\n", "host holds a space", "line end"),
    ("\tdb", "host holds a space", "line end"),
    ("db\u00a0", "host holds a space", "line end"),
    ("db1,db2", "host holds more than one host", "one connection for each"),
    ("db1;db2", "host holds more than one host", "one connection for each"),
    ("[::1]", "host holds brackets", "without brackets"),
    ("[::1]:5432", "host holds brackets", "without brackets"),
    ("-db", "host is not a host name", "letters, digits"),
    ("db-", "host is not a host name", "letters, digits"),
    ("a..b", "host is not a host name", "letters, digits"),
    (".", "host is not a host name", "letters, digits"),
    ("x" * 64, "host is not a host name", "at most 63"),
    ("a." * 130 + "a", "host is not a host name", "253 in all"),
    ("db!", "host is not a host name", "letters, digits"),
    ("$DB_HOST", "host is not a host name", "letters, digits"),
    ("%DB_HOST%", "host is not a host name", "letters, digits"),
    ("~", "host is not a host name", "letters, digits"),
    ("db\u202e", "host holds a character that cannot be seen (U+202E)", "type it anew"),
    ("\ufeffdb", "host holds a character that cannot be seen (U+FEFF)", "type it anew"),
    ("d\u200bb", "host holds a character that cannot be seen (U+200B)", "type it anew"),
    ("d\u3164b", "host holds a character that cannot be seen (U+3164)", "type it anew"),
    ("fe80::1%eth0", "host holds a zone", "no name of an interface"),
    ("fe80::1%25eth0", "host holds a zone", "no name of an interface"),
    ("me\uff20db", "host is not a host name", "letters, digits"),
    ("db\uff0fx", "host is not a host name", "letters, digits"),
    ("db\x1b[31m", "host holds brackets", "without brackets"),
    ("1.2.3.4%eth0", "host is not a host name", "letters, digits"),
    ("fe80::1%eth0;id", "host holds more than one host", "one connection"),
]


@pytest.mark.parametrize(("host", "error", "hint"), HOSTS)
def test_a_host_is_one_name_or_address_and_is_never_repeated(run, home, host, error, hint):
    result = run(*CREATE, "--type", "postgresql", "--host", host)
    check(result, 2, error, hint)
    assert "secret" not in result.err
    assert not home.exists()


NUMBERS = [
    *(
        (text, "--port must be a whole number", "plain digits")
        for text in ("abc", "1_000", "\uff15", "5432.0", "0x10", "1e3")
    ),
    *(
        (text, "--port must be a whole number", "plain digits")
        for text in (" 5432", "5432 ", "9" * 19, "1,000", "\u0663", "+")
    ),
]


@pytest.mark.parametrize(("text", "error", "hint"), NUMBERS)
def test_a_number_is_written_in_plain_digits(run, text, error, hint):
    check(run(*PG, "--port", text), 2, error, hint)


RANGES = [
    ("--port", "0", "port must be 1 to 65,535", "default"),
    ("--port", "65536", "port must be 1 to 65,535", "default"),
    ("--port", "-1", "port must be 1 to 65,535", "default"),
    ("--port", "999999999999999999", "port must be 1 to 65,535", "default"),
    ("--jdbc-fetch-size", "0", "jdbc_fetch_size must be 1 to 1,000,000", "default"),
    ("--jdbc-fetch-size", "1000001", "jdbc_fetch_size must be 1 to 1,000,000", "default"),
    ("--jdbc-fetch-size", "-5", "jdbc_fetch_size must be 1 to 1,000,000", "default"),
    ("--max-parallelization", "0", "max_parallelization must be 1 to 100", "--unset max_parallelization"),
    ("--max-parallelization", "101", "max_parallelization must be 1 to 100", "--unset max_parallelization"),
    ("--max-parallelization", "-1", "max_parallelization must be 1 to 100", "--unset max_parallelization"),
]


@pytest.mark.parametrize(("option", "text", "error", "hint"), RANGES)
def test_a_number_is_in_its_range_in_create_and_update_and_test(stored, option, text, error, hint):
    for command in (PG, UPDATE, TEST):
        check(stored(*command, option, text), 2, error, hint)


BY_ID = ["connections get", "connections delete", "connections test", "connections usages"]
BY_ID += ["datastores get", "datastores delete", "datastores verify"]


@pytest.mark.parametrize("command", [*BY_ID, "connections update", "datastores update"])
@pytest.mark.parametrize(
    ("text", "error"), [("0", "--id must be 1 or more"), ("-1", "--id must be 1 or more"), ("x", "a whole number")]
)
def test_an_id_is_a_positive_number(run, home, command, text, error):
    check(run(*command.split(), "--id", text), 2, error, "--id 1")
    assert not home.exists()


@pytest.mark.parametrize("command", BY_ID)
def test_an_id_or_a_name_is_given_but_not_both(stored, command):
    words = command.split()
    hint = "--type" if words[1] == "test" else "list shows"
    check(stored(*words), 2, "nothing to test" if words[1] == "test" else "give either --id or --name", hint)
    check(stored(*words, "--id", "1", "--name", "prod"), 2, "give either --id or --name, not both", "list shows")


@pytest.mark.parametrize("command", [*BY_ID, "connections update", "datastores update"])
def test_an_id_that_is_nobodys_is_not_found(stored, command):
    given = ("--name", "x") if command.endswith("update") else ()
    thing = command.split()[0]
    check(stored(*command.split(), "--id", "99", *given), 3, f"there is no {thing[:-1]} 99", f"qualytics {thing} list")


@pytest.mark.parametrize("command", BY_ID)
def test_a_name_that_is_nobodys_is_not_found(stored, command):
    thing = command.split()[0]
    check(stored(*command.split(), "--name", "zzz"), 3, f"there is no {thing[:-1]} 'zzz'", "list shows all")


def test_a_mistyped_name_suggests_the_nearest(stored):
    check(stored("connections", "get", "--name", "prd"), 3, "there is no connection 'prd'", "did you mean 'prod'?")


NAMES = [
    (" ", "must have 1 to 255 characters", "0"),
    ("\u2003", "must have 1 to 255 characters", "0"),
    ("x" * 256, "must have 1 to 255 characters", "256"),
    *((f"a{char}b", "name holds a control character", "line end") for char in "\x01\x07\t\n\r\x1b\x7f\x85"),
    *(
        (f"a{char}b", f"name holds a character that cannot be seen (U+{ord(char):04X})", "anew")
        for char in "\u061c\u200e\u200f\u2028\u2029"
    ),
    *(
        (f"a{char}b", f"name holds a character that cannot be seen (U+{ord(char):04X})", "anew")
        for char in "\u202a\u202e\u2066\u2069"
    ),
]


@pytest.mark.parametrize(("name", "error", "hint"), NAMES)
def test_a_name_has_1_to_255_characters_that_can_be_seen(stored, name, error, hint):
    for command in (PG, UPDATE):
        check(stored(*command, "--name", name), 2, error, hint)


def test_a_name_is_taken_whatever_its_case_its_outer_spaces_and_its_accents_form(stored):
    stored(*PG, "--name", "Caf\u00e9 Stra\u00dfe")
    for name in ("PROD", " prod ", "cafe\u0301 STRASSE"):
        check(stored(*PG, "--name", name), 5, "is taken by connection", "qualytics connections update --id")
        check(stored("connections", "update", "--id", "3", "--name", name), 5, "is taken by connection", "another name")


@pytest.mark.parametrize("mask", ["********", "*** redacted ***"])
def test_a_mask_is_no_secret_of_a_new_connection(run, mask):
    check(run(*PG, "--password", mask), 2, "password is the mask that stands for a secret", "the secret itself")
    check(run("connections", "test", "-t", "postgresql", "--host", "h", "--password", mask), 2, "is the mask", "itself")


NOT_TAKEN = [
    ("postgresql", "--access-key", "access_key is not a field of postgresql", "it takes name, host, port"),
    ("postgresql", "--secret-key", "secret_key is not a field of postgresql", "it takes name, host, port"),
    ("postgresql", "--passphrase", "passphrase is not a field of postgresql", "it takes name, host, port"),
    ("postgresql", "--uri", "uri is not a field of postgresql", "it takes name, host, port"),
    ("postgresql", "--catalog", "catalog is not a field of postgresql", "it takes name, host, port"),
    ("postgresql", "--catalog-type", "catalog_type is not a field of postgresql", "it takes name, host, port"),
    ("sqlite", "--host", "host is not a field of sqlite", "it takes name, uri"),
    ("sqlite", "--username", "username is not a field of sqlite", "it takes name, uri"),
    ("sqlite", "--password", "password is not a field of sqlite", "it takes name, uri"),
    ("duckdb", "--access-key", "access_key is not a field of duckdb", "it takes name, uri"),
]


@pytest.mark.parametrize(("kind", "option", "error", "hint"), NOT_TAKEN)
def test_a_type_takes_only_its_fields(run, kind, option, error, hint):
    check(run(*CREATE, "-t", kind, option, "x"), 2, error, hint)


TYPES = [
    ("Postgresql", "there is no connection type 'Postgresql'", "did you mean postgresql?"),
    ("POSTGRES", "there is no connection type 'POSTGRES'", "did you mean postgres?"),
    ("postgresq", "there is no connection type 'postgresq'", "did you mean postgresql?"),
    ("sqlite3", "there is no connection type 'sqlite3'", "did you mean sqlite?"),
    (" sqlite", "there is no connection type ' sqlite'", "did you mean sqlite?"),
    ("_base", "there is no connection type '_base'", "qualytics connections types"),
    ("../sqlite", "there is no connection type '../sqlite'", "did you mean sqlite?"),
    ("qqq", "there is no connection type 'qqq'", "qualytics connections types"),
]


@pytest.mark.parametrize(("kind", "error", "hint"), TYPES)
def test_a_type_is_one_of_the_known_in_lower_case(run, kind, error, hint):
    check(run(*CREATE, "--type", kind, "--host", "h"), 2, error, hint)
    check(run("connections", "test", "--type", kind, "--host", "h"), 2, error, hint)
    check(run("connections", "types", kind), 2, error, hint)


@pytest.mark.parametrize("types", ["sqlite,,duckdb", "sqlite,", ",", "sqlite;duckdb", "SQLITE", "sqlite,nope"])
def test_a_list_filters_by_known_types_only(stored, types):
    check(stored("connections", "list", "--type", types), 2, "there is no connection type", "")


JSON = [
    ("[]", "--parameters must be a JSON object", "--parameters '{"),
    ("1", "--parameters must be a JSON object", "--parameters '{"),
    ('"x"', "--parameters must be a JSON object", "--parameters '{"),
    ("null", "--parameters must be a JSON object", "--parameters '{"),
    ("{", "not JSON", "single quotes"),
    ("role=x", "not JSON: expecting value at line 1 column 1", "single quotes"),
    ("{'role': 'x'}", "not JSON", "single quotes"),
    ('{"ssl_mode": "auto"} x', "not JSON: extra data", "single quotes"),
    ('{"ssl_mode": "a\tb"}', "invalid control character at line 1", "single quotes"),
    ('{"ssl_mode": "auto", "ssl_mode": "auto"}', "the key 'ssl_mode' stands twice", "single quotes"),
    ('{"a": NaN}', "NaN is not JSON", "single quotes"),
    ('{"a": -Infinity}', "-Infinity is not JSON", "single quotes"),
    ('{"a": 1e999}', "a number is too large", "single quotes"),
    ('{"a": ' + "9" * 5_000 + "}", "a number has more than 100 digits", "single quotes"),
    ('{"a": ' + "[" * 32 + "]" * 32 + "}", "nested deeper than 32 levels", "single quotes"),
    ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested deeper than 32 levels", "single quotes"),
    ("@missing.json", "--parameters: missing.json: no such file or directory", "check the path"),
    ("@/", "--parameters: /: is a directory", "check the path"),
    ("@", "no such file or directory", "check the path"),
    ('{"sslmode": "x"}', "parameters of postgresql have no 'sslmode'", "did you mean ssl_mode?"),
    ('{"applicationname": "x"}', "have no 'applicationname'", "did you mean application_name?"),
    ('{"host": "x"}', "parameters of postgresql have no 'host'", "give it with --host"),
    ('{"password": "x"}', "parameters of postgresql have no 'password'", "give it with --password"),
    ('{"dbname": "x"}', "parameters of postgresql have no 'dbname'", "postgresql takes ssl_mode"),
    ('{"service": "x"}', "parameters of postgresql have no 'service'", "postgresql takes ssl_mode"),
    ('{"passfile": "/x"}', "parameters of postgresql have no 'passfile'", "ssl_"),
    ('{"": "x"}', "parameters of postgresql have no ''", "postgresql takes ssl_mode"),
    ('{"ssl_mode": "verify-full"}', "parameters.ssl_mode must be one of auto", "did you mean verify?"),
    ('{"ssl_mode": "AUTO"}', "parameters.ssl_mode must be one of auto", "did you mean auto?"),
    ('{"ssl_mode": 1}', "parameters.ssl_mode must be a text", "types postgresql"),
    ('{"ssl_mode": ["auto"]}', "parameters.ssl_mode must be a text", "types postgresql"),
    ('{"ssl_mode": "auto", "SSL_MODE": "auto"}', "parameters hold ssl_mode twice", "drop one"),
    ('{"ssl_mode": "auto", "\uff53sl_mode": "auto"}', "parameters hold ssl_mode twice", "drop one"),
    ('{"application_name": ""}', "parameters.application_name is empty", "null"),
    ('{"application_name": "' + "x" * 64 + '"}', "parameters.application_name has 64 characters", "63 is the most"),
    ('{"application_name": "a\\u0000"}', "parameters.application_name holds a NUL character", "no server"),
    ('{"application_name": "a\\nb"}', "parameters.application_name holds a control character", "line end"),
    ('{"application_name": "a\\ud800"}', "--parameters: a text holds half of a surrogate pair", "write it as"),
    ('{"ssl_root_cert": "x"}', "parameters.ssl_root_cert is not PEM text", "ssl_root_cert_file"),
    (
        '{"ssl_root_cert": "-----BEGIN CERTIFICATE-----", "ssl_root_cert_file": "/ca.pem"}',
        "parameters hold both ssl_root_cert and ssl_root_cert_file",
        "null",
    ),
]


@pytest.mark.parametrize(("text", "error", "hint"), JSON)
def test_parameters_are_an_object_of_known_keys(run, home, text, error, hint):
    check(run(*PG, "--parameters", text), 2, error, hint)
    assert not home.exists()


def test_parameters_from_a_file_keep_the_same_rules(run, tmp_path):
    file = tmp_path / "p.json"
    for content, error in (
        (b'{"sslmode": 1}', "have no 'sslmode'"),
        (b"\xff\xfe", "is not UTF-8"),
        (b" " * 1_048_577, "is larger than 1 MiB"),
    ):
        file.write_bytes(content)
        check(run(*PG, "--parameters", f"@{file}"), 2, error, "")


def test_one_root_of_trust_is_stored_or_given_not_both(run):
    run(*PG, "--parameters", '{"ssl_root_cert_file": "/ca.pem"}')
    pem = json.dumps({"ssl_root_cert": "-----BEGIN CERTIFICATE-----"})
    check(run(*UPDATE, "--parameters", pem), 2, "parameters hold both", "null")


STDIN = [
    (("--password-stdin", "--secret-key-stdin"), b"x", "both want standard input", "in another way"),
    (("--password-stdin", "--password", "x"), b"x", "--password and --password-stdin exclude", "drop one"),
    (("--secret-key-stdin", "--secret-key", "x"), b"x", "--secret-key and --secret-key-stdin exclude", "drop one"),
    (("--secret-key-stdin",), b"", "--secret-key-stdin: standard input is empty", "pipe"),
    (("--secret-key-stdin",), b"\n", "--secret-key-stdin: standard input is empty", "pipe"),
    (("--password-stdin",), b"\xff\n", "--password-stdin: standard input is not UTF-8", "UTF-8"),
    (("--password-stdin",), b"x" * 65_537, "password has 65,537 characters", "65,536 is the most"),
    (("--password-stdin",), b"x" * 300_000, "--password-stdin: standard input holds too much", "65,536"),
    (("--password-stdin",), b"a\0b", "password holds a NUL character", "no server"),
    (("--password", "-"), b"x", "--password - asks on a terminal, and there is none", "--password-stdin"),
    (("--passphrase", "-"), b"x", "--passphrase - asks on a terminal, and there is none", "--passphrase '${NAME}'"),
    (("--secret-key", "-"), b"x", "--secret-key - asks on a terminal, and there is none", "--secret-key-stdin"),
    (("--access-key", "-"), b"x", "--access-key - asks on a terminal, and there is none", "'${NAME}'"),
]


@pytest.mark.parametrize(("given", "stdin", "error", "hint"), STDIN)
def test_a_secret_comes_one_way_only_and_never_by_asking_off_a_terminal(run, given, stdin, error, hint):
    check(run(*PG, *given, stdin=stdin), 2, error, hint)


def commands(command=root, words=()):
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*words, name))
    else:
        yield words, command


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
@pytest.mark.parametrize(("words", "option"), [pair for pair in VALUED if pair[1] != "--password"], ids=str)
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


UPDATES = [
    ((), "nothing to update", "--host"),
    (("--unset", "prot"), "--unset: there is no field 'prot' to unset", "the fields are name, host, port"),
    (("--unset", "type"), "--unset: there is no field 'type' to unset", "the fields are name, host, port"),
    (("--unset", "id"), "--unset: there is no field 'id' to unset", "the fields are name, host, port"),
    (("--unset", "port", "--port", "1"), "port is both given and unset", "drop one"),
    (("--unset", "--jdbc-fetch-size", "--jdbc-fetch-size", "1"), "--unset has no value", "variable"),
    (("--unset", "jdbc-fetch-size", "--jdbc-fetch-size", "1"), "jdbc_fetch_size is both given and unset", "drop one"),
    (("--unset", "name"), "name cannot be unset", "--name"),
    (("--unset", "host"), "host is needed for postgresql", "--host"),
    (("--unset", "uri"), "uri is not a field of postgresql", "it takes name, host"),
    (("--type", "sqlite"), "there is no option --type", ""),
    (("--timeout", "5", "--name", "x"), "--timeout is for --test", "add --test"),
    (("--test", "--dry-run", "--name", "x"), "--dry-run contacts nothing, so it cannot --test", "drop one"),
    (("--access-key", "x"), "access_key is not a field of postgresql", "it takes name, host"),
    (("--parameters", "[]"), "--parameters must be a JSON object", "'{"),
    (("--host", "h:1"), "host holds a port", "--port"),
]


@pytest.mark.parametrize(("given", "error", "hint"), UPDATES)
def test_an_update_that_breaks_a_rule_changes_nothing(stored, given, error, hint):
    before = stored("connections", "get", "--id", "1").out
    check(stored(*UPDATE, *given), 2, error, hint)
    assert stored("connections", "get", "--id", "1").out == before


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
    (("connections", "test", "--host", "h"), "there is nothing to test", "--id or --name, or --type"),
    ((*TEST, "--timeout", "0"), "timeout must be more than 0 and at most 300 seconds", "--timeout 10"),
    ((*TEST, "--timeout", "300.1"), "timeout must be more than 0 and at most 300 seconds", "--timeout 10"),
    ((*TEST, "--timeout", "nan"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "inf"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "1e9"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "-1"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--timeout", "10s"), "--timeout must be a number of seconds", "--timeout 2.5"),
    ((*TEST, "--access-key", "x"), "access_key is not a field of postgresql", "it takes name, host"),
    ((*TEST, "--host", "db:1"), "host holds a port", "--port"),
    (("connections", "list", "--limit", "0"), "--limit must be 1 or more", "--limit 1"),
    (("connections", "list", "--limit", "all"), "--limit must be a whole number", "--limit 1"),
    (("connections", "list", "--sort", "host"), "--sort must be id, name or type", "--sort id"),
    (("connections", "list", "--sort", "nmae"), "--sort must be id, name or type", "did you mean name?"),
    (("connections", "list", "--format", "xml"), "--format must be yaml or json", "--format yaml"),
    (("connections", "list", "-f", "JSON"), "--format must be yaml or json", "did you mean json?"),
    (("connections", "list", "prod"), "1 word belongs to no option", "in quotes"),
    (("connections", "lst"), "there is no command 'lst'", "did you mean list?"),
    (("connections", "Create"), "there is no command 'Create'", "did you mean create?"),
    (("connections", "frobnicate"), "there is no command 'frobnicate'", "qualytics connections --help"),
    (("conections",), "there is no command 'conections'", "did you mean connections?"),
    (("datastore", "list"), "there is no command 'datastore'", "did you mean datastores?"),
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
    ((*DATASTORE, "--connection-id", "1", "--schema", "s"), "database is needed on a postgresql", "--database"),
    ((*DATASTORE, "--connection-id", "1", "--database", "s"), "schema is needed on a postgresql", "--schema"),
    (
        (*DATASTORE, "--connection-id", "1", "--database", "d", "--schema", "s", "--root-path", "/"),
        "root_path is not part of a postgresql datastore",
        "leave --root-path out",
    ),
    (
        (*DATASTORE, "--connection-id", "2", "--database", "d"),
        "database is not part of a sqlite",
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
]


@pytest.mark.parametrize(("given", "error", "hint"), CALLS)
def test_a_wrong_call_says_what_is_wrong_and_what_to_do(stored, given, error, hint):
    result = stored(*given)
    check(result, 2, error, hint)
    assert "geheim" not in result.err


CONFLICTS = [
    ((*DATASTORE, "--connection-id", "9", "--schema", "s"), 3, "there is no connection 9", "connections list"),
    ((*DATASTORE, "--connection-name", "prodd"), 3, "there is no connection 'prodd'", "did you mean 'prod'?"),
    (("datastores", "update", "--id", "1", "--connection-id", "9"), 3, "there is no connection 9", "connections list"),
    (
        (*DATASTORE[:3], "D ", "--connection-id", "1", "--database", "x", "--schema", "s"),
        5,
        "the name 'd' is taken by datastore 1",
        "another name",
    ),
    (("connections", "delete", "--id", "1"), 5, "409: connection 'prod' is used by 1 datastore", "datastores update"),
    (("connections", "delete", "--name", "PROD", "--dry-run"), 5, "409: connection 'prod' is used by 1", "datastores"),
]


@pytest.mark.parametrize(("given", "code", "error", "hint"), CONFLICTS)
def test_what_is_stored_can_stand_against_a_call(stored, given, code, error, hint):
    check(stored(*given), code, error, hint)


def test_a_control_plane_is_not_for_this_version(run):
    result = run("connections", "list", env={"QUALYTICS_URL": "https://example.com"})
    check(result, 2, "QUALYTICS_URL is set", "unset QUALYTICS_URL")


ENV_FILES = [
    (b"PW", "line 1 of", "NAME=VALUE"),
    (b"A=1\n\n# c\nB 2\n", "line 4 of", "NAME=VALUE"),
    (b"1A=x", "line 1 of", "NAME=VALUE"),
    (b"A-B=x", "line 1 of", "NAME=VALUE"),
    (b"=x", "line 1 of", "NAME=VALUE"),
    (b"A =x", "line 1 of", "NAME=VALUE"),
    (b"exportA x", "line 1 of", "NAME=VALUE"),
    (b"PW=\xff", "is not UTF-8", "UTF-8"),
    (b"#" * 1_048_577, "is larger than 1 MiB", "right file"),
]


@pytest.mark.parametrize(("content", "error", "hint"), ENV_FILES)
def test_an_env_file_holds_lines_of_name_and_value_and_is_never_repeated(run, tmp_path, content, error, hint):
    file = tmp_path / "my.env"
    file.write_bytes(content)
    check(run(*PG, "--password", "${PW}", "--env-file", file), 2, error, hint)


def test_an_env_file_that_cannot_be_read_is_an_error(run, tmp_path):
    check(run(*PG, "--env-file", tmp_path / "none"), 2, "no such file or directory", "--env-file")
    check(run(*PG, "--env-file", tmp_path), 2, "is a directory", "--env-file")
    check(run(*PG, "--env-file", "a\0b"), 2, "null byte", "--env-file")


BYTES = [
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"db\xff"), 2, "host is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"postgresql\xff", b"--host", b"db"), 2, "there is no connection type"),
    ((b"connections", b"create", b"-t", b"sqlite", b"--uri", b"a", b"--name", b"n\xff"), 2, "name is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"sqlite", b"--uri", b"/a\xff"), 2, "uri is not valid UTF-8"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--password", b"\xff"), 2, "password is not"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--username", b"\xff"), 2, "username is not"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--parameters", b"{\xff"), 2, "not JSON"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--parameters", b"@\xff"), 2, "no such file"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--env-file", b"\xff"), 2, "no such file"),
    ((b"connections", b"create", b"-t", b"postgresql", b"--host", b"h", b"--port", b"\xff"), 2, "--port must be"),
    ((b"connections", b"list", b"--type", b"\xff"), 2, "there is no connection type"),
    ((b"connections", b"get", b"--name", b"\xff"), 3, "there is no connection '\\udcff'"),
    ((b"datastores", b"get", b"--name", b"\xff"), 3, "there is no datastore '\\udcff'"),
    ((b"connections", b"\xff"), 2, "there is no command '\\udcff'"),
    ((b"connections", b"list", b"--\xff"), 2, "there is no option --\\udcff"),
]


@pytest.mark.parametrize(("given", "code", "error"), BYTES)
@pytest.mark.slow
def test_bytes_that_are_no_text_are_refused_like_any_bad_value(home, given, code, error):
    done = subprocess.run([os.fsencode(sys.executable), b"-m", b"qualytics", *given], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (code, b"")
    first = done.stderr.decode().splitlines()[0]
    assert first.startswith("error: ")
    assert error in first
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_lists_filtered_by_bytes_that_are_no_text_are_empty(home):
    for command in (b"connections", b"datastores"):
        words = [os.fsencode(sys.executable), b"-m", b"qualytics", command, b"list", b"--name", b"\xff"]
        done = subprocess.run(words, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"[]\n", b"")
