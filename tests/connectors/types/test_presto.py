"""Presto and Trino by their own clients, against a server that speaks a little of their protocol."""

import ssl

import pytest
from hypothesis import given

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.connectors.shared.sql import identifier, literal
from qualytics.connectors.types import presto, trino
from tests.support import faults_suite as suite
from tests.support.statement_server import Behaviour, statement_server

TYPES = ("trino", "presto")
MODULES = {"trino": trino, "presto": presto}
DANGEROUS = {
    "ssl_truststore": "/etc/ssl/java.jks",
    "http_scheme": "http",
    "verify": False,
    "http_headers": {"X-Trino-User": "admin"},
    "auth": "OAuth2Authentication",
    "redirect_handler": "open a browser",
    "extra_credential": [["token", "in clear"]],
    "session_properties": {"query_max_run_time": "1h"},
    "allow_insecure_auth": True,
    "roles": {"system": "admin"},
    "http_session": "other",
    "krb5_config": "/etc/krb5.conf",
    "access_token": "in clear",
    "proxies": {"https": "http://169.254.169.254"},
    "http_session_class": "os.system",
}


# Fields → arguments -------------------------------------------------------------------------------


def test_every_field_becomes_its_argument_of_both_clients():
    common = {
        "host": "db.example.com",
        "port": 1234,
        "user": "ann",
        "source": "nightly",
        "http_scheme": "https",
        "max_attempts": 1,
        "request_timeout": 10.0,
    }
    for type_, more in (
        ("trino", {"encoding": None, "legacy_prepared_statements": True}),
        ("presto", {"redirect_handler": None}),
    ):
        target = suite.target(type_, tls=suite.encrypted(), parameters={"source": "nightly"})
        assert MODULES[type_].arguments(target) == {**common, **more}


def test_without_tls_plain_http_is_spoken_and_a_password_is_not_sent():
    target = suite.target("trino", tls=suite.plain("auto"))
    assert trino.arguments(target)["http_scheme"] == "http"
    with pytest.raises(Refusal) as refused:
        trino.credentials(target)
    assert refused.value.verdict.failure_class == "tls"


def test_an_address_of_ipv6_stands_in_brackets():
    assert trino.arguments(suite.target("trino", host="::1", tls=suite.encrypted()))["host"] == "[::1]"


@given(suite.PASSWORDS)
def test_any_password_goes_out_in_one_of_the_two_encodings_unchanged(password):
    _, sent = trino.credentials(suite.target("trino", password=password, tls=suite.encrypted()))
    if isinstance(sent, bytes):
        assert sent.decode() == password
    else:
        assert sent == password
        assert sent.encode("latin-1").decode("latin-1") == password


@pytest.mark.parametrize(
    ("tls", "verify"),
    [
        (suite.encrypted("verify", "/roots.pem"), "/roots.pem"),
        (suite.encrypted("auto", None), True),
        (suite.encrypted("require"), False),
    ],
)
def test_the_session_is_bound_to_one_server_and_to_nothing_of_the_machine(tls, verify):
    import requests

    session = trino.session_of(requests.Session(), suite.target("trino", tls=tls, port=443))
    assert session.verify == verify
    assert session.trust_env is False
    assert set(session.adapters) == {"https://db.example.com:443/", "https://db.example.com/"}


def test_a_password_with_tls_turned_off_is_refused(run):
    for type_ in TYPES:
        suite.check_refused(run, type_, {"ssl_mode": "disable"}, "ssl_mode", "--password", "x")


@pytest.mark.parametrize("key", DANGEROUS)
@pytest.mark.parametrize("type_", TYPES)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, type_, key):
    suite.check_refused(run, type_, {key: DANGEROUS[key]}, key)


def test_a_truststore_of_java_is_answered_with_what_to_give_instead(run):
    done = run(
        *("connections", "test", "--type", "trino", "--host", "h", "--username", "ann"),
        *("--parameters", '{"ssl_truststore": "/roots.jks"}'),
    )
    assert "ssl_root_cert" in done.err


