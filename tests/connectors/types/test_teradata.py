"""Teradata: arguments, refusals, faults, and the words of its driver."""

# ruff: noqa: E501 - messages stand as they came

import pytest
from hypothesis import given

from qualytics import probe
from qualytics.connectors import get
from qualytics.connectors.types import teradata
from qualytics.probe.child.target import make_target
from qualytics.probe.verdicts.exceptions import judge
from testbed import relay
from tests.support import faults, pins
from tests.support import faults_suite as suite

DANGEROUS = {
    "logdata": "authcid=evil",
    "jws_private_key": "/etc/shadow",
    "browser": "cmd /c start evil PLACEHOLDER",
    "https_proxy": "http://evil.example.com",
    "oidc_metadata": "http://169.254.169.254/",
    "sslca": "/etc/shadow",
    "sslcapath": "/etc",
    "sslmode": "ALLOW",
    "log": "8",
    "https_port": 443,
    "dbs_port": 1025,
    "partition": "DBC/CONSOLE",
    "host": "evil.example.com",
}
PLAIN = {
    "host": "192.0.2.7",
    "dbs_port": "1234",
    "user": "ann",
    "password": "secret",
    "sslmode": "DISABLE",
    "logmech": "TD2",
    "encryptdata": "false",
    "tmode": "DEFAULT",
    "cop": "false",
    "sslcrc": "DISABLE",
    "connect_timeout": "7500",
    "logon_timeout": "7",
}


def test_every_field_becomes_its_argument():
    target = suite.target("teradata", tls=suite.plain("auto"), address="192.0.2.7", timeout_s=7.5)
    assert teradata.arguments(target) == PLAIN


def test_every_parameter_becomes_its_argument():
    parameters = {"logmech": "LDAP", "encryptdata": True, "tmode": "ANSI", "account": "acc"}
    found = teradata.arguments(suite.target("teradata", tls=suite.plain(), parameters=parameters))
    assert [found[name] for name in parameters] == ["LDAP", "true", "ANSI", "acc"]


@pytest.mark.parametrize(
    ("mode", "port", "sslmode"),
    [
        ("auto", 1025, "DISABLE"),
        ("auto", 443, "VERIFY-FULL"),
        ("verify", 1234, "VERIFY-FULL"),
        ("require", 1234, "REQUIRE"),
        ("disable", 443, "DISABLE"),
    ],
)
def test_the_mode_or_under_auto_the_port_says_whether_tls_is_spoken(mode, port, sslmode):
    target = suite.target("teradata", tls=suite.encrypted(mode), port=port, address="192.0.2.7")
    found = teradata.arguments(target)
    assert found["sslmode"] == sslmode
    assert found["dbs_port" if sslmode == "DISABLE" else "https_port"] == str(port)
    assert found["host"] == ("db.example.com" if sslmode == "VERIFY-FULL" else "192.0.2.7")
    assert found.get("sslca") == ("/roots.pem" if sslmode == "VERIFY-FULL" else None)


def test_the_port_follows_the_mode_when_none_is_given():
    for mode, port in {None: 1025, "auto": 1025, "disable": 1025, "require": 443, "verify": 443}.items():
        values = {"host": "td.example.com", "parameters": {"ssl_mode": mode} if mode else {}}
        assert teradata.endpoint(values).port == port
        assert teradata.endpoint({**values, "port": 99}).port == 99


@pytest.mark.parametrize(("default", "port"), [("auto", 1025), ("verify", 443)])
def test_the_port_follows_the_default_mode_too(default, port, tmp_path):
    plan = probe.Plan("teradata", {"host": "td.example.com"}, {}, timeout_s=1.0, ssl_mode=default)
    assert make_target(plan, str(tmp_path)).port == port


@given(password=suite.PASSWORDS, username=suite.PASSWORDS)
def test_any_password_and_user_reach_the_arguments_unchanged(password, username):
    found = teradata.arguments(suite.target("teradata", password=password, username=username))
    assert (found["user"], found["password"]) == (username, password)


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.slow
def test_a_text_that_the_driver_takes_for_file_names_never_reaches_it(field, tmp_path):
    text = f"ENCRYPTED_PASSWORD(file:{tmp_path}/key,file:{tmp_path}/password)"
    with faults.silent() as port:
        report = suite.probe("teradata", port, **{field: text})
    assert suite.verdict(report) == ("tls", "config"), report.failure
    assert "names of files" in report.failure.message


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_anything_is_dialled(run, key):
    suite.check_refused(run, "teradata", {key: DANGEROUS[key]}, key)


