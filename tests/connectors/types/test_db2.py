"""Db2: its connection string, its messages, and Derby's DRDA server behind the proxy that translates."""

# ruff: noqa: E501 - messages stand as they came

import pytest
from hypothesis import given

from qualytics.connectors.contract import Refusal
from qualytics.connectors.types import db2
from qualytics.probe.verdicts.exceptions import judge
from testbed import derby, relay
from tests.support import faults_suite as suite
from tests.support import pins

DANGEROUS = {
    "dsn": "prod",
    "protocol": "LOCAL",
    "hostname": "evil.example.com",
    "pwd": "in clear",
    "authentication": "KERBEROS",
    "sslclientkeystoredb": "/etc/db2/key.kdb",
    "sslclientkeystash": "/etc/db2/key.sth",
    "sslclienthostnamevalidation": "OFF",
    "securitytransportmode": "NONE",
    "dbalias": "OTHER",
    "tracefilename": "/tmp/trace",
    "patch2": 6,
    "sysschema": "EVIL",
}

# What the driver can send; a test below says what becomes of the rest.
AWKWARD = [text for text in suite.AWKWARD if db2.can_send(text)]
AWKWARD += ["}{", "{x}", "a=b,PWD=c", '"q"', "\ttab", "*!%(x)[y]"]


@pytest.fixture(scope="module")
def users():
    return {"ann": "secret", **{f"user{number}": text for number, text in enumerate(AWKWARD)}}


@pytest.fixture(scope="module")
def derby_server(users):
    with derby.derby(users) as server:
        yield server


@pytest.fixture(scope="module")
def db2_port(derby_server):
    """Return the port of the proxy behind which Derby passes for Db2."""
    with derby.rewriting(derby_server.port) as port:
        yield port


def test_every_field_becomes_its_keyword():
    target = suite.target("db2", database="SALES", tls=suite.plain(), timeout_s=7.5, address="192.0.2.7")
    assert db2.arguments(target) == {
        "Database": "SALES",
        "Protocol": "TCPIP",
        "Hostname": "192.0.2.7",
        "ServiceName": "1234",
        "ConnectTimeout": "7",
    }


@pytest.mark.parametrize(
    ("parameters", "mode", "encrypted"),
    [({"ssl": True}, "auto", True), ({}, "verify", True), ({}, "auto", False), ({"ssl": False}, "auto", False)],
)
def test_tls_is_spoken_as_ssl_says_or_when_it_is_demanded(parameters, mode, encrypted):
    target = suite.target("db2", tls=suite.encrypted(mode), parameters=parameters)
    assert db2.is_encrypted(target) == encrypted


def test_over_tls_the_driver_is_given_a_port_of_this_machine_alone():
    found = db2.arguments(suite.target("db2", tls=suite.encrypted(), address="192.0.2.7"), 4321)
    assert (found["Hostname"], found["ServiceName"]) == ("127.0.0.1", "4321")
    assert not {"192.0.2.7", "db.example.com"} & set(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["disable", "verify"])
def test_the_address_that_was_checked_is_dialled_whatever_the_name_means(mode):
    assert db2.CONNECTOR.pinned == "proxy"
    assert pins.dials("db2", by="address", mode=mode)


@given(password=suite.PASSWORDS, username=suite.PASSWORDS)
def test_no_password_or_user_stands_among_the_keywords(password, username):
    target = suite.target("db2", database="SALES", tls=suite.plain(), password=password, username=username)
    assert db2.arguments(target) == db2.arguments(suite.target("db2", database="SALES", tls=suite.plain()))


@pytest.mark.parametrize("password", ["a;b", "💥"])
@pytest.mark.slow
def test_a_password_that_the_driver_would_cut_is_refused_in_words(password):
    with suite.faults.silent() as port:
        report = suite.probe("db2", port, password=password, ssl_mode="disable")
    assert suite.verdict(report) == ("login", "config")
    assert "cannot send a password" in report.failure.message


@pytest.mark.parametrize("name", ["SALES;HOSTNAME=evil.example.com", "X\nHostname=evil", "a b", "x=y", "[x]"])
def test_a_database_that_would_add_keywords_is_refused(name):
    with pytest.raises(Refusal) as refused:
        db2.arguments(suite.target("db2", database=name))
    assert refused.value.verdict.failure_class == "unknown_db"


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_anything_is_dialled(run, key):
    suite.check_refused(run, "db2", {key: DANGEROUS[key]}, key)


@pytest.mark.parametrize(
    ("parameters", "key"),
    [({"ssl": True, "ssl_mode": "disable"}, "ssl"), ({"ssl": False, "ssl_mode": "verify"}, "ssl"), ({"ssl_mode": "require"}, "ssl_mode")],
)  # fmt: skip
def test_ssl_and_ssl_mode_may_not_contradict_each_other(run, parameters, key):
    suite.check_refused(run, "db2", parameters, key)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, {"ssl": True}], ids=["plain", "tls"])
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_a_fault_is_named_in_time(fault, parameters):
    suite.check_fault("db2", fault, **parameters)


