"""Snowflake: against the emulator, and against a server of ours that says what the real service says.

The emulator (fakesnow) lets any user in with any password, grants every role and warehouse, and knows no
key pairs, network policies or expired logins. What the real service answers there is said by a small
HTTPS server, word for word as users report it; it goes through the real driver all the same.
"""
# ruff: noqa: E501 - messages stand in one line, as the service says them

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import textwrap
import threading

import pytest
import trustme

from qualytics.connectors import get
from qualytics.connectors.contract import Connector
from qualytics.connectors.types.snowflake import CONNECTOR
from tests.support import deadlines, faults, pins
from tests.support import faults_suite as suite
from tests.support.snowflake_service import Service, failure, new_key, pem, serving

# A file, another host or proxy, an identity that lies around, a browser, TLS off, a secret in the clear.
DANGEROUS = {
    "private_key_file": "/root/.ssh/id_rsa",
    "token_file_path": "/var/run/secrets/token",
    "connections_file_path": "/root/.snowflake/connections.toml",
    "connection_name": "prod",
    "host": "169.254.169.254",
    "account": "evil",
    "proxy_host": "evil.example.com",
    "protocol": "http",
    "authenticator": "externalbrowser",
    "workload_identity_provider": "AWS",
    "insecure_mode": True,
    "disable_ocsp_checks": True,
    "ocsp_response_cache_filename": "/tmp/cache",
    "token": "in clear",
    "private_key_passphrase": "in clear",
    "session_parameters": {"QUERY_TAG": "evil"},
}
STAGES = ["resolve", "tcp", "tls", "login"]
PASSWORD = "pa$s w\"o\\rd'é%"


@pytest.fixture(scope="session")
def context(authority):
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "acme.eu-1.snowflakecomputing.com").configure_cert(found)
    return found


@pytest.fixture
def service(context):
    with serving(Service(), context) as found:
        yield found


@pytest.fixture
def tested(run, root_file):
    """Return a function that tests settings on a port and returns exit code and report."""

    def call(port, *more, password=PASSWORD, **parameters):
        parameters = {"ssl_root_cert_file": str(root_file), **parameters}
        done = run(
            *("connections", "test", "--type", "snowflake", "--host", "localhost", "--port", port),
            *(
                "--username",
                "Ann",
                "--password-stdin",
                "--parameters",
                json.dumps(parameters),
                "--format",
                "json",
                *more,
            ),
            stdin=password.encode(),
        )
        return done.code, done.json

    return call


@pytest.fixture(scope="session")
def key():
    return new_key()


@pytest.mark.slow
def test_the_example_of_the_page_runs_as_written(shell, home):
    page = textwrap.dedent("""\
        qualytics() { "$PYTHON" -m qualytics "$@"; }
        qualytics connections create \\
            --type snowflake \\
            --name "Snowflake Warehouse" \\
            --host ${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com \\
            --username ${SNOWFLAKE_USER} \\
            --password ${SNOWFLAKE_PASSWORD} \\
            --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}'
    """)
    secrets = {"SNOWFLAKE_ACCOUNT": "acme-prod", "SNOWFLAKE_USER": "ann", "SNOWFLAKE_PASSWORD": "s3cret!"}
    env = {**os.environ, **secrets, "PYTHON": sys.executable}
    done = subprocess.run(["sh", "-c", page], env=env, capture_output=True, check=True, text=True)
    assert "host: acme-prod.snowflakecomputing.com" in done.stdout
    assert "role: ANALYST" in done.stdout
    assert "warehouse: COMPUTE_WH" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr

    # The same with references that the command resolves itself.
    kept = shell(
        *("connections", "create", "--type", "snowflake", "--host", "${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com"),
        *("--username", "${SNOWFLAKE_USER}", "--password", "${SNOWFLAKE_PASSWORD}", "--format", "json"),
        env=secrets,
    )
    assert kept.json["host"] == "acme-prod.snowflakecomputing.com"
    assert kept.json["name"] != "Snowflake Warehouse"


