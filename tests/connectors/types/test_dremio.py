"""Dremio through ADBC's Flight SQL driver: DuckDB over ADBC stands in where Arrow is read; logins are in test_dremio_roapi."""

# ruff: noqa: E501 - tables of messages read best with one verdict a line

import base64

import pytest
from hypothesis import given

from qualytics.connectors.contract import Refusal
from qualytics.connectors.types import dremio
from qualytics.probe.verdicts.exceptions import judge
from tests.support import faults
from tests.support import faults_suite as suite
from tests.support.flight_server import flight_server

DANGEROUS = {
    "uri": "grpc+tls://evil.example.com:443",
    "authority": "evil.example.com",
    "tls_skip_verify": True,
    "tls_override_hostname": "evil.example.com",
    "mtls_private_key": "/root/key.pem",
    "adbc.flight.sql.oauth.token_uri": "http://169.254.169.254",
    "oauth_token_uri": "http://169.254.169.254",
    "authorization_header": "Bearer in clear",
    "personal_access_token": "in clear",
    "authentication": {"type": "access_token"},
    "driver": "/tmp/evil.so",
    "entrypoint": "evil_init",
    "oauth_flow": "authorization_code",  # opens a browser
    "token_file": "/root/token",
}


# Fields → options of the driver --------------------------------------------------------------------


def test_every_field_becomes_its_option_of_the_driver(tmp_path):
    roots = tmp_path / "roots.pem"
    roots.write_text("PEM")
    target = suite.target("dremio", tls=suite.encrypted("verify", str(roots)), parameters={"project_id": "p-1"})
    assert dremio.address(target) == "grpc+tls://db.example.com:1234"
    assert dremio.arguments(target) == {
        "adbc.flight.sql.rpc.timeout_seconds.fetch": "10",
        "adbc.flight.sql.rpc.timeout_seconds.query": "10",
        "adbc.flight.sql.rpc.timeout_seconds.update": "10",
        "adbc.flight.sql.rpc.with_cookie_middleware": "true",
        "adbc.flight.sql.rpc.call_header.project_id": "p-1",
        "username": "ann",
        "password": "secret",
        "adbc.flight.sql.client_option.tls_override_hostname": "db.example.com",
        "adbc.flight.sql.client_option.tls_root_certs": "PEM",
    }


def test_an_access_token_goes_out_as_a_header_and_no_user_with_it():
    parameters = {"authentication_type": "ACCESS_TOKEN"}
    found = dremio.arguments(suite.target("dremio", tls=suite.encrypted("require"), parameters=parameters))
    assert found["adbc.flight.sql.authorization_header"] == "Bearer secret"
    assert found["adbc.flight.sql.client_option.tls_skip_verify"] == "true"
    assert not {"username", "password"} & set(found)


def test_an_address_of_ipv6_stands_in_brackets():
    assert dremio.address(suite.target("dremio", host="::1", tls=suite.plain())) == "grpc+tcp://[::1]:1234"


def test_a_secret_does_not_go_out_in_clear_text_unasked():
    with pytest.raises(Refusal) as refused:
        dremio.arguments(suite.target("dremio", tls=suite.plain("auto")))
    assert refused.value.verdict.failure_class == "tls"
    assert dremio.arguments(suite.target("dremio", tls=suite.plain("disable")))["password"] == "secret"


@given(suite.PASSWORDS)
def test_any_password_reaches_the_driver_unchanged(password):
    target = suite.target("dremio", password=password, tls=suite.plain())
    assert dremio.arguments(target)["password"] == password


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "dremio", {key: DANGEROUS[key]}, key)


def test_parameters_that_contradict_each_other_are_refused_before_any_packet(run):
    suite.check_refused(run, "dremio", {"ssl": True, "ssl_mode": "disable"}, "ssl_mode")
    suite.check_refused(run, "dremio", {"authentication_type": "ACCESS_TOKEN"}, "password")


