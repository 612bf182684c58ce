"""Oracle: arguments, refusals, faults, and what a listener says when it refuses."""

# ruff: noqa: E501 - messages stand as they came

import contextlib
import json
import sqlite3
import ssl
import sys

import oracledb
import pytest
from hypothesis import given

from qualytics.connectors.types import oracle
from qualytics.probe.verdicts.exceptions import judge
from testbed import relay
from tests.support import faults_suite as suite
from tests.support import pins, tds_stub

SERVICE = {"service_name": "ORCLPDB1"}
DANGEROUS = {
    "dsn": "(DESCRIPTION=(ADDRESS=(HOST=evil.example.com)))",
    "config_dir": "/etc/oracle",
    "wallet_location": "/etc/oracle/wallet",
    "wallet_password": "in clear",
    "https_proxy": "evil.example.com",
    "externalauth": True,
    "access_token": "eyJ",
    "ssl_server_dn_match": False,
    "ssl_server_cert_dn": "CN=evil",
    "debug_jdwp": "host=evil.example.com;port=4000",
    "edition": "evil",
    "mode": "SYSDBA",
    "newpassword": "changed",
}
PLAIN = {
    "user": "ann",
    "password": "secret",
    "host": "192.0.2.7",
    "port": 1234,
    "protocol": "tcp",
    "tcp_connect_timeout": 10.0,
    "retry_count": 0,
    "config_dir": "/nowhere",
    "externalauth": False,
    "program": "qualytics",
    "machine": "qualytics",
    "terminal": "qualytics",
    "osuser": "qualytics",
}


@pytest.mark.parametrize(("name", "value"), [("service_name", "ORCLPDB1"), ("sid", "ORCL")])
def test_every_field_becomes_its_argument(name, value):
    target = suite.target("oracle", tls=suite.plain("auto"), address="192.0.2.7", parameters={name: value})
    assert oracle.arguments(target) == {**PLAIN, name: value}


@pytest.mark.parametrize(
    ("protocol", "mode", "encrypted"),
    [
        (None, "auto", False),
        (None, "verify", True),
        (None, "require", True),
        (None, "disable", False),
        ("TCPS", "auto", True),
        ("TCP", "auto", False),
    ],
)
def test_tls_is_spoken_as_the_protocol_says_or_when_it_is_demanded(protocol, mode, encrypted):
    parameters = {**SERVICE, **({"protocol": protocol} if protocol else {})}
    tls = suite.encrypted(mode)
    tls.context = ssl.create_default_context()
    found = oracle.arguments(suite.target("oracle", tls=tls, address="192.0.2.7", parameters=parameters))
    assert found["protocol"] == ("tcps" if encrypted else "tcp")
    assert found["host"] == ("db.example.com" if encrypted else "192.0.2.7")
    assert found.get("ssl_context") is (tls.context if encrypted else None)
    assert found.get("ssl_server_dn_match") == ((mode != "require") if encrypted else None)


@given(password=suite.PASSWORDS, username=suite.PASSWORDS)
def test_any_password_and_user_reach_the_arguments_unchanged(password, username):
    found = oracle.arguments(suite.target("oracle", password=password, username=username, parameters=SERVICE))
    assert (found["user"], found["password"]) == (username, password)


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_anything_is_dialled(run, key):
    suite.check_refused(run, "oracle", {**SERVICE, key: DANGEROUS[key]}, key)


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({}, "service_name"),
        ({**SERVICE, "sid": "ORCL"}, "sid"),
        ({**SERVICE, "protocol": "TCPS", "ssl_mode": "disable"}, "ssl_mode"),
        ({**SERVICE, "protocol": "TCP", "ssl_mode": "verify"}, "protocol"),
        ({**SERVICE, "protocol": "IPC"}, "protocol"),
    ],
)
def test_what_does_not_fit_together_is_refused(run, parameters, key):
    suite.check_refused(run, "oracle", parameters, key)


def evil_name(port):
    return f"X)(SOURCE_ROUTE=YES)(ADDRESS=(PROTOCOL=TCP)(HOST=127.0.0.1)(PORT={port}))(A=B"


@pytest.mark.parametrize("name", ["service_name", "sid"])
def test_the_name_of_a_service_names_no_other_address(run, name):
    with suite.untouched() as evil:
        suite.check_refused(run, "oracle", {name: evil_name(evil)}, f"parameters.{name}")


def test_a_name_that_was_stored_before_this_rule_reaches_no_other_address(run, home):
    with suite.untouched() as evil, suite.untouched() as port:
        login = ("--host", "127.0.0.1", "--port", port, "--username", "ann", "--password", "secret")
        assert run("connections", "create", "--type", "oracle", *login, "--parameters", json.dumps(SERVICE)).code == 0
        with contextlib.closing(sqlite3.connect(next(home.glob("*.db")))) as store, store:
            store.execute("update connections set parameters = ?", (json.dumps({"service_name": evil_name(evil)}),))
        done = run("connections", "test", "--id", "1")
        assert (done.code, done.out) == (2, "")
        assert "parameters.service_name" in done.err
    assert run("connections", "get", "--id", "1").code == 0
    assert run("connections", "update", "--id", "1", "--username", "bob").code == 0
    assert run("connections", "delete", "--id", "1").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [SERVICE, {**SERVICE, "protocol": "TCPS"}], ids=["tcp", "tcps"])
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_a_fault_is_named_in_time(fault, parameters):
    suite.check_fault("oracle", fault, **parameters)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["TCP", "TCPS"])
