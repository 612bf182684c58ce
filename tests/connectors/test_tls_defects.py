"""Every defect of a server's certificate and TLS has words and a hint of its own, for every kind of TLS."""

from __future__ import annotations

import functools
import json
import ssl
import time

import pytest
from cryptography.hazmat.primitives import serialization

from qualytics.connectors import all_connectors, get
from qualytics.probe import Plan
from qualytics.probe.child.tls import ended_for, make_tls
from qualytics.probe.verdicts.exceptions import judge
from qualytics.secret import Secret
from tests.connectors.test_contract import KEY_FILE
from tests.support import children, faults, tls_defects
from tests.support import faults_suite as suite
from tests.support.keys import RSA
from tests.support.tds_stub import sql_server
from tests.support.trial import outcome

# Whose drivers have words of their own.
SPEAKING = ["databricks", "dremio", "hive", "oracle", "s3", "snowflake", "sqlserver", "teradata", "trino"]
TYPES = [connector.type for connector in all_connectors() if connector.tls != "none"]
TDS = {"sqlserver", "synapse", "fabric"}
URIS = {"s3": "s3://bucket", "gcs": "gs://bucket", "abfs": "abfss://container@account.dfs.core.windows.net"}
MORE = {
    "oracle": {"service_name": "x", "protocol": "TCPS"},
    "databricks": {"path": "/sql/1.0/warehouses/1"},
    "db2": {"ssl": True},
    "fabric": {"tenant_id": "contoso.example", "authentication_type": "SERVICE_PRINCIPAL"},
    "athena": {"region": "us-east-1", "output": "s3://bucket/"},
}
# One of each way to encrypt, for what need not be shown of all types again.
KINDS = ["trino", "s3", "postgresql", "mysql", "oracle", "db2", "teradata"]
# Of each kind of code that shakes hands one; the others show that they are of these kinds.
WHOLE = ["trino", "mysql", "teradata"]


@functools.cache
def key_file():
    key = RSA.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return json.dumps(json.loads(KEY_FILE) | {"private_key": key.decode()})


def attempt(type_, port, roots=None, host=tls_defects.HOST, run=children.run, **options):
    connector = get(type_)
    parameters = {"ssl_mode": "verify", **MORE.get(type_, {})}
    if roots is not None:
        parameters["ssl_root_cert"] = roots.decode()
    values = {"username": "ann", "parameters": parameters}
    if "host" in connector.fields:
        values |= {"host": host, "port": port}
    else:
        parameters["endpoint_url"] = f"https://{host}:{port}"
        values["uri"] = URIS.get(type_)
    secret = Secret(key_file() if type_ in {"gcs", "bigquery"} else "c2VjcmV0")
    secrets = dict.fromkeys(("password", "secret_key", *(() if type_ == "abfs" else ("access_key",))), secret)
    return run(Plan(type_, values, secrets, options.get("timeout_s", 20.0)))


def check(report, cause, hint, stage="tls"):
    assert report.failure is not None
    assert (report.failure.stage, report.failure.failure_class) == (stage, "tls"), report.failure
    assert cause in report.failure.message, report.failure
    assert hint in report.failure.hint, report.failure
    assert "ssl_mode" not in report.failure.hint
    assert not report.failure.retryable


@pytest.mark.slow
@pytest.mark.parametrize("name", tls_defects.NAMES)
@pytest.mark.parametrize("type_", WHOLE)
def test_each_defect_of_a_certificate_has_its_cause_and_hint(type_, name):
    case = tls_defects.cases()[name]
    with tls_defects.serving(type_, tls_defects.context_of(case.sent)) as port:
        check(attempt(type_, port, case.given.pem), case.cause, case.hint)


@pytest.mark.slow
@pytest.mark.parametrize("type_", sorted(set(TYPES) - set(WHOLE) - TDS))
def test_an_expired_issuer_is_named_as_the_issuer_for_every_type(type_):
    case = tls_defects.cases()["intermediate-expired"]
    with tls_defects.serving(type_, tls_defects.context_of(case.sent)) as port:
        check(attempt(type_, port, case.given.pem), case.cause, case.hint)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("leaf-expired", "has expired"),
        ("leaf-not-yet", "is not valid yet"),
        ("other-host", "another host name"),
        ("self-signed", "is self-signed"),
        ("unknown-root", "authority that is not trusted"),
        ("weak-key", "too short"),
    ],
)
def test_what_the_odbc_driver_says_of_a_certificate_has_its_cause_too(name, cause):
    case = tls_defects.cases()[name]
    with sql_server([], context=tls_defects.context_of(case.sent)) as port:
        check(attempt("sqlserver", port, case.given.pem), cause, "")


@pytest.mark.slow
@pytest.mark.parametrize("type_", KINDS)
def test_without_a_root_the_hint_asks_for_it_by_name(type_):
    case = tls_defects.cases()["unknown-root"]
    with tls_defects.serving(type_, tls_defects.context_of(case.sent)) as port:
        check(
            attempt(type_, port),
            "not trusted here: 'Test Root'",
            "give the certificate of 'Test Root' as ssl_root_cert_file",
        )


