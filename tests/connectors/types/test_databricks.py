"""Databricks: the arguments of both drivers, a workspace that refuses, minilake for Unity Catalog, and faults."""
# ruff: noqa: E501 - messages stand in one line, as the service says them

from __future__ import annotations

import base64
import importlib
import json
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.connectors.shared.databricks import bearer
from qualytics.connectors.types import databricks, databricks_native
from qualytics.probe.verdicts.exceptions import judge
from testbed import cloud
from tests.support import faults_suite as suite
from tests.support.cloud import MORE_FAULTS, discovered, meet_fault, problems, serving, trial

TYPES = ("databricks", "databricks_native")
PATH = "/sql/1.0/warehouses/1234567890abcdef"
M2M = {"authentication_type": "OAUTH_M2M"}

# Fields and arguments ------------------------------------------------------------------------------


def test_each_field_of_the_warehouse_becomes_its_argument():
    target = suite.target("databricks", tls=suite.encrypted(), port=443, parameters={"path": PATH}, timeout_s=7.0)
    assert databricks.arguments(target, "dapi123") == {
        "server_hostname": "db.example.com",
        "_port": 443,
        "http_path": PATH,
        "access_token": "dapi123",
        "user_agent_entry": "qualytics",
        "use_cloud_fetch": False,
        "enable_telemetry": False,
        "_socket_timeout": 7.0,
        "_retry_stop_after_attempts_count": 1,
        "_retry_stop_after_attempts_duration": 7.0,
        "_respect_server_retry_after_header": True,
        "_tls_trusted_ca_file": "/roots.pem",
        "_tls_no_verify": False,
    }
    target.tls = suite.encrypted("require")
    assert databricks.arguments(target, "dapi123")["_tls_no_verify"] is True


def test_each_field_of_the_catalog_becomes_its_argument():
    target = suite.target("databricks_native", tls=suite.encrypted(), port=443, timeout_s=7.0)
    assert databricks_native.arguments(target, "dapi123") == {
        "host": "https://db.example.com",
        "token": "dapi123",
        "auth_type": "pat",
        "http_timeout_seconds": 7.0,
        "retry_timeout_seconds": 1,
        "product": "qualytics",
        "product_version": "0",
    }


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_every_token_that_a_header_can_carry_arrives_unchanged(password):
    assert bearer(suite.target("databricks", password=password)) == password


@pytest.mark.parametrize("password", [None, "", "line\nend", "pässwörd", "💥", " lead"])
def test_a_token_that_no_header_can_carry_is_refused_before_a_driver_opens_a_browser(password):
    with pytest.raises(Refusal) as refused:
        bearer(suite.target("databricks", password=password))
    assert refused.value.verdict.failure_class == "config"


def stored(type_: str, parameters: dict[str, object] | None = None, **fields: object) -> list[str]:
    given_parameters = {"path": PATH} if type_ == "databricks" else {}
    everything = {"host": "dbc-1234.cloud.databricks.com", "password": "dapi", **fields}
    given_fields = {name: value for name, value in everything.items() if value is not None}
    return problems(type_, parameters={**given_parameters, **(parameters or {})}, **given_fields)


@pytest.mark.parametrize("type_", TYPES)
def test_good_settings_have_no_problems(type_):
    assert stored(type_) == []
    assert stored(type_, M2M, username="client-id") == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"auth_type": "databricks-oauth"},
        {"auth_type": "external-browser"},
        {"authentication_type": "AZURE_CLI"},
        {"profile": "DEFAULT"},
        {"config_file": "/root/.databrickscfg"},
        {"databricks_cli_path": "/bin/sh"},
        {"metadata_service_url": "http://169.254.169.254"},
        {"_tls_no_verify": True},
        {"_tls_client_cert_file": "/etc/ssl/key.pem"},
        {"staging_allowed_local_path": "/"},
        {"session_configuration": {"spark.jars": "x"}},
        {"access_token": "dapi"},
        {"client_secret": "in clear"},
        {"azure_client_secret": "in clear"},
        {"token_audience": "theirs"},
        {"discovery_url": "https://evil.example.com"},
        {"http_headers": [["Authorization", "x"]]},
        {"ssl_mode": "disable"},
    ],
    ids=str,
)
@pytest.mark.parametrize("type_", TYPES)
def test_dangerous_and_conflicting_parameters_are_refused_before_anything_is_opened(type_, parameters):
    assert stored(type_, parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"path": "//evil.example.com/sql"},
        {"path": "https://evil.example.com/sql"},
        {"path": "/sql/../../admin"},
        {"path": "/sql/1.0\r\nX: y"},
        {"path": "/sql?x=y"},
        {"path": "@evil.example.com"},
        {"path": "/sql#x"},
        {"path": ""},
    ],
    ids=str,
)
def test_a_path_that_leads_elsewhere_is_refused(parameters):
    assert stored("databricks", parameters)


