"""Hive through impyla, against Spark's HiveServer2: sockets and HTTP, plain and behind a relay with TLS."""

import pytest
from hypothesis import given

from qualytics.connectors import get
from qualytics.connectors.types import hive
from testbed.relay import relay
from tests.support import faults, other_servers
from tests.support import faults_suite as suite

DANGEROUS = {
    "zookeeper": True,
    "principal": "hive/_HOST@EXAMPLE.COM",
    "kerberos_service_name": "hive",
    "krb_host": "evil.example.com",
    "jwt": "in clear",
    "use_ssl": False,
    "verify_cert": False,
    "ca_cert": "/etc/shadow",
    "ldap_password": "in clear",
    "http_cookie_names": "*",
    "configuration": {"hive.exec.post.hooks": "evil"},
    "get_user_custom_headers_func": "os.system",
    "http_proxy": "http://169.254.169.254",
    "kinit": "/bin/sh",
}


# Fields → arguments -------------------------------------------------------------------------------


def test_every_field_becomes_its_argument_of_the_driver():
    target = suite.target("hive", tls=suite.encrypted())
    assert hive.arguments(target) == {
        "host": "db.example.com",
        "port": 1234,
        "user": "ann",
        "password": "secret",
        "auth_mechanism": "PLAIN",
        "kerberos_service_name": "hive",
        "use_http_transport": False,
        "http_path": "",
        "use_ssl": True,
        "ca_cert": "/roots.pem",
        "verify_cert": True,
        "timeout": 10.0,
        "retries": 1,
        "user_agent": "qualytics",
    }


def test_http_has_a_path_and_no_timeout_of_the_driver():
    target = suite.target("hive", tls=suite.plain(), parameters={"transport": "http", "http_path": "/gateway/hive"})
    found = hive.arguments(target)
    wanted = {
        "use_http_transport": True,
        "http_path": "gateway/hive",
        "timeout": None,
        "use_ssl": False,
        "ca_cert": None,
    }
    assert {key: found[key] for key in wanted} == wanted


def test_unverified_tls_is_what_require_means():
    found = hive.arguments(suite.target("hive", tls=suite.encrypted("require")))
    assert (found["use_ssl"], found["ca_cert"], found["verify_cert"]) == (True, None, False)


@given(suite.PASSWORDS)
def test_any_password_reaches_the_driver_unchanged(password):
    assert hive.arguments(suite.target("hive", password=password, tls=suite.plain()))["password"] == password


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "hive", {key: DANGEROUS[key]}, key)


def test_parameters_that_contradict_each_other_are_refused_before_any_packet(run):
    suite.check_refused(run, "hive", {"http_path": "cliservice"}, "http_path")
    suite.check_refused(run, "hive", {"auth_mechanism": "NOSASL"}, "auth_mechanism", "--password", "x")
    suite.check_refused(run, "hive", {"auth_mechanism": "GSSAPI"}, "auth_mechanism")


# Messages -----------------------------------------------------------------------------------------


def messages():
    """Return exceptions as impyla and Thrift raise them, and their class."""
    from impala.error import HiveServer2Error, HttpError
    from thrift.transport.TTransport import TTransportException

    def http(code, message):
        return HttpError(code, message, "", {})

    return [
        # Runs against Spark 4.3's HiveServer2.
        (HiveServer2Error("[SCHEMA_NOT_FOUND] The schema `nope` cannot be found. SQLSTATE: 42704"), "unknown_db"),
        (TTransportException(TTransportException.END_OF_FILE, "TSocket read 0 bytes"), "network"),
        (http(401, "Unauthorized"), "auth"),
        (http(405, "Method Not Allowed"), "config"),
        # HttpError of impyla (error.py): what a gateway before the server says.
        (http(403, "Forbidden"), "permission"),
        (http(404, "Not Found"), "config"),
        (http(429, "Too Many Requests"), "quota"),
        (http(503, "Service Unavailable"), "transient"),
        (http(400, "Bad Request"), "config"),
        # TSocket.py of Thrift.
        (TTransportException(TTransportException.TIMED_OUT, "read timeout"), "timeout"),
        # thrift_sasl: the answer to a login and to a mechanism (PlainSaslHelper.java).
        (TTransportException(1, "Bad status: 3 (b'Error validating the login')"), "auth"),
        (TTransportException(1, "Bad status: 3 (b'Unsupported mechanism type PLAIN')"), "config"),
        # HiveServer2's own: Driver.java, SessionManager.java, SQLStdHiveAccessController.java.
        (HiveServer2Error("Database nope does not exist"), "unknown_db"),
        (
            HiveServer2Error("Error while compiling statement: FAILED: HiveAccessControlException Permission denied"),
            "permission",
        ),
        (HiveServer2Error("Connection limit per user reached (user: ann limit: 10)"), "quota"),
        (
            HiveServer2Error("Cannot open sessions on an inactive HS2 instance; not the active passive leader"),
            "transient",
        ),
    ]


@pytest.mark.parametrize(("exc", "failure_class"), messages(), ids=lambda value: str(value)[:50])
def test_a_message_has_its_class(exc, failure_class):
    assert get("hive").classify(exc).failure_class == failure_class


# Runs ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["binary", "http"])
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_every_fault_ends_in_time_with_its_class(fault, transport):
    suite.check_fault("hive", fault, transport=transport)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "verify", "require", "disable"])