def test_names_and_texts_are_quoted():
    assert identifier('a"b') == '"a""b"'
    assert literal("a'b") == "'a''b'"


# Messages -----------------------------------------------------------------------------------------


def trino_error(name, kind="USER_ERROR"):
    from trino.exceptions import TrinoQueryError

    return TrinoQueryError({"errorName": name, "errorType": kind, "message": name})


def presto_error(name):
    from prestodb.exceptions import PrestoQueryError

    return PrestoQueryError({"errorName": name, "errorType": "USER_ERROR", "message": name})


def http_error(status, *, family="trino"):
    from prestodb.exceptions import HttpError as PrestoHttpError
    from trino.exceptions import HttpError

    return (HttpError if family == "trino" else PrestoHttpError)(f"error {status}: b'…'")


def messages():
    """Yield exceptions as the clients raise them, and their class."""
    from requests.exceptions import InvalidSchema, JSONDecodeError, TooManyRedirects
    from trino.exceptions import Http503Error, TrinoConnectionError

    # StandardErrorCode.java of trino-spi and presto-spi.
    for name, failure_class in {
        "CATALOG_NOT_FOUND": "unknown_db",
        "SCHEMA_NOT_FOUND": "unknown_db",
        "PERMISSION_DENIED": "permission",
        "QUERY_QUEUE_FULL": "quota",
        "CLUSTER_OUT_OF_MEMORY": "quota",
        "EXCEEDED_TIME_LIMIT": "timeout",
        "SERVER_STARTING_UP": "transient",
        "NO_NODES_AVAILABLE": "transient",
        "SYNTAX_ERROR": "config",
    }.items():
        yield trino_error(name), failure_class
        yield presto_error(name), failure_class
    # client.py of both: raise_response_error.
    for status, failure_class in {
        400: "config",
        401: "auth",
        403: "permission",
        404: "config",
        429: "quota",
        500: "transient",
    }.items():
        yield http_error(status), failure_class
        yield http_error(status, family="presto"), failure_class
    yield Http503Error("error 503: service unavailable"), "transient"
    # client.py of trino: process.
    yield TrinoConnectionError("received empty response from server (status 200)"), "config"
    # sessions.py and models.py of requests.
    yield TooManyRedirects("Exceeded 0 redirects."), "config"
    yield InvalidSchema("No connection adapters were found for 'https://evil.example.com/v1/statement'"), "config"
    yield JSONDecodeError("Expecting value", "<html>", 0), "config"


@pytest.mark.parametrize(("exc", "failure_class"), list(messages()), ids=lambda value: str(value)[:50])
def test_a_message_has_its_class(exc, failure_class):
    assert get("presto").classify(exc).failure_class == failure_class


# Runs against a server that speaks the protocol -----------------------------------------------------


@pytest.fixture
def behaviour():
    return Behaviour()


@pytest.fixture
def plain_port(behaviour):
    with statement_server(behaviour) as port:
        yield port