@pytest.mark.parametrize(
    ("values", "secrets", "wrong"),
    [
        ({"username": "ann"}, {"password"}, set()),
        ({}, {"password"}, {"username"}),
        ({"parameters": {"authentication_type": "ACCESS_TOKEN"}}, {"password"}, set()),
        ({"parameters": {"authentication_type": "ACCESS_TOKEN"}}, set(), {"password"}),
    ],
)
def test_what_an_authentication_type_lacks_is_said(values, secrets, wrong):
    assert {loc for loc, _, _ in dremio.requires(values, frozenset(secrets))} == wrong


# Messages -----------------------------------------------------------------------------------------


def messages():
    """Return errors as the driver makes them: its text, and gRPC's code as the vendor code."""
    import adbc_driver_manager as manager

    def said(text, code):
        return manager.OperationalError(text, status_code=manager.AdbcStatusCode.IO, vendor_code=code)

    broken = '[FlightSQL] connection error: desc = "{}" (Unavailable; AuthenticateBasicToken)'
    return [
        # Runs of the driver against faults.
        (said(broken.format("transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"), 14), "refused"),
        (said(broken.format("error reading server preface: connection reset by peer"), 14), "network"),
        (said(broken.format("error reading server preface: EOF"), 14), "network"),
        (said("[FlightSQL] write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe (Unavailable; ExecuteQuery)", 14), "network"),
        (said(broken.format("error reading server preface: http2: frame too large, note that the frame header looked like an HTTP/1.1 header"), 14), "config"),
        (said("[FlightSQL] name resolver error: produced zero addresses (Unavailable; AuthenticateBasicToken)", 14), "dns"),
        (said(broken.format("transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"), 14), "tls"),
        (said(broken.format("transport: authentication handshake failed: tls: first record does not look like a TLS handshake"), 14), "config"),
        (said("[FlightSQL] context deadline exceeded (DeadlineExceeded; AuthenticateBasicToken)", 4), "timeout"),
        # Dremio documentation, "Arrow Flight", and DremioFlightServerAuthValidator.java; codes: grpc.io, "Status Codes".
        (said("[FlightSQL] Unable to authenticate user ann, exception: Invalid username or password. (Unauthenticated)", 16), "auth"),
        (said("[FlightSQL] User is not authorized. (PermissionDenied; ExecuteQuery)", 7), "permission"),
        (said("[FlightSQL] Too many queries are waiting. (ResourceExhausted; ExecuteQuery)", 8), "quota"),
        (said("[FlightSQL] Method not found. (Unimplemented; ExecuteQuery)", 12), "config"),
        (said("[FlightSQL] upstream connect error (Unavailable; ExecuteQuery)", 14), "transient"),
    ]  # fmt: skip


@pytest.mark.parametrize(("exc", "failure_class"), messages(), ids=lambda value: str(value)[:50])
def test_a_message_has_its_class(exc, failure_class):
    assert judge(dremio.CONNECTOR, exc).failure_class == failure_class


# gRPC's code and its names, the code of ADBC that the driver makes of it (driverbase, "adbcFromFlightStatus"), and its class.
STATUSES = [
    (1, "Canceled", 11, "transient"),
    (3, "InvalidArgument", 5, "config"),
    (4, "DeadlineExceeded", 12, "timeout"),
    (5, "NotFound", 3, "unknown_db"),
    (6, "AlreadyExists", 4, "config"),
    (7, "PermissionDenied", 14, "permission"),
    (8, "ResourceExhausted", 9, "quota"),
    (9, "FailedPrecondition", 1, "config"),
    (10, "Aborted", 1, "transient"),
    (11, "OutOfRange", 1, "config"),
    (12, "Unimplemented", 2, "config"),
    (13, "Internal", 9, "transient"),
    (14, "Unavailable", 10, "transient"),
    (15, "DataLoss", 10, "unknown"),
    (16, "Unauthenticated", 13, "auth"),
]