@pytest.mark.parametrize("path", [PATH, PATH[1:], "sql/protocolv1/o/123/0401-abc", f"{PATH}?o=6051921418418893"])
def test_the_paths_that_databricks_shows_are_taken(path):
    assert stored("databricks", {"path": path}) == []


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"password": None}, "password is needed for PAT"),
        ({"parameters": M2M}, "username is needed for OAUTH_M2M"),
        ({"parameters": M2M, "username": "client-id", "password": None}, "password is needed for OAUTH_M2M"),
        ({"username": "ann"}, "username is not used with a personal access token"),
        ({"host": None}, "host is needed"),
    ],
    ids=str,
)
@pytest.mark.parametrize("type_", TYPES)
def test_what_a_mode_lacks_is_named(type_, fields, wanted):
    found = stored(type_, **fields)
    assert any(wanted in problem for problem in found), found


# A workspace of ours --------------------------------------------------------------------------------


class Workspace:
    """Issues tokens to one service principal and says what it is told to all else; keeps what it was asked."""

    def __init__(self, certificate: object, status: int = 200, text: bytes = b"{}", **headers: str) -> None:
        self.certificate, self.reply = certificate, (status, headers, text)
        self.principal = ("client-id", "the secret")
        self.asked: list[tuple[str, str]] = []

    def __call__(self, _method, path, headers, _body):
        if path == "/" and "Authorization" not in headers:
            return self.reply  # a look at a server that seems slow, while a busy machine imports the driver
        self.asked.append((path, headers.get("Authorization", "")))
        if path == "/oidc/v1/token":
            if headers["Authorization"] != basic(*self.principal):
                return 401, {}, b'{"error": "invalid_client", "error_description": "Client authentication failed"}'
            return 200, {}, json.dumps({"access_token": "issued", "token_type": "Bearer", "expires_in": 3600}).encode()
        return self.reply


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def workspace(certificate, root_file):
    """Return a function that tests a type against a workspace."""

    def call(type_, found, password="dapi", username=None, **parameters):
        with serving(found, certificate) as port:
            given_parameters = {"ssl_root_cert_file": str(root_file), **parameters}
            values = {"host": "localhost", "port": port, "username": username, "parameters": given_parameters}
            if type_ == "databricks":
                given_parameters["path"] = PATH
            else:
                given_parameters["endpoint_url"] = f"https://localhost:{port}"
            return trial(type_, values, password)

    return call