@pytest.mark.slow
def test_a_reset_within_the_login_is_a_network_fault_without_the_pause_of_the_driver():
    with suite.faults.resetting() as port:
        assert suite.verdict(suite.probe("db2", port, timeout_s=suite.LONG_S, ssl_mode="disable")) == (
            "login",
            "network",
        )


@pytest.mark.slow
def test_an_unknown_host_is_named():
    suite.check_unknown_host("db2")


@pytest.mark.slow
def test_a_wrong_password_is_named_by_a_real_drda_server(derby_server):
    report = suite.probe("db2", derby_server.port, database=derby.DATABASE, password="wrong", ssl_mode="disable")
    assert suite.verdict(report) == ("login", "auth"), report.failure
    assert "SQL30082N" in report.failure.detail


@pytest.mark.slow
def test_a_server_that_wants_the_password_in_clear_gets_none_under_auto(derby_server):
    report = suite.probe("db2", derby_server.port, database=derby.DATABASE)
    assert suite.verdict(report) == ("login", "config"), report.failure
    assert "ssl_mode=disable" in report.failure.hint


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(AWKWARD)))
def test_an_awkward_password_arrives_unchanged(derby_server, users, number):
    # Without the proxy, which has all texts sent in EBCDIC: that holds no Cyrillic, and a line's end is another there.
    login = {"username": f"user{number}", "database": derby.DATABASE, "ssl_mode": "disable"}
    password = users[login["username"]]
    right = suite.probe("db2", derby_server.port, password=password, **login)
    # Derby lets the password pass and then stumbles over the driver's name for itself.
    assert "SQL30020N" in right.failure.detail, right.failure
    wrong = suite.probe("db2", derby_server.port, password=password + "x", **login)
    assert suite.verdict(wrong) == ("login", "auth")


@pytest.mark.slow
def test_user_and_password_log_in_and_a_query_runs(db2_port):
    report = suite.probe("db2", db2_port, database=derby.DATABASE, schema="SALES", ssl_mode="disable")
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages if stage.ok][-3:] == ["login", "database", "query"]
    # Derby says no name of its own.
    assert report.detected["product_name"] == "Db2"
    assert report.detected["product_version"].startswith("10.")


@pytest.mark.slow
def test_an_unknown_database_is_named_by_a_real_drda_server(db2_port):
    report = suite.probe("db2", db2_port, database="NODB", ssl_mode="disable")
    assert suite.verdict(report) == ("database", "unknown_db"), report.failure
    nowhere = suite.probe("db2", db2_port, ssl_mode="disable")
    assert suite.verdict(nowhere) == ("login", "config"), nowhere.failure
    assert "--database" in nowhere.failure.hint


@pytest.mark.slow
def test_an_unknown_schema_is_named(db2_port):
    report = suite.probe("db2", db2_port, database=derby.DATABASE, schema="no'pe", ssl_mode="disable")
    assert suite.verdict(report) == ("database", "unknown_db"), report.failure
    assert "no'pe" in report.failure.message


@pytest.mark.slow
def test_discovery_lists_schemas_tables_and_views(run, db2_port):
    options = ("--type", "db2", "--host", "127.0.0.1", "--port", db2_port, "--username", "ann", "--password", "secret")
    made = run("connections", "create", *options, "--name", "db2", "--parameters", '{"ssl_mode": "disable"}')
    assert made.code == 0, made.err
    place = ("--name", "db2", "--catalog", derby.DATABASE)
    schemas = {
        item["name"]: item["is_system"] for item in run("connections", "schemas", *place, "--format", "json").json
    }
    assert (schemas["SALES"], schemas["SYSCAT"]) == (False, True)
    listed = run("connections", "tables", *place, "--schema", "SALES", "--prefix", "ORD", "--format", "json")
    assert {item["name"]: item["kind"] for item in listed.json["items"]} == {"ORDERS": "table", "ORDERS_TODAY": "view"}


@pytest.mark.slow
def test_a_whole_test_runs_over_tls(db2_port, certificate, root_file):
    with relay.relay(db2_port, certificate) as port:
        report = suite.probe("db2", port, database=derby.DATABASE, ssl=True, ssl_root_cert_file=str(root_file))
    assert report.failure is None, report.failure
    assert report.tls["verified"] is True


@pytest.mark.slow
def test_tls_is_verified_against_the_given_root(derby_server, certificate, root_file, tmp_path):
    odd = tmp_path / "we;ird {root}.pem"
    odd.write_bytes(root_file.read_bytes())
    with relay.relay(derby_server.port, certificate) as port:
        options = {"database": derby.DATABASE, "password": "wrong", "ssl": True}
        trusted = suite.probe("db2", port, **options, ssl_root_cert_file=str(odd))
        assert suite.verdict(trusted) == ("login", "auth"), trusted.failure
        assert [stage.name for stage in trusted.stages if stage.ok] == ["resolve", "tcp", "tls"]
        assert suite.verdict(suite.probe("db2", port, **options)) == ("tls", "tls")