@pytest.mark.slow
@pytest.mark.parametrize("type_", KINDS)
@pytest.mark.parametrize(
    ("options", "cause", "hint"),
    [
        ({"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}, "no version of TLS that is safe", "TLS 1.2 or 1.3"),
        ({"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"}, "no cipher in common", "ciphers"),
        ({"maximum_version": ssl.TLSVersion.TLSv1_2, "verify_mode": ssl.CERT_REQUIRED}, "asks for a client certificate", "user and password"),
        ({"minimum_version": ssl.TLSVersion.TLSv1_3, "verify_mode": ssl.CERT_REQUIRED}, "asks for a client certificate", "user and password"),
    ],
    ids=["tls-1.1", "no-cipher", "client-certificate-1.2", "client-certificate-1.3"],
)  # fmt: skip
def test_what_a_server_wants_of_tls_has_its_cause_and_hint(type_, options, cause, hint):
    root = tls_defects.issue("Test Root", ca=True)
    context = tls_defects.context_of((tls_defects.issue("leaf", root), root), **options)
    with tls_defects.serving(type_, context) as port:
        # TLS 1.3 asks after the handshake, when the login has begun, but for drivers that do all of TLS themselves.
        is_late = options.get("minimum_version") == ssl.TLSVersion.TLSv1_3 and get(type_).tls != "own"
        check(attempt(type_, port, root.pem), cause, hint, "login" if is_late else "tls")


@pytest.mark.slow
@pytest.mark.parametrize("type_", sorted(set(TYPES) - set(KINDS) - TDS - {"bigquery"}))  # which asks Google first
def test_a_client_certificate_that_is_asked_for_after_the_handshake_is_named_for_every_type(type_):
    root = tls_defects.issue("Test Root", ca=True)
    options = {"minimum_version": ssl.TLSVersion.TLSv1_3, "verify_mode": ssl.CERT_REQUIRED}
    with tls_defects.serving(type_, tls_defects.context_of((tls_defects.issue("leaf", root), root), **options)) as port:
        check(attempt(type_, port, root.pem), "asks for a client certificate", "user and password", "login")


# Rust (rustls, reqwest), Go (crypto/tls, crypto/x509), Java (JSSE), Node.js, OpenSSL and Schannel, as they are.
WORDS = [
    ("invalid peer certificate: certificate expired: verification time 1700000000 (UNIX), but certificate is not valid after 1600000000", "has expired"),
    ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-01-01T00:00:00Z is after 2023-01-01T00:00:00Z", "has expired"),
    ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-01-01T00:00:00Z is before 2025-01-01T00:00:00Z", "is not valid yet"),
    ("java.security.cert.CertificateExpiredException: NotAfter: Sun Jan 01 00:00:00 UTC 2023", "has expired"),
    ("java.security.cert.CertificateNotYetValidException: NotBefore: Sun Jan 01 00:00:00 UTC 2040", "is not valid yet"),
    ("invalid peer certificate: UnknownIssuer", "not trusted here"),
    ("x509: certificate signed by unknown authority", "not trusted here"),
    ("PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target", "not trusted here"),
    ("certificate verify failed: self-signed certificate in certificate chain", "not trusted here"),
    ("certificate verify failed: self-signed certificate", "is self-signed"),
    ('invalid peer certificate: certificate not valid for name "db"; certificate is only valid for DnsName("a.example")', "another host name"),
    ("x509: certificate is valid for a.example, not db.example.com", "another host name"),
    ("java.security.cert.CertificateException: No subject alternative DNS name matching db found.", "another host name"),
    ("received fatal alert: CertificateRequired", "client certificate"),
    ("remote error: tls: certificate required", "client certificate"),
    ("javax.net.ssl.SSLHandshakeException: Received fatal alert: certificate_required", "client certificate"),
    ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "client certificate"),
    ("tls: server selected unsupported protocol version 302", "no version of TLS"),
    ("remote error: tls: protocol version not supported", "no version of TLS"),
    ("received fatal alert: ProtocolVersion", "no version of TLS"),
    ("javax.net.ssl.SSLHandshakeException: The server selected protocol version TLS11 is not accepted by client preferences [TLS13, TLS12]", "no version of TLS"),
    ("[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol (_ssl.c:1006)", "no version of TLS"),
    ("SSL routines::no shared cipher", "no cipher in common"),
    ("x509: certificate specifies an incompatible key usage", "not meant for servers"),
    ("certificate verify failed: unsuitable certificate purpose", "not meant for servers"),
    ("invalid peer certificate: InvalidPurpose", "not meant for servers"),
    ("certificate verify failed: EE certificate key too weak", "too short"),
    ("certificate verify failed: CA signature digest algorithm too weak", "no longer safe"),
    ("x509: cannot verify signature: insecure algorithm SHA1-RSA", "no longer safe"),
    ("certificate verify failed: permitted subtree violation", "may not issue one for this name"),
    ("certificate verify failed: certificate revoked", "has been revoked"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cause"), WORDS)
def test_drivers_that_have_only_words_mean_the_same(text, cause):
    for type_ in SPEAKING:
        verdict = judge(get(type_), Exception(text))
        assert verdict.failure_class == "tls", type_
        assert cause in (verdict.cause or ""), type_
        assert verdict.hint, type_
        assert "ssl_mode" not in verdict.hint, type_


@pytest.mark.slow
def test_a_server_without_tls_is_told_from_one_with_a_bad_certificate():
    with faults.garbage() as port:
        assert outcome(attempt("trino", port))[1] == "config"


@pytest.mark.slow
def test_a_second_look_takes_no_longer_than_it_may():
    """Each step, the question for TLS and the handshake, has what the one before has left."""

    def behave(peer, over):
        over.wait(4.5)
        peer.sendall(b"S")
        over.wait()

    with faults.serving(behave) as port:
        target = suite.target("postgresql", tls=make_tls("require", {}, ""), host="127.0.0.1", port=port)
        began = time.monotonic()
        assert ended_for(target, get("postgresql").greet, 5.0) is None
        assert 4.5 <= time.monotonic() - began < 9