def test_a_good_test_with_a_root_certificate_as_file(tested, fakesnow_server):
    code, report = tested(fakesnow_server.port)
    assert (code, report["connected"]) == (0, True)
    assert [stage["name"] for stage in report["stages"]] == [*STAGES, "query"]
    assert report["tls"]["verified"] is True
    assert report["product_name"] == "Snowflake"
    assert report["product_version"][0].isdigit()
    assert (report["driver_name"], report["warnings"]) == ("snowflake-connector-python", [])


def test_a_good_test_with_a_root_certificate_as_text(run, fakesnow_server, root_file):
    parameters = {"ssl_root_cert": root_file.read_text(), "ssl_mode": "verify"}
    done = run(
        *("connections", "test", "--type", "snowflake", "--host", "127.0.0.1", "--port", fakesnow_server.port),
        *("--username", "ann", "--password", "x", "--parameters", json.dumps(parameters)),
    )
    assert (done.code, done.document["tls"]["verified"]) == (0, True), done.out


def test_role_and_warehouse_are_taken_in_use(tested, fakesnow_server):
    # The emulator has every role and warehouse; that a wrong one is named is shown on our server below.
    code, report = tested(fakesnow_server.port, role="ANALYST", warehouse="COMPUTE_WH")
    assert code == 0
    assert [stage["name"] for stage in report["stages"]] == [*STAGES, "database", "query"]


@pytest.fixture
def verified(run, fakesnow_server, root_file):
    """Return a function that verifies a datastore with a database and a schema."""
    created = run(
        *("connections", "create", "--type", "snowflake", "--name", "sf", "--host", "localhost"),
        *("--port", fakesnow_server.port, "--username", "ann", "--password", "x"),
        *("--parameters", json.dumps({"ssl_root_cert_file": str(root_file), "role": "ANALYST"})),
    )
    assert created.code == 0, created.err

    def call(database, schema):
        scope = ("--database", database, "--schema", schema)
        store = run("datastores", "create", "--name", "ds", "--connection-name", "sf", *scope, "--format", "json")
        assert store.code == 0, store.err
        done = run("datastores", "verify", "--name", "ds", "--format", "json")
        return done.code, done.json

    return call


@pytest.mark.parametrize(
    ("database", "schema"),
    [("SALES", "RAW"), ("sales", "raw"), ('"SALES"', '"RAW"'), ('"Mixed"', "low case"), ('"Mixed"', '"low case"')],
)
def test_a_datastore_is_found_by_the_service_s_own_rule_of_case(verified, database, schema):
    code, report = verified(database, schema)
    assert (code, report["connected"]) == (0, True), report


@pytest.mark.parametrize(
    ("database", "schema", "named"),
    [
        ("NOPE", "RAW", "database 'NOPE'"),
        ("SALES", "NOPE", "schema 'NOPE'"),
        ("no such", "RAW", "database 'no such'"),
    ],
)
def test_an_unknown_database_or_schema_is_named(verified, database, schema, named):
    code, report = verified(database, schema)
    assert (code, report["stage"], report["class"]) == (6, "database", "unknown_db")
    assert named in report["message"]
    assert "role 'ANALYST'" in report["message"]
    assert "002003" in report["detail"]


def test_a_certificate_of_a_stranger_is_not_trusted(tested, fakesnow_server, tmp_path):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    code, report = tested(fakesnow_server.port, ssl_root_cert_file=str(tmp_path / "other.pem"))
    assert (code, report["stage"], report["class"]) == (6, "tls", "tls")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "stage", "failure_class", "words"),
    [
        (failure("390100", "Incorrect username or password was specified."), "login", "auth", "'Ann'"),
        (failure("390422", "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake. Contact your account administrator."), "login", "permission", "network policy"),
        (failure("390189", "Role 'ANALYST' specified in the connect string is not granted to this user. Contact your local system administrator."), "database", "permission", "role 'ANALYST'"),
        ((403, {}, b""), "login", "config", "no account"),
        ((404, {}, b""), "login", "config", "no account"),
        ((503, {}, b""), "login", "transient", "login request"),
        ((200, {}, b"<html>Welcome</html>"), "login", "config", "not as Snowflake does"),
        ((200, {}, b"{}"), "login", "config", "not as Snowflake does"),
    ],
)  # fmt: skip
def test_a_refused_login_is_told_apart(tested, service, answer, stage, failure_class, words):
    service.answers["login"] = answer
    code, report = tested(service.port, role="ANALYST")
    assert (code, report["stage"], report["class"]) == (6, stage, failure_class)
    assert words in report["message"]
    assert service.keys == ["login"]


