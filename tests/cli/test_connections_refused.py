"""Connections that are refused: an exit code, a line that says what is wrong, a hint, nothing stored."""

import json

import pytest

from tests.support.refused_commands import BY_ID, CREATE, PG, TEST, UPDATE, check

DATASTORE = ("datastores", "create", "--name", "d")


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


@pytest.mark.parametrize("command", BY_ID)
def test_an_id_or_a_name_is_given_but_not_both(stored, command):
    words = command.split()
    hint = "--type" if words[1] == "test" else "list shows"
    check(stored(*words), 2, "nothing to test" if words[1] == "test" else "give a name, or --id", hint)
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
    ("postgresql", "--access-key", "access_key is not a field of postgresql", "it takes name, tags, owner, host, port"),
    ("postgresql", "--secret-key", "secret_key is not a field of postgresql", "it takes name, tags, owner, host, port"),
    ("postgresql", "--passphrase", "passphrase is not a field of postgresql", "it takes name, tags, owner, host, port"),
    ("postgresql", "--uri", "uri is not a field of postgresql", "it takes name, tags, owner, host, port"),
    ("postgresql", "--catalog", "catalog is not a field of postgresql", "it takes name, tags, owner, host, port"),
    (
        "postgresql",
        "--catalog-type",
        "catalog_type is not a field of postgresql",
        "it takes name, tags, owner, host, port",
    ),
    ("sqlite", "--host", "host is not a field of sqlite", "it takes name, tags, owner, uri"),
    ("sqlite", "--username", "username is not a field of sqlite", "it takes name, tags, owner, uri"),
    ("sqlite", "--password", "password is not a field of sqlite", "it takes name, tags, owner, uri"),
    ("duckdb", "--access-key", "access_key is not a field of duckdb", "it takes name, tags, owner, uri"),
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


def test_one_root_of_trust_is_stored_or_given_not_both(run, root_file):
    run(*PG, "--parameters", json.dumps({"ssl_root_cert_file": str(root_file)}))
    pem = json.dumps({"ssl_root_cert": "-----BEGIN CERTIFICATE-----"})
    check(run(*UPDATE, "--parameters", pem), 2, "parameters hold both", "null")


UPDATES = [
    ((), "nothing to update", "--host"),
    (("--unset", "prot"), "--unset: there is no field 'prot' to unset", "the fields are name, tags, owner, host, port"),
    (("--unset", "type"), "--unset: there is no field 'type' to unset", "the fields are name, tags, owner, host, port"),
    (("--unset", "id"), "--unset: there is no field 'id' to unset", "the fields are name, tags, owner, host, port"),
    (("--unset", "port", "--port", "1"), "port is both given and unset", "drop one"),
    (("--unset", "--jdbc-fetch-size", "--jdbc-fetch-size", "1"), "--unset has no value", "variable"),
    (("--unset", "jdbc-fetch-size", "--jdbc-fetch-size", "1"), "jdbc_fetch_size is both given and unset", "drop one"),
    (("--unset", "name"), "name cannot be unset", "--name"),
    (("--unset", "host"), "host is needed for postgresql", "--host"),
    (("--unset", "uri"), "uri is not a field of postgresql", "it takes name, tags, owner, host"),
    (("--type", "sqlite"), "the type of a connection cannot change", "create a new one"),
    (("--timeout", "5", "--name", "x"), "--timeout is for --test", "add --test"),
    (("--test", "--dry-run", "--name", "x"), "--dry-run contacts nothing, so it cannot --test", "drop one"),
    (("--access-key", "x"), "access_key is not a field of postgresql", "it takes name, tags, owner, host"),
    (("--parameters", "[]"), "--parameters must be a JSON object", "'{"),
    (("--host", "h:1"), "host holds a port", "--port"),
]


@pytest.mark.parametrize(("given", "error", "hint"), UPDATES)
def test_an_update_that_breaks_a_rule_changes_nothing(stored, given, error, hint):
    before = stored("connections", "get", "--id", "1").out
    check(stored(*UPDATE, *given), 2, error, hint)
    assert stored("connections", "get", "--id", "1").out == before


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
