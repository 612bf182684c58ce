"""SQL Server, Synapse and Fabric: arguments, refusals, and logins to a stub that tells what the driver sent."""

# ruff: noqa: E501 - messages stand as they came

import ssl

import pytest
from hypothesis import given

from qualytics.connectors import get
from qualytics.connectors.types import sqlserver
from qualytics.probe.verdicts.exceptions import judge
from tests.support import faults_suite as suite
from tests.support import tds_stub

TYPES = ("sqlserver", "synapse", "fabric")
PRINCIPAL = {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "contoso.onmicrosoft.com"}
DANGEROUS = {
    "server": "evil.example.com",
    "failover_partner": "evil.example.com",
    "driver": "/tmp/evil.so",
    "authentication": "ActiveDirectoryMsi",
    "trusted_connection": "yes",
    "trustservercertificate": "yes",
    "servercertificate": "/etc/shadow",
    "hostnameincertificate": "evil.example.com",
    "attachdbfilename": "/tmp/evil.mdf",
    "columnencryption": "Enabled",
    "accesstoken": "eyJ",
    "pwd": "in clear",
    "querylogfile": "/tmp/log",
    "enclaveattestationurl": "http://169.254.169.254/",
}
ARGUMENTS = {
    "Server": "tcp:db.example.com,1234",
    "Encrypt": "Mandatory",
    "TrustServerCertificate": "No",
    "ApplicationIntent": "ReadWrite",
    "MultiSubnetFailover": "No",
    "ConnectRetryCount": "0",
    "autocommit": True,
    "timeout": 10,
}