@pytest.mark.slow
def test_a_redirect_is_not_followed(tested, service, context):
    with serving(Service(), context) as other:
        service.answers["login"] = (307, {"Location": f"https://localhost:{other.port}/session/v1/login-request"}, b"")
        code, report = tested(service.port)
        assert (code, report["stage"], report["class"]) == (6, "login", "config")
        assert "redirects" in report["message"]
        assert (service.keys, other.keys) == (["login"], [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "answer", "failure_class", "words"),
    [
        ('use role "ANALYST"', failure("003013", "SQL access control error:\nRequested role 'ANALYST' is not assigned to the executing user. Specify another role to activate.", "42501"), "permission", "role 'ANALYST' does not exist or is not granted to user 'Ann'"),
        ('use warehouse "WH x"', failure("002043", "SQL compilation error:\nObject does not exist, or operation cannot be performed.", "02000"), "permission", "warehouse 'WH x' does not exist, or role 'ANALYST' may not use it"),
        ('use warehouse "WH x"', failure("390114", "Authentication token has expired.  The user must authenticate again.", "08001"), "transient", "session"),
    ],
)  # fmt: skip
def test_a_role_or_warehouse_that_cannot_be_had_is_named(tested, service, statement, answer, failure_class, words):
    service.answers[statement] = answer
    code, report = tested(service.port, role="ANALYST", warehouse="WH x")
    assert (code, report["stage"], report["class"]) == (6, "database", failure_class)
    assert words in report["message"]
    assert json.loads(answer[2])["message"].split("\n")[-1] in report["detail"]


@pytest.mark.slow
def test_the_session_is_closed_at_the_service_also_when_a_later_stage_fails(tested, service):
    service.answers['use warehouse "WH"'] = failure("002043", "SQL compilation error:\nObject does not exist.", "02000")
    assert tested(service.port, warehouse="wh")[0] == 6
    assert service.keys[-1] == "/session"


@pytest.mark.slow
def test_names_reach_the_service_as_single_identifiers(tested, service, run, root_file):
    # The emulator compares names without their case; ours shows what is sent.
    evil = 'x"; drop role y; --'
    code, _ = tested(service.port, role=evil, warehouse="Mixed")
    assert code == 0
    assert service.keys[1:3] == ['use role "x""; drop role y; --"', 'use warehouse "MIXED"']
    assert service.asked[0][1]["roleName"] == ['"x""; drop role y; --"']


@pytest.mark.slow
def test_the_login_carries_password_and_role_unchanged_and_asks_for_no_more(tested, service):
    code, report = tested(service.port, role="Reader Role", warehouse="wh")
    assert (code, report["product_version"]) == (0, "9.32.1")
    assert service.keys[:4] == ["login", 'use role "Reader Role"', 'use warehouse "WH"', "select current_version()"]
    assert set(service.keys[4:]) <= {"/session"}
    _, query, body = service.asked[0]
    assert (body["data"]["LOGIN_NAME"], body["data"]["PASSWORD"]) == ("Ann", PASSWORD)
    assert body["data"]["ACCOUNT_NAME"] == "localhost"
    assert body["data"]["CLIENT_ENVIRONMENT"]["APPLICATION"] == "qualytics"
    assert body["data"]["CLIENT_ENVIRONMENT"]["PLATFORM"] == ["disabled"]
    assert body["data"]["SESSION_PARAMETERS"]["CLIENT_TELEMETRY_ENABLED"] is False
    assert query["roleName"] == ['"Reader Role"']