@pytest.mark.slow
def test_a_certificate_for_another_host_is_named(derby_server, authority, root_file):
    issued = authority.issue_cert("elsewhere.example")
    with relay.relay(derby_server.port, (issued.cert_chain_pems, issued.private_key_pem)) as port:
        options = {"host": "localhost", "database": derby.DATABASE, "ssl": True}
        report = suite.probe("db2", port, **options, ssl_root_cert_file=str(root_file))
    assert suite.verdict(report) == ("tls", "tls")
    assert "another host name" in report.failure.message


@pytest.mark.slow
def test_tls_to_a_server_without_it_is_named(derby_server):
    report = suite.probe("db2", derby_server.port, database=derby.DATABASE, ssl=True)
    assert suite.verdict(report) == ("tls", "config"), report.failure


CLI = "[IBM][CLI Driver] "
SOCKETS = 'A communication error has been detected. Communication protocol being used: "{}". Communication API being used: "SOCKETS". Location where the error was detected: "127.0.0.1". Communication function detecting the error: "{}". Protocol specific error code(s): "{}", "*", "*".  SQLSTATE=08001 SQLCODE=-30081'
MESSAGES = [
    # Runs of ibm-db 3.3 against Derby 10.14 and faulty listeners.
    ('SQL30082N  Security processing failed with reason "24" ("USERNAME AND/OR PASSWORD INVALID").  SQLSTATE=08001 SQLCODE=-30082', "auth"),
    ('SQL30082N  Security processing failed with reason "17" ("UNSUPPORTED FUNCTION").  SQLSTATE=08001 SQLCODE=-30082', "config"),
    ('SQL30061N  The database alias or database name "NODB              " was not found at the remote node.  SQLSTATE=08004 SQLCODE=-30061', "unknown_db"),
    ('SQL1336N  The remote host "no-such-host.invalid" was not found.  SQLSTATE=08001 SQLCODE=-1336', "dns"),
    ("SQL30020N  Execution of the command or SQL statement failed because of a syntax error in the communication data stream that will affect the successful execution of subsequent commands and SQL statements:  Reason 0x220A.  SQLSTATE=58009 SQLCODE=-30020", "config"),
    ('SQL20576N  The command or operation failed because a TLS connection could not be established with reason "1" and additional information "127.0.0.1".  SQLSTATE=08001 SQLCODE=-20576', "tls"),
    ("SQL30081N  " + SOCKETS.format("TCP/IP", "selectForRecvTimeout", 115), "timeout"),
    ("SQL30081N  " + SOCKETS.format("TCP/IP", "recv", 104), "network"),
    ("SQL30081N  " + SOCKETS.format("SSL", "sqlccSSLSocketSetup", 414), "tls"),
    ("SQL30081N  " + SOCKETS.format("SSL", "sqlccSSLSocketSetup", 420), "network"),
    ("SQL30081N  " + SOCKETS.format("SSL", "sqlccSSLSocketSetup", 410), "config"),
    # ibm.com/docs, "SQL messages".
    ("SQL30081N  " + SOCKETS.format("TCP/IP", "connect", 111), "refused"),
    ('SQL30082N  Security processing failed with reason "1" ("PASSWORD EXPIRED").  SQLSTATE=08001 SQLCODE=-30082', "auth"),
    ('SQL30082N  Security processing failed with reason "25" ("CONNECTION DISALLOWED").  SQLSTATE=08001 SQLCODE=-30082', "permission"),
    ('SQL1060N  User "ANN" does not have the CONNECT privilege.  SQLSTATE=08004 SQLCODE=-1060', "permission"),
    ('SQL1013N  The database alias name or database name "X" could not be found.  SQLSTATE=42705 SQLCODE=-1013', "unknown_db"),
    ("SQL1040N  The maximum number of applications is already connected to the database.  SQLSTATE=57030 SQLCODE=-1040", "quota"),
    ("SQL1032N  No start database manager command was issued.  SQLSTATE=57019 SQLCODE=-1032", "transient"),
    ("SQL0551N  The statement failed because the authorization ID does not have the required authorization or privilege.  SQLSTATE=42501 SQLCODE=-551", "permission"),
    ("SQL1598N  An attempt to connect to the database server failed because of a licensing problem.  SQLSTATE=42968 SQLCODE=-1598", "config"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "failure_class"), MESSAGES, ids=[text.split("  ")[0] + str(n) for n, (text, _) in enumerate(MESSAGES)]
)
def test_a_message_has_its_class(text, failure_class):
    assert judge(db2.CONNECTOR, Exception(CLI + text)).failure_class == failure_class