@pytest.fixture
def secure(authority):
    """Return the TLS context of a server called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # as TDS 7 does
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def probe(port, **options):
    return suite.probe("sqlserver", port, host="localhost", **options)


def test_every_field_becomes_its_argument():
    target = suite.target("sqlserver", tls=suite.encrypted(), database="sales")
    assert sqlserver.arguments(target) == {**ARGUMENTS, "Database": "sales", "UID": "ann", "PWD": "secret"}


@pytest.mark.parametrize(
    ("mode", "encrypt", "trust"),
    [
        ("auto", "Mandatory", "No"),
        ("verify", "Mandatory", "No"),
        ("require", "Mandatory", "Yes"),
        ("disable", "Optional", "No"),
    ],
)
def test_ssl_mode_becomes_encrypt_and_trust(mode, encrypt, trust):
    found = sqlserver.arguments(suite.target("sqlserver", tls=suite.encrypted(mode)))
    assert (found["Encrypt"], found["TrustServerCertificate"]) == (encrypt, trust)


def test_every_parameter_becomes_its_argument():
    parameters = {"application_intent": "ReadOnly", "multi_subnet_failover": True}
    found = sqlserver.arguments(suite.target("sqlserver", tls=suite.encrypted(), parameters=parameters))
    assert (found["ApplicationIntent"], found["MultiSubnetFailover"]) == ("ReadOnly", "Yes")


@pytest.mark.parametrize("type_", TYPES)
def test_a_service_principal_brings_a_token_and_no_password(type_):
    parameters = {"tenant_id": PRINCIPAL["tenant_id"]} if type_ == "fabric" else PRINCIPAL
    target = suite.target(type_, tls=suite.encrypted(), username="client", password="s3cret", parameters=parameters)
    assert sqlserver.arguments(target) == ARGUMENTS
    assert sqlserver.credential(target) == {
        "tenant_id": "contoso.onmicrosoft.com",
        "client_id": "client",
        "client_secret": "s3cret",
        "authority": "login.microsoftonline.com",
        "disable_instance_discovery": True,
        "retry_total": 0,
        "connection_timeout": 10.0,
        "read_timeout": 10.0,
    }


@given(password=suite.PASSWORDS, username=suite.PASSWORDS)
def test_any_password_and_user_reach_the_arguments_unchanged(password, username):
    found = sqlserver.arguments(suite.target("sqlserver", tls=suite.encrypted(), password=password, username=username))
    assert (found["UID"], found["PWD"]) == (username, password)


@pytest.mark.slow
@pytest.mark.parametrize("password", [*suite.AWKWARD, "p;w}{ x", "}}", "{x}", "[x]", "\ttab", "a=b;UID=sa", "'\""])
def test_an_awkward_password_leaves_the_real_driver_unchanged(password):
    logins = []
    with tds_stub.sql_server(logins) as port:
        report = probe(port, password=password, database="sales", ssl_mode="disable")
    assert suite.verdict(report) == ("login", "auth"), report.failure
    assert logins == [{"user": "ann", "password": password, "server": f"tcp:localhost,{port}", "database": "sales"}]


@pytest.mark.slow
def test_tls_inside_tds_is_verified_against_the_given_root(secure, root_file):
    logins = []
    with tds_stub.sql_server(logins, context=secure) as port:
        untrusted = probe(port)
        assert suite.verdict(untrusted) == ("tls", "tls"), untrusted.failure
        assert "ssl_root_cert_file" in untrusted.failure.hint
        assert not logins
        trusted = probe(port, ssl_root_cert_file=str(root_file))
        assert suite.verdict(trusted) == ("login", "auth"), trusted.failure
        unverified = probe(port, ssl_mode="require")
        assert suite.verdict(unverified) == ("login", "auth"), unverified.failure
        assert len(logins) == 2


@pytest.mark.slow
def test_nothing_holds_the_driver_where_a_server_sends_the_login_elsewhere():
    # Why these types have no pin: the driver follows at once, and takes user and password along.
    first, second = [], []
    with tds_stub.sql_server(second) as port, tds_stub.sql_router(first, "127.0.0.1", port) as router:
        report = probe(router, ssl_mode="disable")
    assert suite.verdict(report) == ("login", "auth"), report.failure
    assert [login["password"] for login in (*first, *second)] == ["secret", "secret"]
    assert {get(type_).pinned for type_ in TYPES} == {None}


@pytest.mark.slow
def test_a_certificate_for_another_host_is_named(authority, root_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with tds_stub.sql_server([], context=context) as port:
        report = probe(port, ssl_root_cert_file=str(root_file))
    assert suite.verdict(report) == ("tls", "tls")
    assert "another host name" in report.failure.message


@pytest.mark.slow
def test_a_server_without_tls_gets_no_login_unless_told_so():
    logins = []
    with tds_stub.sql_server(logins) as port:
        assert suite.verdict(probe(port)) == ("tls", "tls")
    assert not logins


@pytest.mark.slow
def test_an_unknown_database_is_named_by_the_database_stage(secure, root_file):
    text = 'Cannot open database "nodb" requested by the login. The login failed.'
    with tds_stub.sql_server([], 4060, text, secure) as port:
        report = probe(port, database="nodb", ssl_root_cert_file=str(root_file))
    assert suite.verdict(report) == ("database", "unknown_db"), report.failure


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
@pytest.mark.parametrize("type_", ["sqlserver", "synapse"])
def test_a_fault_is_named_in_time(type_, fault):
    suite.check_fault(type_, fault)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["closed", "dropping", "closing", "garbage"])  # a silent server comes after the token
def test_a_fault_is_named_in_time_before_a_token_is_asked_for(fault):
    suite.check_fault("fabric", fault, tenant_id="contoso.onmicrosoft.com")


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.slow
def test_an_unknown_host_is_named(type_):
    suite.check_unknown_host(type_)


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_anything_is_dialled(run, type_, key):
    suite.check_refused(run, type_, {key: DANGEROUS[key]}, key)


@pytest.mark.parametrize(
    ("type_", "parameters", "key"),
    [
        ("sqlserver", {"tenant_id": "contoso.onmicrosoft.com"}, "tenant_id"),
        ("sqlserver", {"authentication_type": "SERVICE_PRINCIPAL"}, "tenant_id"),
        ("sqlserver", {**PRINCIPAL, "tenant_id": "evil.example.com/x?"}, "tenant_id"),
        ("sqlserver", PRINCIPAL, "password"),
        ("sqlserver", {"authentication_type": "MSI"}, "authentication_type"),
        ("synapse", {"ssl_mode": "disable"}, "ssl_mode"),
        ("fabric", {}, "tenant_id"),
        ("fabric", {"authentication_type": "BASIC"}, "authentication_type"),
    ],
)
def test_what_does_not_fit_together_is_refused(run, type_, parameters, key):
    suite.check_refused(run, type_, parameters, key)


DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
MESSAGES = [
    # Runs of mssql-python 1.16 with msodbcsql 18.6 against faulty listeners and a stub of TDS.
    ("SQLSTATE:28000:" + DRIVER + "[SQL Server]Login failed for user 'u'.", "auth"),
    ("SQLSTATE:42000:" + DRIVER + '[SQL Server]Cannot open database "nodb" requested by the login. The login failed.', "unknown_db"),
    ("SQLSTATE:08001:" + DRIVER + "TCP Provider: Error code 0x2AF9", "dns"),
    ("SQLSTATE:08001:" + DRIVER + "TCP Provider: Error code 0x2749", "refused"),
    ("SQLSTATE:08001:" + DRIVER + "TCP Provider: Timeout error [258]. ", "timeout"),
    ("SQLSTATE:08001:" + DRIVER + "Encryption not supported on SQL Server.", "tls"),
    ("SQLSTATE:08001:" + DRIVER + "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:unable to get local issuer certificate]", "tls"),
    ("SQLSTATE:08001:" + DRIVER + "Client unable to establish connection because an error was encountered during handshakes before login. Common causes include client attempting to connect to an unsupported version of SQL Server, server too busy to accept new connections or a resource limitation (memory or maximum allowed connections) on the server.", "network"),
    ("SQLSTATE:HY000:" + DRIVER + "Protocol error in TDS stream", "config"),
    ("Failed to load the driver. Please read the documentation (https://github.com/microsoft/mssql-python#installation) to install the required dependencies.", "driver_missing"),
    # learn.microsoft.com: "Database engine events and errors", "Troubleshoot transient connection errors in SQL Database".
    ("Cannot open server 'x' requested by the login. Client with IP address '203.0.113.7' is not allowed to access the server.", "permission"),
    ("Database 'x' on server 'y' is not currently available.  Please retry the connection later.", "transient"),
    ("Login failed for user 'u'.  Reason: The password of the account has expired.", "auth"),
    ("Login failed for user 'u' because the account is currently locked out. The system administrator can unlock it. ", "auth"),
    ("Resource ID : 1. The request limit for the database is 60 and has been reached.", "quota"),
    ('The server principal "u" is not able to access the database "d" under the current security context.', "permission"),
    ("The SELECT permission was denied on the object 't', database 'd', schema 'dbo'.", "permission"),
    ("Reason: An instance-specific error occurred while establishing a connection to SQL Server. Connection was denied since Deny Public Network Access is set to Yes", "permission"),
    ('Cannot open server "x" requested by the login.  The login failed.', "config"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "failure_class"), MESSAGES, ids=range(len(MESSAGES)))
def test_a_message_has_its_class(text, failure_class):
    assert judge(sqlserver.CONNECTOR, RuntimeError(text)).failure_class == failure_class


def test_mssql_is_sqlserver():
    assert get("mssql") is sqlserver.CONNECTOR


class Refused(Exception):
    """As mssql-python raises it: its own English for a SQLSTATE, beside the server's words."""

    def __init__(self, driver_error, said):
        super().__init__(f"Driver Error: {driver_error}; DDBC Error: {said}")
        self.driver_error = driver_error


@pytest.mark.parametrize(
    ("exc", "failure_class"),
    [
        (Refused("Invalid authorization specification", "Fehler bei der Anmeldung für den Benutzer 'app'."), "auth"),
        (Refused("Connection timeout expired", "Das Anmeldungstimeout ist abgelaufen."), "timeout"),
        (Refused("Communication link failure", "Fehler beim Senden"), "network"),
        (Exception("SQLSTATE:28000:Ошибка входа пользователя 'app'."), "auth"),
    ],
)
def test_a_server_in_another_language_is_judged_by_sqlstate(exc, failure_class):
    assert sqlserver.CONNECTOR.classify(exc).failure_class == failure_class