@pytest.mark.parametrize("transport", ["binary", "http"])
def test_a_server_that_resets_is_not_one_without_tls(transport, mode):
    with faults.resetting() as port:
        report = suite.probe("hive", port, transport=transport, ssl_mode=mode)
    assert report.failure.failure_class == "network", report.failure.detail


@pytest.mark.slow
def test_a_server_that_waits_for_the_rest_of_a_question_is_one_without_tls():
    """Without SASL a server of Thrift takes the question of SASL for the beginning of a long one."""

    def behave(peer, over):
        if peer.recv(1) == b"\x01":
            over.wait()

    with faults.serving(behave) as port:
        report = suite.probe("hive", port, auth_mechanism="PLAIN")
    assert suite.verdict(report) == ("login", "tls")


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["binary", "http"])
def test_a_silent_server_without_tls_ends_in_time_whatever_the_driver_does(transport):
    suite.check_fault("hive", "silent", transport=transport, ssl_mode="disable")


@pytest.mark.slow
def test_an_unknown_host_is_told_as_such():
    suite.check_unknown_host("hive")


@pytest.fixture
def server(hive_server):
    return hive_server


@pytest.mark.servers
@pytest.mark.slow
class TestSpark:
    """The driver against Spark's Thrift server over sockets; it takes any password."""

    def test_a_good_login_finds_the_database_and_the_version(self, server):
        report = suite.probe("hive", server.port, ssl_mode="disable", database="default", schema="DEFAULT")
        assert report.failure is None
        assert [stage.name for stage in report.stages if stage.ok][-3:] == ["login", "database", "query"]
        assert report.detected["product_version"].startswith("4.")

    def test_a_password_does_not_go_out_in_clear_text_unasked(self, server):
        assert suite.verdict(suite.probe("hive", server.port)) == ("login", "tls")

    def test_without_a_password_plain_sockets_are_found_and_taken(self, server):
        report = suite.probe("hive", server.port, password=None)
        assert report.failure is None
        assert any("not encrypted" in line for line in report.warnings)

    def test_tls_that_is_not_there_is_told_as_such(self, server):
        assert suite.verdict(suite.probe("hive", server.port, ssl_mode="verify")) == ("tls", "tls")

    def test_tls_is_verified_by_a_private_authority(self, server, certificate, root_file):
        with relay(server.port, certificate) as port:
            report = suite.probe("hive", port, ssl_root_cert_file=str(root_file))
            assert report.failure is None, report.failure
            assert report.tls["verified"] is True
            assert suite.verdict(suite.probe("hive", port)) == ("tls", "tls")
            assert suite.probe("hive", port, ssl_mode="require").failure is None

    def test_an_unknown_database_is_told_as_such(self, server):
        report = suite.probe("hive", server.port, ssl_mode="disable", database="nope")
        assert suite.verdict(report) == ("database", "unknown_db")

    def test_another_mechanism_than_the_servers_is_not_a_hang(self, server):
        report = suite.probe("hive", server.port, password=None, auth_mechanism="NOSASL")
        assert suite.verdict(report) == ("login", "network")
        assert "auth_mechanism" in report.failure.hint

    def test_awkward_passwords_log_in(self, server):
        # The server takes any password, so all that shows is that SASL's framing holds.
        for password in suite.AWKWARD:
            assert suite.probe("hive", server.port, ssl_mode="disable", password=password).failure is None, password

    def test_discovery_lists_databases_tables_and_views(self, server):
        place = {"host": server.host, "port": server.port, "fetch_size": 2, "schema": "sales"}
        target = suite.target("hive", tls=suite.plain(), **place)
        connector = get("hive")
        handle = connector.open(target)
        with handle.cursor() as cursor:
            cursor.execute("create database sales")
            cursor.execute("create view sales.orders_today as select 1 as id")
            cursor.execute("create table sales.orders (id int) using parquet")
            cursor.execute("create table sales.parts (id int) using parquet")
        schemas = [item.name for item in connector.schemas(handle, target)]
        tables = {item.name: item.kind for item in connector.tables(handle, target, "ord")}
        connector.close(handle)
        assert schemas == ["default", "sales"]
        assert tables == {"orders": "table", "orders_today": "view"}


@pytest.mark.slow
@pytest.mark.parametrize("password", ["secret", None])
def test_an_http_server_is_named_where_the_transport_is_another(password):
    with other_servers.ALL["an HTTP server"]() as port:
        failure = suite.probe("hive", port, password=password).failure
    assert (failure.failure_class, failure.message) == (
        "config",
        f"127.0.0.1:{port} is an HTTP server, not Apache Hive",
    )
    assert failure.hint == "this is an HTTP server; check host and port, or set transport in --parameters"


@pytest.mark.servers
@pytest.mark.slow
def test_http_logs_in_and_names_a_wrong_path(hive_http_server, certificate, root_file):
    with relay(hive_http_server.port, certificate) as port:
        common = {"transport": "http", "ssl_root_cert_file": str(root_file)}
        assert suite.probe("hive", port, **common).failure is None
        report = suite.probe("hive", port, http_path="nope", **common)
        assert suite.verdict(report) == ("login", "config")
        assert "http_path" in report.failure.hint