@pytest.mark.parametrize("logmech", ["KRB5", "JWT", "BROWSER", "SECRET"])
def test_a_mechanism_of_another_identity_is_refused(run, logmech):
    suite.check_refused(run, "teradata", {"logmech": logmech}, "logmech")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "verify"])
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_a_fault_is_named_in_time(fault, mode):
    suite.check_fault("teradata", fault, ssl_mode=mode)


@pytest.mark.slow
def test_the_address_that_was_checked_is_dialled_unless_the_certificate_needs_the_name():
    assert pins.dials("teradata", by="address", mode="disable")
    assert pins.dials("teradata", by="address", mode="require")
    assert not pins.dials("teradata", by="address", mode="verify")  # the driver looks the name up by itself
    assert teradata.CONNECTOR.pinned is None


def test_names_of_the_engine_itself_are_known_in_any_case():
    assert all(teradata._is_system(name) for name in ("DBC", "dbc", "Sys_Calendar", "SYSLIB   "))
    assert not any(teradata._is_system(name) for name in ("sales", "DBC2", None))


@pytest.mark.slow
def test_an_unknown_host_is_named():
    suite.check_unknown_host("teradata")


@pytest.mark.slow
def test_tls_is_verified_against_the_given_root(authority, certificate, root_file):
    issued = authority.issue_cert("elsewhere.example")
    with faults.closing() as plain:
        with relay.relay(plain, certificate) as port:
            options = {"ssl_mode": "verify"}
            untrusted = suite.probe("teradata", port, **options)
            assert suite.verdict(untrusted) == ("tls", "tls"), untrusted.failure
            trusted = suite.probe("teradata", port, **options, ssl_root_cert_file=str(root_file))
            assert suite.verdict(trusted) == ("tls", "network"), trusted.failure
        with relay.relay(plain, (issued.cert_chain_pems, issued.private_key_pem)) as port:
            stranger = suite.probe("teradata", port, **options, ssl_root_cert_file=str(root_file))
            assert suite.verdict(stranger) == ("tls", "tls"), stranger.failure
            assert "another host name" in stranger.failure.message


DRIVER = "[Version 20.0.0.72] [Session 0] [Teradata SQL Driver] "
FAILED = DRIVER + "[Error 444] [SQLState 08001] Failed to connect to 127.0.0.1\nCaused by "
MESSAGES = [
    # Runs of teradatasql 20.0.0.72 against faulty listeners and a TLS server of our own.
    (DRIVER + "[Error 493] [SQLState 08000] Hostname lookup failed for no-such-host.invalid", "dns"),
    (FAILED + "dial tcp 127.0.0.1:58661: connect: connection refused", "refused"),
    (DRIVER + "[Error 395] [SQLState 08S01] Failure receiving message header\nCaused by read tcp 127.0.0.1:41416->127.0.0.1:44775: i/o timeout", "timeout"),
    (DRIVER + "[Error 301] [SQLState 08S01] Lost connection to the Teradata Database\nCaused by read: connection reset by peer", "network"),
    (FAILED + DRIVER + "[Error 446] [SQLState 08001] HTTPS connection attempt to https:127.0.0.1:35253 with timeout 30000 ms took 2 ms and failed\nCaused by "
     + DRIVER + "[Error 442] [SQLState HY000] Failed to read HTTP response from 127.0.0.1:35253\nCaused by EOF", "network"),
    (FAILED + "tls: first record does not look like a TLS handshake", "config"),
    (FAILED + "TLS certificate verification failed for VERIFY-FULL\nCaused by x509: certificate signed by unknown authority", "tls"),
    (FAILED + "IP Address 127.0.0.1 does not match any SANs from certificate: [other.example]", "tls"),
    (FAILED + DRIVER + "[Error 441] [SQLState 08000] The database returned an unexpected 45 byte length HTTP response HTTP/1.1 404 Not Found", "config"),
    # docs.teradata.com, "Analytics Database Messages".
    ("[Version 20.0.0.72] [Session 0] [Teradata Database] [Error 8017] The UserId, Password or Account is invalid.", "auth"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3002] Invalid logon account.", "auth"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3055] Logons are only enabled for user DBC.", "permission"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3003] Invalid user password", "auth"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3032] User password has expired.", "auth"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3802] Database 'x' does not exist.", "unknown_db"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 3523] The user does not have SELECT access to DBC.TablesVX.", "permission"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 8024] All virtual circuits are currently in use.", "quota"),
    ("[Version 20.0.0.72] [Session 1] [Teradata Database] [Error 2631] Transaction aborted due to deadlock.", "transient"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "failure_class"), MESSAGES, ids=range(len(MESSAGES)))
def test_a_message_has_its_class(text, failure_class):
    assert judge(get("teradata"), Exception(text)).failure_class == failure_class