@pytest.mark.slow
def test_a_key_pair_logs_in_with_a_token_that_the_public_key_verifies(run, service, root_file, key):
    import jwt

    parameters = {"ssl_root_cert_file": str(root_file), "authentication_type": "KEYPAIR"}
    done = run(
        *("connections", "test", "--type", "snowflake", "--host", "localhost", "--port", service.port, "--username"),
        *("Ann", "--password-stdin", "--passphrase", "open sesame", "--parameters", json.dumps(parameters)),
        stdin=pem(key, "open sesame").encode(),
    )
    assert done.code == 0, done.out
    data = service.asked[0][2]["data"]
    assert (data["AUTHENTICATOR"], "PASSWORD" in data) == ("SNOWFLAKE_JWT", False)
    claims = jwt.decode(data["TOKEN"], key.public_key(), algorithms=["RS256"])
    assert claims["sub"] == "LOCALHOST.ANN"


@pytest.mark.slow
def test_a_refused_key_pair_is_told_apart(tested, service, key):
    service.answers["login"] = failure("390144", "JWT token is invalid. [0ce9eb56-821d-4ca9-a774-04ae89a0cf5a]")
    code, report = tested(service.port, password=pem(key), authentication_type="KEYPAIR")
    assert (code, report["stage"], report["class"]) == (6, "login", "auth")
    assert "key pair" in report["message"]
    assert "RSA_PUBLIC_KEY" in report["hint"]


@pytest.mark.slow
def test_a_plain_port_is_another_protocol(tested):
    with serving(Service(), None) as plain:
        code, report = tested(plain.port)
    assert (code, report["stage"], report["class"]) == (6, "tls", "config")


@pytest.mark.slow
def test_a_silent_port_ends_with_the_deadline(tested):
    code, report = suite.meet(
        faults.silent, "timeout", lambda port, limit_s: tested(port, "--timeout", f"{limit_s:.1f}")
    )
    assert (code, report["stage"], report["class"]) == (6, "tls", "timeout")


@pytest.mark.slow
def test_a_server_that_is_silent_after_its_handshake_ends_with_the_deadline(tested, service):
    over = threading.Event()
    answer = service.answer

    def wait(path, body):
        over.wait(300)
        return answer(path, body)

    limit_s = deadlines.limit_after(lambda: tested(service.port))
    service.answer = wait
    with deadlines.within(limit_s):
        code, report = tested(service.port, "--timeout", f"{limit_s:.1f}")
    over.set()
    assert (code, report["stage"], report["class"]) == (6, "login", "timeout")


@pytest.mark.slow
def test_a_server_that_closes_after_its_handshake_is_a_matter_of_the_network(tested, service):
    def close(_path, _body):
        raise ConnectionAbortedError

    service.answer = close
    code, report = tested(service.port)
    assert (code, report["stage"], report["class"]) == (6, "login", "network")


_WATCHED = """
import json, os, sys
events = []
def hook(name, args):
    if name in ("socket.getaddrinfo", "socket.gethostbyname"):
        events.append(["look-up", str(args[0])])
    elif name == "socket.connect":
        events.append(["dial", str(args[1][0]) if isinstance(args[1], tuple) else str(args[1])])
    elif name in ("subprocess.Popen", "os.exec", "os.posix_spawn", "webbrowser.open"):
        events.append(["run", str(args[0])])
    elif name == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        events.append(["write", str(args[0])])
sys.addaudithook(hook)
from qualytics.connectors import get
from qualytics.connectors.contract import Target, Tls
from qualytics.secret import Secret
plan = json.load(sys.stdin)
connector = get("snowflake")
password = Secret(plan.pop("password"))
ca_file = plan.pop("ca_file")
target = Target("snowflake", timeout_s=10, password=password, tls=Tls("verify", None, ca_file), **plan)
handle = connector.open(target)
connector.select(handle, target)
server = connector.check(handle, target)
connector.close(handle)
print(json.dumps({"version": server.product_version, "events": events, "loaded": [n for n, m in sys.modules.items() if m]}))
"""