@pytest.mark.parametrize("vendor", [True, False], ids=["with vendor code", "without"])
@pytest.mark.parametrize(("code", "name", "adbc", "failure_class"), STATUSES)
def test_every_status_has_its_class_with_and_without_a_vendor_code(code, name, adbc, failure_class, vendor):
    import adbc_driver_manager as manager

    text = f"[FlightSQL] something is wrong ({name}; ExecuteQuery)"
    exc = manager.OperationalError(text, status_code=adbc, vendor_code=code if vendor else None)
    assert judge(dremio.CONNECTOR, exc).failure_class == failure_class


@pytest.mark.parametrize(
    ("status", "failure_class"),
    [
        *((2, "config"), (3, "unknown_db"), (4, "config"), (5, "config"), (6, "config"), (7, "unknown")),
        *((8, "unknown"), (9, "transient"), (10, "network"), (11, "transient"), (12, "timeout"), (13, "auth")),
        (14, "permission"),
    ],
)
def test_a_status_of_adbc_alone_has_its_class(status, failure_class):
    import adbc_driver_manager as manager

    for code in (status, manager.AdbcStatusCode(status)):
        exc = manager.ProgrammingError("[FlightSQL] something is wrong", status_code=code)
        assert judge(dremio.CONNECTOR, exc).failure_class == failure_class


def test_an_unknown_status_is_judged_by_its_words():
    import adbc_driver_manager as manager

    for text, failure_class in (
        ("rpc error: code = Unauthenticated desc = no", "auth"),
        ("rpc error: code = PermissionDenied desc = no", "permission"),
        ("Flight returned RESOURCE_EXHAUSTED: no", "quota"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "refused"),
    ):
        exc = manager.OperationalError(text, status_code=1, vendor_code=2)
        assert judge(dremio.CONNECTOR, exc).failure_class == failure_class
    exc = manager.OperationalError("an internal matter was cancelled", status_code=1, vendor_code=2)
    assert dremio.classify(exc) is None


# Arrow --------------------------------------------------------------------------------------------


@pytest.fixture
def handle():
    """Open DuckDB over ADBC: another engine, but Arrow all the same, with an information schema of its own."""
    import adbc_driver_duckdb
    import adbc_driver_manager

    database = adbc_driver_manager.AdbcDatabase(driver=adbc_driver_duckdb.driver_path(), entrypoint="duckdb_adbc_init")
    with database, adbc_driver_manager.AdbcConnection(database) as opened:
        statement = adbc_driver_manager.AdbcStatement(opened)
        for sql in ("create schema sales", "create table sales.orders (id int)", "create view sales.or_v as select 1"):
            statement.set_sql_query(sql)
            statement.execute_update()
        statement.close()
        yield opened


def test_rows_of_arrow_are_read_batch_by_batch(handle):
    rows = dremio.rows(handle, "select range as n, 'x' as t from range(5000) order by 1")
    assert next(rows) == (0, "x")
    assert sum(1 for _ in rows) == 4_999
    assert next(dremio.rows(handle, "select 1 from range(9)")) == (1,)


def test_name_and_version_come_from_flight_sqls_info(handle):
    server = dremio.check(handle, suite.target("dremio"))
    assert server.product_name == "duckdb"
    assert server.product_version


def test_discovery_reads_the_information_schema(handle):
    target = suite.target("dremio", schema="sales")
    assert "sales" in {item.name for item in dremio.schemas(handle, target)}
    assert [(item.name, item.kind) for item in dremio.tables(handle, target, "or")] == [
        ("or_v", "view"),
        ("orders", "table"),
    ]
    dremio.select(handle, target)


def test_an_unknown_schema_is_told_as_such(handle):
    with pytest.raises(Refusal) as refused:
        dremio.select(handle, suite.target("dremio", schema="no'pe"))
    assert refused.value.verdict.failure_class == "unknown_db"


