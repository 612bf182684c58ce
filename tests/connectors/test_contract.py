"""What every connector promises: its data, its example, its parameters, and that knowing it needs no driver."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pymysql
import pytest

import qualytics.connectors
from qualytics import connectors
from qualytics.connectors import get
from qualytics.connectors.contract import CLASSES as CLASS_NAMES
from qualytics.connectors.contract import SSL_MODES
from qualytics.connectors.shared.http import endpoint_of
from qualytics.fields import BY_NAME, KEYS, SCOPES
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.service.validate import Problems, check_grammar, check_values
from testbed.reach import google_key

ROOT = Path(__file__).parents[2]
ALL = [pytest.param(connector, id=connector.type) for connector in connectors.all_connectors()]
NETWORK = [
    pytest.param(connector, id=connector.type) for connector in connectors.all_connectors() if connector.tls != "none"
]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

# What no type may take through its parameters: a second address, a file to read or write, a library to
# load, a statement to run, an identity that lies around, or a field of the connection itself.
DANGEROUS = re.findall(
    r"\w+",
    """
    service servicefile passfile sslkey sslcert sslpassword sslrootcert sslcrl sslmode requiressl krbsrvname gsslib
    hostaddr host port user username password passwd dbname database db options target_session_attrs
    local_infile init_command read_default_file read_default_group unix_socket bind_address ssl ssl_ca ssl_cert ssl_key
    ssl_disabled auth_plugin_map plugin_dir defer_connect server_public_key allow_local_infile
    account authenticator token token_file_path token_uri private_key private_key_file private_key_path
    connection_name connections_file_path proxy_host proxy_port insecure_mode ocsp_fail_open protocol
    credential_source lib_dir autoDeserialize INIT url uri dsn name type schema config custom_user_agent
    allow_unsigned_extensions extension_directory temp_directory attach pragma
    """,
)
# Names of that list that mean something harmless to one type, as its file says.
HARMLESS = {"db2": {"ssl"}, "dremio": {"ssl"}, "oracle": {"protocol"}, "teradata": {"account"}}
# What a key file of Google holds; any text is as good to the other types.
KEY_FILE = google_key()
SAMPLES = {"host": "127.0.0.1", "username": "somebody", "access_key": "SOMEBODY"}


@pytest.mark.parametrize("connector", ALL)
def test_a_connector_is_named_as_its_file_in_lower_case(connector):
    assert connector.type in connectors.type_names()
    assert connectors.get(connector.type) is connector
    for name in (connector.type, *connector.aliases):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert connectors.get(name) is connector
    assert connector.title
    assert sys.modules[f"qualytics.connectors.types.{connector.type}"].CONNECTOR is connector


def test_no_name_means_two_types():
    names = [name for connector in connectors.all_connectors() for name in (connector.type, *connector.aliases)]
    assert len(names) == len(set(names))
    titles = [connector.title for connector in connectors.all_connectors()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("connector", ALL)
def test_a_listing_knows_the_shape_of_a_type(connector):
    for name in (connector.type, *connector.aliases):
        assert connectors.shape(name) == (connector.kind, "uri" in connector.fields)


@pytest.mark.parametrize("connector", ALL)
def test_fields_belong_to_the_kind(connector):
    assert set(connector.fields) <= set(KEYS[connector.kind]) & BY_NAME.keys()
    assert set(connector.required) <= set(connector.fields)
    assert not set(connector.fields) & {"name", "type", "parameters", "jdbc_fetch_size", "max_parallelization"}
    assert len(set(connector.fields)) == len(connector.fields)
    assert set(connector.scope) | set(connector.scope_optional) <= set(SCOPES)
    assert not set(connector.scope) & set(connector.scope_optional)
    # A type with an endpoint of its own may know the port without asking for it.
    assert connector.endpoint is not None or ("port" in connector.fields) == (connector.default_port is not None)
    if connector.default_port is not None:
        assert 1 <= connector.default_port <= 65_535
    if connector.kind == "embedded":
        assert (connector.fields, connector.tls) == (("uri",), "none")
        assert connector.clean_uri is not None


@pytest.mark.parametrize("connector", ALL)
def test_a_driver_outside_python_has_an_extra_with_its_distribution(connector):
    if connector.extra is None:
        assert connector.driver in sys.stdlib_module_names
        return
    requirements = [re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in EXTRAS[connector.extra]]
    assert (connector.distribution or connector.driver).lower() in requirements
    assert connector.extra in re.search(r"\[(.*)\]", EXTRAS["all"][0])[1].split(",")
    assert re.fullmatch(r"[a-z_.]+", connector.driver)
    assert connector.driver_version(), "the tests run with every driver"


@pytest.mark.parametrize("connector", ALL)
def test_parameters_are_unique_documented_and_of_a_json_type(connector):
    names = [param.name for param in connector.params]
    assert len(names) == len(set(names))
    for param in connector.params:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", param.name), param.name
        assert param.name not in BY_NAME, "a field of its own does not come in through the parameters"
        assert len(param.help) > 10, param.name
        assert not param.help.endswith(".")
        assert param.type in {str, int, bool, dict, list}
        assert param.default is None or not param.choices or param.default in param.choices
        assert not re.search(r"passw|secret|token|credential", param.name), "no type keeps a secret in its parameters"
    assert set(connector.session_params) <= set(names)
    assert not set(names) & set(DANGEROUS) - HARMLESS.get(connector.type, set())


@pytest.mark.parametrize("connector", NETWORK)
def test_tls_has_the_same_words_everywhere(connector):
    by_name = {param.name: param for param in connector.params}
    assert {"ssl_mode", "ssl_root_cert", "ssl_root_cert_file"} <= by_name.keys()
    assert set(by_name["ssl_mode"].choices) <= set(SSL_MODES)
    assert {"auto", "verify"} <= set(by_name["ssl_mode"].choices)
    assert by_name["ssl_root_cert"].is_pem
    assert by_name["ssl_root_cert_file"].is_path
    assert connector.tls in {"direct", "preamble", "driver", "own"}
    assert (connector.greet is not None) or connector.tls != "preamble"


@pytest.mark.parametrize("connector", ALL)
def test_stages_are_those_of_the_kind(connector):
    expected = {
        "embedded": ("open", "query"),
        "dfs": ("resolve", "tcp", "tls", "login", "list"),
    }
    usual = ("resolve", "tcp", "tls", "login", "database", "query")
    assert connector.stages == expected.get(connector.kind, usual)


def test_the_classes_of_verdicts_are_the_same_everywhere():
    assert set(CLASSES) == set(CLASS_NAMES)


@pytest.mark.parametrize("connector", ALL)
def test_an_exception_of_nobody_is_no_verdict(connector):
    class Foreign(Exception):
        pass

    assert connector.classify(Foreign("something else")) is None


@pytest.mark.parametrize("connector", ALL)
def test_the_example_is_a_command_that_is_accepted(run, connector):
    names = re.findall(r"\$\{(\w+)\}", connector.example)
    secret = re.findall(r"--(?:password|secret-key) '\$\{(\w+)\}'", connector.example)
    done = run(
        *("connections", "create", "--type", connector.type, *shlex.split(connector.example)),
        *("--dry-run", "--format", "json"),
        env={name: KEY_FILE if name in secret and "KEY_JSON" in name else "value" for name in names},
    )
    assert done.code == 0, done.err
    assert done.json["type"] == connector.type
    assert {done.json.get("password"), done.json.get("secret_key")} <= {None, "********"}
    shown = run("connections", "types", connector.type, "--format", "json")
    assert shown.json["example"].endswith(connector.example)


def settings_for(connector, port):
    given = {"port": port, **SAMPLES}
    return [part for name in connector.fields if name in given for part in (BY_NAME[name].option, str(given[name]))]


@pytest.mark.slow
@pytest.mark.parametrize("connector", NETWORK)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, connector):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        for name in set(DANGEROUS) - HARMLESS.get(connector.type, set()):
            wide = chr(ord(name[0]) + 0xFEE0) + name[1:]  # the same letter to whoever normalizes, another to the rest
            for spelling in (name, name.upper(), wide):
                done = run(
                    *("connections", "test", "--type", connector.type),
                    *settings_for(connector, listener.getsockname()[1]),
                    *("--parameters", json.dumps({spelling: "1"})),
                )
                assert (done.code, done.out) == (2, ""), (spelling, done)
                assert "parameters" in done.err
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.slow  # an engine each
@pytest.mark.parametrize("connector", [one for one in ALL if one.values[0].tls == "none"])
def test_a_dangerous_parameter_of_a_file_is_refused_before_it_is_opened(run, connector, tmp_path):
    for name in DANGEROUS:
        done = run(
            *("connections", "test", "--type", connector.type, "--uri", tmp_path / "missing"),
            *("--parameters", json.dumps({name: "1"})),
        )
        assert (done.code, done.out) == (2, ""), (name, done)


@pytest.mark.slow
def test_knowing_every_type_loads_no_driver():
    drivers = [connector.driver for connector in connectors.all_connectors() if connector.extra is not None]
    program = (
        "import json, sys\n"
        "from qualytics import connectors\n"
        "[connector.stages for connector in connectors.all_connectors()]\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "qualytics.connectors.types.postgresql" in loaded
    assert not loaded & {part for driver in drivers for part in (driver, driver.partition(".")[0])}
    assert "ssl" not in loaded


@pytest.mark.slow
def test_names_of_types_are_known_without_importing_one():
    program = "import sys\nfrom qualytics import connectors\nconnectors.type_names()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    loaded = {name for name in done.stdout.split() if name.startswith("qualytics.connectors.")}
    assert not loaded


@pytest.mark.parametrize("name", ["Postgresql", "POSTGRES", "../sqlite", "__init__", "os", "", "sqlite3", "sqlite "])
def test_a_type_that_is_not_on_the_list_is_never_imported(run, name):
    before = set(sys.modules)
    done = run("connections", "create", "--type", name, "--host", "h", "--dry-run")
    assert done.code == 2
    assert {module for module in set(sys.modules) - before if module.startswith("qualytics.connectors.")} == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", connectors.type_names())
def test_a_type_imports_at_most_three_modules_of_other_types_and_of_what_they_share(name):
    own = f"qualytics.connectors.types.{name}"
    program = f"import sys, {own}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    others = {
        module
        for module in done.stdout.split()
        if module.startswith(("qualytics.connectors.shared.", "qualytics.connectors.types."))
        and not f"{module}.".startswith(f"{own}.")
    }
    # Redshift speaks PostgreSQL, which takes two, and logs in through AWS, which takes two; Fabric and Synapse are SQL
    # Server, and MariaDB and what JDBC is known by MySQL, which take three each.
    assert len(others) <= (4 if name in {"redshift", "fabric", "synapse", "mariadb", "jdbc"} else 3), others


def test_the_registry_reads_one_folder():
    folder = Path(qualytics.connectors.__file__).parent / "types"
    assert set(connectors.type_names()) == {path.stem for path in folder.glob("[a-z]*")}


@pytest.mark.parametrize("connector", ALL)
def test_a_type_says_what_it_was_verified_against(connector):
    assert re.match(r"(the real engine|real server|sibling|emulator|driver only)", connector.verified)


# What drivers write into strings with a grammar, with what would be more than a value there: a header ends at a line
# end, a path at ? and #, Basic's user at a colon, a descriptor's value at a parenthesis.
LINES = ("a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x7fb", "a\x1bb", "\n")
URL = ("a/../b", "a?b=c", "a#b", "a%2fb", "a b", "a\\b", "a/b", "b@evil.example", "ä", *LINES)
PATHS = (
    "a/../b",
    "..",
    "/..",
    "a/./b",
    "a//b",
    "a?b=c",
    "a#b",
    "a%2e%2e",
    "a b",
    "a\\b",
    "//evil.example",
    "ä",
    *LINES,
)
DESCRIPTOR = ("X))(SECURITY=(A=B", "(X", "X)", "a=b", "a b", 'a"b', "a'b", "a/b", "a:b", "a\\b", "a,b", "ä", *LINES)
KEY_ID = ("AKIA/20260101/eu", "AKIA, SignedHeaders=host", "AKIA B", "ÄKIA", *LINES)
REGION = ("evil.example/", "eu-west-1.evil.example", "eu@evil", "eu:1", "-a", "a--b", "EU", *URL)
NAMES = ("a/../b", "..", ".", "a.b", "a/b", "a b", *LINES)
PROJECTS = tuple(set(URL) - {"a%2fb"})
GRAMMAR = {
    "abfs": {"access_key": URL, "secret_key": LINES, "tenant_id": URL},
    "athena": {"username": KEY_ID, "password": LINES, "region": REGION, "work_group": URL},
    "bigquery": dict.fromkeys(("location", "temp_dataset", "database", "schema"), URL),
    "databricks": {"username": (*LINES, "a:b"), "password": LINES},
    "databricks_native": {
        "username": (*LINES, "a:b"),
        "password": LINES,
        **dict.fromkeys(("catalog", "database", "schema"), NAMES),
    },
    "db2": {"username": ("a;b", "a\U0001f4a5", *LINES), "database": ("a;b", "a=b", "[a]", "a b", "ä", *LINES)},
    "dremio": {"username": (*LINES, "a:b"), "password": LINES, "project_id": URL},
    "hive": {"http_path": PATHS},
    "oracle": {"service_name": DESCRIPTOR, "sid": DESCRIPTOR},
    "presto": {"username": (*LINES, "Жан"), "password": LINES, "source": (*LINES, "Жан")},
    "redshift": {"region": REGION, "cluster_identifier": URL, "serverless_work_group": URL},
    "s3": {"access_key": KEY_ID, "secret_key": LINES, "region": REGION},
    "teradata": {"account": ("a'b", 'a"b', "a,b", "a;b", "a(b", "ä", *LINES)},
    "trino": {"username": (*LINES, "Жан"), "password": LINES, "source": (*LINES, "Жан")},
    **{kind: {"tenant_id": URL} for kind in ("fabric", "sqlserver", "synapse")},
}
# The other texts that parameters hold, and why they need no such list.
WHOLE = {
    "application_name": "an argument that the driver sends with its length or quotes by itself",
    "db_user": "an argument of AWS's client, which writes it as JSON or as a form",
    "driver_class": "the name of a Java class, as `requires` says",
    "endpoint_url": "a URL, which `endpoint_of` takes apart",
    "external_id": "an argument of AWS's client, and `lacking` has AWS's own pattern",
    "jars": "files, as `requires` says",
    "output": "a URL of S3, as `requires` says",
    "path": "a path, as `requires` says",
    "program_name": "an argument that the driver sends with its length",
    "role": "an identifier that is quoted",
    "role_arn": "an argument of AWS's client, and `lacking` has AWS's own pattern",
    "warehouse": "an identifier that is quoted",
}


def problems_of(connector, name, value):
    found = Problems()
    if name in {"database", "schema"}:
        check_grammar(connector, name, value, found)
    elif name in BY_NAME:
        check_values(connector, {name: value}, found, masks_keep=False)
    else:
        check_values(connector, {"parameters": {name: value}}, found, masks_keep=False)
    return found.found


@pytest.mark.parametrize("connector", ALL)
def test_what_stands_in_a_string_with_a_grammar_is_held_to_characters(connector):
    assert connector.grammar.keys() == GRAMMAR.get(connector.type, {}).keys()
    for name, hostile in GRAMMAR.get(connector.type, {}).items():
        for value in hostile:
            found = problems_of(connector, name, value)
            assert [problem.loc.removeprefix("parameters.") for problem in found] == [name], (name, value)
        assert not problems_of(connector, name, "abc123"), name


@pytest.mark.parametrize("connector", ALL)
def test_every_text_of_the_parameters_has_a_grammar_or_a_reason_for_none(connector):
    texts = {
        param.name
        for param in connector.params
        if param.type in {str, list, dict} and not (param.choices or param.is_path or param.is_pem)
    }
    assert texts - connector.grammar.keys() <= WHOLE.keys()


@pytest.mark.parametrize("char", ["\n", "\r", "\t", " ", '"', "\\", "^", "`", "{", "ä", "\x7f"])
def test_an_endpoint_has_no_character_that_a_url_has_not(char):
    with pytest.raises(ValueError, match=r"^must be "):
        endpoint_of({"parameters": {"endpoint_url": f"https://s3.example.com/a{char}b"}}, "")


@pytest.mark.parametrize("connector", [one for one in ALL if one.values[0].type in {"databricks", "dremio"}])
@pytest.mark.parametrize("token", ["dapi 1", "dapi\n", "däpi", "dapi\t1"])
def test_a_token_has_no_character_that_its_header_cannot_carry(connector, token):
    values = {"password": token, "parameters": {"authentication_type": "ACCESS_TOKEN"}}
    if connector.type == "databricks":
        values = {"password": token}
    found = [(loc, message) for loc, message, _ in connector.requires(values, frozenset({"password"}))]
    assert ("password", "must be a token") in found
    assert token not in str(found)


@pytest.mark.parametrize("connector", [one for one in ALL if one.values[0].type in {"trino", "presto", "hive"}])
def test_a_user_with_a_colon_has_no_password_over_http(connector):
    values = {"username": "a:b", "parameters": {"transport": "http"}}
    found = [loc for loc, *_ in connector.requires(values, frozenset({"password"}))]
    assert "username" in found


@pytest.mark.parametrize(
    ("kind", "exc", "wanted"),
    [
        (
            "mysql",
            pymysql.OperationalError(2059, "Authentication plugin 'b'auth_gssapi_client'' not configured"),
            "config",
        ),
        ("hive", "Bad status: 3 (b'Unsupported mechanism type PLAIN')", "config"),
        ("redshift", "Authentication method 7 not supported by redshift_connector.", "config"),
        ("jdbc", "org.postgresql.util.PSQLException: The authentication type 7 is not supported.", "config"),
        ("postgresql", "could not initiate GSSAPI security context: No credentials were supplied", "config"),
    ],
)
def test_kerberos_is_named_for_every_type_that_may_be_asked_for_it(run, kind, exc, wanted):
    if isinstance(exc, Exception):
        verdict = get(kind).classify(exc)
        assert (verdict.failure_class, "Kerberos" in verdict.cause) == (wanted, True)
        return
    told = run("connections", "explain", "--type", kind, exc, "--format", "json").json
    assert told["class"] == wanted
    assert "Kerberos" in told["cause"]
    assert "disable" not in told["hint"]