def watched(directory, root_file, **plan):
    plan = {"parameters": {}, "username": "ann", "password": "x", "ca_file": str(root_file), **plan}
    done = subprocess.run(
        [sys.executable, "-B", "-c", _WATCHED],
        input=json.dumps({"directory": str(directory), **plan}),
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin", "TMPDIR": str(directory)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_is_written_and_no_other_host_is_contacted(fakesnow_server, root_file, tmp_path):
    seen = watched(
        *(tmp_path, root_file),
        host="localhost",
        address="127.0.0.1",
        port=fakesnow_server.port,
        database="SALES",
        schema="RAW",
        parameters={"role": "ANALYST", "warehouse": "WH"},
    )
    kinds = {kind: {what for name, what in seen["events"] if name == kind} for kind, _ in seen["events"]}
    assert kinds["dial"] == {"127.0.0.1"}
    assert kinds["look-up"] == {"127.0.0.1"}
    assert kinds.get("run", set()) <= {"uname"}  # of Python's own module platform
    assert kinds.get("write", set()) <= {"/dev/null"}
    assert list(tmp_path.iterdir()) == []
    assert not {"boto3", "botocore", "pandas", "pyarrow", "keyring"} & set(seen["loaded"])


@pytest.mark.slow
def test_the_address_that_was_found_alive_is_dialled(service, root_file, tmp_path):
    # The name exists nowhere; only the address that the walk dialled can be meant.
    seen = watched(
        *(tmp_path, root_file), host="acme.eu-1.snowflakecomputing.com", address="127.0.0.1", port=service.port
    )
    assert seen["version"] == "9.32.1"
    assert service.asked[0][2]["data"]["ACCOUNT_NAME"] == "acme"


@pytest.mark.slow
def test_a_config_file_of_the_user_is_not_read(service, root_file, tmp_path):
    for folder in (".snowflake", ".config/snowflake", "Library/Application Support/snowflake"):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / "connections.toml").write_text('[default]\nuser = "mallory"\n')
        (place / "config.toml").write_text(f'[log]\nsave_logs = true\npath = "{tmp_path}/logs"\n')
        for name in ("connections.toml", "config.toml"):
            (place / name).chmod(0o600)
    private = tmp_path / "private"
    private.mkdir()
    seen = watched(tmp_path, root_file, host="localhost", address="127.0.0.1", port=service.port)
    assert seen["version"] == "9.32.1"
    assert service.asked[0][2]["data"]["LOGIN_NAME"] == "ann"
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_the_driver_looks_names_up_in_python_alone():
    assert pins.dials("snowflake", by=CONNECTOR.pinned, mode="verify")


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "snowflake", {key: DANGEROUS[key]}, key)


@pytest.mark.slow
def test_a_wrong_passphrase_is_reported_at_login(tested, service, key):
    code, report = tested(
        service.port, "--passphrase", "wrong", password=pem(key, "right"), authentication_type="KEYPAIR"
    )
    assert (code, report["stage"], report["class"]) == (6, "login", "auth")
    assert "passphrase" in report["message"]
    assert service.asked == []


def test_plain_and_unverified_connections_are_not_on_offer(run):
    choices = {param.name: param.choices for param in CONNECTOR.params}
    assert choices["ssl_mode"] == ("auto", "verify")
    done = run(
        *("connections", "create", "--type", "snowflake", "--host", "acme.snowflakecomputing.com"),
        *("--parameters", '{"ssl_mode": "disable"}', "--dry-run"),
    )
    assert done.code == 2
    assert "auto, verify" in done.err


def test_a_driver_whose_parent_package_is_missing_is_a_missing_driver():
    absent = Connector(
        **{
            **{name: getattr(get("snowflake"), name) for name in ("type", "title", "kind", "example")},
            **{name: getattr(get("snowflake"), name) for name in ("open", "check", "close")},
            "driver": "no_such_package.connector",
            "distribution": "no-such-package",
        }
    )
    assert absent.driver_version() is None