@pytest.fixture
def tls_port(behaviour, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with statement_server(behaviour, context) as port:
        yield port


@pytest.mark.slow
@pytest.mark.parametrize("type_", TYPES)
class TestProtocol:
    """The real clients in the real child, with a server that behaves as told."""

    def test_without_a_password_plain_http_is_found_and_taken(self, type_, plain_port, behaviour):
        report = suite.probe(type_, plain_port, password=None, database="HIVE", schema="sales")
        assert report.failure is None
        assert report.tls is None
        assert any("not encrypted" in line for line in report.warnings)
        assert report.detected["product_version"] == "476"
        assert all("Authorization" not in headers for headers in behaviour.headers)
        assert not any("Encoding" in name for headers in behaviour.headers for name in headers if name.startswith("X-"))

    def test_with_a_password_plain_http_is_refused_before_it_is_sent(self, type_, plain_port, behaviour):
        assert suite.verdict(suite.probe(type_, plain_port)) == ("login", "tls")
        assert not any(behaviour.headers)  # a look at what server it is sends none

    def test_https_is_verified_by_a_private_authority(self, type_, tls_port, behaviour, root_file):
        behaviour.password = "secret"
        report = suite.probe(type_, tls_port, ssl_root_cert_file=str(root_file))
        assert report.failure is None, report.failure
        assert report.tls["verified"] is True

    def test_an_unknown_authority_is_refused(self, type_, tls_port, behaviour):
        assert suite.verdict(suite.probe(type_, tls_port)) == ("tls", "tls")
        assert behaviour.headers == []

    def test_require_takes_any_certificate(self, type_, tls_port):
        report = suite.probe(type_, tls_port, ssl_mode="require")
        assert report.failure is None
        assert report.tls["verified"] is False

    def test_a_wrong_password_is_told_as_such(self, type_, tls_port, behaviour, root_file):
        behaviour.password = "another"
        report = suite.probe(type_, tls_port, ssl_root_cert_file=str(root_file))
        assert suite.verdict(report) == ("login", "auth")

    @pytest.mark.parametrize("password", suite.AWKWARD)
    def test_awkward_passwords_arrive_unchanged(self, type_, tls_port, behaviour, root_file, password):
        behaviour.password = "another"
        suite.probe(type_, tls_port, ssl_root_cert_file=str(root_file), password=password)
        assert behaviour.passwords[0] in {password.encode("latin-1", "replace"), password.encode()}

    def test_an_unknown_catalog_is_told_as_such(self, type_, plain_port):
        report = suite.probe(type_, plain_port, password=None, database="nope")
        assert suite.verdict(report) == ("database", "unknown_db")

    def test_an_unknown_schema_is_told_as_such(self, type_, plain_port):
        report = suite.probe(type_, plain_port, password=None, database="hive", schema="nope")
        assert suite.verdict(report) == ("database", "unknown_db")

    def test_a_redirect_is_not_followed(self, type_, plain_port, behaviour):
        with suite.untouched() as other:
            behaviour.location = f"http://127.0.0.1:{other}/v1/statement"
            report = suite.probe(type_, plain_port, password=None)
        assert suite.verdict(report) == ("login", "config")

    def test_results_are_not_fetched_from_another_server(self, type_, tls_port, behaviour, root_file):
        with suite.untouched() as other:
            behaviour.next_uri = f"https://127.0.0.1:{other}/v1/statement/queued/1"
            report = suite.probe(type_, tls_port, ssl_root_cert_file=str(root_file))
        assert suite.verdict(report) == ("login", "config")

    def test_another_server_of_http_is_told_as_such(self, type_, plain_port, behaviour):
        behaviour.body = b"<html>It works!</html>"
        assert suite.verdict(suite.probe(type_, plain_port, password=None)) == ("login", "config")

    def test_discovery_asks_for_catalogs_schemas_and_tables(self, type_, plain_port):
        place = {"host": "127.0.0.1", "port": plain_port, "database": "hive", "schema": "Sales"}
        target = suite.target(type_, tls=suite.plain(), password=None, **place)
        connector = get(type_)
        handle = connector.open(target)
        catalogs = [(item.name, item.is_system) for item in connector.catalogs(handle, target)]
        schemas = [(item.name, item.is_system) for item in connector.schemas(handle, target)]
        tables = [(item.name, item.kind) for item in connector.tables(handle, target, "OR_")]
        connector.close(handle)
        assert catalogs == [("system", True), ("hive", False)]
        assert schemas == [("information_schema", True), ("sales", False)]
        assert tables == [("or_ders", "table"), ("or_v", "view")]


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
@pytest.mark.parametrize("type_", TYPES)
def test_every_fault_ends_in_time_with_its_class(type_, fault):
    suite.check_fault(type_, fault)


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.slow
def test_an_unknown_host_is_told_as_such(type_):
    suite.check_unknown_host(type_)