# A server of gRPC -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_driver_goes_to_the_address_that_was_checked_under_the_name_of_the_certificate(authority, root_file):
    import adbc_driver_manager

    issued = authority.issue_cert("pinned.invalid")
    with flight_server((issued.cert_chain_pems, issued.private_key_pem)) as (port, asked):
        for host, told in (("pinned.invalid", "Unable to authenticate"), ("other.invalid", "certificate is valid for")):
            tls = suite.encrypted("verify", str(root_file))
            target = suite.target("dremio", tls=tls, host=host, address="127.0.0.1", port=port)
            with pytest.raises(adbc_driver_manager.Error, match=told):
                dremio.CONNECTOR.open(target)
    assert asked == [("pinned.invalid", "Basic YW5uOnNlY3JldA")]


@pytest.mark.slow
def test_without_tls_the_driver_goes_to_the_address_that_was_checked_too():
    import adbc_driver_manager

    with flight_server() as (port, asked):
        target = suite.target("dremio", tls=suite.plain(), host="pinned.invalid", address="127.0.0.1", port=port)
        with pytest.raises(adbc_driver_manager.Error, match="Unable to authenticate"):
            dremio.CONNECTOR.open(target)
    assert asked == [(f"pinned.invalid:{port}", "Basic YW5uOnNlY3JldA")]


@pytest.mark.slow
def test_a_server_without_tls_that_speaks_first_is_known_for_one():
    with flight_server() as (port, asked):
        assert suite.verdict(suite.probe("dremio", port)) == ("login", "tls")
        assert suite.verdict(suite.probe("dremio", port, ssl=True)) == ("tls", "tls")
        assert asked == []
        assert suite.verdict(suite.probe("dremio", port, ssl=False)) == ("login", "auth")
        assert suite.verdict(suite.probe("dremio", port, password=None)) == ("login", "auth")


@pytest.mark.slow
def test_tls_is_verified_by_a_private_authority_before_the_login(certificate, root_file):
    with flight_server(certificate) as (port, asked):
        assert suite.verdict(suite.probe("dremio", port)) == ("tls", "tls")
        assert asked == []
        report = suite.probe("dremio", port, ssl_root_cert_file=str(root_file))
        assert suite.verdict(report) == ("login", "auth")
        assert report.tls["verified"] is True
        assert suite.verdict(suite.probe("dremio", port, ssl_mode="require")) == ("login", "auth")


@pytest.mark.slow
@pytest.mark.parametrize("password", suite.AWKWARD)
def test_an_awkward_password_goes_out_unchanged(password):
    with flight_server() as (port, asked):
        report = suite.probe("dremio", port, password=password, ssl=False)
    assert suite.verdict(report) == ("login", "auth")
    assert asked[0][1] == "Basic " + base64.b64encode(f"ann:{password}".encode()).decode().rstrip("=")


# Faults -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_every_fault_ends_in_time_with_its_class(fault):
    suite.check_fault("dremio", fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_every_fault_ends_in_time_with_its_class_without_tls(fault):
    suite.check_fault("dremio", fault, ssl=False)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "verify", "require", "disable"])
def test_a_server_that_resets_is_not_one_without_tls(mode):
    with faults.resetting() as port:
        report = suite.probe("dremio", port, ssl_mode=mode)
    assert report.failure.failure_class == "network", report.failure.detail


@pytest.mark.slow
def test_an_access_token_needs_no_username():
    suite.check_fault("dremio", "closing", ssl=False, authentication_type="ACCESS_TOKEN", username=None)


@pytest.mark.slow
def test_other_types_do_need_one():
    with suite.untouched() as port:
        report = suite.probe("trino", port, username=None, password=None)
    assert suite.verdict(report) == ("login", "config")


@pytest.mark.slow
def test_an_unknown_host_is_told_as_such():
    suite.check_unknown_host("dremio")