REPLIES = [
    (401, b'{"error_code": "401", "message": "Credential was not sent or was of an unsupported type for this API."}', ("login", "auth")),
    (403, b'{"error_code": "403", "message": "Invalid access token."}', ("login", "auth")),
    (403, b'{"error_code": "PERMISSION_DENIED", "message": "Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace: 1"}', ("login", "permission")),
    (429, b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests"}', ("login", "quota")),
    (503, b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "The service is temporarily unavailable"}', ("login", "transient")),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("status", "text", "expected"), REPLIES, ids=[f"{status} {text[16:60]!r}" for status, text, _ in REPLIES])  # fmt: skip
def test_a_refusal_of_the_workspace_is_named_as_such_by_the_sdk(workspace, certificate, status, text, expected):
    found = Workspace(certificate, status, text)
    assert suite.verdict(workspace("databricks_native", found)) == expected


@pytest.mark.slow
def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(workspace, certificate):
    text = b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests"}'
    found = Workspace(certificate, 429, text, **{"Retry-After": "3600"})
    assert suite.verdict(workspace("databricks_native", found)) == ("login", "quota")
    assert suite.verdict(workspace("databricks", found)) == ("login", "transient")


# The warehouse's gateway says why in a header (databricks/sql/backend/thrift_backend.py).
SAID = "x-thriftserver-error-message"
GATEWAY = [
    (401, "", ("login", "auth")),
    (403, "", ("login", "permission")),
    (403, "Invalid access token.", ("login", "auth")),
    (404, "", ("database", "unknown_db")),
    (400, "BAD_REQUEST: Warehouse 1234567890abcdef was deleted", ("login", "config")),
    (429, "", ("login", "quota")),
    (501, "", ("login", "config")),
    (503, "", ("login", "transient")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "said", "expected"), GATEWAY, ids=str)
def test_a_refusal_of_the_warehouse_is_named_as_such_by_the_connector(workspace, certificate, status, said, expected):
    found = Workspace(certificate, status, b"", **{SAID: said} if said else {})
    report = workspace("databricks", found)
    assert suite.verdict(report) == expected, report.failure
    assert found.asked[0] == (PATH, "Bearer dapi")


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.slow
def test_a_service_principal_trades_any_secret_at_the_workspace(workspace, certificate, type_):
    password = "".join(suite.AWKWARD)
    found = Workspace(certificate, 503)
    found.principal = ("client-id", password)
    workspace(type_, found, password, username="client-id", **M2M)
    assert found.asked[0] == ("/oidc/v1/token", basic("client-id", password))
    assert found.asked[1][1] == "Bearer issued"


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.slow
def test_a_refused_service_principal_is_named_as_such(workspace, certificate, type_):
    found = Workspace(certificate)
    report = workspace(type_, found, "not it", username="client-id", **M2M)
    assert suite.verdict(report) == ("login", "auth")
    assert "service principal" in report.failure.message
    assert [path for path, _ in found.asked] == ["/oidc/v1/token"]


@pytest.mark.slow
@pytest.mark.parametrize(("type_", "failure_class"), [("databricks", "transient"), ("databricks_native", "config")])
def test_a_redirect_is_not_followed(workspace, certificate, type_, failure_class):
    elsewhere = Workspace(certificate)
    with serving(elsewhere, certificate) as port:
        found = Workspace(certificate, 307, Location=f"https://localhost:{port}/stolen")
        report = workspace(type_, found)
    # The connector does not say that it was a redirect, only that it gave up.
    assert suite.verdict(report) == ("login", failure_class), report.failure
    assert elsewhere.asked == []


# On the emulator ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lake(certificate):
    """Run minilake with a catalog of one schema, which has a table."""
    with cloud.unity(certificate) as server:
        server.url = f"https://localhost:{server.port}"
        yield server


@pytest.fixture(scope="module")
def filled(lake, root_file):
    import ssl

    context = ssl.create_default_context(cafile=str(root_file))

    def post(path, **body):
        request = urllib.request.Request(f"{lake.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})  # fmt: skip
        urllib.request.urlopen(request, timeout=20, context=context).close()

    post("/api/2.1/unity-catalog/catalogs", name="lake")
    post("/api/2.1/unity-catalog/schemas", name="sales", catalog_name="lake")
    for name, kind in (("orders", "MANAGED"), ("old_orders", "MANAGED"), ("open_orders", "VIEW")):
        columns = [{"name": "id", "type_text": "int", "type_name": "INT", "position": 0}]
        scope = {"catalog_name": "lake", "schema_name": "sales"}
        post("/api/2.1/unity-catalog/tables", name=name, table_type=kind, data_source_format="DELTA", columns=columns, view_definition="select 1", **scope)  # fmt: skip
    return lake


@pytest.fixture
def at(lake, root_file):
    def values(catalog=None, **parameters):
        given_parameters = {"endpoint_url": lake.url, "ssl_root_cert_file": str(root_file), **parameters}
        return {"host": "dbc-1234.cloud.databricks.com", "catalog": catalog, "parameters": given_parameters}

    return values


@pytest.mark.servers
@pytest.mark.slow
def test_a_good_test_over_verified_tls(filled, at):
    report = trial("databricks_native", at("lake"), "dapi", schema="sales")
    assert report.failure is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login", "database", "query"]
    assert report.tls["verified"] is True
    assert report.detected["product_name"] == "Databricks Unity Catalog"
    assert trial("databricks_native", at(), "dapi").failure is None


@pytest.mark.servers
@pytest.mark.slow
def test_an_unknown_catalog_or_schema_is_named_as_such(filled, at):
    assert suite.verdict(trial("databricks_native", at("nobodys"), "dapi")) == ("database", "unknown_db")
    missing = trial("databricks_native", at("lake"), "dapi", schema="nobodys")
    assert suite.verdict(missing) == ("database", "unknown_db")
    homeless = trial("databricks_native", at(), "dapi", schema="sales")
    assert suite.verdict(homeless) == ("database", "config")


@pytest.mark.servers
def test_a_certificate_of_an_unknown_authority_is_named_as_such(lake):
    values = {"host": "localhost", "parameters": {"endpoint_url": lake.url}}
    assert suite.verdict(trial("databricks_native", values, "dapi")) == ("tls", "tls")


@pytest.mark.servers
@pytest.mark.slow
def test_discovery_lists_catalogs_schemas_tables_and_views(filled, at):
    assert ("lake", "catalog", False) in discovered("databricks_native", "catalogs", at(), "dapi")
    assert ("sales", "schema", False) in discovered("databricks_native", "schemas", at("lake"), "dapi")
    found = discovered("databricks_native", "tables", at("lake"), "dapi", "", schema="sales")
    assert sorted(found) == [("old_orders", "table", False), ("open_orders", "view", False), ("orders", "table", False)]
    assert discovered("databricks_native", "tables", at("lake"), "dapi", "or", schema="sales") == [
        ("orders", "table", False)
    ]


# Faults and messages ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*suite.FAULTS, *MORE_FAULTS])
@pytest.mark.parametrize("type_", TYPES)
def test_each_fault_gets_its_class_in_time(type_, fault):
    def values(port):
        if type_ == "databricks":
            return {"host": "localhost", "port": port, "parameters": {"path": PATH}}
        return {"host": "localhost", "parameters": {"endpoint_url": f"https://localhost:{port}"}}

    meet_fault(type_, fault, values)


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.slow
def test_a_host_that_does_not_exist_is_named_as_such(type_):
    values = {"host": "no-such-host.invalid", "parameters": {"path": PATH} if type_ == "databricks" else {}}
    assert suite.verdict(trial(type_, values, timeout_s=suite.LONG_S)) == ("resolve", "dns")


# Error classes of docs.databricks.com/en/error-messages, classes of both drivers, answers of the REST API.
MESSAGES = [
    ("sql", "ServerOperationError", ("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'nope' was not found. SQLSTATE: 42704",), "unknown_db"),
    ("sql", "ServerOperationError", ("[SCHEMA_NOT_FOUND] The schema `main`.`nope` cannot be found. SQLSTATE: 42704",), "unknown_db"),
    ("sql", "ServerOperationError", ("[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE CATALOG on Catalog 'main'. SQLSTATE: 42501",), "permission"),
    ("sql", "ServerOperationError", ("PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.x'.",), "permission"),
    ("sql", "RequestError", ("Error during request to server. ", {"http-code": 401}), "auth"),
    ("sql", "RequestError", ("Error during request to server. ", {"http-code": 404}), "unknown_db"),
    ("sql", "RequestError", ("Error during request to server. ", {"http-code": 503}), "transient"),
    ("sql", "RequestError", ("Error during request to server: 401 Unauthorized", {}), "auth"),
    # A line of a Java file is no HTTP status; the stack trace came so from Spark.
    ("sql", "ServerOperationError", ("Error running query", {"error-message": "x\n\tat org.apache.spark.Foo.bar(Bar.scala:429)"}), "unknown"),
    ("sql", "ServerOperationError", ("Error running query", {"error-message": "x\n\tat java.lang.Thread.run(Thread.java:503)"}), "unknown"),
    ("sql", "OperationalError", ("Error: expected server to use a protocol version >= SPARK_CLI_SERVICE_PROTOCOL_V2, instead got: 9",), "config"),
    ("sql", "ReydenThriftUnsupportedError", ("Thrift is not supported for this Reyden warehouse",), "config"),
    ("sdk", "NotFound", ("Catalog 'nope' does not exist.",), "unknown_db"),
    ("sdk", "ResourceDoesNotExist", ("no",), "unknown_db"),
    ("sdk", "PermissionDenied", ("User does not have USE CATALOG on Catalog 'main'.",), "permission"),
    ("sdk", "Unauthenticated", ("Credential was not sent or was of an unsupported type for this API.",), "auth"),
    ("sdk", "TooManyRequests", ("Rate limit",), "quota"),
    ("sdk", "TemporarilyUnavailable", ("later",), "transient"),
    ("sdk", "InternalError", ("boom",), "transient"),
    ("sdk", "BadRequest", ("what",), "config"),
    ("own", "TokenRefusedError", ('{"error":"invalid_client","error_description":"Client authentication failed"}',), "auth"),
    ("own", "TokenRefusedError", ('{"error":"invalid_scope"}',), "auth"),
]  # fmt: skip


MODULES = {"sql": "databricks.sql.exc", "sdk": "databricks.sdk.errors", "own": "qualytics.connectors.shared.databricks"}


@pytest.mark.parametrize(
    ("origin", "name", "arguments", "failure_class"),
    [
        pytest.param(*case, id=f"{case[1]} {case[2][0]}"[:70], marks=[pytest.mark.slow] if case[0] == "sdk" else [])
        for case in MESSAGES
    ],
)
def test_a_message_gets_its_class(origin, name, arguments, failure_class):
    # Imported here: the SDK takes more than a second to load.
    exc = getattr(importlib.import_module(MODULES[origin]), name)(*arguments)
    assert judge(get("databricks"), exc).failure_class == failure_class