def test_the_driver_looks_names_up_in_python_alone(protocol):
    assert pins.dials(
        "oracle",
        by=oracle.CONNECTOR.pinned,
        mode="verify" if protocol == "TCPS" else "disable",
        **SERVICE,
        protocol=protocol,
    )


@pytest.mark.slow
@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.9"])
def test_where_a_listener_sends_the_driver_is_looked_up_in_python_too(host):
    asked = []

    def note(name, arguments):
        if name == "socket.getaddrinfo":
            asked.append(arguments[0])

    sys.addaudithook(note)
    with tds_stub.oracle_redirect(host) as port, pytest.raises(oracledb.Error):
        oracledb.connect(
            user="ann", password="secret", host="127.0.0.1", port=port, retry_count=0, tcp_connect_timeout=2, **SERVICE
        )
    assert asked[-1] == host


@pytest.mark.slow
def test_an_unknown_host_is_named():
    suite.check_unknown_host("oracle", **SERVICE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "failure_class"),
    [(12514, "unknown_db"), (12505, "unknown_db"), (12516, "quota"), (12528, "transient"), (12526, "permission")],
)
def test_a_refusal_of_the_listener_has_its_class(number, failure_class):
    with tds_stub.oracle_listener(number) as port:
        report = suite.probe("oracle", port, **SERVICE)
    assert suite.verdict(report) == ("login", failure_class), report.failure


@pytest.mark.slow
def test_tls_is_verified_against_the_given_root(certificate, root_file):
    with tds_stub.oracle_listener(12514) as plain, relay.relay(plain, certificate) as port:
        options = {**SERVICE, "protocol": "TCPS", "host": "localhost"}
        trusted = suite.probe("oracle", port, **options, ssl_root_cert_file=str(root_file))
        assert suite.verdict(trusted) == ("login", "unknown_db"), trusted.failure
        untrusted = suite.probe("oracle", port, **options)
        assert suite.verdict(untrusted) == ("tls", "tls"), untrusted.failure
        unverified = suite.probe("oracle", port, **options, ssl_mode="require")
        assert suite.verdict(unverified) == ("login", "unknown_db"), unverified.failure


@pytest.mark.slow
def test_a_certificate_for_another_host_is_named(authority, root_file):
    issued = authority.issue_cert("elsewhere.example")
    certificate = issued.cert_chain_pems, issued.private_key_pem
    with tds_stub.oracle_listener(12514) as plain, relay.relay(plain, certificate) as port:
        report = suite.probe(
            "oracle", port, host="localhost", **SERVICE, protocol="TCPS", ssl_root_cert_file=str(root_file)
        )
    assert suite.verdict(report) == ("tls", "tls"), report.failure
    assert "another" in report.failure.message


MESSAGES = [
    # oracledb 26.1, oracledb/errors.py and runs against faulty listeners.
    ("DPY-4011: the database or network closed the connection\n[Errno 104] Connection reset by peer", "network"),
    ('DPY-6001: Service "x" is not registered with the listener at host "h" port 1521. (Similar to ORA-12514)', "unknown_db"),
    ('DPY-6003: SID "x" is not registered with the listener at host "h" port 1521. (Similar to ORA-12505)', "unknown_db"),
    ("DPY-6000: Listener refused connection. (Similar to ORA-12516)", "quota"),
    ("DPY-6000: Listener refused connection. (Similar to ORA-65535)", "config"),
    ("DPY-6005: cannot connect to database (CONNECTION_ID=x).\ntimed out", "timeout"),
    ('DPY-6006: The name on the server certificate does not match the expected value: "h"', "tls"),
    ("DPY-3010: connections to this database server version are not supported by python-oracledb in thin mode", "config"),
    ("DPY-3015: password verifier type 0x939 is not supported by python-oracledb in thin mode", "config"),
    ("DPY-4024: call timeout of 1000 ms exceeded", "timeout"),
    ("DPY-4001: no credentials specified", "auth"),
    ("DPY-5000: internal error: unknown protocol message type 72 at position 4", "config"),
    # docs.oracle.com/error-help/db.
    ("ORA-01017: invalid credential or not authorized; logon denied", "auth"),
    ("ORA-28000: The account is locked.", "auth"),
    ("ORA-28001: The account has expired.", "auth"),
    ("ORA-01045: Login denied. User ANN does not have CREATE SESSION privilege.", "permission"),
    ("ORA-00942: table or view does not exist", "permission"),
    ("ORA-01033: ORACLE initialization or shutdown in progress", "transient"),
    ("ORA-00018: maximum number of sessions exceeded", "quota"),
    ("ORA-12541: Cannot connect. No listener at host h port 1521.", "refused"),
    ("ORA-12660: Encryption or crypto-checksumming parameters incompatible", "config"),
    ("ORA-28040: No matching authentication protocol", "config"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "failure_class"), MESSAGES, ids=range(len(MESSAGES)))
def test_a_message_has_its_class(text, failure_class):
    assert judge(oracle.CONNECTOR, Exception(text)).failure_class == failure_class
